import { formatDuration } from "../syntax/duration.ts";
import type { Health } from "../syntax/instruction.ts";

/** How Go's fmt package writes what BuildKit puts into an image's history. */

const SHORT: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};

/**
 * What does not print: control and format characters, spaces but U+0020, private use, noncharacters. These are fixed
 * ranges and not \p{…}, so that no runtime's version of Unicode gets into an image's bytes; hence what
 * is not assigned yet is written as it is, where Go escapes it.
 */
const ODD =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  /[\0-\x1f"\\\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ue000-\uf8ff\ufdd0-\ufdef\ufeff\ufff0-\ufffb\ufffe\uffff\u{e0000}-\u{e007f}\u{f0000}-\u{10ffff}]/gu;

/** `%q` of a string. */
export function quoted(text: string): string {
  return `"${text.replace(ODD, escaped)}"`;
}

function escaped(char: string): string {
  const short = SHORT[char];
  if (short !== undefined) return short;
  const code = char.codePointAt(0)!;
  const hex = (digits: number) => code.toString(16).padStart(digits, "0");
  if (code < 0x80) return `\\x${hex(2)}`;
  return code < 0x10000 ? `\\u${hex(4)}` : `\\U${hex(8)}`;
}

/** `%q` of a list of strings. */
export const quotedList = (items: readonly string[]) => `[${items.map(quoted).join(" ")}]`;

/** `%v` of a list of strings. */
export const plainList = (items: readonly string[]) => `[${items.join(" ")}]`;

/** `%+v` of Docker's HealthcheckConfig. */
export function healthText(health: Health): string {
  const { test, interval, timeout, startPeriod, startInterval, retries } = health;
  const times = {
    Interval: interval,
    Timeout: timeout,
    StartPeriod: startPeriod,
    StartInterval: startInterval,
  };
  const written = Object.entries(times).map(([name, time]) => `${name}:${formatDuration(time)}`);
  return `{Test:${plainList(test)} ${written.join(" ")} Retries:${retries}}`;
}
