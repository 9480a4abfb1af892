import { type EncodeTask, encodeTask } from "../base/compression/deflate-chunk.ts";
import { type GatherTask, gather } from "../base/fs/read-ranges.ts";
import { Crew } from "../base/workers/worker-pool.ts";
import type { Working } from "./job-context.ts";

/** What layers are made with. */
export type HelpTask = EncodeTask | GatherTask;

/** Threads that read files and compress. */
export type Helpers = Crew<HelpTask, number>;

/** They start when they are needed. Whoever makes them ends them. */
export const helpersFor = ({ entry, threads }: Pick<Working, "entry" | "threads">): Helpers =>
  new Crew({ handler: help, entry, threads });

/** Does one task. @throws changed, io */
export function help(task: HelpTask): number {
  return task.kind === "encode" ? encodeTask(task) : gather(task);
}
