/** Several files that are one: each begins where the one before it ends. */
import { IngotError } from "../error.ts";
import { type OpenFile, openWrite } from "./file.ts";

/** One of the files, and how many bytes of the whole are in it. */
export interface FileSegment {
  readonly path: string;
  readonly size: number;
}

/** Where bytes belong: from `offset` on in the first of these files, and on in those that follow. Plain data. */
export interface SegmentedRange {
  readonly parts: readonly FileSegment[];
  readonly offset: number;
}

/** Where the stretch of `size` bytes from `position` on is: only the parts that it lies in. */
export function rangeIn(
  parts: readonly FileSegment[],
  position: number,
  size: number,
): SegmentedRange {
  let start = 0;
  let first = 0;
  while (first < parts.length - 1 && start + parts[first]!.size <= position)
    start += parts[first++]!.size;
  let after = first + 1;
  for (let end = start + parts[first]!.size; after < parts.length && end < position + size; after++)
    end += parts[after]!.size;
  return { parts: parts.slice(first, after), offset: position - start };
}

/**
 * Reads and writes files that exist as if they were one. The one that was used last stays open: who goes from front to back opens
 * each once, however many there are. Call `close` at the end.
 */
export class SegmentedFile {
  readonly #parts: readonly FileSegment[];
  #last: OpenFile | undefined;
  /** Where the part that was used last is, and where it begins. */
  #at = 0;
  #start = 0;

  constructor(parts: readonly FileSegment[]) {
    this.#parts = parts;
  }

  /** Writes all of `bytes` at `position`. @throws io */
  write(bytes: Uint8Array, position: number): void {
    this.#each(bytes, position, (file, piece, offset) => {
      file.write(piece, offset);
      return true;
    });
  }

  /** Fills `into` from `position` as far as there are bytes; the number read. @throws io */
  read(into: Uint8Array, position: number): number {
    let done = 0;
    this.#each(into, position, (file, piece, offset) => {
      const got = file.read(piece, offset);
      done += got;
      return got === piece.length;
    });
    return done;
  }

  close(): void {
    const last = this.#last;
    this.#last = undefined;
    last?.close();
  }

  /** Has `act` done for what of `bytes` is in each part, as long as it is true. */
  #each(
    bytes: Uint8Array,
    position: number,
    act: (file: OpenFile, piece: Uint8Array, offset: number) => boolean,
  ): void {
    for (let done = 0; done < bytes.length; ) {
      const { file, offset, left } = this.#find(position + done);
      const piece = bytes.subarray(done, done + left);
      if (!act(file, piece, offset)) return;
      done += piece.length;
    }
  }

  #find(position: number): { file: OpenFile; offset: number; left: number } {
    if (position < this.#start) this.#go(0, 0);
    for (;;) {
      const part = this.#parts[this.#at];
      if (part === undefined)
        throw new IngotError("internal", { message: `byte ${position} is behind the end` });
      const offset = position - this.#start;
      if (offset < part.size) {
        this.#last ??= openWrite(part.path, "existing");
        return { file: this.#last, offset, left: part.size - offset };
      }
      this.#go(this.#at + 1, this.#start + part.size);
    }
  }

  #go(at: number, start: number): void {
    this.close();
    this.#at = at;
    this.#start = start;
  }
}
