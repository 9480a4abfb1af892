import { IngotError } from "../../base/error.ts";
import type { Subject } from "../../base/subject.ts";
import { bytesText } from "../text.ts";

/** What PAX records say of a member; undefined: nothing, so that its header holds. */
export interface Extended {
  path?: string | undefined;
  target?: string | undefined;
  size?: number | undefined;
  uid?: number | undefined;
  gid?: number | undefined;
  mtime?: number | undefined;
  xattrs?: Map<string, Uint8Array> | undefined;
}

const XATTR = "SCHILY.xattr.";

/**
 * Adds what a PAX header's records say to `into`, a later one in place of an earlier one (POSIX pax, "pax Extended Header"). Records
 * that say nothing of what a layer keeps are passed over; values are bytes, and an empty one takes back what was said.
 * @throws malformed; unsupported for sparse files
 */
export function addRecords(body: Uint8Array, into: Extended, at: string): void {
  const wrong = (why: string) => new IngotError("malformed", { what: "a PAX header", at, why });
  for (let start = 0; start < body.length; ) {
    let space = start;
    let length = 0;
    for (; body[space]! >= 0x30 && body[space]! <= 0x39 && space - start < 8; space++)
      length = length * 10 + body[space]! - 0x30;
    const end = start + length;
    const equals = body.indexOf(0x3d, space);
    const whole = body[space] === 0x20 && end <= body.length && body[end - 1] === 0x0a;
    if (!whole || equals < space + 2 || equals >= end - 1)
      throw wrong("a record is cut or has no length");
    const key = bytesText(body.subarray(space + 1, equals));
    addRecord(key, body.subarray(equals + 1, end - 1), into, at);
    start = end;
  }
}

function addRecord(key: string, value: Uint8Array, into: Extended, at: string): void {
  const empty = value.length === 0;
  switch (key) {
    case "path":
      into.path = empty ? undefined : name(key, value, at);
      return;
    case "linkpath":
      into.target = empty ? undefined : name(key, value, at);
      return;
    case "size":
    case "uid":
    case "gid":
      into[key] = empty ? undefined : number(key, value, /^[0-9]{1,16}$/, at);
      return;
    case "mtime":
      into.mtime = empty ? undefined : seconds(value, at);
      return;
    default:
      if (key.startsWith("GNU.sparse.")) throw sparse(at);
      if (key.startsWith(XATTR)) {
        into.xattrs ??= new Map();
        into.xattrs.set(key.slice(XATTR.length), value.slice());
      }
  }
}

/** The IngotError for a file of which only the parts that are not zero are in the archive. */
export const sparse = (at: Subject) =>
  new IngotError("unsupported", {
    what: "the archive",
    at,
    found: "a sparse file",
    expected: "files without holes, all of their bytes in the archive",
    hint: "pack it again without tar's --sparse",
  });

function name(key: string, value: Uint8Array, at: string): string {
  if (!value.includes(0)) return bytesText(value);
  throw new IngotError("malformed", {
    what: "a PAX header",
    at,
    why: `its ${key} has a NUL in it`,
  });
}

function number(key: string, value: Uint8Array, shape: RegExp, at: string): number {
  const text = bytesText(value);
  const found = shape.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(found)) return found;
  const why = `its ${key}, ${JSON.stringify(text)}, is not a valid number`;
  throw new IngotError("malformed", { what: "a PAX header", at, why });
}

/** A decimal number of seconds, floored: what is not whole is before the next second, also before 1970. */
function seconds(value: Uint8Array, at: string): number {
  const text = bytesText(value);
  const [, whole = text, fraction = ""] = /^(-?[0-9]{1,16})\.([0-9]*)$/.exec(text) ?? [];
  const found = number("mtime", Buffer.from(whole), /^-?[0-9]{1,16}$/, at);
  const floored = whole.startsWith("-") && /[1-9]/.test(fraction) ? found - 1 : found;
  return floored === 0 ? 0 : floored;
}
