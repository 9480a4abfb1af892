import { IngotError } from "../../base/error.ts";
import { UnchangedFile } from "../../base/fs/unchanged-file.ts";
import { within } from "../../base/subject.ts";
import { StreamInput } from "../../tar/input.ts";
import type { FileNode, Packed } from "./entry.ts";

/** Bytes that are held at once of all archives, so that they are gone over less often; and what each may have of it at least. */
const WINDOW = 64 * 1024 * 1024;
const LEAST = 1024 * 1024;

/** The content of one file, from front to back. */
export interface FileReader {
  /** What comes next, at most `limit` bytes of it; none at the end. Valid until the next call of anything. */
  some(limit: number): Promise<Uint8Array>;
}

/**
 * The contents of those of `nodes` that lie in archives, to be asked for in that order. An archive is gone over as seldom
 * as a bounded window allows: once, where the files are wanted in the order in which they lie in it; else what is
 * wanted soon is held while passing it. Each pass goes to the archive's end, so that whoever opens it can prove it.
 */
export class FileReaders {
  readonly #archives = new Map<Packed, Passes>();
  readonly #window: number;

  constructor(nodes: Iterable<FileNode>, window?: number) {
    for (const { source, size } of nodes) {
      if (source.kind !== "packed" || size === 0) continue;
      let passes = this.#archives.get(source.archive);
      if (passes === undefined) {
        passes = new Passes(source.archive);
        this.#archives.set(source.archive, passes);
      }
      passes.want(source.offset, size);
    }
    this.#window = window ?? Math.max(LEAST, WINDOW / this.#archives.size);
  }

  /** The content of the next file in that archive. @throws size-differs where the archive ends before it does */
  next(archive: Packed): Promise<FileReader> {
    const passes = this.#archives.get(archive);
    if (passes === undefined) throw disorder(archive);
    return passes.next(this.#window);
  }

  /** Afterwards every archive has been read to its end. */
  async finish(): Promise<void> {
    for (const passes of this.#archives.values()) await passes.finish();
  }

  /** Lets go of the archives, wherever they are. */
  async close(): Promise<void> {
    for (const passes of this.#archives.values()) await passes.close();
  }
}

interface Want {
  readonly offset: number;
  readonly size: number;
  /** Where it was passed before its turn came. */
  held?: Uint8Array | undefined;
}

/** What is wanted of one archive. */
class Passes {
  readonly #archive: Packed;
  readonly #wants: Want[] = [];
  #turn = 0;
  /** The wants of one stretch of the order end here; those that were not passed yet, by their offset. */
  #end = 0;
  #ahead: Want[] = [];
  #input: StreamInput | undefined;

  constructor(archive: Packed) {
    this.#archive = archive;
  }

  want(offset: number, size: number): void {
    this.#wants.push({ offset, size });
  }

  async next(window: number): Promise<FileReader> {
    if (this.#turn === this.#end) await this.#plan(window);
    const want = this.#wants[this.#turn++];
    if (want === undefined) throw disorder(this.#archive);
    if (want.held === undefined) await this.#advance(want);
    const { held } = want;
    want.held = undefined;
    return held === undefined ? this.#content(want.size) : new Held(held);
  }

  /** Chooses the next stretch: what fits the window, or one file that does not. Goes back where one of it lies behind. */
  async #plan(window: number): Promise<void> {
    let size = 0;
    for (; this.#end < this.#wants.length; this.#end++) {
      size += this.#wants[this.#end]!.size;
      if (size > window && this.#end > this.#turn) break;
    }
    this.#ahead = this.#wants.slice(this.#turn, this.#end).sort((a, b) => b.offset - a.offset);
    const first = this.#ahead.at(-1);
    if (first === undefined || (this.#input?.position ?? Number.POSITIVE_INFINITY) <= first.offset)
      return;
    await this.finish();
    this.#input = new StreamInput(this.#archive.open(), this.#archive.at);
  }

  /** Afterwards the archive stands where `want` begins, or `want` is held; so is what lies before it. */
  async #advance(want: Want): Promise<void> {
    for (;;) {
      const next = this.#ahead.pop();
      if (next === undefined) throw disorder(this.#archive);
      const input = this.#input!;
      await input.pass(next.offset - input.position);
      const same = this.#ahead.at(-1)?.offset === next.offset;
      if (next === want && !same) return;
      const held = (await input.take(next.size)).slice();
      if (held.length < next.size) throw this.#cut(next.size, held.length);
      next.held = held;
      while (this.#ahead.at(-1)?.offset === next.offset) this.#ahead.pop()!.held = held;
      if (want.held !== undefined) return;
    }
  }

  #content(size: number): FileReader {
    const input = this.#input!;
    let left = size;
    const some = async (limit: number) => {
      const bytes = await input.some(Math.min(limit, left));
      if (bytes.length === 0 && left > 0) throw this.#cut(size, size - left);
      left -= bytes.length;
      return bytes;
    };
    return { some };
  }

  #cut(expected: number, actual: number): IngotError {
    return new IngotError("size-differs", {
      at: within("a file", this.#archive.at),
      expected,
      actual,
    });
  }

  async finish(): Promise<void> {
    await this.#input?.pass(Number.POSITIVE_INFINITY);
    this.#input = undefined;
  }

  async close(): Promise<void> {
    const input = this.#input;
    this.#input = undefined;
    await input?.close();
  }
}

/** Bytes that are in memory. */
class Held implements FileReader {
  #left: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.#left = bytes;
  }

  async some(limit: number): Promise<Uint8Array> {
    const bytes = this.#left.subarray(0, limit);
    this.#left = this.#left.subarray(limit);
    return bytes;
  }
}

const disorder = ({ at }: Packed) =>
  new IngotError("internal", { message: `the files in ${at} were not asked for in their order` });

/**
 * The content of a file, where it has at most `limit` bytes; nobody else has them.
 * @throws too-large; changed for a file of the disk that is no longer as it was seen; io; size-differs
 */
export async function readNode({ source, size }: FileNode, limit: number): Promise<Uint8Array> {
  const at = source.kind === "disk" ? source.path : "it";
  if (size > limit)
    throw new IngotError("too-large", { what: "the file", at, actual: size, limit });
  const bytes = new Uint8Array(size);
  if (source.kind === "bytes") bytes.set(source.bytes);
  else if (source.kind === "disk") {
    const file = new UnchangedFile({ ...source, size });
    try {
      file.read(bytes);
      file.prove();
    } finally {
      file.close();
    }
  } else {
    const input = new StreamInput(source.archive.open(), source.archive.at);
    try {
      await input.pass(source.offset);
      for (let done = 0; done < size; ) {
        const piece = await input.some(size - done);
        if (piece.length === 0)
          throw new IngotError("size-differs", {
            at: source.archive.at,
            expected: source.offset + size,
            actual: input.position,
          });
        bytes.set(piece, done);
        done += piece.length;
      }
    } finally {
      await input.close();
    }
  }
  return bytes;
}
