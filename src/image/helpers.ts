import { Crew } from "../base/crew.ts";
import { type GatherTask, gather } from "../base/file-gather.ts";
import { type EncodeTask, encodeTask } from "../base/gzip-encode.ts";
import type { Working } from "./working.ts";

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
