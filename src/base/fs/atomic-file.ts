/** A file that appears whole or not at all: written beside its final name, synced, renamed. (Large ones: file-asides.ts.) */
import * as path from "node:path";
import { IngotError } from "../error.ts";
import { onExit } from "./exit-hooks.ts";
import {
  discard,
  freeSpace,
  lstat,
  makePrivate,
  type OpenFile,
  openWrite,
  realPath,
  rename,
  stat,
  syncDirectory,
} from "./file.ts";
import { nameBeside, StaleTempFiles } from "./temp-name.ts";

/**
 * A file under way to `at`; where that is a link, to what it points at. What other processes left half-written for the same name and are
 * certainly gone is removed first, so a killed run costs no disk for longer than to the next.
 * Call `keep` or `drop`, whatever happens; `drop` after `keep` does nothing.
 */
export class AtomicFile {
  readonly at: string;
  readonly file: OpenFile;
  readonly #path: string;
  readonly #release: () => void;
  #open = true;
  #closed = false;

  /** @param size how many bytes are to come, when known: too little free space is found before the first */
  constructor(at: string, size?: number) {
    this.at = target(path.resolve(at));
    const directory = checkPlace(this.at);
    this.#path = nameBeside(this.at);
    // First of all: from then on a signal waits until it can be undone.
    this.#release = onExit(() => discard(this.#path));
    try {
      this.file = openWrite(this.#path, "create");
    } catch (error) {
      this.#release();
      throw error;
    }
    new StaleTempFiles(directory, this.file.stat().mtime).sweep(path.basename(this.at));
    const free = size === undefined ? undefined : freeSpace(directory);
    if (size !== undefined && free !== undefined && free < size) {
      this.drop();
      throw new IngotError("no-space", { at: directory, needed: size, free });
    }
  }

  /** Where the bytes are for now. */
  get path(): string {
    return this.#path;
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

/** The folder of `at`, where a file can be. @throws not-found, io */
export function checkPlace(at: string): string {
  const directory = path.dirname(at);
  checkFolder(directory);
  if (stat(at)?.kind === "directory") {
    throw new IngotError("io", {
      doing: "write the file",
      at,
      code: "EISDIR",
      message: "it is a directory",
    });
  }
  return directory;
}

function checkFolder(directory: string): void {
  const kind = stat(directory)?.kind;
  if (kind === undefined) {
    throw new IngotError("not-found", {
      what: "the folder",
      at: directory,
      hint: `create it first: mkdir -p ${directory}`,
    });
  }
  if (kind !== "directory")
    throw new IngotError("io", {
      doing: "write into",
      at: directory,
      code: "ENOTDIR",
      message: "not a directory",
    });
}

/** What a link at `at` points at, else `at` itself: renaming onto a link would put the file elsewhere than asked. */
export function target(at: string): string {
  if (lstat(at)?.kind !== "symlink") return at;
  if (stat(at) !== undefined) return realPath(at);
  throw new IngotError("not-found", {
    what: "what the link points at",
    at,
    hint: "remove the link, or write to where it should point",
  });
}

/** A folder that is of use for a while. `remove` takes it away, and so does the end of the program. */
export interface AtomicDirectory {
  readonly path: string;
  readonly remove: () => void;
}

/**
 * A new folder beside the file `at`, for what is needed until that one is there. Such folders of runs that were killed are removed first;
 * a file that one of them left is not: see `AtomicFiles`.
 * @throws not-found, io where no file can be at `at`
 */
export function directoryBeside(at: string): AtomicDirectory {
  const whole = target(path.resolve(at));
  return directoryIn(checkPlace(whole), path.basename(whole));
}

/** As `directoryBeside`, for what belongs to no file. @throws not-found where `directory` is not there */
export function directoryIn(directory: string, name: string): AtomicDirectory {
  checkFolder(directory);
  const folder = nameBeside(path.join(directory, name));
  // First of all: from then on a signal waits until it can be undone.
  const release = onExit(() => discard(folder));
  try {
    makePrivate(folder);
  } catch (error) {
    release();
    throw error;
  }
  new StaleTempFiles(directory, stat(folder)!.mtime).sweep(name, "directory");
  const remove = () => {
    discard(folder);
    release();
  };
  return { path: folder, remove };
}

/**
 * Afterwards `at` holds `bytes`, on the disk, whole; readers saw the old or the new.
 * @param mode who may read and write it; default: what the process's umask says
 */
export function writeFileAtomic(at: string, bytes: Uint8Array, mode?: number): void {
  const aside = new AtomicFile(at, bytes.length);
  try {
    if (mode !== undefined) aside.file.permit(mode);
    aside.file.write(bytes, 0);
    aside.keep();
  } finally {
    aside.drop();
  }
}
