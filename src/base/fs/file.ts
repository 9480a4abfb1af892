/**
 * The only door to the file system, with its siblings `file-*.ts`. Synchronous where bytes are moved:
 * on Bun that is three to eight times faster than `fs/promises`, and work in parallel is done by threads.
 * Whatever the operating system refuses becomes an `io` IngotError with what was being done and to what.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { guard, IngotError, ioError } from "../error.ts";

/** What is at a path. Bytes; seconds (whole, rounded down). `links` = how many names it has. */
export interface Stat {
  readonly kind: "file" | "directory" | "symlink" | "other";
  readonly size: number;
  readonly mtime: number;
  readonly mode: number;
  readonly links: number;
}

function toStat(stat: fs.Stats): Stat {
  const kind = stat.isFile()
    ? "file"
    : stat.isDirectory()
      ? "directory"
      : stat.isSymbolicLink()
        ? "symlink"
        : "other";
  return {
    kind,
    size: stat.size,
    mtime: Math.floor(stat.mtimeMs / 1000),
    mode: stat.mode & 0o7777,
    links: stat.nlink,
  };
}

/** What `at` is, following links, or undefined where nothing is. */
export function stat(at: string): Stat | undefined {
  return guard("look at", at, () => {
    const found = orNothing(() => fs.statSync(at, { throwIfNoEntry: false }));
    return found && toStat(found);
  });
}

/** What `at` itself is, without following a link, or undefined where nothing is. */
export function lstat(at: string): Stat | undefined {
  return guard("look at", at, () => {
    const found = orNothing(() => fs.lstatSync(at, { throwIfNoEntry: false }));
    return found && toStat(found);
  });
}

/** Below what is no folder there is nothing: some runtimes throw there nevertheless. */
function orNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if ((error as { code?: string }).code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** A file that is open. Close it, whatever happens. */
export class OpenFile {
  readonly at: string;
  readonly fd: number;
  constructor(at: string, fd: number) {
    this.at = at;
    this.fd = fd;
  }

  /** Fills `into` from `position` (or from where the file stands) as far as there are bytes; the number read. */
  read(into: Uint8Array, position: number | null): number {
    let done = 0;
    while (done < into.length) {
      const offset = position === null ? null : position + done;
      const got = guard("read", this.at, () =>
        retry(() => fs.readSync(this.fd, into, done, into.length - done, offset)),
      );
      if (got === 0) break;
      done += got;
    }
    return done;
  }

  /** As `read`, without holding this thread; what the system gives at once, at most. 0 only at the end. */
  readAside(into: Uint8Array, position: number): Promise<number> {
    return new Promise((done, fail) =>
      fs.read(this.fd, into, 0, into.length, position, (error, got) =>
        error ? fail(ioError("read", this.at, error)) : done(got),
      ),
    );
  }

  /** Writes all of `bytes` at `position` (or where the file stands). */
  write(bytes: Uint8Array, position: number | null): void {
    let done = 0;
    while (done < bytes.length) {
      const offset = position === null ? null : position + done;
      done += guard("write", this.at, () =>
        retry(() => fs.writeSync(this.fd, bytes, done, bytes.length - done, offset)),
      );
    }
  }

  stat(): Stat {
    return guard("look at", this.at, () => toStat(fs.fstatSync(this.fd)));
  }

  /** How much of the disk it has: less than its size where it has holes. Bytes. */
  occupied(): number {
    return guard("look at", this.at, () => fs.fstatSync(this.fd).blocks * 512);
  }

  /** Makes the file `size` bytes long. */
  truncate(size: number): void {
    guard("set the size of", this.at, () => fs.ftruncateSync(this.fd, size));
  }

  /** Afterwards these bits of 07777, and no others, say who may do what with the file. */
  permit(mode: number): void {
    guard("set the mode of", this.at, () => fs.fchmodSync(this.fd, mode));
  }

  /** Afterwards what was written is on the disk. */
  sync(): void {
    guard("sync", this.at, () => fs.fsyncSync(this.fd));
  }

  /** As `sync`, without holding this thread. */
  syncAside(): Promise<void> {
    return new Promise((done, fail) =>
      fs.fdatasync(this.fd, (error) => (error ? fail(ioError("sync", this.at, error)) : done())),
    );
  }

  close(): void {
    guard("close", this.at, () => fs.closeSync(this.fd));
  }
}

/** EAGAIN (a pipe that is set to non-blocking by its other owner) and EINTR are no failures: try again. */
function retry<T>(act: () => T): T {
  for (;;) {
    try {
      return act();
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EAGAIN") Atomics.wait(pause, 0, 0, 1);
      else if (code !== "EINTR") throw error;
    }
  }
}
const pause = new Int32Array(new SharedArrayBuffer(4));

/** Opens `at` for reading. */
export function openRead(at: string): OpenFile {
  return guard("open", at, () => new OpenFile(at, fs.openSync(at, "r")));
}

/** Opens `at` for writing; `create` = it must not be there yet. */
export function openWrite(at: string, how: keyof typeof FLAGS): OpenFile {
  return guard(
    how === "create" ? "create" : "open",
    at,
    () => new OpenFile(at, fs.openSync(at, FLAGS[how], 0o666)),
  );
}

/** A pipe is opened for writing alone: as its own reader it would never be told that the other one has left. */
const FLAGS = { create: "wx", existing: "r+", pipe: "w" } as const;

/** The bytes of a whole file of at most `limit` bytes. */
export function readFile(at: string, limit: number): Uint8Array {
  const file = openRead(at);
  try {
    const { kind, size } = file.stat();
    if (kind === "directory")
      throw new IngotError("io", {
        doing: "read",
        at,
        code: "EISDIR",
        message: "it is a directory",
      });
    if (size > limit)
      throw new IngotError("too-large", { what: "the file", at, actual: size, limit });
    return readUpTo(file, size, limit);
  } finally {
    file.close();
  }
}

/** Reads to the end, also what has no size beforehand (a pipe, /proc), but never more than `limit`. */
function readUpTo(file: OpenFile, size: number, limit: number): Uint8Array {
  let bytes = new Uint8Array(size + 1);
  let done = 0;
  for (;;) {
    done += file.read(bytes.subarray(done), null);
    if (done <= limit && done < bytes.length) return bytes.subarray(0, done);
    if (done > limit) throw new IngotError("too-large", { what: "the file", at: file.at, limit });
    const more = new Uint8Array(bytes.length * 2);
    more.set(bytes);
    bytes = more;
  }
}

/** The names in a directory, in no promised order. */
export function readDirectory(at: string): string[] {
  return guard("list", at, () => fs.readdirSync(at));
}

/** Afterwards the directory `at` is there, with its parents. */
export function makeDirectory(at: string): void {
  guard("create the directory", at, () => fs.mkdirSync(at, { recursive: true }));
}

/** Afterwards there is a new directory at `at`, which nobody else may enter. @throws io where something is there already */
export function makePrivate(at: string): void {
  guard("create the directory", at, () => fs.mkdirSync(at, { mode: 0o700 }));
}

/** A new directory that nobody else has, whose name begins with `prefix`. */
export function makeUnique(prefix: string): string {
  makeDirectory(path.dirname(prefix));
  return guard("create a directory", prefix, () => fs.mkdtempSync(prefix));
}

/** Afterwards nothing is at `at`, whatever was there. */
export function remove(at: string): void {
  guard("remove", at, () => fs.rmSync(at, { recursive: true, force: true }));
}

/** As `remove`, for what is of no more use: where that fails it stays, and nobody is told. */
export function discard(at: string): void {
  try {
    remove(at);
  } catch {
    // Whoever sweeps there next tries again.
  }
}

/** Afterwards `to` is what `from` was; readers see the old or the new, never neither. */
export function rename(from: string, to: string): void {
  guard("put in place", to, () => fs.renameSync(from, to));
}

/** Gives the file `from` the second name `to`; false when something already has that name. */
export function link(from: string, to: string): boolean {
  try {
    fs.linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") return false;
    throw ioError("create", to, error);
  }
}

/** Afterwards the names in the directory `at` are on the disk. Where directories cannot be synced, nothing. */
export function syncDirectory(at: string): void {
  try {
    const fd = fs.openSync(at, "r");
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    const code = (error as { code?: string }).code ?? "";
    if (!["EISDIR", "EPERM", "EACCES", "EINVAL", "ENOTSUP"].includes(code))
      throw ioError("sync", at, error);
  }
}

/** Bytes that an unprivileged writer can still put on the disk that holds `at`; undefined when it does not say. */
export function freeSpace(at: string): number | undefined {
  try {
    const { bavail, blocks, bsize } = fs.statfsSync(at);
    // Some network file systems say 0 of 0.
    return blocks === 0 ? undefined : bavail * bsize;
  } catch {
    return undefined;
  }
}

/** `at` with every link resolved. */
export function realPath(at: string): string {
  return guard("resolve", at, () => fs.realpathSync(at));
}
