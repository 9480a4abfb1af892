/** Lists of patterns, as `--exclude` and `--parents` have them. */

import { PatternMemory } from "../../base/glob/matcher.ts";
import { type Above, type ListPattern, matchList, pathMatcher } from "../../base/glob/pattern.ts";

/** A list of patterns, as moby's patternmatcher reads it: the last one that fits decides, one with `!` before it takes back. */
export class Patterns {
  /** Whether one of them takes back. */
  readonly hasExceptions: boolean;
  readonly #patterns: readonly ListPattern[];

  constructor(patterns: readonly ListPattern[]) {
    this.#patterns = patterns;
    this.hasExceptions = patterns.some(({ negated }) => negated);
  }

  /** Whether `path` is meant, and what to say when asking for what is in it. `above`: what this said of its folder. */
  match(path: string, above: Above | undefined): { matched: boolean; above: Above } {
    return matchList(this.#patterns, path, above);
  }
}

/** The pattern that `text` is; undefined for one that says nothing. Those of one list share a `memory`. @throws BadPattern */
export function listPattern(text: string, memory = new PatternMemory()): ListPattern | undefined {
  const whole = cleanPattern(text.trim());
  if (whole === "") return undefined;
  const negated = whole.startsWith("!");
  return { negated, fits: pathMatcher(negated ? whole.slice(1) : whole, memory) };
}

/** Slashes and dots as Go's filepath.Clean leaves them; "" for nothing. */
function cleanPattern(text: string): string {
  if (text === "") return "";
  const parts: string[] = [];
  for (const part of text.split("/")) {
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return (text.startsWith("/") ? "/" : "") + parts.join("/") || ".";
}
