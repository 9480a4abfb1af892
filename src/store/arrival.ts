import { sameBytes } from "../base/bytes.ts";
import { type OpenFile, openRead, openWrite } from "../base/file.ts";
import type { Digest } from "../oci/digest.ts";
import { Files, Stretch } from "./stretch.ts";

/** A blob that comes, where it is to be written, and the file that may be it already. */
export interface Coming {
  readonly digest: Digest;
  readonly size: number;
  readonly to: string;
  readonly existing: string | undefined;
}

const PIECE = 256 * 1024;
let scratch = new Uint8Array(0);

/**
 * A blob on its way into the store. As long as its bytes are those of the file that is there already, nothing is written;
 * where they first differ (the file is damaged), or when there is none, they go into a new file.
 * That the bytes are the blob's is for the caller to prove. Call `end` or `drop`, whatever happens.
 */
export class Arrival {
  readonly #coming: Coming;
  #existing: OpenFile | undefined;
  #out: OpenFile | undefined;
  #done = 0;
  #mended = false;

  constructor(coming: Coming) {
    this.#coming = coming;
    this.#existing = openSame(coming);
    if (this.#existing === undefined) this.#out = openWrite(coming.to, "create");
  }

  write(bytes: Uint8Array): void {
    if (this.#out === undefined && !this.#isSame(bytes)) this.#part();
    this.#out?.write(bytes, this.#done);
    this.#done += bytes.length;
  }

  /** All bytes were here. The file that was written, still to be synced and closed; undefined when the one there is the same. */
  end(): OpenFile | undefined {
    if (this.#mended) this.#readBack();
    const out = this.#out;
    this.#out = undefined;
    this.drop();
    return out;
  }

  /** Closes what is open. What was written stays where it is: it is the session's. */
  drop(): void {
    const open = [this.#existing, this.#out];
    this.#existing = undefined;
    this.#out = undefined;
    for (const file of open) file?.close();
  }

  #isSame(bytes: Uint8Array): boolean {
    if (scratch.length < bytes.length) scratch = new Uint8Array(bytes.length);
    const there = scratch.subarray(0, bytes.length);
    try {
      return this.#existing!.read(there, this.#done) === bytes.length && sameBytes(there, bytes);
    } catch {
      return false;
    }
  }

  /** The file that is there is the same up to here, and no further: what it has of the blob begins the new one. */
  #part(): void {
    const out = openWrite(this.#coming.to, "create");
    this.#out = out;
    this.#mended = true;
    const piece = new Uint8Array(Math.min(PIECE, this.#done));
    for (let at = 0; at < this.#done; ) {
      const got = this.#existing!.read(
        piece.subarray(0, Math.min(piece.length, this.#done - at)),
        at,
      );
      if (got === 0) break;
      out.write(piece.subarray(0, got), at);
      at += got;
    }
  }

  /** A disk that damaged a file once may do so twice: what came from there is proven again. @throws digest-differs, size-differs */
  #readBack(): void {
    const { digest, size, to } = this.#coming;
    const files = new Files();
    try {
      const written = new Stretch({ path: to, offset: 0, size, digest }, files);
      const piece = new Uint8Array(PIECE);
      while (written.read(piece) > 0);
      written.prove();
    } finally {
      files.close();
    }
  }
}

/** The file that is there, where it can be read and has the blob's size. */
function openSame({ existing, size }: Coming): OpenFile | undefined {
  if (existing === undefined) return undefined;
  let file: OpenFile | undefined;
  try {
    file = openRead(existing);
    if (file.stat().size === size) return file;
  } catch {
    // It is replaced.
  }
  file?.close();
  return undefined;
}
