import { isZero, text } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { BLOCK, checksum } from "../header.ts";

/** What a member is. "extended": a PAX record or long name for the member that follows. */
export type MemberType =
  | "file"
  | "directory"
  | "hard link"
  | "symbolic link"
  | "device"
  | "fifo"
  | "sparse file"
  | "unknown";
export type ExtendedType = "pax" | "pax-global" | "long-name" | "long-link";

/** The fields of one header block that matter here; the type as its flag says, whatever the name. */
export interface RawHeader {
  readonly type: MemberType | ExtendedType;
  /** Whether its flag is the NUL of old archives, whose folders are files with a slash behind their names. */
  readonly isOld?: true;
  readonly name: string;
  readonly size: number;
  /** What a link leads to, as it is written. */
  readonly link: string;
}

const TYPES: Readonly<Record<string, MemberType | ExtendedType>> = {
  "\0": "file",
  "0": "file",
  "1": "hard link",
  "2": "symbolic link",
  "3": "device",
  "4": "device",
  "5": "directory",
  "6": "fifo",
  S: "sparse file",
  x: "pax",
  g: "pax-global",
  L: "long-name",
  K: "long-link",
};

/**
 * Reads one header block, strictly: what GNU tar, bsdtar, busybox, Go and tar-stream write is accepted, anything
 * else is `malformed`. The checksum field has three spellings in use; no other is taken, so that no bit of it
 * can change unnoticed (its own bytes are not part of the sum).
 * @param at where the block stands, for the message
 */
export function decodeHeader(block: Uint8Array, at: string): RawHeader {
  const wrong = (why: string) => new IngotError("malformed", { what: "a tar header", at, why });
  const sum = ascii(block, 148, 8);
  if (!/^(?:[0-7]{6}(?:\0 | \0)|[0-7]{7}\0)$/.test(sum))
    throw wrong("its checksum field holds no checksum");
  if (Number.parseInt(sum, 8) !== checksum(block))
    throw wrong("its checksum does not match its bytes");
  const size = number(block, 124, 12);
  if (size === undefined) throw wrong("its size field holds no size");
  const field = FIELDS.find(([, from, width]) => !isNumber(block, from, width));
  if (field !== undefined) throw wrong(`its ${field[0]} field holds no number`);
  const flag = ascii(block, 156, 1);
  const isPosix = ascii(block, 257, 6) === "ustar\0";
  // GNU's sparse files have their map there.
  if (!isPosix && flag !== "S" && !isZero(block.subarray(PREFIX, BLOCK)))
    throw wrong("its prefix field is not empty, and it is not of POSIX's form");
  if (ascii(block, BLOCK - 4, 4) === "tar\0")
    throw wrong('it ends with "tar", as the headers of star do, which have other fields');
  const prefix = isPosix ? string(block, PREFIX, 155) : "";
  const name = (prefix === "" ? "" : `${prefix}/`) + string(block, 0, 100);
  const link = string(block, 157, 100);
  const old = flag === "\0" ? { isOld: true as const } : {};
  return { type: TYPES[flag] ?? "unknown", name, size, link, ...old };
}

const PREFIX = 345;

/** The fields that readers decode as numbers, whether they need them or not. */
const FIELDS: readonly (readonly [name: string, from: number, width: number])[] = [
  ["mode", 100, 8],
  ["uid", 108, 8],
  ["gid", 116, 8],
  ["mtime", 136, 12],
  ["devmajor", 329, 8],
  ["devminor", 337, 8],
];

/** Octal digits among spaces and NULs, or GNU's base-256 of at most 63 bits, which may be negative. */
function isNumber(block: Uint8Array, at: number, width: number): boolean {
  const first = block[at]!;
  if ((first & 0x80) === 0) return /^[ \0]*[0-7]*[ \0]*$/.test(ascii(block, at, width));
  const inverted = (first & 0x40) === 0 ? 0 : 0xff;
  const above = width - 8;
  if (above <= 0) return true;
  for (let i = 0; i < above; i++)
    if (((block[at + i]! ^ inverted) & (i === 0 ? 0x7f : 0xff)) !== 0) return false;
  return ((block[at + above]! ^ inverted) & 0x80) === 0;
}

/** The records of a PAX header, the later of two with one key winning, as POSIX has it. @throws malformed */
export function decodePax(body: Uint8Array, at: string): Map<string, string> {
  const records = new Map<string, string>();
  for (let start = 0; start < body.length; ) {
    const space = body.indexOf(0x20, start);
    const digits = space < 0 ? "" : ascii(body, start, Math.min(space - start, 10));
    const end = start + (/^[1-9][0-9]{0,8}$/.test(digits) ? Number(digits) : 0);
    const isWhole = space >= 0 && end > space + 1 && end <= body.length;
    const record = isWhole
      ? (text(body.subarray(space + 1, end)) ?? latin1(body, space + 1, end))
      : "";
    const equals = record.indexOf("=");
    if (equals < 1 || !record.endsWith("\n"))
      throw new IngotError("malformed", {
        what: "a PAX header",
        at,
        why: "a record is cut or has no length",
      });
    const key = record.slice(0, equals);
    const value = record.slice(equals + 1, -1);
    if (!isPaxValue(key, value))
      throw new IngotError("malformed", {
        what: "a PAX header",
        at,
        why: `the value of ${JSON.stringify(key)} is not valid: ${JSON.stringify(value.slice(0, 100))}`,
      });
    records.set(key, value);
    start = end;
  }
  return records;
}

/** Whether readers that decode the record can; an empty value takes back what was said. */
function isPaxValue(key: string, value: string): boolean {
  if (key.includes("\0")) return false;
  // A path with a NUL in it is a name that is refused.
  if (key === "path") return true;
  if (/^(?:linkpath|uname|gname)$/.test(key)) return !value.includes("\0");
  if (value === "") return true;
  if (key === "uid" || key === "gid") return /^-?[0-9]{1,18}$/.test(value);
  if (/^[acm]time$/.test(key)) return /^-?[0-9]{1,18}(?:\.[0-9]*)?$/.test(value);
  return true;
}

/** A size that a PAX record says. @throws malformed */
export function paxSize(value: string, at: string): number {
  const size = /^[0-9]{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(size))
    throw new IngotError("malformed", {
      what: "a PAX header",
      at,
      why: `the size ${JSON.stringify(value)} is not a valid size`,
    });
  return size;
}

/** Octal digits closed by space or NUL, or GNU's base-256. */
function number(block: Uint8Array, at: number, width: number): number | undefined {
  if (block[at]! & 0x80) {
    let value = block[at]! & 0x7f;
    for (let i = at + 1; i < at + width; i++) {
      value = value * 256 + block[i]!;
      if (value > Number.MAX_SAFE_INTEGER) return undefined;
    }
    return value;
  }
  const match = /^ *([0-7]*)[ \0]*$/.exec(ascii(block, at, width));
  return match === null ? undefined : match[1] === "" ? 0 : Number.parseInt(match[1]!, 8);
}

function string(block: Uint8Array, at: number, width: number): string {
  const end = block.indexOf(0, at);
  const bytes = block.subarray(at, end < 0 || end > at + width ? at + width : end);
  return text(bytes) ?? latin1(bytes, 0, bytes.length);
}

/** A name that is not UTF-8 is shown byte for byte; it is no name that is expected anywhere here. */
const latin1 = (bytes: Uint8Array, from: number, to: number) =>
  Buffer.from(bytes.subarray(from, to)).toString("latin1");
const ascii = (bytes: Uint8Array, at: number, width: number) => latin1(bytes, at, at + width);

/** The name of the field that holds byte `offset` of a header. */
export function fieldAt(offset: number): string {
  const fields: readonly [number, string][] = [
    [100, "name"],
    [108, "mode"],
    [116, "uid"],
    [124, "gid"],
    [136, "size"],
    [148, "mtime"],
    [156, "checksum"],
    [157, "typeflag"],
    [257, "linkname"],
    [263, "magic"],
    [265, "version"],
    [297, "uname"],
    [329, "gname"],
    [337, "devmajor"],
    [345, "devminor"],
    [500, "prefix"],
    [BLOCK, "unused bytes"],
  ];
  return fields.find(([end]) => offset < end)?.[1] ?? "header";
}
