/** Gzip whose bytes depend on what is compressed alone: `ingot-deflate/1`, docs/deflate.md. */
import { crc32 } from "node:zlib";
import type { Bytes } from "../bytes.ts";
import { WorkerPool } from "../workers/worker-pool.ts";
import { DEFLATE_CHUNK, type EncodeTask, encodeTask, SLOT, WINDOW } from "./deflate-chunk.ts";

/** The name of the format, to be recorded where the bytes matter. Another algorithm gets another name. */
export const GZIP_FORMAT = "ingot-deflate/1";

/** RFC 1952, 2.3: deflate, no flags, no time, no extra flags, unknown system. */
const HEADER = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/** Threads that encode, for any number of calls of `gzip`. Whoever makes it ends it. */
export type Encoders = WorkerPool<EncodeTask, number>;

/** `entry` is a module that serves `encodeTask`. */
export function encoders(options: {
  readonly threads: number;
  readonly entry: URL | undefined;
}): Encoders {
  return new WorkerPool({ handler: encodeTask, ...options });
}

export interface GzipOptions {
  /** Undefined = this thread encodes. */
  readonly encoders?: Encoders | undefined;
  /** Whether a piece is valid only until the next but one is asked for: its memory is used again. */
  readonly reuse?: boolean;
}

/** A piece shorter than this is not worth another thread: one would have to start. */
const SMALL = 4 * DEFLATE_CHUNK;

/** Chunks in work for each thread: one that is encoded, one that waits, one that is drained or filled. */
const DEPTH = 3;

/**
 * One gzip member that holds `bytes`. The same bytes come out however `bytes` is cut, and whoever encodes.
 * Memory is bounded: about a MiB for each of 3 chunks per thread.
 */
export async function* gzip(bytes: Bytes, { encoders, reuse = false }: GzipOptions = {}): Bytes {
  const here = new WorkerPool({ handler: encodeTask, entry: undefined, threads: 0 });
  const depth = Math.max(1, DEPTH * (encoders?.size ?? 0));
  const queue: Promise<Encoded>[] = [];
  const held: Chunk[] = [];
  const slots: Slot[] = [];
  const trailer = new Trailer();

  const begin = (chunk: Chunk, pool: Encoders) => {
    const slot = chunk.slot;
    const done = pool.ask(slot.task(chunk.last)).then((size) => ({ slot, size }));
    // It is waited for in its turn, when one before it may have failed already.
    done.catch(() => {});
    queue.push(done);
  };
  let before: Slot | undefined;
  const shift = async (): Promise<Uint8Array> => {
    const { slot, size } = await queue[0]!;
    queue.shift();
    if (!reuse) {
      slots.push(slot);
      return slot.bytes.slice(0, size);
    }
    if (before !== undefined) slots.push(before);
    before = slot;
    return slot.bytes.subarray(0, size);
  };

  try {
    yield Uint8Array.from(HEADER);
    let many = false;
    for await (const chunk of chunksOf(bytes, trailer, () => slots.pop() ?? new Slot())) {
      if (encoders === undefined || encoders.size === 0) begin(chunk, here);
      else if (many) begin(chunk, encoders);
      else {
        held.push(chunk);
        many = held.length * DEFLATE_CHUNK > SMALL;
        if (many) for (const one of held.splice(0)) begin(one, encoders);
      }
      while (queue.length >= depth) yield await shift();
    }
    for (const chunk of held.splice(0)) {
      begin(chunk, here);
      yield await shift();
    }
    while (queue.length > 0) yield await shift();
    yield trailer.bytes();
  } finally {
    await Promise.allSettled(queue);
  }
}

/** RFC 1952, 2.3.1: the checksum and the size, modulo 2^32. */
class Trailer {
  #crc = 0;
  #size = 0;

  add(bytes: Uint8Array): void {
    this.#crc = crc32(bytes, this.#crc);
    this.#size = (this.#size + bytes.length) % 2 ** 32;
  }

  bytes(): Uint8Array {
    const view = new DataView(new ArrayBuffer(8));
    view.setUint32(0, this.#crc, true);
    view.setUint32(4, this.#size, true);
    return new Uint8Array(view.buffer);
  }
}

/** Memory for one chunk and what precedes it, that threads share. */
class Slot {
  readonly bytes = new Uint8Array(new SharedArrayBuffer(SLOT));
  #before = 0;
  #length = 0;

  /** Empties it; `before` is what precedes the chunk. */
  begin(before: Uint8Array): void {
    this.bytes.set(before);
    this.#before = before.length;
    this.#length = 0;
  }

  /** Takes what has room; @returns how much. */
  add(piece: Uint8Array): number {
    const taken = Math.min(DEFLATE_CHUNK - this.#length, piece.length);
    this.bytes.set(
      taken === piece.length ? piece : piece.subarray(0, taken),
      this.#before + this.#length,
    );
    this.#length += taken;
    return taken;
  }

  get full(): boolean {
    return this.#length === DEFLATE_CHUNK;
  }

  /** A copy of the bytes that precede the next chunk. */
  window(): Uint8Array {
    const end = this.#before + this.#length;
    return this.bytes.slice(Math.max(0, end - WINDOW), end);
  }

  task(last: boolean): EncodeTask {
    const memory = this.bytes.buffer;
    return { kind: "encode", memory, before: this.#before, length: this.#length, last };
  }
}

interface Encoded {
  readonly slot: Slot;
  /** Bytes of the result, which stands at the start of the slot. */
  readonly size: number;
}

interface Chunk {
  readonly slot: Slot;
  readonly last: boolean;
}

/** Cuts `bytes` into chunks. The last one is known only when nothing comes after it. */
async function* chunksOf(
  bytes: Bytes,
  trailer: Trailer,
  slotFor: () => Slot,
): AsyncGenerator<Chunk> {
  let slot = slotFor();
  slot.begin(new Uint8Array(0));
  for await (const piece of bytes) {
    trailer.add(piece);
    for (let at = 0; at < piece.length; ) {
      if (slot.full) {
        const window = slot.window();
        yield { slot, last: false };
        slot = slotFor();
        slot.begin(window);
      }
      at += slot.add(at === 0 ? piece : piece.subarray(at));
    }
  }
  yield { slot, last: true };
}
