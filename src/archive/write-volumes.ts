/** An archive that is written as volumes (docs/volumes.md). */
import * as path from "node:path";
import { deserializeError, IngotError } from "../base/error.ts";
import { AtomicFile, checkPlace } from "../base/fs/atomic-file.ts";
import type { AtomicFiles, FileSpec } from "../base/fs/atomic-files.ts";
import { discard, lstat, readFile, remove, syncDirectory } from "../base/fs/file.ts";
import type { JobContext } from "../jobs/job-context.ts";
import { type CheckTask, runJobs } from "../jobs/perform.ts";
import { INDEX_LIMIT } from "../oci/manifest.ts";
import type { Plan } from "./plan.ts";
import {
  formatVolumes,
  listName,
  parseVolumes,
  VOLUME_LIMIT,
  type Volume,
  volumeName,
  volumeSizes,
} from "./volumes/format.ts";

/** The name of the archive, which its volumes begin with, and what each of them is smaller than. Bytes. */
export interface SplitOptions {
  readonly at: string;
  readonly below: number;
}

/** A volume that is there. */
export interface WrittenVolume extends Volume {
  readonly file: string;
}

const MIB = 1024 * 1024;
const NOBODY = `sha256:${"0".repeat(64)}` as const;

/** The volumes that the planned archive makes. @throws usage where they are too many, too-large for a list nobody would read */
export function volumesOf({ size, images }: Plan, { at, below }: SplitOptions): FileSpec[] {
  checkPlace(path.resolve(listName(at)));
  const sizes = volumeSizes(size, below);
  if (sizes.length > VOLUME_LIMIT) {
    const enough = Math.ceil((Math.ceil(size / VOLUME_LIMIT / 512) * 512 + 1) / MIB);
    throw new IngotError("usage", {
      message: `the archive has ${size} bytes, and makes ${sizes.length} volumes of less than ${below}, should make at most ${VOLUME_LIMIT}`,
      hint: `cut it into larger ones: --split ${enough}MiB`,
    });
  }
  const volumes = sizes.map((each) => ({ digest: NOBODY, size: each }));
  formatVolumes({ images, volumes }, listName(at));
  return sizes.map((each, i) => ({ at: volumeName(at, i + 1, sizes.length), size: each }));
}

/** What the volumes are, read back, in several threads. @throws io, size-differs */
export async function hashVolumes({ parts }: AtomicFiles, working: JobContext): Promise<Volume[]> {
  const tasks = parts.map(
    ({ path, size }): CheckTask => ({ kind: "check", extents: [{ path, offset: 0, size }] }),
  );
  const results = await runJobs(tasks, working);
  return results.map(([checked], i) => {
    if (checked !== undefined && "digest" in checked)
      return { digest: checked.digest, size: parts[i]!.size };
    throw deserializeError(checked!.fault);
  });
}

/**
 * Afterwards the volumes have their names, and the list tells of them. It is what says that they belong together: the old one goes before the
 * first of them is in its place, and the new one comes after the last. What the old one named, and the new one does not, is removed.
 * @throws io
 */
export function placeVolumes(
  asides: AtomicFiles,
  volumes: readonly WrittenVolume[],
  { images }: Plan,
  { at }: SplitOptions,
): void {
  const listAt = listName(at);
  const stale = staleVolumes(at, new Set(volumes.map(({ file }) => path.basename(file))));
  const bytes = formatVolumes({ images, volumes }, listAt);
  const list = new AtomicFile(listAt, bytes.length);
  try {
    list.file.write(bytes, 0);
    list.file.sync();
    asides.sync();
    remove(list.at);
    syncDirectory(path.dirname(list.at));
    asides.place();
    list.keep();
  } finally {
    list.drop();
  }
  for (const old of stale) discard(old);
}

/** The files that a list which is there tells of, as it does, and that are not among `kept`. */
function staleVolumes(at: string, kept: ReadonlySet<string>): string[] {
  const { volumes } = listOf(at);
  const folder = path.dirname(at);
  return volumes.flatMap(({ size }, i) => {
    const name = path.basename(volumeName(at, i + 1, volumes.length));
    const found = lstat(path.join(folder, name));
    const isIts = found?.kind === "file" && found.size === size;
    return isIts && !kept.has(name) ? [path.join(folder, name)] : [];
  });
}

function listOf(at: string): { readonly volumes: readonly Volume[] } {
  const list = listName(at);
  try {
    return parseVolumes(readFile(list, INDEX_LIMIT), list);
  } catch {
    return { volumes: [] };
  }
}
