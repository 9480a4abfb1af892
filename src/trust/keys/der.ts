/**
 * The little of DER (X.690) that keys and ECDSA signatures are made of, read strictly: one way to write a value, and no other is taken. No
 * library is used because the runtimes' own readers differ in what they forgive, and a verdict may not depend on the runtime.
 */
import { concat } from "../../base/bytes.ts";

export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const NULL = 0x05;
export const OBJECT_ID = 0x06;
export const SEQUENCE = 0x30;

/** A value: its tag, and its bytes without tag and length. */
export interface DerValue {
  readonly tag: number;
  readonly body: Uint8Array;
}

/** The values that stand one after the other in `bytes`, and nothing else; undefined where it is not DER. */
export function decodeDer(bytes: Uint8Array): readonly DerValue[] | undefined {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!;
    const head = lengthAt(bytes, at + 1);
    if ((tag & 0x1f) === 0x1f || head === undefined) return undefined;
    const { start, length } = head;
    if (length > bytes.length - start) return undefined;
    values.push({ tag, body: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return values;
}

/** The length that stands at `at`, in the one shortest form, at most 2^24. */
function lengthAt(bytes: Uint8Array, at: number): { start: number; length: number } | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  if (first < 0x80) return { start: at + 1, length: first };
  const plural = first & 0x7f;
  if (plural < 1 || plural > 3 || at + plural >= bytes.length) return undefined;
  let length = 0;
  for (let i = 1; i <= plural; i++) length = length * 256 + bytes[at + i]!;
  const isShortest = length >= 0x80 && length >= 256 ** (plural - 1);
  return isShortest ? { start: at + 1 + plural, length } : undefined;
}

/** The values in the one value of that tag that `bytes` are; undefined where they are something else. */
export function decodeSequence(bytes: Uint8Array, tag = SEQUENCE): readonly DerValue[] | undefined {
  const [value, ...more] = decodeDer(bytes) ?? [];
  return value?.tag === tag && more.length === 0 ? decodeDer(value.body) : undefined;
}

/** The bytes of a positive integer without leading zeros; undefined for a negative one, zero, and one that is written longer than it need be. */
export function decodePositive(value: DerValue | undefined): Uint8Array | undefined {
  if (value?.tag !== INTEGER) return undefined;
  const [first, second] = value.body;
  if (first === undefined || first >= 0x80) return undefined;
  if (first !== 0) return value.body;
  return second !== undefined && second >= 0x80 ? value.body.subarray(1) : undefined;
}

/** The bytes of a bit string that has whole bytes. */
export function decodeBitString(value: DerValue | undefined): Uint8Array | undefined {
  return value?.tag === BIT_STRING && value.body[0] === 0 ? value.body.subarray(1) : undefined;
}

/** Writes a value. */
export function encodeDer(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concat(parts);
  const { length } = body;
  const long: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) long.unshift(rest % 256);
  const head = length < 0x80 ? [length] : [0x80 + long.length, ...long];
  return concat([Uint8Array.of(tag, ...head), body]);
}

/** Writes a positive integer, whose bytes may have leading zeros. */
export function encodeInteger(bytes: Uint8Array): Uint8Array {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = start < 0 ? Uint8Array.of(0) : bytes.subarray(start);
  return encodeDer(INTEGER, digits[0]! >= 0x80 ? concat([Uint8Array.of(0), digits]) : digits);
}

/** Writes a bit string of whole bytes. */
export const encodeBitString = (bytes: Uint8Array): Uint8Array =>
  encodeDer(BIT_STRING, Uint8Array.of(0), bytes);
