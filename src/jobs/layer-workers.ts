import { type EncodeTask, encodeTask } from "../base/compression/deflate-chunk.ts";
import { type ReadRangesTask, readRanges } from "../base/fs/read-ranges.ts";
import { WorkerPool } from "../base/workers/worker-pool.ts";
import type { JobContext } from "./job-context.ts";

/** What layers are made with. */
export type LayerTask = EncodeTask | ReadRangesTask;

/** Threads that read files and compress. */
export type LayerWorkers = WorkerPool<LayerTask, number>;

/** They start when they are needed. Whoever makes them ends them. */
export const layerWorkers = ({
  entry,
  threads,
}: Pick<JobContext, "entry" | "threads">): LayerWorkers =>
  new WorkerPool({ handler: runLayerTask, entry, threads });

/** Does one task. @throws changed, io */
export function runLayerTask(task: LayerTask): number {
  return task.kind === "encode" ? encodeTask(task) : readRanges(task);
}
