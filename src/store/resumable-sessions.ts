/** What sessions left that were killed or broke off, for the next one that wants the same. */
import * as path from "node:path";
import { discard, lstat, makeDirectory, readDirectory, rename, stat } from "../base/fs/file.ts";
import { judgeOwner } from "../base/fs/process-id.ts";
import { type Digest, hexOf } from "../oci/digest.ts";

/** At the end of the name of a file of which only a part has come. */
export const PART = ".part";

/** A blob, or a part of one. The name says which it was to be, and proves nothing. */
const USEFUL = /^([0-9a-f]{64})(\.part)?$/;

const A_DAY = 24 * 3600;

/** Whether a session's folder has a blob, or a part of one. */
export const hasUseful = (work: string): boolean =>
  readDirectory(work).some((name) => USEFUL.test(name));

/** The name of who made a session's folder. */
export const sessionOwner = (folder: string) => folder.slice(0, Math.max(0, folder.indexOf("-")));

/**
 * The folders of such sessions, each with its owner's name in front. They are kept for a day, `prune` removes them, and so does who
 * lacks the space. Nothing in them is trusted: whoever takes a file compares it with the blob that comes.
 */
export class ResumableSessions {
  readonly #at: string;
  /** Of each blob's digits the files that can be taken, those of which all has come first. */
  #files: Map<string, string[]> | undefined;
  #sizes: Map<number, string[]> | undefined;

  /** @param at their folder, which may not be there yet */
  constructor(at: string) {
    this.#at = at;
  }

  /** Afterwards what a session's folder `work` has of use is here; whether there was any. Whoever still writes there does not find it. */
  add(work: string): boolean {
    try {
      if (!hasUseful(work)) return false;
      makeDirectory(this.#at);
      rename(work, path.join(this.#at, path.basename(work)));
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Afterwards what there was of the blob is in the session's file `to`, or of a part of it beside that; which of them, undefined when
   * there was nothing. Of two who want it, one gets it.
   */
  take(digest: Digest, to: string): string | undefined {
    const hex = hexOf(digest);
    this.#files ??= this.#list();
    const [first, ...others] = this.#files.get(hex) ?? [];
    if (first === undefined) return undefined;
    this.#files.delete(hex);
    for (const file of others) discard(file);
    return moved(first, first.endsWith(PART) ? to + PART : to);
  }

  /** As `take`, of a blob whose digest nobody knows yet: one of `size` bytes that is all there, if any. */
  takeSized(size: number, to: string): string | undefined {
    this.#files ??= this.#list();
    this.#sizes ??= sizesOf(this.#files);
    const hex = this.#sizes.get(size)?.pop();
    return hex === undefined ? undefined : this.take(`sha256:${hex}`, to);
  }

  /** Removes what is older than a day before `now`, what is of no use, and folders that are empty. Seconds, by the file system's clock. */
  sweep(now: number): void {
    for (const folder of this.#folders()) {
      const names = namesIn(folder);
      const useful = names.filter((name) => USEFUL.test(name));
      if (useful.length === 0 || now - (lstat(folder)?.mtime ?? now) > A_DAY) discard(folder);
      else if (useful.length < names.length)
        for (const name of names) if (!USEFUL.test(name)) discard(path.join(folder, name));
    }
  }

  /** Removes folders from which all was taken. */
  tidy(): void {
    if (this.#files === undefined) return;
    for (const folder of this.#folders()) if (isEmpty(folder)) discard(folder);
  }

  /** Afterwards there is nothing. */
  drop(): void {
    this.#files?.clear();
    this.#sizes?.clear();
    discard(this.#at);
  }

  #folders(): string[] {
    if (stat(this.#at) === undefined) return [];
    return readDirectory(this.#at).map((name) => path.join(this.#at, name));
  }

  /** Into a part another thread may be writing to the last: only one whose owner is certainly gone is offered. */
  #list(): Map<string, string[]> {
    const files = new Map<string, string[]>();
    for (const folder of this.#folders()) {
      const isGone = judgeOwner(sessionOwner(path.basename(folder))) === "gone";
      for (const name of namesIn(folder)) {
        const [, hex, part] = USEFUL.exec(name) ?? [];
        if (hex === undefined || (part !== undefined && !isGone)) continue;
        const all = files.get(hex) ?? [];
        if (part === undefined) all.unshift(path.join(folder, name));
        else all.push(path.join(folder, name));
        files.set(hex, all);
      }
    }
    return files;
  }
}

function sizesOf(files: ReadonlyMap<string, readonly string[]>): Map<number, string[]> {
  const sizes = new Map<number, string[]>();
  for (const [hex, [first = ""]] of files) {
    const size = first.endsWith(PART) ? undefined : lstat(first)?.size;
    if (size !== undefined) sizes.set(size, [...(sizes.get(size) ?? []), hex]);
  }
  return sizes;
}

function moved(from: string, to: string): string | undefined {
  try {
    rename(from, to);
    return to;
  } catch {
    return undefined;
  }
}

/** Another process may take the folder away meanwhile. */
function namesIn(folder: string): string[] {
  try {
    return readDirectory(folder);
  } catch {
    return [];
  }
}

function isEmpty(folder: string): boolean {
  try {
    return readDirectory(folder).length === 0;
  } catch {
    return false;
  }
}
