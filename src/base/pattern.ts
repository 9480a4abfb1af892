/**
 * Patterns for paths, as Go's filepath.Match and moby's patternmatcher have them. Matching never goes back: time grows as
 * pattern times text, whatever somebody wrote.
 */

/** Why a pattern cannot be used. */
export class BadPattern extends Error {}

/** One step of a pattern. A character is one code point. */
type Token =
  | { readonly kind: "char"; readonly point: number }
  /** Any character but a slash. */
  | { readonly kind: "one" }
  | { readonly kind: "class"; readonly not: boolean; readonly ranges: readonly Range[] }
  /** Any number of characters but slashes. */
  | { readonly kind: "run" }
  /** Any number of whole folders. */
  | { readonly kind: "folders" }
  | { readonly kind: "rest" };
type Range = readonly [low: number, high: number];

const SLASH = 0x2f;
const LINE_FEED = 0x0a;

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
 * @throws BadPattern
 */
export function partMatcher(pattern: string): (name: string) => boolean {
  if (isPlain(pattern)) return (name) => name === pattern;
  const tokens = tokensOf(pattern, false);
  return (name) => fits(tokens, name);
}

/**
 * A test for a whole path, by the rules of moby's patternmatcher: those above, and `**` any number of folders, at the end
 * everything. A class may fit a slash; what `**` stands for has no line feed in it. Without other wildcards `**x` fits what ends in x, and
 * `x**` what begins with it. `pattern` is clean: no `.` and `..` in it, no "/" at its end.
 * @throws BadPattern
 */
export function pathMatcher(pattern: string): (path: string) => boolean {
  if (pattern === "") throw new BadPattern("it names nothing");
  const [head, tail] = [pattern.slice(0, -2), pattern.slice(2)];
  if (isPlain(pattern)) return (path) => path === pattern;
  if (pattern.startsWith("**") && isPlain(tail))
    return (path) => path.endsWith(tail) || (tail.startsWith("/") && path === tail.slice(1));
  if (pattern.endsWith("**") && isPlain(head)) return (path) => path.startsWith(head);
  const tokens = tokensOf(pattern, true);
  return (path) => fits(tokens, path);
}

/** The steps of `pattern`. `deep`: two stars stand for folders. @throws BadPattern */
function tokensOf(pattern: string, deep: boolean): Token[] {
  const chars = [...pattern];
  const tokens: Token[] = [];
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
function classOf(chars: readonly string[]): Token {
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

/**
 * Whether the whole of `text` fits: all states at once, one character after the other. State 2n is before token n, state 2n + 1
 * within the folders that it stands for.
 */
function fits(tokens: readonly Token[], text: string): boolean {
  let states = new Set<number>();
  enter(tokens, 0, states);
  for (const char of text) {
    if (states.size === 0) return false;
    const point = char.codePointAt(0)!;
    const next = new Set<number>();
    for (const state of states) step(tokens, state, point, next);
    states = next;
  }
  return states.has(2 * tokens.length);
}

/** Adds the state before token `n`, and those that follow where it may stand for nothing. */
function enter(tokens: readonly Token[], n: number, states: Set<number>): void {
  for (let at = n; ; at++) {
    states.add(2 * at);
    const kind = tokens[at]?.kind;
    if (kind !== "run" && kind !== "folders" && kind !== "rest") return;
  }
}

function step(tokens: readonly Token[], state: number, point: number, next: Set<number>): void {
  const n = state >> 1;
  const token = tokens[n];
  switch (token?.kind) {
    case "run":
      if (point !== SLASH) enter(tokens, n, next);
      break;
    case "rest":
      if (point !== LINE_FEED) enter(tokens, n, next);
      break;
    case "folders":
      if (point !== LINE_FEED) next.add(2 * n + 1);
      if (point === SLASH) enter(tokens, n + 1, next);
      break;
    case "char":
      if (point === token.point) enter(tokens, n + 1, next);
      break;
    case "one":
      if (point !== SLASH) enter(tokens, n + 1, next);
      break;
    case "class":
      if (token.ranges.some(([low, high]) => low <= point && point <= high) !== token.not)
        enter(tokens, n + 1, next);
      break;
  }
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
