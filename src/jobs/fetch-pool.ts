/** Threads that get blobs: each receives, hashes and writes. */

import { isIngotError } from "../base/error.ts";
import { WorkerPool } from "../base/workers/worker-pool.ts";
import {
  type FetchTask,
  fetchInto,
  type PartialTarget,
  type RemoteBlob,
  StopWatcher,
} from "./fetch-blob.ts";
import type { JobContext } from "./job-context.ts";
import { runJob } from "./perform.ts";

/** A smaller blob has come before a thread has begun. Bytes. */
const LARGE = 4 * 1024 * 1024;
/** Two threads receive and hash faster than a disk takes it; a third costs 30 MiB of memory. */
const MOST = 2;

/** Gets blobs, the large ones in threads where there are any. Call `end`, whatever happens. */
export class FetchPool {
  readonly #working: JobContext;
  readonly #pool: WorkerPool<FetchTask, number>;
  readonly #watch: StopWatcher;

  constructor(working: JobContext) {
    this.#working = working;
    this.#watch = new StopWatcher(working.tally);
    this.#pool = new WorkerPool({
      ...working,
      threads: Math.min(MOST, working.threads),
      handler: runJob,
    });
  }

  /**
   * Afterwards the blob is where it is to be, proven, and not synced. Ends soon when `stop` or the tally says so, and what came
   * stays there. @returns how many bytes came @throws as `fetchInto`
   */
  async fetch(
    { descriptor, from }: RemoteBlob,
    to: PartialTarget,
    stop: AbortSignal,
  ): Promise<number> {
    const { tally } = this.#working;
    const needed = { descriptor, from: from.until(this.#watch.stop) };
    // Threads hear of nothing else.
    const tell = () => tally.stop();
    stop.throwIfAborted();
    stop.addEventListener("abort", tell);
    try {
      return (await this.#inThread(needed, to)) ?? (await fetchInto(needed, to, tally));
    } finally {
      stop.removeEventListener("abort", tell);
    }
  }

  /** Undefined where it is for this thread to get: it is small, or who asks must say so anew, and only this thread knows how. */
  async #inThread(
    { descriptor, from }: RemoteBlob,
    to: PartialTarget,
  ): Promise<number | undefined> {
    if (this.#pool.size === 0 || descriptor.size < LARGE) return undefined;
    try {
      const errand = await from.errand();
      return await this.#pool.ask({ kind: "fetch", errand, descriptor, ...to });
    } catch (error) {
      if (isIngotError(error, "registry") && error.facts.code === "401") return undefined;
      throw error;
    }
  }

  /** Afterwards the threads are gone. Only when nothing is under way. */
  end(): Promise<void> {
    this.#watch.end();
    return this.#pool.end();
  }
}
