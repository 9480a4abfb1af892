/** Blobs of which a part has arrived: what a transfer leaves that broke off, the next one takes up. */
import * as path from "node:path";
import {
  discard,
  makeDirectory,
  type OpenFile,
  openWrite,
  readDirectory,
  rename,
  stat,
} from "../base/fs/file.ts";
import { judgeOwner, processOwner } from "../base/fs/process-id.ts";
import { Sha256 } from "../base/hash.ts";
import { hexOf } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { ExtentReader, withOpenFiles } from "./extent-reader.ts";

/** At the end of the name of a file that nobody is writing. */
const FREE = "free";

let count = 0;

/** A folder of such files, each named for its blob and for who writes it. */
export class PartialDownloads {
  readonly #at: string;

  /** @param at its folder, which may not be there yet */
  constructor(at: string) {
    this.#at = at;
  }

  /** The blob's file, with what of it is there already, nobody else's now. Call `take`, `leave` or `drop`, whatever happens. @throws the reason to stop */
  async open(descriptor: Descriptor, stop?: AbortSignal): Promise<PartialBlob> {
    makeDirectory(this.#at);
    const hex = hexOf(descriptor.digest);
    const name = `${processOwner()}.${++count}`;
    const own = path.join(this.#at, `${hex}.${name}`);
    const free = path.join(this.#at, `${hex}.${FREE}.${name}`);
    const adopted = this.#adopt(descriptor, own);
    if (!adopted)
      return new PartialBlob({ own, free }, openWrite(own, "create"), {
        size: 0,
        hash: new Sha256(),
      });
    const { size, hash } = await hashed(own, descriptor.size, stop);
    const file = openWrite(own, "existing");
    file.truncate(size);
    return new PartialBlob({ own, free }, file, { size, hash });
  }

  /** Afterwards there is none. Only while nobody writes. */
  prune(): void {
    discard(this.#at);
  }

  /** Whether a file that others left for the blob now has the name `own`. Of two who want it, one gets it. */
  #adopt({ digest }: Descriptor, own: string): boolean {
    const start = `${hexOf(digest)}.`;
    return readDirectory(this.#at).some((name) => {
      if (!name.startsWith(start)) return false;
      const holder = name.slice(start.length);
      const isFree =
        holder.startsWith(`${FREE}.`) || judgeOwner(holder.replace(/\.[0-9]+$/, "")) === "gone";
      return isFree && renamed(path.join(this.#at, name), own);
    });
  }
}

/** The file of a blob that is arriving. */
export class PartialBlob {
  readonly path: string;
  /** Whoever else writes into it does so from its beginning, front to back. */
  readonly file: OpenFile;
  /** Its name when nobody writes it. */
  readonly #free: string;
  /** How much of the blob is there. Bytes. */
  readonly size: number;
  /** Over what is there. */
  readonly hash: Sha256;
  #done: number;
  #open = true;

  constructor(
    names: { readonly own: string; readonly free: string },
    file: OpenFile,
    { size, hash }: { readonly size: number; readonly hash: Sha256 },
  ) {
    this.path = names.own;
    this.#free = names.free;
    this.file = file;
    this.size = size;
    this.hash = hash;
    this.#done = size;
  }

  write(bytes: Uint8Array): void {
    this.file.write(bytes, this.#done);
    this.#done += bytes.length;
  }

  /** All of it is there, and proven. Afterwards it is on the disk, and the file at `path` is the caller's. @throws io */
  async take(): Promise<void> {
    await this.file.syncAside();
    this.#close();
  }

  /** Whoever comes next goes on here. Does nothing after `take` or `drop`. */
  leave(): void {
    if (!this.#open) return;
    const isEmpty = this.file.stat().size === 0;
    this.#close();
    if (isEmpty || !renamed(this.path, this.#free)) discard(this.path);
  }

  /** It is of no use. */
  drop(): void {
    if (!this.#open) return;
    this.#close();
    discard(this.path);
  }

  #close(): void {
    this.#open = false;
    this.file.close();
  }
}

function renamed(from: string, to: string): boolean {
  try {
    rename(from, to);
    return true;
  } catch {
    return false;
  }
}

/** How much of a file there is, of `most` bytes, and the hash over it. */
function hashed(
  at: string,
  most: number,
  stop: AbortSignal | undefined,
): Promise<{ size: number; hash: Sha256 }> {
  const size = Math.min(stat(at)?.size ?? 0, most);
  const hash = new Sha256();
  return withOpenFiles(async (files) => {
    const stretch = new ExtentReader({ path: at, offset: 0, size }, files);
    const piece = new Uint8Array(Math.min(1 << 20, size));
    for (let got = stretch.read(piece); got > 0; got = stretch.read(piece)) {
      hash.update(piece.subarray(0, got));
      stop?.throwIfAborted();
      await new Promise((next) => setTimeout(next, 0));
    }
    return { size, hash };
  });
}

/** Whether the blob's file in the store has its bytes. @throws the reason to stop */
export function isWhole(
  at: string,
  { digest, size }: Descriptor,
  stop?: AbortSignal,
): Promise<boolean> {
  return withOpenFiles(async (files) => {
    try {
      if (stat(at)?.size !== size) return false;
      const stretch = new ExtentReader({ path: at, offset: 0, size, digest }, files);
      const piece = new Uint8Array(Math.min(1 << 20, size));
      while (stretch.read(piece) > 0 && !stop?.aborted)
        await new Promise((next) => setTimeout(next, 0));
      stop?.throwIfAborted();
      return stretch.digest === digest;
    } catch {
      stop?.throwIfAborted();
      return false;
    }
  });
}
