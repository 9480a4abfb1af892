import { text } from "../bytes.ts";
import { IngotError } from "../error.ts";
import { countParsed } from "../heap.ts";
import type { Subject } from "../subject.ts";

/** A value that JSON can say. `undefined` members are left out when written. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | ReadonlyMap<string, Json>
  | { readonly [key: string]: Json | undefined };

/**
 * Our one writer of JSON: compact, no newline at the end, members in the order of the object or Map
 * (a Map where keys come from elsewhere: an object moves those that look like numbers to the front),
 * strings escaped as Go's encoding/json does by default (`<`, `>`, `&`, U+2028 and U+2029 as \u escapes).
 * Integers only: a number that is not a safe integer is a mistake of the caller.
 * Lone surrogates, which UTF-8 cannot carry, are refused.
 */
export function formatJson(value: Json): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return formatString(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      throw new IngotError("internal", { message: `formatJson: ${value} is not a safe integer` });
    }
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map(formatJson).join(",")}]`;
  const members: string[] = [];
  for (const [key, item] of value instanceof Map ? value : Object.entries(value)) {
    if (item !== undefined) members.push(`${formatString(key)}:${formatJson(item)}`);
  }
  return `{${members.join(",")}}`;
}

function formatString(value: string): string {
  if (!value.isWellFormed()) {
    throw new IngotError("malformed", {
      what: "a string",
      at: JSON.stringify(value),
      why: "it holds half a surrogate pair",
    });
  }
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** `text`, or the beginning of it where it is longer than a message should be. */
export function excerpt(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

/** Bounds for JSON that others wrote. Bytes, levels, and values of any kind. */
export interface JsonBounds {
  readonly bytes: number;
  readonly depth?: number;
  readonly values?: number;
}

/**
 * Reads JSON that others wrote: UTF-8 without exception, within `bounds`, no duplicate keys.
 * Memory is bounded before anything is built: size, depth and the number of values are checked first.
 * Duplicate keys are refused because readers differ in which of the two they take.
 * No value is ever quoted, also where it cannot be read.
 * @param at what the bytes are, for the message
 */
export function parseJson(bytes: Uint8Array, at: Subject, bounds: JsonBounds): unknown {
  if (bytes.length > bounds.bytes) {
    throw new IngotError("too-large", {
      what: "JSON",
      at,
      actual: bytes.length,
      limit: bounds.bytes,
    });
  }
  countParsed(bytes.length);
  const keys = checkBounds(bytes, at, bounds.depth ?? 64, bounds.values ?? 1_000_000);
  const source = text(bytes);
  if (source === undefined)
    throw new IngotError("malformed", { what: "JSON", at, why: "it is not UTF-8" });
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    // What the runtime says of it quotes it: each its own part, and it may be somebody's secret.
    throw new IngotError("malformed", { what: "JSON", at, why: "it is not well formed" });
  }
  // A key that stands twice is read once: looking for it is needed only where some are missing.
  const twice = countKeys(value) === keys ? undefined : duplicateKey(source);
  if (twice !== undefined) {
    throw new IngotError("malformed", {
      what: "JSON",
      at,
      why: `the key ${excerpt(JSON.stringify(twice))} stands twice in one object`,
    });
  }
  if (HALF.test(source) && !isWellFormed(value))
    throw new IngotError("malformed", {
      what: "JSON",
      at,
      why: "a string in it holds half a surrogate pair, which readers replace",
    });
  return value;
}

/** An escape for half a surrogate pair, which is whole where the other half follows. */
const HALF = /\\u[dD][89a-fA-F]/;

function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([key, item]) => key.isWellFormed() && isWellFormed(item));
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/** Counts levels and values without building anything. @returns how many keys stand there, in valid JSON: a colon outside of strings follows each */
function checkBounds(bytes: Uint8Array, at: Subject, maxDepth: number, maxValues: number): number {
  let depth = 0;
  let values = 1;
  let keys = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
    } else if (byte === COLON) keys++;
    else if (byte === 0x7b || byte === 0x5b) {
      depth++;
      values++;
      if (depth > maxDepth) {
        throw new IngotError("too-large", {
          what: "the nesting of JSON",
          at,
          actual: depth,
          limit: maxDepth,
          unit: "levels",
        });
      }
    } else if (byte === 0x7d || byte === 0x5d) depth--;
    else if (byte === 0x2c && ++values > maxValues) {
      throw new IngotError("too-large", {
        what: "JSON",
        at,
        actual: values,
        limit: maxValues,
        unit: "values",
      });
    }
  }
  return keys;
}

/** How many keys all objects in `value` have. Its depth is bounded already. */
function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === "object") count += countKeys(item);
    return count;
  }
  for (const key in value) {
    const item = (value as Record<string, unknown>)[key];
    count += typeof item === "object" ? 1 + countKeys(item) : 1;
  }
  return count;
}

/** The first key that stands twice in one object of `source`, which must be valid JSON. */
function duplicateKey(source: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < source.length; i++) {
    const char = source[i];
    if (char === "{") open.push(new Set());
    else if (char === "[") open.push(undefined);
    else if (char === "}" || char === "]") open.pop();
    else if (char === '"') {
      const end = stringEnd(source, i);
      const keys = open.at(-1);
      if (keys !== undefined && isKey(source, end)) {
        const key = JSON.parse(source.slice(i, end)) as string;
        if (keys.has(key)) return key;
        keys.add(key);
      }
      i = end - 1;
    }
  }
  return undefined;
}

/** Where the string that begins at `start` has ended. */
export function stringEnd(source: string, start: number): number {
  let i = start + 1;
  while (source[i] !== '"') i += source[i] === "\\" ? 2 : 1;
  return i + 1;
}

/** Whether a colon follows. */
function isKey(source: string, from: number): boolean {
  let i = from;
  while (source[i] === " " || source[i] === "\n" || source[i] === "\t" || source[i] === "\r") i++;
  return source[i] === ":";
}
