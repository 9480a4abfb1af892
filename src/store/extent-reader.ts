import { IngotError } from "../base/error.ts";
import { type OpenFile, openRead } from "../base/fs/file.ts";
import { Sha256 } from "../base/hash.ts";
import type { Digest } from "../oci/digest.ts";
import type { FileExtent } from "./content.ts";

/** A blob in a file. */
export type BlobExtent = FileExtent & { readonly digest: Digest };

/** A stretch of a file, read from front to back and hashed as it is read. Of a blob, the digest can be proven at its end. */
export class ExtentReader {
  readonly #extent: FileExtent & { readonly digest?: Digest };
  readonly #file: OpenFile;
  readonly #hash = new Sha256();
  #done = 0;
  #digest: Digest | undefined;

  constructor(extent: FileExtent & { readonly digest?: Digest }, files: OpenFiles) {
    this.#extent = extent;
    this.#file = files.open(extent.path);
  }

  /** Fills `into` as far as there are bytes left; the number read, 0 at the end. @throws size-differs when the file is shorter */
  read(into: Uint8Array): number {
    const { path, offset, size } = this.#extent;
    const wanted = Math.min(into.length, size - this.#done);
    // At the end the digest may have been taken: nothing is hashed after it.
    if (wanted === 0) return 0;
    const got = this.#file.read(into.subarray(0, wanted), offset + this.#done);
    if (got < wanted)
      throw new IngotError("size-differs", {
        at: path,
        expected: offset + size,
        actual: offset + this.#done + got,
      });
    this.#hash.update(into.subarray(0, got));
    this.#done += got;
    return got;
  }

  isDone(): boolean {
    return this.#done === this.#extent.size;
  }

  /** The digest of what was read; no more bytes can be read. */
  get digest(): Digest {
    this.#digest ??= `sha256:${this.#hash.hex()}`;
    return this.#digest;
  }

  /** @throws digest-differs unless the bytes read are the blob's */
  prove(): void {
    const { path, digest: expected } = this.#extent;
    if (expected !== undefined && this.digest !== expected) {
      throw new IngotError("digest-differs", { at: path, expected, actual: this.digest });
    }
  }
}

/** The file that was read last stays open: a run of blobs is often in one file, and never in many. */
export class OpenFiles {
  #last: OpenFile | undefined;

  open(path: string): OpenFile {
    if (this.#last?.at !== path) {
      this.close();
      this.#last = openRead(path);
    }
    return this.#last!;
  }

  close(): void {
    const last = this.#last;
    this.#last = undefined;
    last?.close();
  }
}

/** Runs `act` with files that are closed afterwards. */
export async function withOpenFiles<T>(act: (files: OpenFiles) => T | Promise<T>): Promise<T> {
  const files = new OpenFiles();
  try {
    return await act(files);
  } finally {
    files.close();
  }
}
