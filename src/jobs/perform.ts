/** What threads do: move bytes from stretches of files to where they belong, each blob checked on the way. */
import { type FaultData, packFault } from "../base/error.ts";
import { Parts, type Place } from "../base/fs/segmented-file.ts";
import { Syncs } from "../base/fs/sync-queue.ts";
import { type HashTask, hashTask } from "../base/workers/hash-worker.ts";
import type { Tally } from "../base/workers/pool.ts";
import type { Digest } from "../oci/digest.ts";
import { Arrival, type Coming } from "../store/blob-writer.ts";
import type { Extent } from "../store/content.ts";
import { type Files, type Located, Stretch, withFiles } from "../store/extent-reader.ts";
import { type InflateTask, inflate, type Looked } from "./diff-id.ts";
import { type FetchTask, fetchTask } from "./fetch-blob.ts";
import { type HelpTask, help } from "./layer-workers.ts";
import { CHUNK, count, type Piece, render } from "./render.ts";
import { type Resumed, type ResumeTask, resume } from "./resume.ts";

/** Writes `pieces`, one after the other, to where they belong. */
export interface FillTask {
  readonly kind: "fill";
  readonly to: Place;
  readonly pieces: readonly Piece[];
}

/** Hashes stretches of files. */
export interface CheckTask {
  readonly kind: "check";
  readonly extents: readonly Extent[];
}

/** What a checked stretch is: its digest, or why it could not be read whole. */
export type Checked = { readonly digest: Digest } | { readonly fault: FaultData };

/** Copies blobs into files of their own, where what is there is not the same already; afterwards they are on the disk. */
export interface TakeTask {
  readonly kind: "take";
  readonly blobs: readonly (Coming & { readonly from: Located })[];
}

/** For each blob of a TakeTask: whether it is in the file `to`. */
export type Taken = readonly boolean[];

export type Task =
  | FillTask
  | CheckTask
  | InflateTask
  | TakeTask
  | FetchTask
  | ResumeTask
  | HashTask
  | HelpTask;

/** Does one task. @throws digest-differs, size-differs, io, registry; `internal` when told to stop */
export async function perform(
  task: Task,
  tally: Tally,
): Promise<undefined | number | string | Checked[] | Looked[] | Taken | Resumed[]> {
  if (task.kind === "encode" || task.kind === "gather") return help(task);
  if (task.kind === "hash") return hashTask(task);
  if (task.kind === "fetch") return fetchTask(task, tally);
  if (task.kind === "resume") return resume(task, tally);
  if (task.kind === "fill") {
    fill(task, tally);
    return undefined;
  }
  if (task.kind === "take") return withFiles((files) => take(task, files, tally));
  if (task.kind === "inflate")
    return withFiles(async (files) => {
      const looked: Looked[] = [];
      for (const extent of task.extents) looked.push(await inflate(extent, files, tally));
      return looked;
    });
  const buffer = new Uint8Array(CHUNK);
  return withFiles((files) => task.extents.map((extent) => check(extent, files, buffer, tally)));
}

function fill({ to, pieces }: FillTask, tally: Tally): void {
  const out = new Parts(to.parts);
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

function check(extent: Extent, files: Files, buffer: Uint8Array, tally: Tally): Checked {
  try {
    const source = new Stretch(extent, files);
    for (let got = source.read(buffer); got > 0; got = source.read(buffer)) count(got, tally);
    return { digest: source.digest };
  } catch (error) {
    if (tally.stopped) throw error;
    return { fault: packFault(error) };
  }
}

async function take({ blobs }: TakeTask, files: Files, tally: Tally): Promise<Taken> {
  const buffer = new Uint8Array(CHUNK);
  const syncs = new Syncs();
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
  coming: TakeTask["blobs"][number],
  files: Files,
  buffer: Uint8Array,
  syncs: Syncs,
  tally: Tally,
): boolean {
  const { from } = coming;
  const source = new Stretch(from, files);
  const arrival = new Arrival(coming);
  try {
    for (let got = source.read(buffer); got > 0; got = source.read(buffer)) {
      arrival.write(buffer.subarray(0, got));
      count(got, tally);
    }
    source.prove();
    const written = arrival.end(from.digest);
    if (written !== undefined) syncs.add(written);
    return written !== undefined;
  } finally {
    arrival.drop();
  }
}
