/**
 * How Go's archive/tar reads: made from its source for the tests, with nothing of the project's code; test/interop/go-reading.test.ts
 * compares it with Go itself.
 */
import { GoError } from "./go-json.ts";

export interface GoMember {
  readonly name: string;
  readonly type: string;
  readonly link: string;
  readonly size: number;
  readonly body: Buffer;
  /** Whether Go gives it one name or another: it merges records in no order, until one is wrong. */
  readonly isOpen?: boolean;
}

const BLOCK = 512;
const latin1 = (bytes: Uint8Array, from: number, width: number) =>
  Buffer.from(bytes.subarray(from, from + width)).toString("latin1");
const upToNul = (text: string) => text.replace(/\0.*$/s, "");
const bytesOf = (text: string) => Buffer.from(text, "latin1");
/** A name as the tests compare it: byte for byte. */
const HEADER_ONLY = "123456";

/** All members, as `Next` gives them and the body of each reads, and whether it ended with an error. */
export function readGoTar(archive: Uint8Array): { members: GoMember[]; failed: boolean } {
  const members: GoMember[] = [];
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  try {
    for (let at = 0; ; ) {
      const next = readNext(bytes, at);
      if (next === undefined) return { members, failed: false };
      members.push(next.member);
      at = next.end;
    }
  } catch (error) {
    if (error instanceof GoError) return { members, failed: true };
    throw error;
  }
}

interface Head {
  type: string;
  name: string;
  link: string;
  size: number;
}

function readNext(bytes: Buffer, from: number): { member: GoMember; end: number } | undefined {
  let pax = new Map<string, string>();
  let longName = "";
  let longLink = "";
  for (let at = from; ; ) {
    const head = readHeader(bytes, at);
    if (head === undefined) return undefined;
    at += BLOCK;
    const { type } = head;
    if ("xgLK".includes(type) && type !== "\0") {
      if (head.size > 1 << 20) throw new GoError("special file too long");
      const body = bodyOf(bytes, at, head.size);
      at = endOf(bytes, at, head.size);
      if (type === "x") pax = records(body);
      else if (type === "g") {
        // Its records become those of a header that is given out, as far as they can be read: that they cannot is no error.
        const isOpen = !isMerged(head, records(body));
        return {
          member: { ...head, link: "", size: 0, body: Buffer.alloc(0), ...(isOpen && { isOpen }) },
          end: at,
        };
      } else if (type === "L") longName = upToNul(body.toString("latin1"));
      else longLink = upToNul(body.toString("latin1"));
      continue;
    }
    merge(head, pax);
    if (longName !== "") head.name = longName;
    if (longLink !== "") head.link = longLink;
    if (head.type === "\0") head.type = head.name.endsWith("/") ? "5" : "0";
    if (head.type === "S" || [...pax.keys()].some((key) => key.startsWith("GNU.sparse.")))
      throw new GoError("sparse: not part of the model");
    const size = HEADER_ONLY.includes(head.type) ? 0 : head.size;
    if (size < 0) throw new GoError("negative size");
    const body = bodyOf(bytes, at, size);
    return { member: { ...head, body }, end: endOf(bytes, at, size) };
  }
}

function bodyOf(bytes: Buffer, at: number, size: number): Buffer {
  if (at + size > bytes.length) throw new GoError("unexpected EOF");
  return bytes.subarray(at, at + size);
}

/** The padding of the last member may be missing. */
const endOf = (bytes: Buffer, at: number, size: number) =>
  Math.min(bytes.length, at + Math.ceil(size / BLOCK) * BLOCK);

function readHeader(bytes: Buffer, at: number): Head | undefined {
  const block = bytes.subarray(at, at + BLOCK);
  if (block.length === 0) return undefined;
  if (block.length < BLOCK) throw new GoError("unexpected EOF");
  if (block.every((byte) => byte === 0)) {
    const second = bytes.subarray(at + BLOCK, at + 2 * BLOCK);
    if (second.length === 0) return undefined;
    if (second.length < BLOCK) throw new GoError("unexpected EOF");
    if (second.every((byte) => byte === 0)) return undefined;
    throw new GoError("a zero block and then another");
  }
  let unsigned = 0;
  let signed = 0;
  for (const [i, byte] of block.entries()) {
    const one = i >= 148 && i < 156 ? 32 : byte;
    unsigned += one;
    signed += (one << 24) >> 24;
  }
  const sum = octal(latin1(block, 148, 8));
  if (sum !== unsigned && sum !== signed) throw new GoError("checksum");
  const string = (from: number, width: number) => upToNul(latin1(block, from, width));
  const number = (from: number, width: number) => numeric(block.subarray(from, from + width));
  const head = {
    type: latin1(block, 156, 1),
    name: string(0, 100),
    link: string(157, 100),
    size: number(124, 12),
  };
  for (const [from, width] of [
    [100, 8],
    [108, 8],
    [116, 8],
    [136, 12],
  ] as const)
    number(from, width);
  const magic = latin1(block, 257, 6);
  const isStar = magic === "ustar\0" && latin1(block, 508, 4) === "tar\0";
  const isGnu = magic === "ustar " && latin1(block, 263, 2) === " \0";
  if (magic !== "ustar\0" && !isGnu) return head;
  number(329, 8);
  number(337, 8);
  let prefix = "";
  if (isStar) {
    prefix = string(345, 131);
    number(476, 12);
    number(488, 12);
  } else if (isGnu) {
    try {
      for (const from of [345, 357]) if (block[from] !== 0) number(from, 12);
    } catch {
      // An old mistake of Go's own writer: the field is a prefix.
      const text = string(345, 155);
      if (!/[\x80-\xff]/.test(text)) prefix = text;
    }
  } else prefix = string(345, 155);
  if (prefix !== "") head.name = `${prefix}/${head.name}`;
  return head;
}

function octal(field: string): number {
  const text = field.replace(/^[ \0]+|[ \0]+$/g, "");
  if (text === "") return 0;
  const digits = upToNul(text);
  if (!/^[0-7]{1,21}$/.test(digits)) throw new GoError("no octal number");
  return Number.parseInt(digits, 8);
}

function numeric(field: Uint8Array): number {
  const first = field[0]!;
  if ((first & 0x80) === 0) return octal(latin1(field, 0, field.length));
  const isNegative = (first & 0x40) !== 0;
  let value = 0n;
  for (const [i, byte] of field.entries()) {
    const one = (byte ^ (isNegative ? 0xff : 0)) & (i === 0 ? 0x7f : 0xff);
    if (value >> 56n > 0n) throw new GoError("too large a number");
    value = (value << 8n) | BigInt(one);
  }
  if (value >> 63n > 0n) throw new GoError("too large a number");
  return Number(isNegative ? -value - 1n : value);
}

function records(body: Buffer): Map<string, string> {
  const found = new Map<string, string>();
  for (let rest = body.toString("latin1"); rest !== ""; ) {
    const space = rest.indexOf(" ");
    const digits = rest.slice(0, Math.max(0, space));
    const length = /^[+-]?[0-9]{1,18}$/.test(digits) ? Number(digits) : 0;
    if (length < 5 || length > rest.length || length <= space + 1) throw new GoError("PAX record");
    const record = rest.slice(space + 1, length);
    const equals = record.indexOf("=");
    if (!record.endsWith("\n") || equals < 1) throw new GoError("PAX record");
    const key = record.slice(0, equals);
    const value = record.slice(equals + 1, -1);
    const isText = /^(?:path|linkpath|uname|gname)$/.test(key);
    if ((isText ? value : key).includes("\0")) throw new GoError("NUL in a PAX record");
    found.set(key, value);
    rest = rest.slice(length);
  }
  return found;
}

/** Whether all records of a global header could be merged; its name is the one of `path` then. */
function isMerged(head: Head, pax: ReadonlyMap<string, string>): boolean {
  const path = pax.get("path");
  if (path) head.name = path;
  try {
    merge({ ...head }, pax);
    return true;
  } catch (error) {
    if (error instanceof GoError) return !path;
    throw error;
  }
}

const INTEGER = /^[+-]?[0-9]{1,18}$/;

function merge(head: Head, pax: ReadonlyMap<string, string>): void {
  for (const [key, value] of pax) {
    if (value === "") continue;
    const [whole = "", fraction = ""] = value.split(/\.(.*)/s);
    if (key === "path") head.name = value;
    else if (key === "linkpath") head.link = value;
    else if (["uid", "gid", "size"].includes(key)) {
      if (!INTEGER.test(value)) throw new GoError(key);
      if (key === "size") head.size = Number(value);
    } else if (/^[acm]time$/.test(key)) {
      if (!INTEGER.test(whole) || !/^[0-9]*$/.test(fraction)) throw new GoError(key);
    }
  }
}

/** A name of latin1 letters, which are its bytes, as text. */
export const nameText = (name: string): string => bytesOf(name).toString("utf8");
