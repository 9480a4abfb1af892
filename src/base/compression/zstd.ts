/** Zstandard (RFC 8878) by the runtime's decoder, one frame at a time. */
import * as zlib from "node:zlib";
import { type Bytes, concat } from "../bytes.ts";
import { IngotError } from "../error.ts";
import { type Decoder, inflated } from "./zlib-stream.ts";
import { NO_OTHERS, type Windows } from "./zstd-windows.ts";

/** The largest window that the decoders of every runtime take (RFC 8878, 3.1.1.1.2). Bytes. */
export const WINDOW_LIMIT = 128 * 1024 * 1024;
/** A frame's header, as far as it tells the window: magic number, descriptor, window, dictionary, content size. */
const HEADER = 4 + 1 + 1 + 4 + 8;

/** So many first bytes tell the window of the frame that they begin. */
export const ZSTD_HEAD = HEADER;

/** How large a window the frame that begins so needs; undefined where it is cut off. */
export function windowOf(head: Uint8Array): number | undefined {
  const [descriptor] = head.subarray(4);
  if (descriptor === undefined) return undefined;
  if ((descriptor & 0x20) === 0) {
    const [window] = head.subarray(5);
    return window === undefined ? undefined : 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8);
  }
  // A single segment: the window is the content.
  const width = 1 << (descriptor >> 6);
  const field = head.subarray(5 + [0, 1, 2, 4][descriptor & 3]!).subarray(0, width);
  if (field.length < width) return undefined;
  const size = [...field].reduceRight((sum, byte) => sum * 256 + byte, 0);
  return width === 2 ? size + 256 : size;
}

/** Whether `head` begins a frame, or one to be skipped (RFC 8878, 3.1). */
export function isZstd(head: Uint8Array): boolean {
  return head.length >= 4 && (isFrame(word(head)) || isSkippable(word(head)));
}

const word = (bytes: ArrayLike<number>) =>
  (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0;
const isFrame = (magic: number) => magic === 0xfd2fb528;
const isSkippable = (magic: number) => (magic & 0xfffffff0) >>> 0 === 0x184d2a50;

/**
 * What all frames hold. The runtimes' decoders take a cut frame for a whole one, and some stop after the first:
 * where frames end is therefore found here, and each gets a decoder of its own.
 * @param windows who else has windows, and waits for them @throws malformed; unsupported for a window that is too large, and where
 * the runtime has no decoder
 */
export async function* unzstd(bytes: Bytes, at: string, windows: Windows = NO_OTHERS): Bytes {
  const reading = { what: "the zstd stream", at };
  const make = zlib.createZstdDecompress as (() => Decoder) | undefined;
  if (make === undefined)
    throw new IngotError("unsupported", {
      what: "the archive",
      at,
      found: "zstd compression",
      expected: "gzip or none on this runtime",
      hint: "unpack it first: unzstd",
    });
  const frames = new Frames(bytes, at);
  try {
    while (await frames.begin()) {
      const window = frames.checkWindow();
      if (frames.skipped) {
        for await (const _ of frames.rest());
        continue;
      }
      await windows.open(window, at);
      try {
        yield* inflated(frames.rest(), () => make(), reading);
      } finally {
        windows.close(window);
      }
    }
  } finally {
    await frames.close();
  }
}

/** A stream seen as frames, one after the other. */
class Frames {
  readonly #at: string;
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);
  #over = false;
  #walk = new FrameWalk();

  constructor(bytes: Bytes, at: string) {
    this.#at = at;
    this.#pieces = bytes[Symbol.asyncIterator]();
  }

  /** Whether another frame begins. */
  async begin(): Promise<boolean> {
    this.#walk = new FrameWalk();
    // Its kind and its window are known when its first bytes are; they stay part of it.
    if (!(await this.#fill())) return false;
    let head = this.#piece;
    // A piece is copied only where its end cuts them.
    while (head.length < HEADER) {
      head = head.slice();
      this.#piece = new Uint8Array(0);
      if (!(await this.#fill())) break;
      head = concat([head, this.#piece]);
    }
    this.#piece = head;
    if (!isZstd(head)) throw this.#wrong("something follows its end");
    this.skipped = isSkippable(word(head));
    return true;
  }

  /** How large a window the frame needs. @throws unsupported for a larger one than decoders take */
  checkWindow(): number {
    const window = (this.skipped ? undefined : windowOf(this.#piece)) ?? 0;
    if (window <= WINDOW_LIMIT) return window;
    throw new IngotError("unsupported", {
      what: "the zstd stream",
      at: this.#at,
      found: `a zstd window of ${window} bytes`,
      expected: `at most ${WINDOW_LIMIT}`,
      hint: "unpack it first: unzstd --long=31",
    });
  }

  /** Whether this frame holds nothing to decode. */
  skipped = false;

  /** The bytes of this frame. */
  async *rest(): Bytes {
    while (!this.#walk.done) {
      if (!(await this.#fill())) throw this.#wrong("it is cut off");
      const end = this.#walk.over(this.#piece);
      if (end === undefined) throw this.#wrong("a block of it is of no known kind");
      const part = this.#piece.subarray(0, end);
      this.#piece = this.#piece.subarray(end);
      yield part;
    }
  }

  async close(): Promise<void> {
    if (!this.#over) await this.#pieces.return?.();
  }

  async #fill(): Promise<boolean> {
    while (this.#piece.length === 0 && !this.#over) {
      const { value, done } = await this.#pieces.next();
      this.#over = done === true;
      if (!this.#over) this.#piece = value;
    }
    return this.#piece.length > 0;
  }

  #wrong(why: string): IngotError {
    return new IngotError("malformed", {
      what: "the zstd stream",
      at: this.#at,
      why,
      hint: "copy or download it again",
    });
  }
}

/** Finds the end of one frame by the sizes of its blocks, without decoding any (RFC 8878, 3.1.1). */
class FrameWalk {
  done = false;
  #step: "magic" | "descriptor" | "skippable" | "block" | "end" = "magic";
  #field: number[] = [];
  #pass = 0;
  #checksum = 0;

  /** How many bytes of `piece` belong to the frame; undefined for what is none. */
  over(piece: Uint8Array): number | undefined {
    let at = 0;
    while (!this.done) {
      const passed = Math.min(this.#pass, piece.length - at);
      this.#pass -= passed;
      at += passed;
      if (this.#pass === 0 && this.#step === "end") this.done = true;
      else if (at === piece.length) break;
      else if (!this.#take(piece[at++]!)) return undefined;
    }
    return at;
  }

  #take(byte: number): boolean {
    const field = this.#field;
    field.push(byte);
    if (field.length < WIDTH[this.#step]) return true;
    this.#field = [];
    switch (this.#step) {
      case "magic":
        this.#step = isSkippable(word(field)) ? "skippable" : "descriptor";
        return true;
      case "skippable":
        this.#pass = word(field);
        this.#step = "end";
        return true;
      case "descriptor": {
        const single = (byte >> 5) & 1;
        const size = byte >> 6 === 0 ? single : 1 << (byte >> 6);
        this.#pass = 1 - single + [0, 1, 2, 4][byte & 3]! + size;
        this.#checksum = byte & 4;
        this.#step = "block";
        return true;
      }
      default: {
        const header = field[0]! | (field[1]! << 8) | (field[2]! << 16);
        const kind = (header >> 1) & 3;
        this.#pass = kind === 1 ? 1 : header >> 3;
        if (header & 1) {
          this.#pass += this.#checksum;
          this.#step = "end";
        }
        return kind !== 3;
      }
    }
  }
}

/** Bytes of the field that each step reads. */
const WIDTH = { magic: 4, descriptor: 1, skippable: 4, block: 3, end: 0 };
