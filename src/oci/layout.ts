import * as v from "valibot";
import { utf8 } from "../base/bytes.ts";
import { IngotError } from "../base/error.ts";
import { formatJson, type Json } from "../base/json/json.ts";
import { parseShaped } from "../base/json/shape.ts";
import type { Subject } from "../base/subject.ts";
import { type Digest, digestOf, hexOf } from "./digest.ts";
import { type Descriptor, INDEX_LIMIT } from "./manifest.ts";
import { INDEX, LIST_DIGEST, REF_NAME } from "./media-types.ts";
import { LAYOUT_SHAPE } from "./shape.ts";

/** The names in an image layout (image-spec, image-layout.md). */
export const LAYOUT_FILE = "oci-layout";
export const INDEX_FILE = "index.json";
/** Docker's list of images, which `docker load` reads. */
export const DOCKER_FILE = "manifest.json";
/** What an archive leaves out because its base has it. No layout in a folder has this. */
export const BASE_FILE = "base.json";
export const BLOBS = "blobs/sha256";

/** What `oci-layout` holds, to the byte. */
export const LAYOUT_BYTES = utf8('{"imageLayoutVersion":"1.0.0"}');

/** The path of a blob in a layout, with `/`. */
export const blobPath = (digest: Digest) => `${BLOBS}/${hexOf(digest)}`;

/** The digest whose blob has the path `name`; undefined for every other path. */
export function digestAt(name: string): Digest | undefined {
  const hex = name.startsWith(`${BLOBS}/`) ? name.slice(BLOBS.length + 1) : "";
  return /^[0-9a-f]{64}$/.test(hex) ? `sha256:${hex}` : undefined;
}

/** The longest `oci-layout` that is read. Bytes. */
export const LAYOUT_LIMIT = 4096;

/** Checks the bytes of an `oci-layout` file. @throws malformed, unsupported for another version */
export function checkLayout(bytes: Uint8Array, at: Subject): void {
  const found = v.safeParse(
    v.looseObject({ imageLayoutVersion: v.string() }),
    parseShaped(bytes, at, { bytes: LAYOUT_LIMIT }, LAYOUT_SHAPE),
  );
  if (!found.success)
    throw new IngotError("malformed", {
      what: "the layout file",
      at,
      why: "it has no imageLayoutVersion",
    });
  const { imageLayoutVersion } = found.output;
  if (imageLayoutVersion !== "1.0.0") {
    throw new IngotError("unsupported", {
      what: "the layout",
      at,
      found: `version ${imageLayoutVersion}`,
      expected: "version 1.0.0",
    });
  }
}

/** The name that a descriptor of a layout's index gives its image. */
export const imageNameOf = (descriptor: Descriptor): string | undefined =>
  descriptor.annotations?.[REF_NAME];

/**
 * The bytes of a layout's `index.json` over `manifests`, in the order given, each with the members that the
 * specification knows. @throws too-large for what nobody would read back
 */
export function formatLayoutIndex(manifests: readonly Descriptor[]): Uint8Array {
  return indexBytes({ manifests: manifests.map(descriptorJson) });
}

/**
 * The same for an archive, where nothing else names this file: with the digest of its list as an annotation, so that a name
 * that changed on the way is no other name. (Of a layout it would be false as soon as another tool adds an image.)
 */
export function formatArchiveIndex(manifests: readonly Descriptor[]): Uint8Array {
  const list = manifests.map(descriptorJson);
  return indexBytes({
    manifests: list,
    annotations: { [LIST_DIGEST]: digestOf(utf8(formatJson(list))) },
  });
}

function indexBytes(members: { readonly [key: string]: Json }): Uint8Array {
  const bytes = utf8(formatJson({ schemaVersion: 2, mediaType: INDEX, ...members }));
  checkIndexSize(bytes, INDEX_FILE);
  return bytes;
}

/** @throws too-large for a list of images that is longer than any that is read */
export function checkIndexSize({ length }: Uint8Array, at: Subject): void {
  if (length > INDEX_LIMIT)
    throw new IngotError("too-large", {
      what: "the list of images",
      at,
      actual: length,
      limit: INDEX_LIMIT,
    });
}

const descriptorJson = (descriptor: Descriptor): Json => ({
  mediaType: descriptor.mediaType,
  digest: descriptor.digest,
  size: descriptor.size,
  urls: descriptor.urls,
  annotations: descriptor.annotations,
  data: descriptor.data,
  platform: descriptor.platform && formatPlatformJson(descriptor.platform),
  artifactType: descriptor.artifactType,
});

function formatPlatformJson(platform: NonNullable<Descriptor["platform"]>) {
  const { architecture, os, variant } = platform;
  return {
    architecture,
    os,
    "os.version": platform["os.version"],
    "os.features": platform["os.features"],
    variant,
  };
}
