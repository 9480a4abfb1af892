/** What threads do: move bytes from stretches of files to where they belong, each blob checked on the way. */

import type { EncodeTask } from "../base/compression/deflate-chunk.ts";
import { type SerializedError, serializeError } from "../base/error.ts";
import type { ReadRangesTask } from "../base/fs/read-ranges.ts";
import { SegmentedFile, type SegmentedRange } from "../base/fs/segmented-file.ts";
import { SyncQueue } from "../base/fs/sync-queue.ts";
import { type HashTask, hashTask } from "../base/workers/hash-worker.ts";
import { type Progress, runAll } from "../base/workers/pool.ts";
import type { Digest } from "../oci/digest.ts";
import { type BlobTarget, BlobWriter } from "../store/blob-writer.ts";
import type { FileExtent } from "../store/content.ts";
import {
  type BlobExtent,
  ExtentReader,
  type OpenFiles,
  withOpenFiles,
} from "../store/extent-reader.ts";
import { type InflateTask, inflate, type LayerDigests } from "./diff-id.ts";
import { type FetchTask, fetchTask } from "./fetch-blob.ts";
import type { JobContext } from "./job-context.ts";
import { runLayerTask } from "./layer-workers.ts";
import { addProgress, IO_CHUNK, type RenderPiece, render } from "./render.ts";
import { type Resumed, type ResumeTask, resume } from "./resume.ts";

/** Writes `pieces`, one after the other, to where they belong. */
export interface FillTask {
  readonly kind: "fill";
  readonly to: SegmentedRange;
  readonly pieces: readonly RenderPiece[];
}

/** Hashes stretches of files. */
export interface CheckTask {
  readonly kind: "check";
  readonly extents: readonly FileExtent[];
}

/** What a checked stretch is: its digest, or why it could not be read whole. */
export type Checked = { readonly digest: Digest } | { readonly fault: SerializedError };

/** Copies blobs into files of their own, where what is there is not the same already; afterwards they are on the disk. */
export interface StageTask {
  readonly kind: "take";
  readonly blobs: readonly (BlobTarget & { readonly from: BlobExtent })[];
}

/** For each blob of a StageTask: whether it is in the file `to`. */
export type StagedBlobs = readonly boolean[];

/** What a job of a kind is given, and what it comes to. */
interface Jobs {
  fill: { task: FillTask; result: undefined };
  check: { task: CheckTask; result: Checked[] };
  inflate: { task: InflateTask; result: LayerDigests[] };
  take: { task: StageTask; result: StagedBlobs };
  fetch: { task: FetchTask; result: number };
  resume: { task: ResumeTask; result: Resumed[] };
  hash: { task: HashTask; result: string };
  encode: { task: EncodeTask; result: number };
  gather: { task: ReadRangesTask; result: number };
}

export type Job = Jobs[keyof Jobs]["task"];
export type JobResult<J extends Job> = Jobs[J["kind"]]["result"];

type Handlers = {
  readonly [K in keyof Jobs]: (
    task: Jobs[K]["task"],
    tally: Progress,
  ) => Jobs[K]["result"] | Promise<Jobs[K]["result"]>;
};

const HANDLERS: Handlers = {
  fill: (task, tally) => void fill(task, tally),
  check,
  inflate: inflateAll,
  take,
  fetch: fetchTask,
  resume,
  hash: hashTask,
  encode: runLayerTask,
  gather: runLayerTask,
};

/** Does one job. @throws digest-differs, size-differs, io, registry; AbortError when told to stop */
export async function runJob<J extends Job>(job: J, tally: Progress): Promise<JobResult<J>> {
  const handler = HANDLERS[job.kind] as (job: J, tally: Progress) => JobResult<J>;
  return handler(job, tally);
}

/**
 * Does the jobs in `threads` threads, 0 = in this one; their results in the order of the jobs.
 * @throws as `runJob`, when all of them have ended
 */
export const runJobs = <J extends Job>(
  jobs: readonly J[],
  context: JobContext,
  threads = context.threads,
): Promise<JobResult<J>[]> =>
  runAll<J, JobResult<J>>(jobs, { ...context, threads, handler: runJob });

function fill({ to, pieces }: FillTask, tally: Progress): void {
  const out = new SegmentedFile(to.parts);
  try {
    let position = to.offset;
    for (const chunk of render(pieces, tally)) {
      out.write(chunk, position);
      position += chunk.length;
    }
  } finally {
    out.close();
  }
}

async function check({ extents }: CheckTask, tally: Progress): Promise<Checked[]> {
  const buffer = new Uint8Array(IO_CHUNK);
  return withOpenFiles((files) => extents.map((extent) => checkOne(extent, files, buffer, tally)));
}

function inflateAll({ extents }: InflateTask, tally: Progress): Promise<LayerDigests[]> {
  return withOpenFiles(async (files) => {
    const looked: LayerDigests[] = [];
    for (const extent of extents) looked.push(await inflate(extent, files, tally));
    return looked;
  });
}

function checkOne(
  extent: FileExtent,
  files: OpenFiles,
  buffer: Uint8Array,
  tally: Progress,
): Checked {
  try {
    const source = new ExtentReader(extent, files);
    for (let got = source.read(buffer); got > 0; got = source.read(buffer)) addProgress(got, tally);
    return { digest: source.digest };
  } catch (error) {
    if (tally.stopped) throw error;
    return { fault: serializeError(error) };
  }
}

function take(task: StageTask, tally: Progress): Promise<StagedBlobs> {
  return withOpenFiles((files) => takeAll(task, files, tally));
}

async function takeAll(
  { blobs }: StageTask,
  files: OpenFiles,
  tally: Progress,
): Promise<StagedBlobs> {
  const buffer = new Uint8Array(IO_CHUNK);
  const syncs = new SyncQueue();
  const taken: boolean[] = [];
  try {
    for (const blob of blobs) {
      await syncs.room();
      taken.push(takeOne(blob, files, buffer, syncs, tally));
    }
  } catch (error) {
    await syncs.settle().catch(() => {});
    throw error;
  }
  await syncs.settle();
  return taken;
}

/** Proves the blob, and writes it unless it is there already; whether it is in the file that it was to be. */
function takeOne(
  coming: StageTask["blobs"][number],
  files: OpenFiles,
  buffer: Uint8Array,
  syncs: SyncQueue,
  tally: Progress,
): boolean {
  const { from } = coming;
  const source = new ExtentReader(from, files);
  const arrival = new BlobWriter(coming);
  try {
    for (let got = source.read(buffer); got > 0; got = source.read(buffer)) {
      arrival.write(buffer.subarray(0, got));
      addProgress(got, tally);
    }
    source.prove();
    const written = arrival.end(from.digest);
    if (written !== undefined) syncs.add(written);
    return written !== undefined;
  } finally {
    arrival.drop();
  }
}
