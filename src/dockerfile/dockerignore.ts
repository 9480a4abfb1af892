import { posix } from "node:path";
import { text } from "../base/bytes.ts";
import { Diagnostics, quoteExcerpt } from "../base/diagnostics.ts";
import { IngotError } from "../base/error.ts";
import { PatternMemory } from "../base/glob/matcher.ts";
import {
  BadPattern,
  type ListPattern,
  matchList,
  partMatcher,
  pathMatcher,
} from "../base/glob/pattern.ts";

/** What of a context is left out. Paths have no slash at either end. */
export interface Ignore {
  /** Whether the path is left out; of a folder: it and all that is below it, so that nobody need look. */
  excluded(path: string, isDirectory: boolean): boolean;
  /** Whether the path itself is left out. A folder of which this is true is there only for what is below it. */
  ignores(path: string): boolean;
}

/** The longest file that is read. Bytes. */
export const IGNORE_LIMIT = 1024 * 1024;

/** Where the patterns for a Dockerfile are, the first that is there: its own (`NAME.dockerignore`, beside it), then the context's. */
export const ignoreFiles = (dockerfile: string): readonly string[] => [
  `${dockerfile}.dockerignore`,
  ".dockerignore",
];

/**
 * What the `.dockerignore` in `bytes` leaves out, by the rules of BuildKit (moby's patternmatcher, walked down from
 * the root): lines in order, the last that matches a path or a folder above it decides; `!` brings back; `#` at
 * the very beginning is a comment; a leading slash means nothing; what begins with `..` matches nothing.
 * The Dockerfile and this file may be named: they are read all the same.
 * @throws source with every pattern that cannot be used, too-large
 */
export function ignoreFor(bytes: Uint8Array, at: string): Ignore {
  if (bytes.length > IGNORE_LIMIT)
    throw new IngotError("too-large", {
      what: "the list of ignored files",
      at,
      actual: bytes.length,
      limit: IGNORE_LIMIT,
    });
  const source = text(bytes);
  if (source === undefined)
    throw new IngotError("malformed", {
      what: "the list of ignored files",
      at,
      why: "it is not UTF-8",
      hint: "save the file as UTF-8",
    });
  const report = new Diagnostics(at, "the list of ignored files");
  const patterns: Pattern[] = [];
  const memory = new PatternMemory();
  for (const [i, line] of source
    .replace(/^\ufeff/, "")
    .split("\n")
    .entries()) {
    const place = { line: i + 1, column: 1 };
    const pattern = readPattern(line.replace(/\r$/, ""));
    if (pattern === undefined) continue;
    try {
      const { text, negated } = pattern;
      patterns.push({ negated, fits: pathMatcher(text, memory), reaches: reachOf(text, memory) });
    } catch (error) {
      if (!(error instanceof BadPattern)) throw error;
      report.error(place, `${quoteExcerpt(line.trim())} cannot be used: ${error.message}`);
    }
  }
  report.refuse();
  return new Walked(patterns);
}

/** A line without what is around it; undefined where it says nothing. */
function readPattern(line: string): { text: string; negated: boolean } | undefined {
  const trimmed = line.trim();
  if (line.startsWith("#") || trimmed === "") return undefined;
  const negated = trimmed.startsWith("!");
  const rest = negated ? trimmed.slice(1).trim() : trimmed;
  if (rest === "") return { text: "", negated };
  const clean = posix.normalize(rest);
  const text = clean.length > 1 ? clean.replace(/^\//, "").replace(/(?<=.)\/$/, "") : clean;
  return { text: negated && text === "/" ? "" : text, negated };
}

interface Pattern extends ListPattern {
  /** Whether it may fit something below the folder. Never no where it does. */
  readonly reaches: (folder: string) => boolean;
}

type Known = ReturnType<typeof matchList>;

/** The most folders that are remembered. */
const REMEMBERED = 1000;

class Walked implements Ignore {
  readonly #patterns: readonly Pattern[];
  readonly #folders = new Map<string, Known>();

  constructor(patterns: readonly Pattern[]) {
    this.#patterns = patterns;
  }

  ignores(path: string): boolean {
    return this.#patterns.length > 0 && this.#judge(path).matched;
  }

  excluded(path: string, isDirectory: boolean): boolean {
    if (!this.ignores(path)) return false;
    return !isDirectory || !this.#patterns.some(({ negated, reaches }) => negated && reaches(path));
  }

  /** Of a folder that is remembered, as BuildKit does. */
  #judge(path: string): Known {
    const slash = path.lastIndexOf("/");
    const above = slash < 0 ? undefined : this.#folder(path.slice(0, slash)).above;
    return matchList(this.#patterns, path, above);
  }

  #folder(path: string): Known {
    let known = this.#folders.get(path);
    if (known === undefined) {
      known = this.#judge(path);
      if (this.#folders.size >= REMEMBERED) this.#folders.clear();
      this.#folders.set(path, known);
    }
    return known;
  }
}

/** Compares name by name, up to a `**`; a class may fit "/", so that it says nothing. */
function reachOf(text: string, memory: PatternMemory): (folder: string) => boolean {
  if (/[[\\]/.test(text)) return () => true;
  const names = text
    .split("/")
    .map((name) => (name.includes("**") ? undefined : partMatcher(name, memory)));
  return (folder) => {
    const parts = folder.split("/");
    for (const [i, part] of parts.entries()) {
      if (i >= names.length) return false;
      const fits = names[i];
      if (fits === undefined) return true;
      if (!fits(part)) return false;
    }
    return names.length > parts.length;
  };
}
