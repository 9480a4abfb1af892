/** A file that appears whole or not at all: written beside its final name, synced, renamed. */
import * as path from "node:path";
import { Fault } from "./fault.ts";
import {
  discard,
  freeSpace,
  lstat,
  makeDirectory,
  type OpenFile,
  openWrite,
  readDirectory,
  realPath,
  rename,
  stat,
  syncDirectory,
} from "./file.ts";
import { atExit } from "./file-cleanup.ts";
import { judgeOwner, owner } from "./file-owner.ts";

let count = 0;

const A_DAY = 24 * 3600;

/**
 * A file under way to `at`; where that is a link, to what it points at. What other processes left half-written for the same name and are
 * certainly gone is removed first, so a killed run costs no disk for longer than to the next.
 * Call `keep` or `drop`, whatever happens; `drop` after `keep` does nothing.
 */
export class Aside {
  readonly at: string;
  readonly file: OpenFile;
  readonly #path: string;
  readonly #release: () => void;
  #open = true;
  #closed = false;

  /** @param size how many bytes are to come, when known: too little free space is found before the first */
  constructor(at: string, size?: number) {
    this.at = target(path.resolve(at));
    const directory = path.dirname(this.at);
    const kind = stat(directory)?.kind;
    if (kind === undefined) {
      throw new Fault("not-found", {
        what: "the folder",
        at: directory,
        hint: `create it first: mkdir -p ${directory}`,
      });
    }
    if (kind !== "directory")
      throw new Fault("io", {
        doing: "write into",
        at: directory,
        code: "ENOTDIR",
        message: "not a directory",
      });
    if (stat(this.at)?.kind === "directory") {
      throw new Fault("io", {
        doing: "write the file",
        at: this.at,
        code: "EISDIR",
        message: "it is a directory",
      });
    }
    this.#path = path.join(directory, `${prefix(path.basename(this.at))}${owner()}.${++count}`);
    this.file = openWrite(this.#path, "create");
    this.#release = atExit(() => discard(this.#path));
    sweep(directory, path.basename(this.at), this.file.stat().mtime);
    const free = size === undefined ? undefined : freeSpace(directory);
    if (size !== undefined && free !== undefined && free < size) {
      this.drop();
      throw new Fault("no-space", { at: directory, needed: size, free });
    }
  }

  /** Where the bytes are for now. */
  get path(): string {
    return this.#path;
  }

  /**
   * Waits for `done`, and meanwhile has the disk take what was written already, a stretch at a time: what is left
   * to sync at the end is little, and the disk works while the processors do.
   * When the disk refuses, `stop` is called, and that is thrown once `done` has ended.
   */
  async syncWhile(done: Promise<unknown>, stop: () => void): Promise<void> {
    let working = true;
    let refused: unknown;
    const ended = done
      .catch((error: unknown) => {
        refused ??= error;
      })
      .finally(() => {
        working = false;
      });
    while (working) {
      await Promise.race([ended, new Promise((next) => setTimeout(next, 50))]);
      if (!working || refused !== undefined) continue;
      await this.file.syncAside().catch((error: unknown) => {
        refused ??= error;
        stop();
      });
    }
    if (refused !== undefined) throw refused;
  }

  /** Afterwards `at` is this file, on the disk, whole. On a failure nothing of it is left, and `at` is what it was. */
  keep(): void {
    try {
      this.file.sync();
      this.#close();
      rename(this.#path, this.at);
    } catch (error) {
      this.drop();
      throw error;
    }
    this.#open = false;
    this.#release();
    syncDirectory(path.dirname(this.at));
  }

  /** Afterwards nothing of it is left. Never throws: it stands where a failure is on its way already. */
  drop(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.#close();
    } catch {
      // What was written is of no use any more.
    }
    discard(this.#path);
    this.#release();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.file.close();
  }
}

/** What a link at `at` points at, else `at` itself: renaming onto a link would put the file elsewhere than asked. */
function target(at: string): string {
  if (lstat(at)?.kind !== "symlink") return at;
  if (stat(at) !== undefined) return realPath(at);
  throw new Fault("not-found", {
    what: "what the link points at",
    at,
    hint: "remove the link, or write to where it should point",
  });
}

/**
 * A new folder beside `at`, for what is needed until that file is there. `remove` takes it away, and so does the end of the
 * program; where that was killed, whoever writes `at` next.
 */
export function folderBeside(at: string): { readonly path: string; readonly remove: () => void } {
  const directory = path.dirname(path.resolve(at));
  const folder = path.join(directory, `${prefix(path.basename(at))}${owner()}.${++count}`);
  makeDirectory(folder);
  const release = atExit(() => discard(folder));
  const remove = () => {
    discard(folder);
    release();
  };
  return { path: folder, remove };
}

/** The file's own name, or as much as leaves room for what follows: names have at most 255 bytes. */
function prefix(name: string): string {
  let kept = name;
  while (Buffer.byteLength(kept) > 100) kept = [...kept].slice(0, -1).join("");
  return `.${kept}.partial.`;
}

/**
 * Removes what others left half-written for `name`: those that are certainly gone, and after a day those that nobody
 * can judge. What cannot be removed, or listed, stays. @param now seconds, by the file system's clock
 */
function sweep(directory: string, name: string, now: number): void {
  const start = prefix(name);
  for (const found of namesIn(directory)) {
    if (!found.startsWith(start)) continue;
    const at = path.join(directory, found);
    const judged = judgeOwner(found.slice(start.length).replace(/\.[0-9]+$/, ""));
    if (judged === "gone" || (judged === "unknown" && isOlder(at, now - A_DAY))) discard(at);
  }
}

/** A folder may let us write and not list: then others' leftovers are none of our business. */
function namesIn(directory: string): string[] {
  try {
    return readDirectory(directory);
  } catch {
    return [];
  }
}

const isOlder = (at: string, than: number) => (lstat(at)?.mtime ?? than) < than;

/**
 * Afterwards `at` holds `bytes`, on the disk, whole; readers saw the old or the new.
 * @param mode who may read and write it; default: what the process's umask says
 */
export function writeWhole(at: string, bytes: Uint8Array, mode?: number): void {
  const aside = new Aside(at, bytes.length);
  try {
    if (mode !== undefined) aside.file.permit(mode);
    aside.file.write(bytes, 0);
    aside.keep();
  } finally {
    aside.drop();
  }
}
