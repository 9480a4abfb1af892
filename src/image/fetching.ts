/** Threads that get blobs: each receives, hashes and writes. */
import { Crew } from "../base/crew.ts";
import { isFault } from "../base/fault.ts";
import { type Begun, type FetchTask, fetchInto, type Needed } from "./fetch.ts";
import { perform } from "./work.ts";
import type { Working } from "./working.ts";

/** A smaller blob has come before a thread has begun. Bytes. */
const LARGE = 4 * 1024 * 1024;
/** Two threads receive and hash faster than a disk takes it; a third costs 30 MiB of memory. */
const MOST = 2;

/** Gets blobs, the large ones in threads where there are any. Call `end`, whatever happens. */
export class Fetching {
  readonly #working: Working;
  readonly #crew: Crew<FetchTask, number>;

  constructor(working: Working) {
    this.#working = working;
    this.#crew = new Crew({
      ...working,
      threads: Math.min(MOST, working.threads),
      handler: (task, tally) => perform(task, tally) as Promise<number>,
    });
  }

  /**
   * Afterwards the blob is where it is to be, proven, and not synced. When one fails, all that are under way are
   * told to stop. @returns how many bytes came @throws as `fetchInto`
   */
  async fetch(needed: Needed, to: Begun): Promise<number> {
    const { tally } = this.#working;
    try {
      return (await this.#inThread(needed, to)) ?? (await fetchInto(needed, to, tally));
    } catch (error) {
      tally.stop();
      throw error;
    }
  }

  /** Undefined where it is for this thread to get: it is small, or who asks must say so anew, and only this thread knows how. */
  async #inThread({ descriptor, from }: Needed, to: Begun): Promise<number | undefined> {
    if (this.#crew.size === 0 || descriptor.size < LARGE) return undefined;
    try {
      const errand = await from.errand();
      return await this.#crew.ask({ kind: "fetch", errand, descriptor, ...to });
    } catch (error) {
      if (isFault(error, "registry") && error.facts.code === "401") return undefined;
      throw error;
    }
  }

  /** Afterwards the threads are gone. Only when nothing is under way. */
  end(): Promise<void> {
    return this.#crew.end();
  }
}
