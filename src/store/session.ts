import * as path from "node:path";
import { IngotError, isIngotError } from "../base/error.ts";
import { onExit } from "../base/fs/exit-hooks.ts";
import { discard, freeSpace, lstat, remove, rename, stat, syncDirectory } from "../base/fs/file.ts";
import { countParsed } from "../base/heap.ts";
import { type Digest, hexOf } from "../oci/digest.ts";
import { BLOBS } from "../oci/layout.ts";
import { type BlobTarget, BlobWriter } from "./blob-writer.ts";
import type { Content } from "./content.ts";
import type { LayerCache } from "./layer-cache.ts";
import type { Layout } from "./layout.ts";
import type { PartialDownloads } from "./partial-blobs.ts";
import { hasUseful, type ResumableSessions } from "./resumable-sessions.ts";
import type { NamedDescriptor } from "./store.ts";

/** What goes through the hands for one blob, however short. Bytes. */
const EACH = 512;

/** What a session needs of the store it works for. */
export interface TaggableStore extends Layout {
  readonly layers: LayerCache;
  readonly partials: PartialDownloads;
  readonly leftovers: ResumableSessions;
  tag(images: readonly NamedDescriptor[]): Promise<void>;
}

/**
 * Blobs on their way into a store: nobody sees them before `commit`, and nothing of them stays after `drop`. Of one that is resumable,
 * what was staged waits for the next such session when the program is stopped or killed.
 */
export class Session {
  readonly store: TaggableStore;
  readonly #work: string;
  readonly #resumable: boolean;
  readonly #leftovers: ResumableSessions;
  readonly #release: () => void;
  readonly #staged = new Set<Digest>();
  #files = 0;

  constructor(store: TaggableStore, work: string, { resumable }: { readonly resumable: boolean }) {
    this.store = store;
    this.#work = work;
    this.#resumable = resumable;
    this.#leftovers = store.leftovers;
    this.#release = onExit(() => this.#leave());
  }

  /** The file to write the blob into; call `staged` when all of it is there, checked and synced. */
  fileFor(digest: Digest): string {
    return path.join(this.#work, hexOf(digest));
  }

  /** The file of the blob in the store, whole or not; undefined when there is none. While the session lasts, it stays. */
  existing(digest: Digest): string | undefined {
    return this.store.find(digest) === undefined ? undefined : this.store.blobFile(digest);
  }

  /** The blob where it is now: staged, or else in the store, whole or not. */
  find(digest: Digest): Content | undefined {
    countParsed(EACH);
    if (!this.#staged.has(digest)) return this.store.find(digest);
    const file = this.fileFor(digest);
    return { path: file, offset: 0, size: stat(file)?.size ?? 0 };
  }

  /** How the blob is to come: what the store has of it, or else what a session left that is gone. It is the caller's to compare. */
  coming(digest: Digest, size: number): BlobTarget {
    const [to, existing] = [this.fileFor(digest), this.existing(digest)];
    const begun = this.#resumable ? this.#leftovers.take(digest, to) : undefined;
    if (existing !== undefined && begun !== undefined) discard(begun);
    return { size, to, existing, begun: existing === undefined ? begun : undefined };
  }

  /** The same for a file of the session's own, whose digest is known only at its end: what is left that has its size. */
  comingFile(size: number): BlobTarget {
    const to = this.newFile();
    const begun = this.#resumable ? this.#leftovers.takeSized(size, to) : undefined;
    return { size, to, existing: undefined, begun };
  }

  /** Makes sure that there is room for what is to come; if need be, by removing what other sessions left. @throws no-space */
  checkRoom(coming: Iterable<BlobTarget>): void {
    const { at } = this.store;
    let needed = 0;
    for (const { size, existing, begun } of coming) {
      const there = begun === undefined ? 0 : (stat(begun)?.size ?? 0);
      if (existing === undefined) needed += Math.max(0, size - there);
    }
    const free = () => freeSpace(at) ?? needed;
    if (free() >= needed) return;
    this.#leftovers.drop();
    if (free() < needed) throw new IngotError("no-space", { at, needed, free: free() });
  }

  /** The blob's file is written, checked and on the disk. */
  staged(digest: Digest): void {
    this.#staged.add(digest);
  }

  /** A new file of the session's own, for bytes whose digest is known only at their end; then call `adopt`. */
  newFile(): string {
    return path.join(this.#work, `${++this.#files}.new`);
  }

  /** All of the file is there, and these are its bytes; where it is now. It is not staged yet. */
  identify(file: string, digest: Digest): string {
    const to = this.fileFor(digest);
    rename(file, to);
    return to;
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
    const arrival = new BlobWriter(this.coming(digest, bytes.length));
    try {
      arrival.write(bytes);
      const written = arrival.end(digest);
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
   * Afterwards every blob of `digests` is in the store, what was staged of them on the disk, every image has its name, and the
   * session has ended. @returns how many blobs came in that were not there whole
   * @throws blob-missing for one that is neither staged nor in the store: then nothing has changed
   */
  async commit(digests: ReadonlySet<Digest>, images: readonly NamedDescriptor[]): Promise<number> {
    for (const digest of digests)
      if (this.find(digest) === undefined)
        throw new IngotError("blob-missing", { digest, at: this.store.at });
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
    countParsed(EACH);
    const to = this.store.blobFile(digest);
    if (lstat(to)?.kind === "directory") remove(to);
    rename(this.fileFor(digest), to);
  }

  /** Afterwards nothing is left of what was staged and not committed. Never throws: what stays, the next session removes. */
  drop(): void {
    takeAway(this.#work);
    this.#leftovers.tidy();
    this.#release();
  }

  /**
   * Ends the session after `error`, when nothing writes any more. What was staged waits for the next one where reading the source broke
   * off. It goes where what came is wrong, or the store's disk fails; where that is full, what others left goes with it.
   * @param brokeOff whether what came has ended too early
   */
  fail(error: unknown, brokeOff = false): void {
    if (isFull(error)) this.#leftovers.drop();
    else if (brokeOff || (isIngotError(error, "io") && !this.#isOurs(error.facts.at)))
      this.#leave();
    this.drop();
  }

  /** Whether there is anything of use to the next session, were this one to end now. */
  hasUseful(): boolean {
    return hasUseful(this.#work);
  }

  #isOurs(at: string): boolean {
    return at === this.store.at || at.startsWith(this.store.at + path.sep);
  }

  #leave(): void {
    if (!this.#resumable || !this.#leftovers.add(this.#work)) takeAway(this.#work);
  }
}

const isFull = (error: unknown) =>
  isIngotError(error, "no-space") ||
  (isIngotError(error, "io") && ["ENOSPC", "EDQUOT"].includes(error.facts.code));

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
