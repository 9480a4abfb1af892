/** Files that must still be what they were when somebody looked: reading them proves it. */
import * as fs from "node:fs";
import { IngotError, ioError } from "../error.ts";

/**
 * By what a file of the disk is known again: as lstat said it, times in milliseconds with their fraction. Deno has no
 * fraction, and of `ctimeMs` whole seconds only: there an owner or mode that changes within one goes unseen, content does not.
 */
export interface FileSnapshot {
  readonly ino: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

/** A file as somebody saw it. */
export interface SnapshotOptions {
  readonly path: string;
  readonly stamp: FileSnapshot;
  /** Bytes. */
  readonly size: number;
}

/** What `stat` says that a file is known by. */
export const snapshotOf = ({ ino, mtimeMs, ctimeMs }: fs.Stats): FileSnapshot => ({
  ino,
  mtimeMs,
  ctimeMs,
});

/**
 * Never follows a link, and never waits for a writer: in the place of a file there may be anything by now.
 * Where a system has no such flag, it is undefined, and `difference` alone finds out.
 */
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
const FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

/** A file that was seen, being read. Close it, whatever happens. */
export class UnchangedFile {
  readonly #seen: SnapshotOptions;
  readonly #fd: number;
  #done = 0;

  /** @throws changed where the file is gone or replaced; io */
  constructor(seen: SnapshotOptions) {
    this.#seen = seen;
    try {
      this.#fd = fs.openSync(seen.path, FLAGS);
    } catch (error) {
      const { code = "" } = error as { code?: string };
      const why = GONE[code];
      if (why !== undefined) throw new IngotError("changed", { at: seen.path, why });
      throw ioError("open", seen.path, error);
    }
  }

  /** Fills `into` with what stands at `from`; without it, with what comes next. @throws changed where the file has less; io */
  read(into: Uint8Array, from = this.#done): void {
    this.readInto(into, { from, to: 0, end: into.length });
  }

  /** Fills `into` between `to` and `end` with what stands at `from` in the file. @throws changed where the file has less; io */
  readInto(into: Uint8Array, { from, to, end }: { from: number; to: number; end: number }): void {
    this.#done = from;
    for (let at = to; at < end; ) {
      const got = this.#some(into, at, end);
      if (got === 0) {
        this.prove();
        const why = `it ends after ${this.#done} bytes`;
        throw new IngotError("changed", { at: this.#seen.path, why });
      }
      at += got;
      this.#done += got;
    }
  }

  #some(into: Uint8Array, at: number, end: number): number {
    for (;;) {
      try {
        return fs.readSync(this.#fd, into, at, end - at, this.#done);
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === "EINTR") continue;
        // What would have to be waited for or has no places is no file, and a folder has nothing to read.
        if (code === "EAGAIN" || code === "ESPIPE" || code === "EISDIR") return 0;
        throw ioError("read", this.#seen.path, error);
      }
    }
  }

  /** Afterwards it is certain that all that was read is what was seen. @throws changed */
  prove(): void {
    const { path, stamp, size } = this.#seen;
    const why = difference(fs.fstatSync(this.#fd), stamp, size);
    if (why !== undefined) throw new IngotError("changed", { at: path, why });
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}

/** How it happens that a file cannot be opened that was there before. ELOOP: it is a link by now. */
const GONE: Readonly<Record<string, string>> = {
  ENOENT: "it was there, and is gone",
  ENOTDIR: "a directory above it is not a directory any more",
  ELOOP: "it was a file, and is a link",
  ENXIO: "it was a file, and is something else",
};

function difference(stat: fs.Stats, stamp: FileSnapshot, size: number): string | undefined {
  if (stat.ino !== stamp.ino || !stat.isFile()) return "it is another file than before";
  if (stat.size !== size) return `it has ${stat.size} bytes, and had ${size}`;
  if (stat.mtimeMs !== stamp.mtimeMs || stat.ctimeMs !== stamp.ctimeMs)
    return "it was written to, or its owner or mode was changed";
  return undefined;
}
