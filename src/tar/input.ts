import type { Bytes } from "../base/bytes.ts";
import { IngotError } from "../base/error.ts";
import type { OpenFile } from "../base/fs/file.ts";

/** Bytes that are read once, from front to back. What `take` and `each` give is valid until the next call. */
export interface Input {
  /** What it is, for messages. */
  readonly at: string;
  /** How many bytes are behind. */
  readonly position: number;
  /** The next `count` bytes; fewer only at the end. */
  take(count: number): Promise<Uint8Array>;
  /** Goes over the next `count` bytes, shown to `each` piece by piece; how many there were. */
  pass(count: number, each?: (bytes: Uint8Array) => void): Promise<number>;
}

const WINDOW = 4096;
const PIECE = 256 * 1024;

/** A file as Input: what nobody looks at is never read. */
export class FileInput implements Input {
  readonly at: string;
  readonly size: number;
  position = 0;
  readonly #file: OpenFile;
  readonly #window = new Uint8Array(WINDOW);
  #windowAt = 0;
  #windowLength = 0;

  constructor(file: OpenFile, at: string) {
    this.at = at;
    this.size = file.stat().size;
    this.#file = file;
  }

  async take(count: number): Promise<Uint8Array> {
    const from = this.position;
    if (count > WINDOW) {
      const bytes = new Uint8Array(count);
      const got = this.#file.read(bytes, from);
      this.position += got;
      return bytes.subarray(0, got);
    }
    if (from < this.#windowAt || from + count > this.#windowAt + this.#windowLength) {
      this.#windowAt = from;
      this.#windowLength = this.#file.read(this.#window, from);
    }
    const start = from - this.#windowAt;
    const bytes = this.#window.subarray(start, Math.min(start + count, this.#windowLength));
    this.position += bytes.length;
    return bytes;
  }

  async pass(count: number, each?: (bytes: Uint8Array) => void): Promise<number> {
    const there = Math.max(0, Math.min(count, this.size - this.position));
    if (each === undefined) {
      this.position += there;
      return there;
    }
    const buffer = new Uint8Array(Math.min(PIECE, there));
    for (let left = there; left > 0; ) {
      const got = this.#file.read(buffer.subarray(0, Math.min(left, buffer.length)), this.position);
      if (got === 0)
        throw new IngotError("size-differs", {
          at: this.at,
          expected: this.size,
          actual: this.position,
        });
      each(buffer.subarray(0, got));
      this.position += got;
      left -= got;
    }
    return there;
  }
}

/** A stream as Input. */
export class StreamInput implements Input {
  readonly at: string;
  position = 0;
  /** Whether the stream has ended, well or not. */
  isOver = false;
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);

  constructor(bytes: Bytes, at: string) {
    this.at = at;
    this.#pieces = bytes[Symbol.asyncIterator]();
  }

  async take(count: number): Promise<Uint8Array> {
    if (this.#piece.length >= count) return this.#advance(count);
    const bytes = new Uint8Array(count);
    let done = 0;
    await this.pass(count, (piece) => {
      bytes.set(piece, done);
      done += piece.length;
    });
    return bytes.subarray(0, done);
  }

  async pass(count: number, each?: (bytes: Uint8Array) => void): Promise<number> {
    let done = 0;
    while (done < count) {
      if (this.#piece.length === 0) {
        if (!(await this.#next())) break;
        continue;
      }
      const piece = this.#advance(Math.min(count - done, this.#piece.length));
      each?.(piece);
      done += piece.length;
    }
    return done;
  }

  /** What comes next, at least one byte and at most `limit`; none only at the end. Nothing is copied. */
  async some(limit: number): Promise<Uint8Array> {
    while (this.#piece.length === 0 && (await this.#next()));
    return this.#advance(Math.min(limit, this.#piece.length));
  }

  async #next(): Promise<boolean> {
    this.isOver = true;
    const { value, done } = await this.#pieces.next();
    if (done === true) return false;
    this.isOver = false;
    this.#piece = value;
    return true;
  }

  #advance(count: number): Uint8Array {
    const piece = this.#piece.subarray(0, count);
    this.#piece = this.#piece.subarray(count);
    this.position += count;
    return piece;
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}
