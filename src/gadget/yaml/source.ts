import { text } from "../../base/bytes.ts";

/** A reason not to read a source file, with its place. Line and column count from 1. */
export interface SourceError {
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly hint?: string;
}

/**
 * The text of a source file without its byte order mark, or the reason why it is none: too large, not
 * UTF-8, or with a character that readers of YAML take for different things. U+0085, U+2028, U+2029
 * and a lone carriage return break lines in YAML 1.1 (which Inspektor Gadget reads) but not in 1.2;
 * control characters are refused by the one and not by the other.
 */
export function decodeSource(bytes: Uint8Array, limit: number): string | SourceError {
  if (bytes.length > limit) {
    const message = `the file has ${bytes.length} bytes: at most ${limit} are read`;
    return { line: 1, column: 1, message };
  }
  const decoded = text(bytes);
  if (decoded === undefined) return notUtf8(bytes);
  const source = decoded.startsWith("\ufeff") ? decoded.slice(1) : decoded;
  const odd = ODD.exec(source);
  if (odd === null) return source;
  const code = odd[0].codePointAt(0) ?? 0;
  const name = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  const message = BREAKS.test(odd[0])
    ? `${name} stands here: a line break to some readers of YAML, not to others`
    : `${name} stands here: no character for a text file`;
  const hint =
    code === 0x0d
      ? "end lines with \\n or \\r\\n"
      : `write it as an escape in double quotes, or remove it`;
  return { ...placeAfter(source.slice(0, odd.index)), message, hint };
}

const BREAKS = /[\r\u0085\u2028\u2029]/;
const ODD =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  /\r(?!\n)|[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/;

function notUtf8(bytes: Uint8Array): SourceError {
  const hint = "save the file as UTF-8";
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return { line: 1, column: 1, message: "the file is in UTF-16: it should be UTF-8", hint };
  }
  const good = validLength(bytes);
  const byte = bytes[good]?.toString(16).padStart(2, "0");
  const message = `the byte 0x${byte} stands here: the file is not UTF-8`;
  return { ...placeAfter(text(bytes.subarray(0, good)) ?? ""), message, hint };
}

/** How many bytes come before the first that is part of no character. */
function validLength(bytes: Uint8Array): number {
  let good = 0;
  let bad = bytes.length;
  while (good < bad) {
    const middle = Math.floor((good + bad + 1) / 2);
    if (isStartOfText(bytes.subarray(0, middle))) good = middle;
    else bad = middle - 1;
  }
  while (good > 0 && text(bytes.subarray(0, good)) === undefined) good--;
  return good;
}

/** Whether `bytes` are UTF-8 as far as they go: the last character may lack its end. */
function isStartOfText(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function placeAfter(before: string): { line: number; column: number } {
  const start = before.lastIndexOf("\n") + 1;
  const text = start === 0 ? before.replace("\ufeff", "") : before.slice(start);
  return { line: before.split("\n").length, column: text.length + 1 };
}
