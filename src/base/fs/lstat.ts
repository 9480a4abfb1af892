/** Looks at a tree on the disk: names, and what is behind them. Never follows a link, never opens a file. */
import * as fs from "node:fs";
import { guard, ioError } from "../error.ts";
import { type FileSnapshot, snapshotOf } from "./unchanged-file.ts";

/** What is at a path of the disk. */
export interface FileStatus {
  readonly kind: keyof typeof KINDS | "other";
  /** The bits of 07777. */
  readonly mode: number;
  /** Whole seconds, floored: x.999999999 is x, and -0.5 is -1. */
  readonly mtime: number;
  /** Bytes. */
  readonly size: number;
  /** How many names the file has, on the whole disk. */
  readonly links: number;
  /** The number of a device; 0 where it is none. */
  readonly rdev: number;
  readonly stamp: FileSnapshot;
}

/** By the bits that say the kind (inode(7)). */
const KINDS = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  fifo: 0o010000,
  character: 0o020000,
  block: 0o060000,
  socket: 0o140000,
} as const;
const BY_BITS = new Map<number, FileStatus["kind"]>(
  Object.entries(KINDS).map(([kind, bits]) => [bits, kind as FileStatus["kind"]]),
);

/** What runtimes put where the bytes of a name are not UTF-8. */
export const REPLACED = "\ufffd";

/**
 * The names in the folder `at`, in no promised order. In a name that is not UTF-8, U+FFFD stands for what is wrong
 * with it (some runtimes give no bytes, even when asked for them): such a name leads to nothing, or is there twice.
 */
export function directoryNames(at: string): string[] {
  return guard("list", at, () => fs.readdirSync(at));
}

/**
 * What is at `at`, or undefined where nothing is. Where nobody needs the time to be `exact`, one in the last quarter of a microsecond of
 * a second may be the next one: a file of a whole second, as tars and npm make them, is then looked at once and not twice.
 */
export function fileStatus(at: string, exact = true): FileStatus | undefined {
  const stat = lstat(at);
  return (
    stat && {
      kind: BY_BITS.get(stat.mode & 0o170000) ?? "other",
      mode: stat.mode & 0o7777,
      mtime: exact ? seconds(at, stat.mtimeMs) : Math.floor(stat.mtimeMs / 1000),
      size: stat.size,
      links: stat.nlink,
      rdev: stat.rdev,
      stamp: snapshotOf(stat),
    }
  );
}

/**
 * The text of the link at `at`; undefined where it is not UTF-8, or seems so: some runtimes put U+FFFD there, so a link
 * with that character in it is among them.
 */
export function linkTarget(at: string): string | undefined {
  return guard("read the link", at, () => {
    try {
      const target = fs.readlinkSync(at);
      return target.includes(REPLACED) ? undefined : target;
    } catch (error) {
      if ((error as Error).name === "InvalidData") return undefined; // Deno
      throw error;
    }
  });
}

const QUIETLY = { throwIfNoEntry: false } as const;

/** Below what is no folder there is nothing: some runtimes throw there nevertheless. */
function lstat(at: string): fs.Stats | undefined {
  try {
    return fs.lstatSync(at, QUIETLY);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOTDIR") return undefined;
    throw ioError("look at", at, error);
  }
}

/**
 * Milliseconds as a number carry a fraction that was rounded, up to the next whole second for its last fractions:
 * just there the exact time is asked for.
 */
function seconds(at: string, mtimeMs: number): number {
  if (mtimeMs % 1000 !== 0) return Math.floor(mtimeMs / 1000);
  const exact = fs.lstatSync(at, { throwIfNoEntry: false, bigint: true });
  if (exact === undefined) return mtimeMs / 1000;
  const whole = exact.mtimeNs / BILLION;
  return Number(exact.mtimeNs < whole * BILLION ? whole - 1n : whole);
}
const BILLION = 1_000_000_000n;

/** What all names of the file at `at` have in common, and no other file has: numbers beyond 2^53 are exact here. */
export function inodeOf(at: string): string {
  const exact = guard("look at", at, () => fs.lstatSync(at, { bigint: true }));
  return `${exact.dev}:${exact.ino}`;
}
