/** Where everything of a layer belongs in its tar, piece by piece, before any content is read. */
import { IngotError } from "../../base/error.ts";
import { type FileRange, type ReadRangesTask, readRangesTask } from "../../base/fs/read-ranges.ts";
import { byBytes } from "../../base/order.ts";
import { BLOCK, END, padding } from "../../tar/header.ts";
import type { Entry, FileNode } from "../tree/entry.ts";
import { memberName } from "../tree/path.ts";
import { headerBytes, putBlock } from "./header.ts";

/** Pieces are this large, a little less where the next file would not fit whole, and the last one as it comes. */
const PIECE = 1024 * 1024;
/** Files of at most this size are never cut: one read each. */
const SMALL = 64 * 1024;

/** A part of a file in an archive, and its place in a piece. Bytes. */
export interface ArchiveRange {
  readonly file: FileNode;
  /** Where it begins in the file. */
  readonly from: number;
  readonly length: number;
  /** Where it belongs in the piece. */
  readonly to: number;
}

/** A piece of a layer's tar: its headers, zeros and what is in memory; and what is to be put between them. */
export class TarPiece {
  readonly #memory = new SharedArrayBuffer(PIECE);
  readonly #bytes = new Uint8Array(this.#memory);
  #used = 0;
  #stretches: FileRange[] = [];
  #parts: ArchiveRange[] = [];

  /** All of it that there is so far. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  get room(): number {
    return PIECE - this.#used;
  }

  /** What comes from archives, in order: for the caller to put there. */
  get parts(): readonly ArchiveRange[] {
    return this.#parts;
  }

  /** Reads what comes from the disk. */
  task(): ReadRangesTask {
    return readRangesTask(this.#stretches, this.#memory);
  }

  /** Empties it; its memory stays. */
  clear(): void {
    this.#used = 0;
    this.#stretches = [];
    this.#parts = [];
  }

  /** Whether there is no room for `count` bytes, and would be in an empty one. */
  lacks(count: number): boolean {
    return this.#used > 0 && this.room < count;
  }

  /** Adds what there is room for; @returns how much. */
  add(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.room);
    this.#bytes.set(count === bytes.length ? bytes : bytes.subarray(0, count), this.#used);
    this.#used += count;
    return count;
  }

  /** Adds the header of an entry, for which there must be room, where it is one block; whether it is. */
  addBlock(entry: Entry): boolean {
    const isBlock = putBlock(entry, this.#bytes, this.#used);
    if (isBlock) this.#used += BLOCK;
    return isBlock;
  }

  /** Adds zeros, for which there must be room. */
  addZeros(count: number): void {
    this.#bytes.fill(0, this.#used, this.#used + count);
    this.#used += count;
  }

  /** Gives as much of a file from `from` on its place as there is room for; what is in memory is put there. @returns how much */
  place(file: FileNode, from: number): number {
    const { source, size } = file;
    const length = Math.min(size - from, this.room);
    const to = this.#used;
    this.#used += length;
    if (source.kind === "bytes")
      this.#bytes.set(held(source.bytes, size).subarray(from, from + length), to);
    else if (source.kind === "packed") this.#parts.push({ file, from, length, to });
    else {
      const { path, stamp } = source;
      this.#stretches.push({ file: { path, stamp, size }, from, length, to });
    }
    return length;
  }
}

function held(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length === size) return bytes;
  throw new IngotError("internal", { message: `a file of ${size} bytes has ${bytes.length}` });
}

/**
 * The pieces of the tar of `entries`, in order; each is in `make`'s hands again when the next one is asked for.
 * @throws unsupported for what tar cannot say; internal for entries in another order
 */
export function* layoutTar(entries: readonly Entry[], make: () => TarPiece): Generator<TarPiece> {
  let out = make();
  const inOrder = judgeOrder();
  for (const entry of entries) {
    inOrder(entry);
    const file = entry.node?.kind === "file" ? entry.node : undefined;
    const whole = file !== undefined && file.size <= SMALL ? file.size : 0;
    if (out.lacks(BLOCK + whole)) {
      yield out;
      out = make();
    }
    if (!out.addBlock(entry)) {
      const header = headerBytes(entry);
      for (let at = 0; at < header.length; ) {
        if (out.room === 0) {
          yield out;
          out = make();
        }
        at += out.add(at === 0 ? header : header.subarray(at));
      }
    }
    if (file === undefined) continue;
    if (out.lacks(whole)) {
      yield out;
      out = make();
    }
    for (let from = 0; from === 0 || from < file.size; ) {
      if (out.room === 0 && file.size > 0) {
        yield out;
        out = make();
      }
      from += out.place(file, from);
      if (file.size === 0) break;
    }
    const zeros = padding(file.size);
    if (out.lacks(zeros)) {
      yield out;
      out = make();
    }
    out.addZeros(zeros);
  }
  if (out.lacks(END.length)) {
    yield out;
    out = make();
  }
  out.add(END);
  yield out;
}

/** Says of each entry whether it may follow those before. */
function judgeOrder(): (entry: Entry) => void {
  let before: string | undefined;
  return ({ path, link, node }) => {
    const name = memberName(path, node?.kind === "directory");
    if (before !== undefined && byBytes(before, name) >= 0)
      throw new IngotError("internal", { message: `${name} follows ${before} in a layer` });
    if (link !== undefined && byBytes(link, name) >= 0)
      throw new IngotError("internal", {
        message: `${name} is a link to ${link}, which comes later`,
      });
    before = name;
  };
}
