/** The cases of test/reproducibility/dockerfiles: what they ask for, and their contexts on a disk. */
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "../process/ingot.ts";
import { type MadeMember, madeTar } from "../tar/made-tar.ts";
import type { Merged } from "./merged.ts";

/** What a `case.json` may say. Git keeps no modes but x, no empty folders and no hard links: they are said here. */
export interface Case {
  /** The Dockerfile, below the folder. Default: Dockerfile. */
  readonly file?: string;
  readonly target?: string;
  /** Comma-separated. Default: linux/amd64. */
  readonly platform?: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** More of the context: the texts of files whose names do not belong into a repository. */
  readonly files?: Readonly<Record<string, string>>;
  readonly folders?: readonly string[];
  /** Symbolic links: their texts. */
  readonly links?: Readonly<Record<string, string>>;
  /** Hard links: the file that they are the same as. */
  readonly same?: Readonly<Record<string, string>>;
  /** Archives; the name says whether they are compressed. */
  readonly archives?: Readonly<Record<string, readonly MadeMember[]>>;
  /** Files whose lines end in CR LF. */
  readonly crlf?: readonly string[];
  /** Octal modes; without them 755 of folders and programs, else 644. Set last. */
  readonly modes?: Readonly<Record<string, string>>;
}

/** An `expected.json`: what BuildKit made of a case, or that it refused. */
export interface Expected {
  /** Which one. */
  readonly by: string;
  readonly images?: readonly Merged[];
  readonly refused?: string;
}

const folder = join(root, "test/reproducibility/dockerfiles");
const ours = new Set(["case.json", "expected.json"]);

/** The names of the cases, in order. */
export const caseNames = (): string[] => readdirSync(folder).sort();

export const expectedFile = (name: string): string => join(folder, name, "expected.json");

export function readCase(name: string): Case {
  const path = join(folder, name, "case.json");
  return readdirSync(join(folder, name)).includes("case.json")
    ? (JSON.parse(readFileSync(path, "utf8")) as Case)
    : {};
}

/** Afterwards the context of the case is in the new folder `to`, with every mode as it is said, whatever the umask. */
export function stage(name: string, to: string): Case {
  const said = readCase(name);
  copy(join(folder, name), to, ours);
  const put = (path: string): string => {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    return join(to, path);
  };
  for (const path of said.folders ?? []) mkdirSync(put(path), { recursive: true });
  for (const [path, text] of entries(said.files)) writeFileSync(put(path), text);
  for (const [path, members] of entries(said.archives)) {
    const tar = madeTar(members);
    writeFileSync(put(path), /z$/.test(path) ? gzipSync(tar) : tar);
  }
  for (const path of said.crlf ?? []) {
    const text = readFileSync(join(to, path), "utf8");
    writeFileSync(join(to, path), text.replaceAll("\n", "\r\n"));
  }
  for (const [path, text] of entries(said.links)) symlinkSync(text, put(path));
  for (const [path, first] of entries(said.same)) linkSync(join(to, first), put(path));
  usual(to, { seconds: Date.now() / 1000 });
  for (const [path, mode] of entries(said.modes))
    chmodSync(join(to, path), Number.parseInt(mode, 8));
  return said;
}

const entries = <T>(record: Readonly<Record<string, T>> = {}) => Object.entries(record);

function copy(from: string, to: string, without: ReadonlySet<string> = new Set()): void {
  mkdirSync(to, { recursive: true });
  for (const each of readdirSync(from, { withFileTypes: true })) {
    if (without.has(each.name)) continue;
    const [source, target] = [join(from, each.name), join(to, each.name)];
    if (each.isDirectory()) copy(source, target);
    else if (each.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else copyFileSync(source, target);
  }
}

/**
 * Afterwards modes are the usual ones, and no two files below have the same time, nor the one they had the last time:
 * BuildKit takes a file of the same size and time for the same file, when it compares a layer with what is below, and when
 * it is sent a context again.
 */
function usual(path: string, clock: { seconds: number }): void {
  chmodSync(path, 0o755);
  for (const each of readdirSync(path, { withFileTypes: true })) {
    const below = join(path, each.name);
    if (each.isDirectory()) usual(below, clock);
    if (!each.isFile()) continue;
    chmodSync(below, statSync(below).mode & 0o100 ? 0o755 : 0o644);
    clock.seconds -= 1;
    utimesSync(below, clock.seconds, clock.seconds);
  }
}
