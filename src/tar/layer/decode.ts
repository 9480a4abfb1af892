import { IngotError } from "../../base/error.ts";
import { BLOCK, checksum } from "../header.ts";
import { bytesText } from "../text.ts";

/** The fields of one header block, as any writer of the field spells them. What a type does not use is as it was written. */
export interface RawEntry {
  /** The type flag, "0" for the NUL of old archives. */
  readonly flag: string;
  readonly name: string;
  readonly linkname: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly major: number;
  readonly minor: number;
}

/**
 * Reads one header block of an archive that anybody may have made: ustar, GNU's two formats, star's, and the one that was
 * there before all of them. Numbers may be octal, with spaces or NULs around, or GNU's base-256. Names may be any bytes.
 * @param at where the block stands, for the message @throws malformed
 */
export function decodeEntry(block: Uint8Array, at: string): RawEntry {
  const wrong = (why: string) => new IngotError("malformed", { what: "a tar header", at, why });
  const number = (field: string, from: number, width: number) => {
    const value = decodeNumber(block.subarray(from, from + width));
    if (value === undefined) throw wrong(`its ${field} field holds no number`);
    return value;
  };
  const sum = number("checksum", 148, 8);
  // Some old writers added up bytes with a sign.
  if (sum !== checksum(block) && sum !== signedChecksum(block))
    throw wrong("its checksum does not match its bytes");
  const flag = String.fromCharCode(block[156]! || 0x30);
  const name = string(block, 0, 100);
  const prefix = prefixOf(block);
  const isDevice = flag === "3" || flag === "4";
  return {
    flag,
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkname: string(block, 157, 100),
    mode: number("mode", 100, 8),
    uid: number("uid", 108, 8),
    gid: number("gid", 116, 8),
    size: number("size", 124, 12),
    mtime: number("mtime", 136, 12),
    major: isDevice ? number("devmajor", 329, 8) : 0,
    minor: isDevice ? number("devminor", 337, 8) : 0,
  };
}

/**
 * Octal digits, or GNU's base-256: the first bit set, then a number in two's complement. An empty field is 0.
 * Undefined for anything else, and for what no double says exactly.
 */
function decodeNumber(field: Uint8Array): number | undefined {
  const first = field[0]!;
  if (first & 0x80) {
    const negative = (first & 0x40) !== 0;
    let value = negative ? (first & 0x7f) - 0x80 : first & 0x7f;
    for (let i = 1; i < field.length; i++) {
      value = value * 256 + field[i]!;
      if (!Number.isSafeInteger(value)) return undefined;
    }
    return value;
  }
  let i = 0;
  let value = 0;
  while (field[i] === 0x20) i++;
  for (; field[i]! >= 0x30 && field[i]! <= 0x37; i++) value = value * 8 + field[i]! - 0x30;
  for (; i < field.length; i++) if (field[i] !== 0x20 && field[i] !== 0) return undefined;
  return value;
}

function signedChecksum(block: Uint8Array): number {
  let sum = checksum(block);
  for (let i = 0; i < BLOCK; i++) if ((i < 148 || i >= 156) && block[i]! > 0x7f) sum -= 256;
  return sum;
}

const MAGIC = "ustar\0";

/** GNU's headers have other things where ustar has its prefix; star's have times at its end. */
function prefixOf(block: Uint8Array): string {
  for (let i = 0; i < MAGIC.length; i++) if (block[257 + i] !== MAGIC.charCodeAt(i)) return "";
  const isStar = Buffer.from(block.subarray(508, 512)).toString("latin1") === "tar\0";
  return string(block, 345, isStar ? 131 : 155);
}

function string(block: Uint8Array, at: number, width: number): string {
  const end = block.indexOf(0, at);
  return bytesText(block.subarray(at, end < 0 || end > at + width ? at + width : end));
}
