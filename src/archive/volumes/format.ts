/** An archive in volumes: what its parts are, and how they are called (docs/volumes.md). */
import * as v from "valibot";
import { sameBytes, utf8 } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { formatJson, parseJson } from "../../base/json/json.ts";
import type { ImageRef } from "../../image/layer-list.ts";
import { type Digest, digestOf, isDigest } from "../../oci/digest.ts";
import { checkIndexSize } from "../../oci/layout.ts";
import { INDEX_LIMIT } from "../../oci/manifest.ts";
import { VOLUMES } from "../../oci/media-types.ts";

/** A stretch of the archive in a file of its own. Bytes. */
export interface Volume {
  readonly digest: Digest;
  readonly size: number;
}

/** What the list of volumes says: the images that are in the archive, and its parts from front to back. */
export interface Volumes {
  readonly images: readonly ImageRef[];
  readonly volumes: readonly Volume[];
}

/** The file of the list, beside the volumes of the archive `stem`. */
export const listName = (stem: string): string => `${stem}.volumes.json`;

/** The file of the volume `number` of `count`, from 1 on: their order is that of their names. */
export const volumeName = (stem: string, number: number, count: number): string =>
  `${stem}.${String(number).padStart(Math.max(3, String(count).length), "0")}`;

/** More volumes than this are not written, and not read. */
export const VOLUME_LIMIT = 9999;

/** How long the volumes of an archive are that are to be smaller than `below`: full blocks of a tar, the last one what is left. Bytes. */
export function volumeSizes(total: number, below: number): number[] {
  const each = Math.floor((below - 1) / 512) * 512;
  const count = Math.ceil(total / each);
  return Array.from({ length: count }, (_, i) => Math.min(each, total - i * each));
}

/** The one form of the list: a function of what it says, with its own digest at its end. @throws too-large */
export function formatVolumes({ images, volumes }: Volumes, at: string): Uint8Array {
  const said = {
    mediaType: VOLUMES,
    images: images.map(({ reference, digest }) => ({ reference, digest })),
    volumes: volumes.map(({ digest, size }) => ({ digest, size })),
  };
  const bytes = utf8(formatJson({ ...said, digest: digestOf(utf8(formatJson(said))) }));
  checkIndexSize(bytes, at);
  return bytes;
}

const DIGEST = v.custom<Digest>(isDigest);
const LIST = v.strictObject({
  mediaType: v.literal(VOLUMES),
  images: v.pipe(
    v.array(
      v.strictObject({ reference: v.pipe(v.string(), v.regex(/^[\x21-\x7e]+$/)), digest: DIGEST }),
    ),
    v.minLength(1),
  ),
  volumes: v.pipe(
    v.array(
      v.strictObject({
        digest: DIGEST,
        size: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
      }),
    ),
    v.minLength(1),
    v.maxLength(VOLUME_LIMIT),
  ),
  digest: DIGEST,
});

/** Reads a list. It must be, to the byte, what `formatVolumes` makes of what it says. @throws malformed, too-large */
export function parseVolumes(bytes: Uint8Array, at: string): Volumes {
  const found = v.safeParse(LIST, parseJson(bytes, at, { bytes: INDEX_LIMIT }));
  const wrong = (why: string) =>
    new IngotError("malformed", { what: "the list of volumes", at, why });
  if (!found.success)
    throw wrong(`it is not of the form that ${VOLUMES} has: ${found.issues[0].message}`);
  const written = formatVolumes(found.output, at);
  if (sameBytes(written, bytes)) return found.output;
  throw wrong(
    !sameBytes(utf8(found.output.digest), written.subarray(-73, -2))
      ? "its digest is not that of what it says: something in it changed on the way"
      : "it is not, to the byte, as this list is written",
  );
}
