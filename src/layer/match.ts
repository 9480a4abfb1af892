/** Patterns for paths, as Go's filepath.Match and Docker's patternmatcher have them. */

/** One step of a pattern. A character is one code point. */
type Token =
  | { readonly kind: "char"; readonly char: string }
  | { readonly kind: "one"; readonly not?: boolean; readonly ranges?: readonly Range[] }
  | { readonly kind: "run" }
  | { readonly kind: "folders" }
  | { readonly kind: "rest" };
type Range = readonly [low: number, high: number];

/** Whether `text` holds a wildcard that no backslash takes the meaning from. */
export function hasWildcard(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === "*" || text[i] === "?" || text[i] === "[") return true;
  }
  return false;
}

/**
 * A test for one part of a path, by the rules of Go's filepath.Match: `*` any characters, `?` one, `[a-z]` and
 * `[^a-z]` one of a class, a backslash takes the next one as it is. A leading dot is a character like any other. Undefined
 * for a pattern that is not well formed.
 */
export function matcher(pattern: string): ((name: string) => boolean) | undefined {
  if (!hasWildcard(pattern) && !pattern.includes("\\")) return (name) => name === pattern;
  const tokens = tokensOf(pattern, false);
  return tokens && ((name) => matches(tokens, name));
}

/** What is known of a folder when what is in it is matched: which patterns fit it, or something above it. */
export type Above = readonly boolean[];

/**
 * A list of patterns as `.dockerignore` and `--exclude` have them (moby/patternmatcher): the last one that fits
 * decides, and one with `!` before it takes back; a pattern fits what is below what it fits; `**` stands for any number of
 * folders, at the end for everything. Beside that they are filepath.Match's, over the whole path.
 */
export class Patterns {
  /** Whether one of them takes back. */
  readonly hasExceptions: boolean;
  readonly #patterns: readonly { readonly except: boolean; readonly test: Test }[];

  private constructor(patterns: readonly { except: boolean; test: Test }[]) {
    this.#patterns = patterns;
    this.hasExceptions = patterns.some(({ except }) => except);
  }

  /** The patterns of `texts`, or the first text that is not well formed. */
  static of(texts: readonly string[]): Patterns | string {
    const patterns: { except: boolean; test: Test }[] = [];
    for (const text of texts) {
      const whole = cleanPattern(text.trim());
      if (whole === "") continue;
      const except = whole.startsWith("!");
      const test = testOf(except ? whole.slice(1) : whole);
      if (test === undefined) return text;
      patterns.push({ except, test });
    }
    return new Patterns(patterns);
  }

  /** Whether `path` is meant, and what to say when asking for what is in it. `above`: what this said of its folder. */
  match(path: string, above: Above | undefined): { matched: boolean; above: Above } {
    let matched = false;
    const here = this.#patterns.map(({ except, test }, i) => {
      // What cannot change the answer is not asked, and then does not count for what is below: as they do.
      const fits = above?.[i] || (except === matched && test(path));
      if (fits) matched = !except;
      return fits;
    });
    return { matched, above: here };
  }
}

type Test = (path: string) => boolean;

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

/** The four ways in which patternmatcher takes a pattern: as it is, by its beginning, by its end, and by its tokens. */
function testOf(pattern: string): Test | undefined {
  if (pattern === "") return undefined;
  const [head, tail] = [pattern.slice(0, -2), pattern.slice(2)];
  const plain = (text: string) => !hasWildcard(text) && !text.includes("\\");
  if (plain(pattern)) return (path) => path === pattern;
  if (pattern.startsWith("**") && plain(tail))
    return (path) => path.endsWith(tail) || (tail.startsWith("/") && path === tail.slice(1));
  if (pattern.endsWith("**") && plain(head)) return (path) => path.startsWith(head);
  const tokens = tokensOf(pattern, true);
  return tokens && ((path) => matches(tokens, path));
}

/** The steps of `pattern`; undefined where it is not well formed. `deep`: two stars stand for folders. */
function tokensOf(pattern: string, deep: boolean): Token[] | undefined {
  const chars = [...pattern];
  const tokens: Token[] = [];
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!;
    if (char === "*" && deep && chars[i + 1] === "*") {
      i += chars[i + 2] === "/" ? 2 : 1;
      tokens.push({ kind: i === chars.length - 1 ? "rest" : "folders" });
    } else if (char === "*") tokens.push({ kind: "run" });
    else if (char === "?") tokens.push({ kind: "one" });
    else if (char === "\\") {
      const next = chars[++i];
      if (next === undefined) return undefined;
      tokens.push({ kind: "char", char: next });
    } else if (char === "[") {
      const found = classAt(chars, i + 1);
      if (found === undefined) return undefined;
      tokens.push(found.token);
      i = found.end;
    } else tokens.push({ kind: "char", char });
  }
  return tokens;
}

/** The class that begins at `i`, behind its bracket: at least one range, each end perhaps behind a backslash. */
function classAt(chars: readonly string[], i: number): { token: Token; end: number } | undefined {
  const not = chars[i] === "^";
  if (not) i++;
  const ranges: Range[] = [];
  const one = (): number | undefined => {
    if (chars[i] === "-" || chars[i] === "]") return undefined;
    if (chars[i] === "\\") i++;
    return chars[i++]?.codePointAt(0);
  };
  for (;;) {
    if (chars[i] === "]" && ranges.length > 0)
      return { token: { kind: "one", not, ranges }, end: i };
    const low = one();
    let high = low;
    if (chars[i] === "-") {
      i++;
      high = one();
    }
    if (low === undefined || high === undefined) return undefined;
    ranges.push([low, high]);
  }
}

/** Whether the whole of `text` fits. What has failed once is not tried again: time grows as tokens times text. */
function matches(tokens: readonly Token[], text: string): boolean {
  const failed = new Set<number>();
  const from = (t: number, i: number): boolean => {
    for (; t < tokens.length; t++) {
      const token = tokens[t]!;
      if (token.kind === "rest") return true;
      if (token.kind === "run" || token.kind === "folders") {
        const state = t * (text.length + 1) + i;
        if (failed.has(state)) return false;
        if (from(t + 1, i) || further(token.kind, t, i)) return true;
        failed.add(state);
        return false;
      }
      const point = text.codePointAt(i);
      if (point === undefined || !fits(token, point)) return false;
      i += point > 0xffff ? 2 : 1;
    }
    return i === text.length;
  };
  /** A run takes one character more; folders go on behind the next slash. */
  const further = (kind: "run" | "folders", t: number, i: number): boolean => {
    if (kind === "run") return i < text.length && text[i] !== "/" && from(t, i + 1);
    const slash = text.indexOf("/", i);
    return slash >= 0 && from(t, slash + 1);
  };
  return from(0, 0);
}

function fits(token: Exclude<Token, { kind: "run" | "folders" | "rest" }>, point: number): boolean {
  if (token.kind === "char") return token.char.codePointAt(0) === point;
  if (point === 0x2f) return false;
  if (token.ranges === undefined) return true;
  return token.ranges.some(([low, high]) => low <= point && point <= high) !== token.not;
}
