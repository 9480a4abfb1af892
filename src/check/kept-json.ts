/** The JSON of a stream, kept until the index comes, which is last. */
import { IngotError } from "../base/error.ts";

/** So much of it is kept at most. Bytes. */
export const KEPT_LIMIT = 64 * 1024 * 1024;

/** Small blobs are kept together in pieces of this size: a buffer for each would take twice as much. Bytes. */
const SLAB = 1024 * 1024;
/** What is larger has a buffer of its own: little of a piece is left unused then. */
const LARGE = SLAB / 8;

export class KeptJson {
  readonly #at: string;
  #left = KEPT_LIMIT;
  #scratch = new Uint8Array(LARGE);
  #slab = new Uint8Array(0);

  /** @param at the stream, for messages */
  constructor(at: string) {
    this.#at = at;
  }

  /** Whether so many bytes can still be kept. */
  hasRoom(size: number): boolean {
    return size <= this.#left;
  }

  /** Where to gather `size` bytes that may be kept; what was there before is gone. */
  gather(size: number): Uint8Array {
    if (this.#scratch.length < size) this.#scratch = new Uint8Array(size);
    return this.#scratch.subarray(0, size);
  }

  /** A copy of `bytes` that stays. @throws too-large */
  keep(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    this.#left -= length;
    if (this.#left < 0)
      throw new IngotError("too-large", {
        what: "the JSON in a stream",
        at: this.#at,
        actual: KEPT_LIMIT - this.#left,
        limit: KEPT_LIMIT,
      });
    if (length > LARGE) return bytes.slice();
    if (this.#slab.length < length) this.#slab = new Uint8Array(SLAB);
    const kept = this.#slab.subarray(0, length);
    kept.set(bytes);
    this.#slab = this.#slab.subarray(length);
    return kept;
  }
}
