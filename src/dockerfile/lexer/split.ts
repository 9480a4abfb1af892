/** How BuildKit cuts the text of one instruction into words (its parser/split_command.go and line_parsers.go). */

/** A word and where it begins in the instruction's text. */
export interface Word {
  readonly text: string;
  readonly at: number;
}

/** An instruction's first cut. `rest` is what follows the flags, without spaces around it. */
export interface SplitInstruction {
  readonly name: Word;
  readonly flags: readonly Word[];
  readonly rest: Word;
}

/** What Go's unicode.IsSpace takes for space: not what JavaScript's `trim` does. */
const SPACE = "\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const LEADING = new RegExp(`^[${SPACE}]+`);
const ONE = new RegExp(`[${SPACE}]`);

/** Whether `char` is space to Go. */
export const isSpace = (char: string) => ONE.test(char);

/** `text` without spaces in front. */
export const trimStart = (text: string) => text.replace(LEADING, "");

/** `text` without the characters at its end that `isLast` takes. Long runs of spaces in its middle cost nothing. */
export function trimEnd(text: string, isLast: (char: string) => boolean): string {
  let end = text.length;
  while (end > 0 && isLast(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** `word` without spaces around it. */
export function trim(word: Word): Word {
  const text = trimStart(word.text);
  return { text: trimEnd(text, isSpace), at: word.at + word.text.length - text.length };
}

/** The name, the flags in front of the first other word, and the rest. A quote in a flag is taken away. */
export function splitInstruction(line: Word, token: string): SplitInstruction {
  const { text, at } = trim(line);
  const gap = /[\t\v\f\r ]+/.exec(text);
  if (gap === null)
    return { name: { text, at }, flags: [], rest: { text: "", at: at + text.length } };
  const start = gap.index + gap[0].length;
  const { flags, end } = splitFlags(text.slice(start), token);
  return {
    name: { text: text.slice(0, gap.index), at },
    flags: flags.map((flag) => ({ ...flag, at: flag.at + at + start })),
    rest: trim({ text: text.slice(start + end), at: at + start + end }),
  };
}

/** The words at the beginning of `line` that begin with `--`, up to a lone `--`. */
function splitFlags(line: string, token: string): { flags: Word[]; end: number } {
  const flags: Word[] = [];
  let i = 0;
  for (;;) {
    while (i < line.length && isPlainSpace(line[i]!)) i++;
    if (!line.startsWith("--", i)) return { flags, end: i };
    const at = i;
    let text = "";
    let quoteMark = "";
    for (; i < line.length; i++) {
      let char = line[i]!;
      if (quoteMark === "" && isPlainSpace(char)) break;
      if (quoteMark === "" ? char === "'" || char === '"' : char === quoteMark) {
        quoteMark = quoteMark === "" ? char : "";
        continue;
      }
      if (char === token) {
        if (i + 1 === line.length) break;
        char = line[++i]!;
      }
      text += char;
    }
    if (text === "--") return { flags, end: i };
    flags.push({ text, at });
    if (i >= line.length) return { flags, end: line.length };
  }
}

const isPlainSpace = (char: string) => /[\t-\r ]/.test(char);

/** The words between spaces; quotes mean nothing. */
export function splitSpaces({ text, at }: Word): Word[] {
  return [...text.matchAll(/[^\t\v\f\r ]+/g)].map((match) => ({
    text: match[0],
    at: at + match.index,
  }));
}

/** The words between spaces that are neither quoted nor escaped; quotes and escapes stay in the words. */
export function splitQuoted({ text, at }: Word, token: string): Word[] {
  const words: Word[] = [];
  let i = 0;
  for (;;) {
    while (i < text.length && isSpace(text[i]!)) i++;
    if (i >= text.length) return words;
    const start = i;
    let word = "";
    let quoteMark = "";
    for (; i < text.length; i++) {
      const char = text[i]!;
      if (quoteMark === "" && isSpace(char)) break;
      if (char === quoteMark) quoteMark = "";
      else if (quoteMark === "" && (char === "'" || char === '"')) quoteMark = char;
      else if (char === token && quoteMark !== "'") {
        if (i + 1 === text.length) continue;
        word += char + text[++i]!;
        continue;
      }
      word += char;
    }
    if (word !== "") words.push({ text: word, at: at + start });
  }
}

/**
 * The strings of a JSON array; undefined when `text` is none, so that it is taken as plain words;
 * "mixed" when it holds other things than strings, which is always a mistake.
 */
export function jsonStrings(text: string): string[] | "mixed" | undefined {
  const trimmed = trimStart(text);
  if (!trimmed.startsWith("[")) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(trimmed);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  if (!value.every((item) => typeof item === "string")) return "mixed";
  return value.map((item: string) => item.toWellFormed());
}
