/** What runs leave that were killed while they wrote a file: how it is called, whose it is, and what becomes of it. */
import * as fs from "node:fs";
import * as path from "node:path";
import { discard, lstat, readDirectory, rename } from "./file.ts";
import { judgeOwner, processOwner } from "./process-id.ts";

/** Before the name of who wrote a file that nobody writes any more, and that is to be gone on with. */
const FREE = "free.";
const A_DAY = 24 * 3600;

let count = 0;

/** A new name beside `at`, for what is to be there, that says who writes it. */
export function nameBeside(at: string): string {
  return path.join(path.dirname(at), `${prefix(path.basename(at))}${processOwner()}.${++count}`);
}

/** The name of the file at `beside` when nobody writes it. */
export function freeName(beside: string, at: string): string {
  const start = prefix(path.basename(at));
  return path.join(path.dirname(at), `${start}${FREE}${path.basename(beside).slice(start.length)}`);
}

/** The file's own name, or as much as leaves room for what follows: names have at most 255 bytes. The number of a volume stays. */
function prefix(name: string): string {
  const [number = ""] = /\.[0-9]{3,4}$/.exec(name) ?? [];
  let kept = name.slice(0, name.length - number.length);
  while (Buffer.byteLength(kept + number) > 100) kept = [...kept].slice(0, -1).join("");
  return `.${kept}${number}.partial.`;
}

/** What is in a folder when it is made. */
export class StaleTempFiles {
  readonly #directory: string;
  readonly #now: number;
  #names: string[];

  /** @param now seconds, by the file system's clock */
  constructor(directory: string, now: number) {
    this.#directory = directory;
    this.#now = now;
    this.#names = namesIn(directory);
  }

  /**
   * Whether the file at `own`, which we have made, is now one of `size` bytes that another run left for `at`: one that is certainly
   * gone, or has let go of it. Of two who want it, one gets it. What is in it may be anything.
   */
  take(at: string, own: string, size: number): boolean {
    const start = prefix(path.basename(at));
    for (const name of this.#names) {
      if (!name.startsWith(start) || !isFree(name.slice(start.length))) continue;
      const found = path.join(this.#directory, name);
      if (!isLike(found, own, size) || !moved(found, own)) continue;
      this.#names = this.#names.filter((other) => other !== name);
      return true;
    }
    return false;
  }

  /**
   * Removes what others left half-written for the file `name`, and for volumes of it: those that are certainly gone, and after a day
   * those that nobody can judge. What cannot be removed stays. @param only what is of another kind stays, too
   */
  sweep(name: string, only?: "directory"): void {
    for (const found of this.#names) {
      const holder = holderOf(found, name);
      if (holder === undefined) continue;
      const at = path.join(this.#directory, found);
      if (only !== undefined && lstat(at)?.kind !== only) continue;
      if (isFree(holder)) discard(at);
      else if (judge(holder) === "unknown" && isOlder(at, this.#now - A_DAY)) discard(at);
    }
  }
}

/** Whether the file `found` is one that is written for the file `name`, or for a volume of it. */
export const isTempName = (found: string, name: string): boolean =>
  holderOf(found, name) !== undefined;

/** Who wrote the file `found` for `name`, or for a volume of it; undefined where it is for something else. */
function holderOf(found: string, name: string): string | undefined {
  const own = prefix(name);
  if (found.startsWith(own)) return found.slice(own.length);
  const [, number, holder] = /(\.[0-9]{3,4})\.partial\.(.+)$/.exec(found) ?? [];
  return number !== undefined && found.startsWith(prefix(`${name}${number}`)) ? holder : undefined;
}

const isFree = (holder: string) => holder.startsWith(FREE) || judge(holder) === "gone";
const judge = (holder: string) => judgeOwner(holder.replace(/\.[0-9]+$/, ""));
const isOlder = (at: string, than: number) => (lstat(at)?.mtime ?? than) < than;

/** Whether it is a file of `size` bytes that nobody else's name or rights come with: those of `own` are its own. */
function isLike(at: string, own: string, size: number): boolean {
  try {
    const [found, ours] = [fs.lstatSync(at), fs.lstatSync(own)];
    return (
      found.isFile() &&
      found.size === size &&
      found.nlink === 1 &&
      found.uid === ours.uid &&
      found.gid === ours.gid
    );
  } catch {
    return false;
  }
}

function moved(from: string, to: string): boolean {
  try {
    rename(from, to);
    return true;
  } catch {
    return false;
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
