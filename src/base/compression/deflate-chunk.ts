/** One chunk of `ingot-deflate/1` (docs/deflate.md), encoded in this thread or as a task for others. */
import { WASM } from "./deflate-wasm.ts";

/** Bytes of a chunk; only the last one of a member is shorter. */
export const DEFLATE_CHUNK = 1 << 20;

/** Matches reach back so many bytes, over the border of chunks too. */
export const WINDOW = 32768;

/** What the encoder exports; the bytes of a chunk are put at `input()`, those before it end there. */
interface Encoder {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly input: () => number;
  readonly output: () => number;
  readonly prepare: () => void;
  readonly encode: (before: number, length: number, last: boolean) => number;
}

/** The part of the platform's WebAssembly that is needed here: no types of ours know it. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { readonly exports: unknown };
};

/** Encodes chunk after chunk. What it was used for before has no say in the bytes. */
export class ChunkEncoder {
  readonly #encoder: Encoder;
  /** All memory of the encoder. It never grows. */
  readonly memory: Uint8Array;

  constructor() {
    const module = new WebAssembly.Module(Buffer.from(WASM, "base64"));
    this.#encoder = new WebAssembly.Instance(module).exports as Encoder;
    this.#encoder.prepare();
    this.memory = new Uint8Array(this.#encoder.memory.buffer);
  }

  /**
   * The chunk's deflate data, which ends on a byte's border. `bytes` are up to WINDOW bytes that precede the
   * chunk, `before` of them, and the chunk. The result is good until the next call.
   */
  encode(bytes: Uint8Array, before: number, last: boolean): Uint8Array {
    const length = bytes.length - before;
    if (before < 0 || before > WINDOW || length < 0 || length > DEFLATE_CHUNK) {
      throw new RangeError(
        `encode a chunk: ${length} bytes after ${before}, should be at most ${DEFLATE_CHUNK} after ${WINDOW}`,
      );
    }
    this.memory.set(bytes, this.#encoder.input() - before);
    const size = this.#encoder.encode(before, length, last);
    const at = this.#encoder.output();
    return this.memory.subarray(at, at + size);
  }
}

/** Room for a chunk with what precedes it, and then for what becomes of it. */
export const SLOT = WINDOW + DEFLATE_CHUNK + 4096;

/**
 * Encodes the chunk in `memory`: `before` bytes that precede it, then its `length` bytes. Afterwards the
 * deflate data stands at the start of `memory`.
 */
export interface EncodeTask {
  readonly kind: "encode";
  /** SLOT bytes, which whoever asked leaves alone meanwhile. Shared, so that nothing is copied between threads. */
  readonly memory: SharedArrayBuffer;
  readonly before: number;
  readonly length: number;
  readonly last: boolean;
}

let own: ChunkEncoder | undefined;

/** Does an EncodeTask. @returns how many bytes it became */
export function encodeTask({ memory, before, length, last }: EncodeTask): number {
  own ??= new ChunkEncoder();
  const slot = new Uint8Array(memory);
  const encoded = own.encode(slot.subarray(0, before + length), before, last);
  slot.set(encoded);
  return encoded.length;
}
