import { type ReadRangesTask, readRanges } from "../../base/fs/read-ranges.ts";
import { WorkerPool } from "../../base/workers/worker-pool.ts";
import type { Entry } from "../tree/entry.ts";
import { layoutTar, TarPiece } from "./layout.ts";

/** Threads that read files. */
export type Readers = WorkerPool<ReadRangesTask, number>;

const inThisThread = (): Readers =>
  new WorkerPool({ handler: readRanges, entry: undefined, threads: 0 });

/** Pieces under way for each thread: one that is read, and some that wait, as their sizes differ in what they cost. */
const DEPTH = 4;

export interface ReadOptions {
  readonly readers?: Readers | undefined;
  readonly fill?: (piece: TarPiece) => Promise<void>;
}

/**
 * The pieces of the tar of `entries`, in order, when what comes from the disk was read; `fill`, called in order, puts the rest there.
 * Without `readers` this thread reads, each piece when it is asked for. A piece is valid until the next but one is asked for.
 * @throws changed for a file that is not what it was when it was listed, or does not stay so; unsupported, internal, io
 */
export async function* readPieces(
  entries: readonly Entry[],
  { readers = inThisThread(), fill }: ReadOptions,
): AsyncGenerator<TarPiece> {
  const free: TarPiece[] = [];
  const queue: { readonly piece: TarPiece; readonly done: Promise<unknown> }[] = [];
  const depth = DEPTH * readers.size;
  let before: TarPiece | undefined;
  const shift = async () => {
    const { piece, done } = queue[0]!;
    await done;
    queue.shift();
    if (before !== undefined) {
      before.clear();
      free.push(before);
    }
    before = piece;
    return piece;
  };
  try {
    for (const piece of layoutTar(entries, () => free.pop() ?? new TarPiece())) {
      await fill?.(piece);
      const done = readers.ask(piece.task());
      // It is waited for in its turn, when one before it may have failed already.
      done.catch(() => {});
      queue.push({ piece, done });
      if (queue.length > depth) yield await shift();
    }
    while (queue.length > 0) yield await shift();
  } finally {
    await Promise.allSettled(queue.map(({ done }) => done));
  }
}
