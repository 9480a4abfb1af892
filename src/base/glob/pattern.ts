/**
 * Patterns for paths, as Go's filepath.Match and moby's patternmatcher have them. Matching never goes back: time grows as
 * pattern times text, whatever somebody wrote.
 */

import { Matcher, PatternMemory, type PatternToken, type Range } from "./matcher.ts";

/** Why a pattern cannot be used. */
export class BadPattern extends Error {}

/** Whether `text` holds a wildcard that no backslash takes the meaning from. */
export function hasWildcard(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === "*" || text[i] === "?" || text[i] === "[") return true;
  }
  return false;
}

const isPlain = (text: string) => !hasWildcard(text) && !text.includes("\\");

/**
 * A test for one part of a path, by the rules of Go's filepath.Match: `*` any characters, `?` one, `[a-z]` and
 * `[^a-z]` one of a class, a backslash takes the next one as it is. A leading dot is a character like any other.
 * Patterns of one list share a `memory`.
 * @throws BadPattern
 */
export function partMatcher(
  pattern: string,
  memory: PatternMemory = new PatternMemory(),
): (name: string) => boolean {
  if (isPlain(pattern)) return (name) => name === pattern;
  const matcher = new Matcher(tokensOf(pattern, false), memory);
  return (name) => matcher.fits(name);
}

/**
 * A test for a whole path, by the rules of moby's patternmatcher: those above, and `**` any number of folders, at the end
 * everything. A class may fit a slash; what `**` stands for has no line feed in it. Without other wildcards `**x` fits what ends in x, and
 * `x**` what begins with it. `pattern` is clean: no `.` and `..` in it, no "/" at its end.
 * @throws BadPattern
 */
export function pathMatcher(
  pattern: string,
  memory: PatternMemory = new PatternMemory(),
): (path: string) => boolean {
  if (pattern === "") throw new BadPattern("it names nothing");
  const [head, tail] = [pattern.slice(0, -2), pattern.slice(2)];
  if (isPlain(pattern)) return (path) => path === pattern;
  if (pattern.startsWith("**") && isPlain(tail)) {
    const whole = tail.startsWith("/") ? tail.slice(1) : undefined;
    return (path) => path === whole || path.endsWith(tail);
  }
  if (pattern.endsWith("**") && isPlain(head)) return (path) => path.startsWith(head);
  const matcher = new Matcher(tokensOf(pattern, true), memory);
  return (path) => matcher.fits(path);
}

/** The steps of `pattern`. `deep`: two stars stand for folders. @throws BadPattern */
function tokensOf(pattern: string, deep: boolean): PatternToken[] {
  const chars = [...pattern];
  const tokens: PatternToken[] = [];
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!;
    if (char === "*" && deep && chars[i + 1] === "*") {
      i += chars[i + 2] === "/" ? 2 : 1;
      tokens.push({ kind: i === chars.length - 1 ? "rest" : "folders" });
    } else if (char === "*") tokens.push({ kind: "run" });
    else if (char === "?") tokens.push({ kind: "one" });
    else if (char === "[") {
      const end = classEnd(chars, i);
      tokens.push(classOf(chars.slice(i + 1, end)));
      i = end;
    } else {
      const literal = char === "\\" ? chars[++i] : char;
      if (literal === undefined) throw new BadPattern("nothing follows its last \\");
      tokens.push({ kind: "char", point: literal.codePointAt(0)! });
    }
  }
  return tokens;
}

/** Where the class that begins at `start` ends. */
function classEnd(chars: readonly string[], start: number): number {
  let i = start + 1;
  if (chars[i] === "^") i++;
  const first = i;
  for (; i < chars.length && (chars[i] !== "]" || i === first); i++) if (chars[i] === "\\") i++;
  if (i >= chars.length) throw new BadPattern("its [ has no ]");
  return i;
}

/** What stands between the brackets: characters and ranges, "-" and "]" behind a backslash. */
function classOf(chars: readonly string[]): PatternToken {
  const not = chars[0] === "^";
  let i = not ? 1 : 0;
  const one = (): string => {
    let char = chars[i++];
    if (char === "\\") char = chars[i++];
    else if (char === "-" || char === "]")
      throw new BadPattern(`${char} in [ ] needs a \\ before it`);
    if (char === undefined) throw new BadPattern("its [ ] is not complete");
    return char;
  };
  const ranges: Range[] = [];
  while (i < chars.length) {
    const low = one();
    let high = low;
    if (chars[i] === "-") {
      i++;
      high = one();
    }
    const range: Range = [low.codePointAt(0)!, high.codePointAt(0)!];
    if (range[0] > range[1]) throw new BadPattern(`the range ${low}-${high} is backwards`);
    ranges.push(range);
  }
  if (ranges.length === 0) throw new BadPattern("its [ ] is empty");
  return { kind: "class", not, ranges };
}

/** A pattern of a list. */
export interface ListPattern {
  /** Whether what it fits comes back (`!`). */
  readonly negated: boolean;
  readonly fits: (path: string) => boolean;
}

/** What is known of a folder when what is in it is matched: which patterns fit it, or something above it. */
export type Above = readonly boolean[];

/**
 * Whether a list means `path`, and what to say when asking for what is in it; `above` is what was said of its folder. The last
 * pattern that fits a path, or a folder above it, decides. What cannot change the answer is not asked, and then does not count for
 * what is below: as patternmatcher does.
 */
export function matchList(
  patterns: readonly ListPattern[],
  path: string,
  above: Above | undefined,
): { readonly matched: boolean; readonly above: Above } {
  let matched = false;
  const here = patterns.map(({ negated, fits }, i) => {
    const found = above?.[i] || (negated === matched && fits(path));
    if (found) matched = !negated;
    return found;
  });
  return { matched, above: here };
}
