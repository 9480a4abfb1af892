/** Whether volumes, what their list says, and the archive that they are, fit together. */

import { deserializeError, IngotError } from "../../base/error.ts";
import { stat } from "../../base/fs/file.ts";
import { within } from "../../base/subject.ts";
import type { ScannedArchive } from "../../check/inventory.ts";
import { type Finding, finding } from "../../image/findings.ts";
import { type JobContext, threadsForBytes } from "../../jobs/job-context.ts";
import { runJobs } from "../../jobs/perform.ts";
import type { Digest } from "../../oci/digest.ts";
import { imageNameOf } from "../../oci/layout.ts";
import { refersOf } from "../../oci/referrer.ts";
import { classifyFile, listOf, placeByName, type VolumeFile, type VolumeList } from "./classify.ts";
import type { VolumeSet } from "./find.ts";
import { volumeSizes } from "./format.ts";

/** Whether a file is the volume at `place` of the list. @param digest of its bytes; undefined where its size alone is known */
export function checkVolume(
  { volumes }: VolumeList,
  place: number,
  { path, size, digest }: VolumeFile & { readonly digest?: Digest },
): Finding[] {
  const wanted = volumes[place]!;
  const which = `volume ${place + 1} of ${volumes.length}`;
  if (size !== wanted.size)
    return [finding("size-differs", path, `${which}: it has ${size} bytes, not ${wanted.size}`)];
  if (digest === undefined || digest === wanted.digest) return [];
  const other = volumes.findIndex((volume) => volume.digest === digest);
  const is = other < 0 ? digest : `${digest}, which is volume ${other + 1}`;
  return [finding("digest-differs", path, `${which}: its bytes are ${is}, not ${wanted.digest}`)];
}

/** For what takes all or nothing: every volume has its size. @throws unproven with those that have not */
export function requireComplete({ list, files }: VolumeSet): void {
  const findings = files.flatMap((file, place) => checkVolume(list, place, file));
  if (findings.length === 0) return;
  const hint = "nothing was changed: copy or download these volumes again";
  throw new IngotError("unproven", { at: list.at, findings, hint });
}

/** Whether the archive has the images that the list says, in their order. The list does not tell of what refers to them. */
export function checkList(
  { list }: VolumeSet,
  { roots }: Pick<ScannedArchive, "roots">,
): Finding[] {
  const said = list.images.map(({ reference, digest }) => `${reference} ${digest}`);
  const are = roots
    .filter((root) => refersOf(root) === undefined)
    .map((root) => `${imageNameOf(root) ?? "(no name)"} ${root.digest}`);
  const at = said.findIndex((image, i) => image !== are[i]);
  if (at < 0 && are.length === said.length) return [];
  const first = at < 0 ? said.length : at;
  return [
    finding(
      "list-differs",
      list.at,
      `it says that image ${first + 1} is ${said[first] ?? "none"}, and in the archive it is ${are[first] ?? "none"}`,
    ),
  ];
}

/** Whether the archive is cut as export cuts: into volumes of one size, and what is left. */
export function checkCuts({ list: { at, volumes } }: VolumeSet): Finding[] {
  const sizes = volumes.map(({ size }) => size);
  const [each = 0] = sizes;
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const isSo = sizes.length === 1 || sizes.every((size, i) => size === cutOf(total, each)[i]);
  return isSo ? [] : [finding("not-canonical", at, "its volumes are not cut as export cuts")];
}

const cutOf = (total: number, each: number) => (each < 512 ? [] : volumeSizes(total, each + 1));

/** What one volume is, by itself. Bytes. */
export interface VolumeReport {
  readonly list: string;
  /** From 1 on. */
  readonly number: number;
  readonly count: number;
  readonly size: number;
  /** What the list says. */
  readonly digest: Digest;
  readonly findings: readonly Finding[];
}

/**
 * Whether one file is the volume that the list beside it says, whatever of the others is there.
 * @throws not-found where there is no list, or the file is no volume of it; malformed for the list
 */
export async function verifyVolume(path: string, working: JobContext): Promise<VolumeReport> {
  const list = listOf([{ path, look: classifyFile(path) }]);
  const { volumes } = list;
  const size = stat(path)?.size ?? 0;
  const named = placeByName(list, path);
  const isCut = named !== undefined && volumes[named]!.size !== size;
  const digest = isCut ? undefined : await hashOf({ path, size }, working);
  const place = named ?? volumes.findIndex((volume) => volume.digest === digest);
  const volume = volumes[place];
  if (volume === undefined)
    throw new IngotError("not-found", {
      what: `the volume that ${path} is`,
      at: within(digest ?? path, list.at),
      hint: "it is damaged, or of another archive: copy it again, under the name that it had",
    });
  const findings = checkVolume(list, place, { path, size, ...(digest && { digest }) });
  return {
    list: list.at,
    number: place + 1,
    count: volumes.length,
    size: volume.size,
    digest: volume.digest,
    findings,
  };
}

async function hashOf({ path, size }: VolumeFile, working: JobContext): Promise<Digest> {
  const threads = threadsForBytes(size, working);
  const tasks = [{ kind: "check" as const, extents: [{ path, offset: 0, size }] }];
  const [[checked] = []] = await runJobs(tasks, working, threads);
  if (checked === undefined || "fault" in checked)
    throw checked === undefined
      ? new IngotError("internal", { message: "a volume was not hashed" })
      : deserializeError(checked.fault);
  return checked.digest;
}
