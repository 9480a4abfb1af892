/** How the numbers of a JSON text are written, which is lost as soon as it is parsed. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const POINT = 0x2e;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

/** Whether a number in valid JSON is written in another way than as an integer: `2.0`, `92e0`, `-0`. */
export function hasOddNumber(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE) {
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
    } else if (byte === POINT || (byte === MINUS && bytes[i + 1] === ZERO)) return true;
    else if (byte >= ZERO && byte <= NINE && (bytes[i + 1]! | 0x20) === 0x65) return true;
  }
  return false;
}

/** A number, and the keys and places that lead to it. */
export interface OddNumber {
  readonly path: readonly (string | number)[];
  readonly written: string;
}

/** The numbers in `source`, which must be valid JSON, that are not written as integers. */
export function* oddNumbers(source: string): Generator<OddNumber> {
  const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|-?[0-9][0-9.eE+-]*|[a-z]+/gs;
  const path: (string | number)[] = [];
  const lists: boolean[] = [];
  let key = "";
  for (const [text] of source.matchAll(token)) {
    if (text === "{" || text === "[") {
      lists.push(text === "[");
      path.push(text === "[" ? 0 : "");
    } else if (text === "}" || text === "]") {
      lists.pop();
      path.pop();
    } else if (text === "," && lists.at(-1) === true) path.push((path.pop() as number) + 1);
    else if (text === ":") path[path.length - 1] = JSON.parse(key) as string;
    else if (text[0] === '"') key = text;
    else if (/^[-0-9]/.test(text) && !/^(?:0|-?[1-9][0-9]*)$/.test(text))
      yield { path: [...path], written: text };
  }
}
