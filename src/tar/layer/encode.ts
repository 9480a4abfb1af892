import { utf8 } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { sortedBy } from "../../base/order.ts";
import { BLOCK, PAX_SIZE, padding, paxRecord } from "../header.ts";

/** POSIX's type flags, as far as a layer has them ("ustar Interchange Format"). */
export const TYPE = {
  file: "0",
  link: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
} as const;

/** One member of a layer, as its header is to say it. What does not apply to a type is left out, and zero. */
export interface TarEntry {
  readonly type: keyof typeof TYPE;
  /** Without a slash at its ends; "" is the root. */
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds. */
  readonly mtime: number;
  readonly size?: number;
  /** What a link leads to: the path of another member, or the text of a symbolic link. */
  readonly target?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
}

/** The largest owner or device number, by seven octal digits; eleven say a size or time below PAX_SIZE. */
const SEVEN_DIGITS = 8 ** 7 - 1;
const OWNER_MAX = 2 ** 32 - 1;
const NAME = 100;
const PREFIX = 155;
const OWNERS = [
  ["uid", 108],
  ["gid", 116],
] as const;
const MAGIC = utf8("ustar\x0000");

type Records = [key: string, value: string | Uint8Array][];

/**
 * The header of a layer's member, whole blocks: one of ustar, and before it, only where ustar cannot say something, a PAX
 * header with just that, its records ordered by key. What a PAX record says stands in the ustar block as far as it
 * fits (the first bytes of a long name, 0 for a number), for readers that do not know PAX. Never GNU's ways, no names of
 * owners, no times but the one.
 * @throws unsupported for what tar cannot say; internal for what no tree should hold
 */
export function entryHeader(entry: TarEntry): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const records = fill(entry, block, 0);
  return records.length === 0 ? block : extended(records, block);
}

/**
 * Writes the header of a member at `at` in `bytes`, where it has room in one block; whether it has, as nearly all do. If not, that
 * block is anything. Memory that is there already takes half the time of one that is made for each. @throws as `entryHeader`
 */
export const putHeader = (entry: TarEntry, bytes: Uint8Array, at: number): boolean =>
  fill(entry, bytes, at).length === 0;

/** Writes the ustar block of a member; the records for what it cannot say. */
function fill(entry: TarEntry, bytes: Uint8Array, start: number): Records {
  const records: Records = [];
  const block = new Block(TYPE[entry.type], bytes, start);
  const { path, target = "", size = 0, mtime } = entry;
  const folder = entry.type === "directory" ? "/" : "";
  const name = path === "" ? "./" : path + folder;
  if (!block.name(name)) records.push(["path", name]);
  if (target !== "" && !block.text(target, 157, NAME)) records.push(["linkpath", target]);
  block.octal(whole(entry.mode, 0o7777, entry), 100);
  for (const [key, at] of OWNERS) {
    const id = whole(entry[key], OWNER_MAX, entry);
    block.octal(id > SEVEN_DIGITS ? 0 : id, at);
    if (id > SEVEN_DIGITS) records.push([key, String(id)]);
  }
  whole(size, Number.MAX_SAFE_INTEGER, entry);
  block.long(size < PAX_SIZE ? size : 0, 124);
  if (size >= PAX_SIZE) records.push(["size", String(size)]);
  const fits = whole(Math.abs(mtime), Number.MAX_SAFE_INTEGER, entry) < PAX_SIZE && mtime >= 0;
  block.long(fits ? mtime : 0, 136);
  if (!fits) records.push(["mtime", String(mtime)]);
  block.octal(device(entry.major, entry), 329);
  block.octal(device(entry.minor, entry), 337);
  for (const [key, value] of entry.xattrs ?? []) records.push([xattrKey(key, entry), value]);
  block.done();
  return records;
}

/** A PAX header is a member of its own: alike whatever it extends, and as that of the canonical archive. */
function extended(records: Records, header: Uint8Array): Uint8Array {
  const body = sortedBy(records, ([key]) => key).map(([key, value]) => paxRecord(key, value));
  const size = body.reduce((sum, { length }) => sum + length, 0);
  const all = new Uint8Array(BLOCK + size + padding(size) + BLOCK);
  const block = new Block("x", all, 0);
  block.text("PaxHeader", 0, NAME);
  for (const at of [108, 116, 329, 337]) block.octal(0, at);
  block.octal(0o644, 100);
  block.long(size, 124);
  block.long(0, 136);
  block.done();
  let at = BLOCK;
  for (const piece of body) {
    all.set(piece, at);
    at += piece.length;
  }
  all.set(header, all.length - BLOCK);
  return all;
}

/** One block of ustar that is being filled. It keeps its sum: going over the block again would take most of the time. */
class Block {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  #sum = 8 * 0x20;

  /** @param start where it begins in `bytes`; what is there is overwritten */
  constructor(type: string, bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#start = start;
    bytes.fill(0, start, start + BLOCK);
    this.#put(type.charCodeAt(0), 156);
    this.#set(MAGIC, 257);
  }

  /** Whether ustar says all of the name, in one part or two. */
  name(name: string): boolean {
    if (name.length <= NAME && this.#ascii(name, 0)) return true;
    const bytes = utf8(said(name, "the name"));
    const cut = splitAt(bytes);
    if (cut === undefined) {
      this.#set(startOf(bytes, NAME), 0);
      return false;
    }
    this.#set(bytes.subarray(cut === 0 ? 0 : cut + 1), 0);
    this.#set(bytes.subarray(0, cut), 345);
    return bytes.length === name.length;
  }

  /** Whether the field says all of the text. */
  text(text: string, at: number, width: number): boolean {
    if (text.length <= width && this.#ascii(text, at)) return true;
    this.#set(startOf(utf8(said(text, "the target of a link")), width), at);
    return false;
  }

  /** A number in a field of eight: six digits, a space and NUL, as tar-stream has them; seven and NUL where they are needed. */
  octal(value: number, at: number): void {
    const digits = value > 0o777777 ? 7 : 6;
    this.#digits(value, at, digits);
    if (digits === 6) this.#put(0x20, at + digits);
  }

  /** A number in a field of twelve: eleven digits and a space. */
  long(value: number, at: number): void {
    this.#digits(value, at, 11);
    this.#put(0x20, at + 11);
  }

  /** Nothing else is to come: gives it its checksum. */
  done(): void {
    this.octal(this.#sum, 148);
  }

  #digits(value: number, at: number, count: number): void {
    let rest = value;
    for (let i = at + count - 1; i >= at; i--) {
      const more = Math.floor(rest / 8);
      this.#put(0x30 + rest - more * 8, i);
      rest = more;
    }
  }

  /** Whether the text is ASCII without NUL, and stands there now; if not, nothing does. */
  #ascii(text: string, at: number): boolean {
    const start = this.#start + at;
    let sum = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f || code === 0) {
        this.#bytes.fill(0, start, start + i);
        return false;
      }
      this.#bytes[start + i] = code;
      sum += code;
    }
    this.#sum += sum;
    return true;
  }

  #set(bytes: Uint8Array, at: number): void {
    this.#bytes.set(bytes, this.#start + at);
    for (let i = 0; i < bytes.length; i++) this.#sum += bytes[i]!;
  }

  #put(byte: number, at: number): void {
    this.#bytes[this.#start + at] = byte;
    this.#sum += byte;
  }
}

/**
 * Where a name is cut into prefix and name: at the first slash that leaves a name that fits; 0 where nothing is to be cut,
 * undefined where it cannot be. The slash itself is not stored, so a folder's last one is no place to cut.
 */
function splitAt(name: Uint8Array): number | undefined {
  if (name.length <= NAME) return 0;
  const cut = name.indexOf(0x2f, name.length - NAME - 1);
  return cut < 1 || cut > PREFIX || cut === name.length - 1 ? undefined : cut;
}

/** As many bytes as fit without cutting a character. */
function startOf(bytes: Uint8Array, width: number): Uint8Array {
  let end = Math.min(bytes.length, width);
  while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

function said(text: string, what: string): string {
  if (text.includes("\0"))
    throw new IngotError("internal", { message: `${what} ${text} has a NUL` });
  if (text.isWellFormed()) return text;
  throw new IngotError("unsupported", {
    what,
    at: text.toWellFormed(),
    found: "bytes that are not UTF-8",
    expected: "UTF-8",
    hint: "rename it, or leave it out",
  });
}

/** A PAX record's key ends at its first `=`, so that an attribute with one in its name has none. */
function xattrKey(name: string, { path }: TarEntry): string {
  if (name.isWellFormed() && /^[^=\0]+$/.test(name)) return `SCHILY.xattr.${name}`;
  throw new IngotError("unsupported", {
    what: "the extended attribute",
    at: `${name.toWellFormed()} of ${path}`,
    found: "a name that a tar cannot hold",
    expected: "UTF-8 without =",
  });
}

function device(value = 0, entry: TarEntry): number {
  if (whole(value, Number.MAX_SAFE_INTEGER, entry) <= SEVEN_DIGITS) return value;
  throw new IngotError("unsupported", {
    what: "the device",
    at: entry.path,
    found: `the number ${value}`,
    expected: `one of at most ${SEVEN_DIGITS}`,
  });
}

function whole(value: number, max: number, { path }: TarEntry): number {
  if (Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
  throw new IngotError("internal", { message: `${path} has the number ${value} in its header` });
}
