import * as path from "node:path";
import { discard, lstat, remove, rename, syncDirectory } from "../base/file.ts";
import { atExit } from "../base/file-cleanup.ts";
import { type Digest, hexOf } from "../oci/digest.ts";
import { BLOBS } from "../oci/layout.ts";
import { Arrival } from "./arrival.ts";
import type { LayerCache } from "./layer-cache.ts";
import type { Layout } from "./layout.ts";
import type { Partials } from "./partial.ts";
import type { Named } from "./store.ts";

/** What a session needs of the store it works for. */
export interface Taggable extends Layout {
  readonly layers: LayerCache;
  readonly partials: Partials;
  tag(images: readonly Named[]): Promise<void>;
}

/** Blobs on their way into a store: nobody sees them before `commit`, and nothing of them stays after `drop`. */
export class Session {
  readonly store: Taggable;
  readonly #work: string;
  readonly #release: () => void;
  readonly #staged = new Set<Digest>();
  #files = 0;

  constructor(store: Taggable, work: string) {
    this.store = store;
    this.#work = work;
    this.#release = atExit(() => takeAway(work));
  }

  /** The file to write the blob into; call `staged` when all of it is there, checked and synced. */
  fileFor(digest: Digest): string {
    return path.join(this.#work, hexOf(digest));
  }

  /** The file of the blob in the store, whole or not; undefined when there is none. While the session lasts, it stays. */
  existing(digest: Digest): string | undefined {
    return this.store.find(digest) === undefined ? undefined : this.store.blobFile(digest);
  }

  /** The blob's file is written, checked and on the disk. */
  staged(digest: Digest): void {
    this.#staged.add(digest);
  }

  /** A new file of the session's own, for bytes whose digest is known only at their end; then call `adopt`. */
  newFile(): string {
    return path.join(this.#work, `${++this.#files}.new`);
  }

  /** The file is written, checked and on the disk; afterwards it is staged as the blob. */
  adopt(file: string, digest: Digest): void {
    rename(file, this.fileFor(digest));
    this.staged(digest);
  }

  /**
   * The file is written, checked and on the disk; afterwards it is the blob in the store, whatever becomes of the session.
   * Nothing names it yet: while the session lasts it stays, and then until `prune`.
   */
  land(file: string, digest: Digest): void {
    rename(file, this.fileFor(digest));
    this.#place(digest);
  }

  /** Stages a blob that was made here, unless the store has it whole. Safe to call again. */
  put(digest: Digest, bytes: Uint8Array): void {
    if (this.#staged.has(digest)) return;
    const arrival = new Arrival({
      digest,
      size: bytes.length,
      to: this.fileFor(digest),
      existing: this.existing(digest),
    });
    try {
      arrival.write(bytes);
      const written = arrival.end();
      if (written === undefined) return;
      try {
        written.sync();
      } finally {
        written.close();
      }
      this.staged(digest);
    } finally {
      arrival.drop();
    }
  }

  /**
   * Afterwards every staged blob of `digests` is in the store, on the disk, every image has its name, and the session
   * has ended. @returns how many blobs came in that were not there whole
   */
  async commit(digests: ReadonlySet<Digest>, images: readonly Named[]): Promise<number> {
    const coming = [...this.#staged].filter((digest) => digests.has(digest));
    for (const digest of coming) this.#place(digest);
    const blobs = path.join(this.store.at, BLOBS);
    syncDirectory(blobs);
    syncDirectory(path.dirname(blobs));
    await this.store.tag(images);
    this.drop();
    return coming.length;
  }

  #place(digest: Digest): void {
    const to = this.store.blobFile(digest);
    if (lstat(to)?.kind === "directory") remove(to);
    rename(this.fileFor(digest), to);
  }

  /** Afterwards nothing is left of what was staged and not committed. Never throws: what stays, the next session removes. */
  drop(): void {
    takeAway(this.#work);
    this.#release();
  }
}

/** Removes the folder, also while threads put files into it: under another name they do not find it any more. */
function takeAway(work: string): void {
  const gone = `${work}.gone`;
  try {
    rename(work, gone);
  } catch {
    // It is gone already, or cannot be renamed: then it goes as it is.
  }
  discard(gone);
  discard(work);
}
