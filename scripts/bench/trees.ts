/** Folders to build images of: the same every time, but for the programs and texts in them, which are the machine's own. */
import { createCipheriv, createHash } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";

export interface Folder {
  readonly at: string;
  /** Bytes of all files. */
  readonly bytes: number;
  readonly files: number;
  /** What a part of the bytes is made of. */
  readonly made: string;
}

const KIB = 2 ** 10;
const MIB = 2 ** 20;
/** Where machines keep the programs and the texts that go in. */
const PROGRAMS = ["/usr/lib", "/lib", "/usr/bin", "/bin"];
const TEXTS = ["/usr/include", "/usr/share"];
/** Bytes. */
const ENOUGH = 32 * MIB;
const LARGEST = 100 * MIB;

type Kind = "text" | "program" | "noise";

/** About `bytes` in files of 1 KiB to 100 MiB: two fifths programs, and of text and of noise three tenths each. */
export function makeMixed(at: string, bytes: number): Folder {
  const make = new Maker(at);
  for (const [kind, share] of [
    ["program", 0.4],
    ["text", 0.3],
    ["noise", 0.3],
  ] as const) {
    const room = Math.round(bytes * share);
    let left = room;
    // A few large files hold most of the bytes, and many small ones most of the names.
    for (let size = Math.min(LARGEST, room >> 2); left > 0; size = make.between(KIB, room >> 4)) {
      const part = Math.min(left, size);
      make.file(kind, part);
      left -= part;
    }
  }
  return make.done();
}

/** `count` files of 1 to 4 KiB, four fifths text, in folders three deep. */
export function makeMany(at: string, count: number): Folder {
  const make = new Maker(at);
  for (let i = 0; i < count; i++)
    make.file(
      i % 10 === 9 ? "noise" : i % 10 === 8 ? "program" : "text",
      make.evenly(KIB, 4 * KIB),
    );
  return make.done();
}

/** One file of `bytes` of a kind: what a compressor is measured with. */
export function makeOne(at: string, kind: Kind, bytes: number): Folder & { readonly file: string } {
  const make = new Maker(at);
  const file = make.file(kind, bytes);
  return { ...make.done(), file };
}

class Maker {
  readonly #at: string;
  readonly #noise = new Noise("trees");
  readonly #content: Record<Kind, (size: number) => Uint8Array>;
  readonly #folders = new Set<string>();
  readonly #own: readonly [text: Own, program: Own];
  #bytes = 0;
  #files = 0;

  constructor(at: string) {
    this.#at = at;
    const noise = this.#noise;
    const text = new Own(
      TEXTS.flatMap((folder) => filesIn(folder, isText)),
      madeText(noise),
      noise,
    );
    const program = new Own(
      PROGRAMS.flatMap((folder) => filesIn(folder, isElf)),
      madePrograms(noise),
      noise,
    );
    this.#own = [text, program];
    this.#content = {
      text: (size) => text.take(size),
      program: (size) => program.take(size),
      noise: (size) => noise.take(size),
    };
    fs.mkdirSync(at, { recursive: true });
  }

  /** A whole number, each size as likely as its double. */
  between(least: number, most: number): number {
    return Math.round(least * (most / least) ** this.#noise.fraction());
  }

  evenly(least: number, most: number): number {
    return least + Math.floor(this.#noise.fraction() * (most - least + 1));
  }

  /** A hundred files to a folder, ten folders to another. @returns where it is */
  file(kind: Kind, size: number): string {
    const n = this.#files++;
    const folder = `d${Math.floor(n / 10_000)}/e${Math.floor(n / 1000) % 10}/f${Math.floor(n / 100) % 10}`;
    const whole = join(this.#at, folder);
    if (!this.#folders.has(folder)) fs.mkdirSync(whole, { recursive: true });
    this.#folders.add(folder);
    const at = join(whole, `${kind}-${String(n).padStart(6, "0")}`);
    const fd = fs.openSync(at, "wx", 0o644);
    for (let left = size; left > 0; ) {
      const piece = this.#content[kind](Math.min(left, MIB));
      left -= fs.writeSync(fd, piece);
    }
    fs.closeSync(fd);
    this.#bytes += size;
    return at;
  }

  done(): Folder {
    const [text, program] = this.#own.map(({ real }) => (real ? "the machine's" : "made up"));
    const made = `texts: ${text}; programs: ${program}`;
    return { at: this.#at, bytes: this.#bytes, files: this.#files, made };
  }
}

/** Bytes that look like chance and are the same every time. */
class Noise {
  readonly #cipher: { update(zeros: Uint8Array): Uint8Array };
  #some: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;

  constructor(name: string) {
    const key = createHash("sha256").update(name).digest().subarray(0, 16);
    this.#cipher = createCipheriv("aes-128-ctr", key, new Uint8Array(16));
  }

  take(size: number): Uint8Array {
    return this.#cipher.update(new Uint8Array(size));
  }

  /** From 0 to less than 1. */
  fraction(): number {
    if (this.#at === this.#some.byteLength) {
      const { buffer, byteOffset, byteLength } = this.take(4096);
      this.#some = new DataView(buffer, byteOffset, byteLength);
      this.#at = 0;
    }
    this.#at += 4;
    return this.#some.getUint32(this.#at - 4) / 2 ** 32;
  }
}

/** Lines as in sources: of names, few of them often and many seldom, and of phrases that come again. */
function madeText(noise: Noise): () => Uint8Array {
  const one = (list: readonly string[]) => list[Math.floor(noise.fraction() * list.length)]!;
  // The n-th of a list about 1/n as often as the first: Zipf's law.
  const often = (list: readonly string[]) => list[Math.floor(list.length ** noise.fraction()) - 1]!;
  const several = (least: number, most: number, make: () => string) =>
    Array.from({ length: least + Math.floor(noise.fraction() * (most - least + 1)) }, make);
  const syllables = "ab con de er fi gra in ka lo men nu or pre qu re sta ti un ver wi".split(" ");
  const marks = [" ", " ", " ", ".", "(", ") ", ", ", " = ", "_", ": "];
  return () => {
    const names = several(4000, 4000, () => several(1, 4, () => one(syllables)).join(""));
    const phrases = several(20_000, 20_000, () =>
      several(2, 6, () => often(names) + one(marks)).join(""),
    );
    const lines: string[] = [];
    for (let size = 0; size < 8 * MIB; size += lines.at(-1)!.length)
      lines.push(
        `${"  ".repeat(noise.fraction() * 5)}${several(1, 3, () => often(phrases)).join("")}\n`,
      );
    return new TextEncoder().encode(lines.join(""));
  };
}

/** Bytes as of instructions: two to nine at a time, few of them often and many seldom. */
const madePrograms = (noise: Noise) => () => {
  const all = Array.from({ length: 50_000 }, () =>
    noise.take(2 + Math.floor(noise.fraction() * 8)),
  );
  const pool = new Uint8Array(8 * MIB);
  for (let at = 0; at < pool.length - 16; ) {
    const one = all[Math.floor(all.length ** noise.fraction()) - 1]!;
    pool.set(one, at);
    at += one.length;
  }
  return pool;
};

/** Files of the machine, one after the other; where there are none, something made up with as much order in it. */
class Own {
  readonly real: boolean;
  readonly #paths: readonly string[];
  readonly #pool: Uint8Array;
  readonly #noise: Noise;
  #next = 0;
  #current = new Uint8Array(0);

  constructor(paths: readonly string[], make: () => Uint8Array, noise: Noise) {
    this.#paths = paths;
    this.real = paths.reduce((sum, path) => sum + fs.statSync(path).size, 0) > ENOUGH;
    this.#pool = this.real ? new Uint8Array(0) : make();
    this.#noise = noise;
  }

  take(size: number): Uint8Array {
    if (!this.real) return stretches(size, this.#pool, this.#noise);
    const taken = new Uint8Array(size);
    for (let done = 0; done < size; ) {
      if (this.#current.length === 0)
        this.#current = fs.readFileSync(this.#paths[this.#next++ % this.#paths.length]!);
      const piece = this.#current.subarray(0, size - done);
      taken.set(piece, done);
      done += piece.length;
      this.#current = this.#current.subarray(piece.length);
    }
    return taken;
  }
}

/** Some of a pool, in stretches short enough that none comes again nearby. */
function stretches(size: number, pool: Uint8Array, noise: Noise): Uint8Array {
  const taken = new Uint8Array(size);
  for (let done = 0; done < size; ) {
    const length = Math.min(size - done, 1 + Math.floor(noise.fraction() * 8000));
    const from = Math.floor(noise.fraction() * (pool.length - length));
    taken.set(pool.subarray(from, from + length), done);
    done += length;
  }
  return taken;
}

/** Regular files below a folder that may be read and begin as `fits` says, in the order of their names. */
function filesIn(folder: string, fits: (head: Uint8Array) => boolean): string[] {
  let names: fs.Dirent[] = [];
  try {
    names = fs.readdirSync(folder, { withFileTypes: true });
  } catch {
    // It is not there, or not for us.
  }
  const sorted = names.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return sorted.flatMap((entry) => {
    const at = join(folder, entry.name);
    if (entry.isDirectory()) return filesIn(at, fits);
    return entry.isFile() && fits(headOf(at)) ? [at] : [];
  });
}

/** As much as tells what a file is; nothing of one that may not be read. */
function headOf(at: string): Uint8Array {
  const head = new Uint8Array(512);
  let fd: number | undefined;
  try {
    fd = fs.openSync(at, "r");
    return head.subarray(0, fs.readSync(fd, head));
  } catch {
    return head.subarray(0, 0);
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

const isElf = (head: Uint8Array) => head.subarray(0, 4).join() === "127,69,76,70";
/** ASCII without control characters but those of lines. */
const isText = (head: Uint8Array) =>
  head.length > 0 && head.every((byte) => byte < 127 && (byte >= 32 || (byte >= 9 && byte <= 13)));
