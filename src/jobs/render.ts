import { AbortError } from "../base/error.ts";
import type { Progress } from "../base/workers/pool.ts";
import { type BlobExtent, ExtentReader, OpenFiles } from "../store/extent-reader.ts";

/** Bytes that go out as they are, or a blob whose digest is checked as it goes. */
export type RenderPiece = Uint8Array | BlobExtent;

/** Bytes that are moved at a time: the fastest of 64 KiB to 1 MiB on the machines that were measured. */
export const IO_CHUNK = 256 * 1024;

/**
 * The bytes of `pieces` in full chunks, whatever the sizes of the pieces; every blob is proven before the
 * chunk with its last byte is given out. A chunk is valid until the next but one is asked for.
 * @throws digest-differs, size-differs, io; AbortError when told to stop
 */
export function* render(pieces: readonly RenderPiece[], tally: Progress): Generator<Uint8Array> {
  const buffers = [new Uint8Array(IO_CHUNK), new Uint8Array(IO_CHUNK)];
  let turn = 0;
  let used = 0;
  const files = new OpenFiles();
  try {
    for (const piece of pieces) {
      const source =
        piece instanceof Uint8Array ? new Memory(piece) : new ExtentReader(piece, files);
      for (let isDone = false; !isDone; ) {
        const buffer = buffers[turn]!;
        const got = source.read(buffer.subarray(used));
        used += got;
        addProgress(got, tally);
        isDone = source.isDone();
        if (isDone) source.prove();
        if (used < IO_CHUNK) continue;
        yield buffer;
        turn = 1 - turn;
        used = 0;
      }
    }
    if (used > 0) yield buffers[turn]!.subarray(0, used);
  } finally {
    files.close();
  }
}

/** Counts bytes that are done. @throws AbortError when told to stop */
export function addProgress(bytes: number, tally: Progress): void {
  if (tally.stopped) throw new AbortError();
  tally.add(bytes);
}

/** Bytes in memory, read as a Stretch is. */
class Memory {
  readonly #bytes: Uint8Array;
  #done = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(into: Uint8Array): number {
    const piece = this.#bytes.subarray(this.#done, this.#done + into.length);
    into.set(piece);
    this.#done += piece.length;
    return piece.length;
  }

  isDone(): boolean {
    return this.#done === this.#bytes.length;
  }

  prove(): void {}
}
