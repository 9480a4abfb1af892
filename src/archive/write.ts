import { isIngotError } from "../base/error.ts";
import { AtomicFiles } from "../base/fs/atomic-files.ts";
import type { Sink } from "../base/fs/fd-stream.ts";
import type { BaseLayers } from "../image/layer-list.ts";
import type { StoredImage } from "../image/select.ts";
import type { JobContext } from "../jobs/job-context.ts";
import { render } from "../jobs/render.ts";
import { END, headerWriter } from "../tar/header.ts";
import { fillArchive, hasRemoteBytes, memberPieces, type RemoteBlobs } from "./fill.ts";
import { type Plan, plan } from "./plan.ts";
import {
  hashVolumes,
  placeVolumes,
  type SplitOptions,
  volumesOf,
  type WrittenVolume,
} from "./write-volumes.ts";

/** What was written. `resumed` = how many bytes of it a run that broke off had left. */
export interface WrittenArchive {
  readonly resumed: number;
  /** Where it is in volumes. */
  readonly volumes?: readonly WrittenVolume[];
}

/** The archive that `images` make, before anything is written; with a base, what it has is left out. */
export async function planArchive(
  images: readonly StoredImage[],
  base?: BaseLayers,
): Promise<Plan> {
  return plan(images, await headerWriter(), base);
}

/**
 * Writes the planned archive to a file, or to volumes. Afterwards they are there, whole and on the disk; on a failure what was there
 * before still is. Every blob is proven: hashed as it is copied or fetched, or where a run that broke off has left it.
 * When the registry fails that blobs come from, or the program is told to stop, what has come stays for the next run.
 * @param away the blobs that are in registries @throws digest-differs, size-differs, blob-missing, registry, no-space, io, usage
 */
export async function writeArchive(
  planned: Plan,
  to: string | SplitOptions,
  working: JobContext,
  away: RemoteBlobs = new Map(),
): Promise<WrittenArchive> {
  const split = typeof to === "string" ? undefined : to;
  const files = split ? volumesOf(planned, split) : [{ at: to as string, size: planned.size }];
  const asides: AtomicFiles = new AtomicFiles(files, {
    ...(split && { stem: split.at }),
    isWorth: () => away.size > 0 && hasRemoteBytes(planned, away, asides.parts),
    left: (at) => working.left?.(at),
  });
  const write = async () => {
    const resumed = await fillArchive(planned, away, asides, working);
    return { resumed, hashed: split && (await hashVolumes(asides, working)) };
  };
  try {
    const { resumed, hashed } = await asides.syncWhile(write(), () => working.tally.stop());
    if (split === undefined || hashed === undefined) {
      asides.sync();
      asides.place();
      return { resumed };
    }
    const volumes = hashed.map((volume, i) => ({ file: files[i]!.at, ...volume }));
    placeVolumes(asides, volumes, planned, split);
    return { resumed, volumes };
  } catch (error) {
    if (isIngotError(error, "registry")) asides.leave();
    throw error;
  } finally {
    asides.drop();
  }
}

/**
 * Writes the planned archive to a stream, front to back. Every blob is hashed before its last byte goes out.
 * @throws digest-differs, size-differs, io
 */
export async function streamArchive(
  planned: Plan,
  sink: Sink,
  { tally }: JobContext,
): Promise<void> {
  const pieces = [...planned.members.flatMap(memberPieces), END];
  let writing: Promise<void> = Promise.resolve();
  for (const chunk of render(pieces, tally)) {
    await writing;
    writing = sink.write(chunk);
    writing.catch(() => {});
  }
  await writing;
}
