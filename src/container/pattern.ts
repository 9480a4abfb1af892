/** Patterns of `.dockerignore`, as moby's patternmatcher reads them. */

/** A pattern that was understood. */
export interface Pattern {
  /** Whether what it matches comes back (`!`). */
  readonly negated: boolean;
  /** Whether it matches the path itself: not what is below it. */
  readonly matches: (path: string) => boolean;
  /** Whether it may match something below the folder. Never no where it does. */
  readonly reaches: (folder: string) => boolean;
}

/** Why a pattern cannot be used. */
export class BadPattern extends Error {}

/**
 * `*` and `?` match within one name, `**` any number of names (also none), `[a-z]` and `[^a-z]` a character, `\`
 * takes the meaning of the next away. `text` is clean: no "/" at its ends, no `.` and `..` in it.
 * @throws BadPattern
 */
export function compilePattern(text: string, negated: boolean): Pattern {
  const expression = expressionOf(text);
  return { negated, matches: (path) => expression.test(path), reaches: reachOf(text) };
}

/** In regular expressions "." is any character but line ends of four kinds; here it is any but one. */
const ANY = "[^\\n]*";
const ONE = "[^/]";

function expressionOf(text: string): RegExp {
  const chars = [...text];
  let source = "";
  let isPlain = true;
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!;
    if (char === "*" && chars[i + 1] === "*") {
      const first = i === 0;
      i++;
      if (chars[i + 1] === "/") i++;
      if (i + 1 === chars.length) source += ANY;
      else if (!first) source += `(${ANY}/)?`;
    } else if (char === "*") {
      source += `${ONE}*`;
      isPlain = false;
    } else if (char === "?") {
      source += ONE;
      isPlain = false;
    } else if (char === "[") {
      const end = classEnd(chars, i);
      source += classOf(chars.slice(i + 1, end));
      isPlain = false;
      i = end;
    } else if (char === "\\") {
      const next = chars[++i];
      if (next === undefined) throw new BadPattern("nothing follows its last \\");
      source += literal(next);
      isPlain = false;
    } else {
      source += literal(char);
    }
  }
  return new RegExp(`^${leading(text, isPlain)}${source}$`, "u");
}

/**
 * What stands for a leading `**`. moby takes `**x` without other wildcards for "ends in x": `**.md` is any file that
 * ends so; with other wildcards it matches whole names only. After `**` and "/" it is whole names in both.
 */
function leading(text: string, isPlain: boolean): string {
  if (!text.startsWith("**") || text === "**") return "";
  if (text[2] === "/") return text.length === 3 ? "" : `(${ANY}/)?`;
  return isPlain && !text.slice(2).includes("**") ? "[^\\n]*" : `(${ANY}/)?`;
}

const literal = (char: string) => (/[\^$\\.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char);

/** Where the class that begins at `start` ends. */
function classEnd(chars: readonly string[], start: number): number {
  let i = start + 1;
  if (chars[i] === "^") i++;
  const first = i;
  for (; i < chars.length && (chars[i] !== "]" || i === first); i++) if (chars[i] === "\\") i++;
  if (i >= chars.length) throw new BadPattern("its [ has no ]");
  return i;
}

/** A class by the rules of Go's filepath.Match: characters and ranges, "-" and "]" escaped. */
function classOf(chars: readonly string[]): string {
  const negated = chars[0] === "^";
  let i = negated ? 1 : 0;
  const one = (): string => {
    let char = chars[i++];
    if (char === "\\") char = chars[i++];
    else if (char === "-" || char === "]")
      throw new BadPattern(`${char} in [ ] needs a \\ before it`);
    if (char === undefined) throw new BadPattern("its [ ] is not complete");
    return char;
  };
  const parts: string[] = [];
  while (i < chars.length) {
    const low = one();
    let high = low;
    if (chars[i] === "-") {
      i++;
      high = one();
    }
    if (low.codePointAt(0)! > high.codePointAt(0)!)
      throw new BadPattern(`the range ${low}-${high} is backwards`);
    parts.push(`${inClass(low)}-${inClass(high)}`);
  }
  if (parts.length === 0) throw new BadPattern("its [ ] is empty");
  return `[${negated ? "^" : ""}${parts.join("")}]`;
}

const inClass = (char: string) => (/[\\\]^-]/.test(char) ? `\\${char}` : char);

/** Compares name by name, up to a `**`; a class may match "/", so that it says nothing. */
function reachOf(text: string): (folder: string) => boolean {
  if (/[[\\]/.test(text)) return () => true;
  const names = text
    .split("/")
    .map((name) => (name.includes("**") ? undefined : expressionOf(name)));
  return (folder) => {
    const parts = folder.split("/");
    for (const [i, part] of parts.entries()) {
      if (i >= names.length) return false;
      const name = names[i];
      if (name === undefined) return true;
      if (!name.test(part)) return false;
    }
    return names.length > parts.length;
  };
}
