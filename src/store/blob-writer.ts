import { sameBytes } from "../base/bytes.ts";
import { discard, lstat, type OpenFile, openRead, openWrite, rename } from "../base/fs/file.ts";
import type { Digest } from "../oci/digest.ts";
import { ExtentReader, OpenFiles } from "./extent-reader.ts";
import { PART } from "./resumable-sessions.ts";

/**
 * A blob that comes, and the file it is to be: until all of it is there, that has PART at the end of its name.
 * `existing` = a file that may be the blob and is not ours to change; `begun` = that file of ours, which is there already,
 * with all of the blob, a part of it, or anything else.
 */
export interface BlobTarget {
  readonly size: number;
  readonly to: string;
  readonly existing: string | undefined;
  readonly begun?: string | undefined;
}

const PIECE = 256 * 1024;
let scratch = new Uint8Array(0);

/**
 * A blob on its way into the store. As long as its bytes are those of the file that is there already, nothing is written;
 * where they first differ (the file is damaged, or ends), or when there is none, they go into a new file, and into one that is
 * ours as it is. That the bytes are the blob's is for the caller to prove. Call `end` or `drop`, whatever happens.
 */
export class BlobWriter {
  readonly #coming: BlobTarget;
  #existing: OpenFile | undefined;
  #begun: OpenFile | undefined;
  #out: OpenFile | undefined;
  /** Where our own file is for now. */
  #path: string;
  #done = 0;
  #mended = false;

  constructor(coming: BlobTarget) {
    this.#coming = coming;
    this.#path = coming.begun ?? coming.to + PART;
    this.#existing = openSame(coming);
    this.#begun = this.#existing === undefined ? openBegun(coming.begun) : undefined;
    if (this.#existing === undefined && this.#begun === undefined) this.#create();
  }

  write(bytes: Uint8Array): void {
    if (this.#out === undefined && !this.#isSame(bytes)) this.#part();
    this.#out?.write(bytes, this.#done);
    this.#done += bytes.length;
  }

  /** Whether all bytes were here. */
  get isDone(): boolean {
    return this.#done === this.#coming.size;
  }

  /**
   * All bytes were here, and are those of `digest`. The file that is the blob now, still to be synced and closed; undefined when the
   * existing one is the same. @throws digest-differs, size-differs where what was there and what was written do not make the blob
   */
  end(digest: Digest): OpenFile | undefined {
    if (this.#begun !== undefined && this.#begun.stat().size !== this.#done) this.#part();
    if (this.#mended) {
      this.#out!.truncate(this.#done);
      this.#readBack(digest);
    }
    const out = this.#begun ?? this.#out;
    if (out !== undefined) this.#move(this.#coming.to);
    this.#begun = undefined;
    this.#out = undefined;
    this.drop();
    return out;
  }

  /** Closes what is open. What was written stays where it is: it is the session's. */
  drop(): void {
    const open = [this.#existing, this.#begun, this.#out];
    this.#existing = undefined;
    this.#begun = undefined;
    this.#out = undefined;
    for (const file of open) file?.close();
  }

  #create(): void {
    this.#path = this.#coming.to + PART;
    this.#out = openWrite(this.#path, "create");
  }

  #move(to: string): void {
    if (this.#path !== to) rename(this.#path, to);
    this.#path = to;
  }

  #isSame(bytes: Uint8Array): boolean {
    if (scratch.length < bytes.length) scratch = new Uint8Array(bytes.length);
    const there = scratch.subarray(0, bytes.length);
    try {
      const file = this.#existing ?? this.#begun!;
      return file.read(there, this.#done) === bytes.length && sameBytes(there, bytes);
    } catch {
      return false;
    }
  }

  /** The file that is there is the same up to here, and no further: one of ours goes on from here, else what it has begins a new one. */
  #part(): void {
    this.#mended = true;
    if (this.#begun !== undefined) {
      this.#move(this.#coming.to + PART);
      this.#out = this.#begun;
      this.#begun = undefined;
      return;
    }
    this.#create();
    const out = this.#out!;
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

  /** A disk that damaged a file once may do so twice: what was there is proven again. @throws digest-differs, size-differs */
  #readBack(digest: Digest): void {
    const files = new OpenFiles();
    try {
      const { size } = this.#coming;
      const written = new ExtentReader({ path: this.#path, offset: 0, size, digest }, files);
      const piece = new Uint8Array(PIECE);
      while (written.read(piece) > 0);
      written.prove();
    } finally {
      files.close();
    }
  }
}

/** The file that is there, where it can be read and has the blob's size. */
function openSame({ existing, size }: BlobTarget): OpenFile | undefined {
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

/**
 * The file that a session before us began. One that is also elsewhere, under another name, is not ours to change: then, and where it
 * cannot be written, it is removed.
 */
function openBegun(begun: string | undefined): OpenFile | undefined {
  if (begun === undefined) return undefined;
  let file: OpenFile | undefined;
  try {
    if (lstat(begun)?.kind === "file") {
      file = openWrite(begun, "existing");
      if (file.stat().links === 1) return file;
    }
  } catch {
    // It is of no use.
  }
  file?.close();
  discard(begun);
  return undefined;
}
