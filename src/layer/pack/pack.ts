import type { Bytes } from "../../base/bytes.ts";
import { END, padding } from "../../tar/header.ts";
import { type FileReader, FileReaders } from "../tree/contents.ts";
import type { Entry, FileNode } from "../tree/entry.ts";
import type { Fingerprint } from "./fingerprint.ts";
import { headerBytes, headerLength } from "./header.ts";
import type { TarPiece } from "./layout.ts";
import { type Readers, readPieces } from "./read-pieces.ts";

export { headerBytes };

export interface PackOptions {
  /** Undefined = this thread reads, a piece at a time when it is asked for. */
  readonly readers?: Readers | undefined;
  /** Is given each piece, in order, when all of it was read. */
  readonly print?: Fingerprint | undefined;
}

/**
 * The tar of `entries`, in their order, which is that of the bytes of their names: for each a header, its content where it has
 * some, zeros to the end of the block; two zero blocks at the end. The bytes follow from the entries and the
 * contents alone. Each source is read once; an archive from which files come, as `FileReaders` says.
 * A piece is valid until the next but one is asked for: then its memory is written anew.
 * @throws changed for a file of the disk that is not what it was when it was listed, or does not stay so; unsupported for
 * what tar cannot say; internal for entries in another order; io, size-differs
 */
export async function* pack(
  entries: readonly Entry[],
  { readers, print }: PackOptions = {},
): Bytes {
  const sources = new Sources(entries);
  try {
    const fill = (piece: TarPiece) => sources.fill(piece);
    for await (const piece of readPieces(entries, { readers, fill })) {
      print?.add(piece);
      yield piece.bytes;
    }
    await sources.finish();
  } finally {
    await sources.close();
  }
}

/** Puts into pieces what comes from archives. */
class Sources {
  readonly #contents: FileReaders;
  #packed: FileReader | undefined;

  constructor(entries: readonly Entry[]) {
    this.#contents = new FileReaders(filesOf(entries));
  }

  /** Pieces must come in their order. */
  async fill({ bytes, parts }: TarPiece): Promise<void> {
    for (const { file, from, to, length } of parts) {
      const { source, size } = file;
      if (source.kind !== "packed" || size === 0) continue;
      if (from === 0) this.#packed = await this.#contents.next(source.archive);
      for (let at = to; at < to + length; ) {
        const some = await this.#packed!.some(to + length - at);
        bytes.set(some, at);
        at += some.length;
      }
    }
  }

  /** Afterwards every archive has been read to its end. */
  finish(): Promise<void> {
    return this.#contents.finish();
  }

  close(): Promise<void> {
    return this.#contents.close();
  }
}

function* filesOf(entries: readonly Entry[]): Generator<FileNode> {
  for (const { node } of entries) if (node?.kind === "file") yield node;
}

/** How many bytes `pack` gives for `entries`: known before any content is read. */
export function packedSize(entries: readonly Entry[]): number {
  let sum = END.length;
  for (const entry of entries) {
    sum += headerLength(entry);
    if (entry.node?.kind === "file") sum += entry.node.size + padding(entry.node.size);
  }
  return sum;
}
