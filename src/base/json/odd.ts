/** How the values of a JSON text are written, which is lost as soon as it is parsed. */

import { stringEnd } from "./json.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const POINT = 0x2e;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

/** Whether in valid JSON a number is written in another way than as an integer (`2.0`, `92e0`, `-0`), or a string with an escape. */
export function hasOddValue(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE) {
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++)
        if (bytes[i] === BACKSLASH) return true;
    } else if (byte === POINT || (byte === MINUS && bytes[i + 1] === ZERO)) return true;
    else if (byte >= ZERO && byte <= NINE && (bytes[i + 1]! | 0x20) === 0x65) return true;
  }
  return false;
}

/** A value, and the keys and places that lead to it. */
export interface OddValue {
  readonly path: readonly (string | number)[];
  readonly written: string;
}

/** The numbers in `source`, which must be valid JSON, that are not written as integers, and the strings that have an escape. */
export function* oddValues(source: string): Generator<OddValue> {
  const path: (string | number)[] = [];
  let key = "";
  for (let i = 0; i < source.length; i++) {
    const char = source[i]!;
    if (char === "{") path.push("");
    else if (char === "[") path.push(0);
    else if (char === "}" || char === "]") path.pop();
    else if (char === ":") path[path.length - 1] = JSON.parse(key) as string;
    else if (char === ",") {
      const place = path.pop()!;
      path.push(typeof place === "number" ? place + 1 : "");
    } else if (char === '"') {
      const end = stringEnd(source, i);
      key = source.slice(i, end);
      // A key is at the path of no value.
      if (key.includes("\\")) yield { path: [...path], written: key };
      i = end - 1;
    } else if (/[-0-9]/.test(char)) {
      NUMBER.lastIndex = i;
      const [written = char] = NUMBER.exec(source) ?? [];
      if (!/^(?:0|-?[1-9][0-9]*)$/.test(written)) yield { path: [...path], written };
      i += written.length - 1;
    }
  }
}

const NUMBER = /[-+.0-9eE]+/y;
