/** What the files of a layer contain, as one digest: with the headers alike, two tars are alike when this is. */
import { utf8 } from "../../base/bytes.ts";
import { isIngotError } from "../../base/error.ts";
import { Sha256 } from "../../base/hash.ts";
import type { Entry } from "../tree/entry.ts";
import type { TarPiece } from "./layout.ts";
import { type Readers, readPieces } from "./read-pieces.ts";

/**
 * The SHA-256 of a layer's tar; where files come from archives, of their names, then of the tar without what they contain.
 * So nobody has to read an archive again to know a layer again.
 */
export class Fingerprint {
  readonly #hash = new Sha256();
  readonly #isKnown: boolean;
  /** Whether nothing comes from archives: then it is the digest of the tar. */
  readonly isTar: boolean;

  constructor(entries: readonly Entry[]) {
    const names: string[] = [];
    let isKnown = true;
    for (let i = 0; i < entries.length; i++) {
      const { node } = entries[i]!;
      if (node?.kind !== "file" || node.source.kind !== "packed") continue;
      const { archive, offset } = node.source;
      isKnown &&= archive.id !== undefined;
      names.push(`${i} ${archive.id} ${offset}\n`);
    }
    this.#isKnown = isKnown;
    this.isTar = names.length === 0;
    if (!this.isTar) this.#hash.update(utf8(`${names.join("")}\n`));
  }

  /** The piece has been read, but perhaps not what comes from archives. In order. */
  add({ bytes, parts }: TarPiece): void {
    let at = 0;
    for (const { to, length } of parts) {
      this.#hash.update(bytes.subarray(at, to));
      at = to + length;
    }
    this.#hash.update(bytes.subarray(at));
  }

  /** Undefined where an archive has no name by which it is known again. Nothing can be added any more. */
  hex(): string | undefined {
    return this.#isKnown ? this.#hash.hex() : undefined;
  }
}

/**
 * The fingerprint of a layer, by reading its files again; undefined also when one cannot be read as it was listed: whoever
 * makes the layer will say why. `onPiece` is told how many bytes of the tar were passed.
 */
export async function fingerprintOf(
  entries: readonly Entry[],
  readers: Readers | undefined,
  onPiece: (bytes: number) => void,
): Promise<string | undefined> {
  const print = new Fingerprint(entries);
  try {
    for await (const piece of readPieces(entries, { readers })) {
      print.add(piece);
      onPiece(piece.bytes.length);
    }
  } catch (error) {
    if (isIngotError(error, "changed") || isIngotError(error, "io")) return undefined;
    throw error;
  }
  return print.hex();
}
