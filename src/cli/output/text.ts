/** Text for terminals: quoting, sizes, tables. */
import { type Subject, subjectText } from "../../base/subject.ts";

/** What moves a terminal's cursor, changes its colours or turns its text around (C0 and C1 except \t \n, Unicode's bidi controls). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unsafe = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** `text` with what a terminal would obey written as `\u....`: names in foreign archives are anything. */
export function escapeControl(text: string): string {
  return text.replace(unsafe, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** `text` made clean, on one line: a name with a line break in it cannot pass for a line of ours. */
export function cleanLine(text: string): string {
  return escapeControl(text).replaceAll("\n", "\\n");
}

/** `text` in double quotes, on one line. What is quoted already stays as it is. */
export function quote(text: string): string {
  return /^".*"$/s.test(text) ? text : JSON.stringify(text);
}

/** What an error is about: a file, or `blob in file`, each quoted; standard streams are no names. */
export const quoteSubject = (at: Subject): string =>
  subjectText(at, (name) => (/^standard (?:input|output|error)$/.test(name) ? name : quote(name)));

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** A size for people: `0 bytes`, `1 byte`, `1.5 KiB`, `128 MiB`. Three digits, rounded down so that 100 % is only said of all. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  if (unit === 0) return `${value} ${value === 1 ? "byte" : "bytes"}`;
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  const scale = 10 ** digits;
  return `${(Math.floor(value * scale) / scale).toFixed(digits)} ${UNITS[unit]}`;
}

/** `1 image`, `2 images`. */
export function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Rows as lines, with every column but the last as wide as its widest cell. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd(),
  );
}
