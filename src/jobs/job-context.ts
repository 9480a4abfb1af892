import type { Progress } from "../base/workers/pool.ts";

/** How work is spread and watched. */
export interface JobContext {
  /** The module that a worker thread starts with; undefined = no threads. */
  readonly entry: URL | undefined;
  readonly threads: number;
  readonly tally: Progress;
  /** Told when what has come of a file that could not be finished stays beside `at`, for the next run to go on with. */
  readonly left?: (at: string) => void;
}

/** Less than this is done in this thread: a new one takes longer to start. Bytes. */
const WORTH_A_THREAD = 16 * 1024 * 1024;
/** Small blobs are handed out together, up to about this much. Bytes. */
export const BATCH_BYTES = 8 * 1024 * 1024;

/** In how many threads to move `bytes`; 0 = in this one. */
export const threadsForBytes = (bytes: number, { threads }: JobContext) =>
  bytes < WORTH_A_THREAD ? 0 : threads;

/** The items in groups of up to BATCH_BYTES (a larger item is a group of its own), the largest group first. */
export function batches<T>(items: Iterable<T>, size: (item: T) => number): T[][] {
  const groups: { items: T[]; bytes: number }[] = [];
  for (const item of items) {
    const last = groups.at(-1);
    if (last !== undefined && last.bytes + size(item) <= BATCH_BYTES) {
      last.items.push(item);
      last.bytes += size(item);
    } else groups.push({ items: [item], bytes: size(item) });
  }
  return groups.sort((a, b) => b.bytes - a.bytes).map((group) => group.items);
}
