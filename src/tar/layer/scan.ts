import { isZero } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { within } from "../../base/subject.ts";
import { BLOCK, padding } from "../header.ts";
import type { StreamInput } from "../input.ts";
import { DEPTH_LIMIT, LAYER_MEMBERS, PATH_LIMIT } from "../limits.ts";
import { bytesText, cleanPath } from "../text.ts";
import { decodeEntry, type RawEntry } from "./decode.ts";
import { TYPE } from "./encode.ts";
import { addRecords, type Extended, sparse } from "./pax.ts";

/** One member of an archive that anybody may have made, in the words of the writer of layers. */
export interface FoundEntry {
  readonly type: keyof typeof TYPE;
  /** Clean: see `cleanPath`. */
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly size: number;
  /** A hard link's is the clean path of another member, a symbolic link's its text, of others empty. */
  readonly target: string;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array> | undefined;
  /** Where its body begins in the archive. */
  readonly offset: number;
}

/** More bounds that no image comes near. */
const EXTENDED_LIMIT = 1024 * 1024;
/** Of all names, targets and extended attributes together, which are held as long as the tree. */
const HELD_LIMIT = 96 * 1024 * 1024;
const EXTENDED_MEMBERS = 8;
const ID_MAX = 2 ** 32 - 1;

const TYPES: ReadonlyMap<string, keyof typeof TYPE> = new Map([
  ...Object.entries(TYPE).map(([type, flag]) => [flag, type as keyof typeof TYPE] as const),
  // A contiguous file, which is a file wherever there are none.
  ["7", "file"],
]);
/** GNU's label of a volume: the name of no file. */
const LABEL = "V";

/**
 * The members of an archive in their order, of any format in use: ustar, old and new GNU, PAX, and what was before. Bodies are
 * passed over. Afterwards the input has been read to its end: what follows the archive's end is nobody's business.
 * Memory is bounded, whatever the archive claims.
 * @throws malformed, also for names that lead up; unsupported for sparse files and kinds that no image can have;
 * too-large; size-differs where a body is cut
 */
export async function* scanEntries(
  input: StreamInput,
  { members = LAYER_MEMBERS }: { readonly members?: number } = {},
): AsyncGenerator<FoundEntry> {
  const global: Extended = {};
  let held = 0;
  for (let count = 0; ; count++) {
    const entry = await readEntry(input, global);
    if (entry === undefined) break;
    if (count >= members) {
      const facts = { what: "the number of members", at: input.at, unit: "members" };
      throw new IngotError("too-large", { ...facts, actual: count + 1, limit: members });
    }
    if (entry === "no member") continue;
    checkDepth(entry.path, input.at);
    held += heldBy(entry);
    if (held > HELD_LIMIT) {
      const what = "the names and extended attributes in";
      throw new IngotError("too-large", { what, at: input.at, actual: held, limit: HELD_LIMIT });
    }
    yield entry;
    const { offset, size } = entry;
    const whole = size + padding(size);
    await input.pass(offset + whole - input.position);
    if (input.position < offset + whole) {
      const actual = Math.min(size, input.position - offset);
      if (actual === size) throw cut(input.at);
      const at = within(entry.path.toWellFormed(), input.at);
      throw new IngotError("size-differs", { at, expected: size, actual });
    }
  }
  await input.pass(Number.POSITIVE_INFINITY);
}

function checkDepth(path: string, at: string): void {
  const actual = path.split("/", DEPTH_LIMIT + 1).length;
  if (actual <= DEPTH_LIMIT) return;
  const what = `the path of ${path.slice(0, 40).toWellFormed()}…`;
  throw new IngotError("too-large", { what, at, actual, limit: DEPTH_LIMIT, unit: "folders" });
}

function heldBy({ path, target, xattrs }: FoundEntry): number {
  let sum = path.length + target.length;
  for (const [name, value] of xattrs ?? []) sum += name.length + value.length;
  return sum;
}

/** The next header with what extends it, or undefined at a zero block or the end of the bytes. */
async function readEntry(
  input: StreamInput,
  global: Extended,
): Promise<FoundEntry | "no member" | undefined> {
  const own: Extended = {};
  const long: { path?: string; target?: string } = {};
  let pax = false;
  for (let extended = 0; ; extended++) {
    const start = input.position;
    const at = input.at;
    const block = await input.take(BLOCK);
    if (block.length === 0 && extended === 0) return undefined;
    if (block.length < BLOCK) throw cut(at);
    if (block[0] === 0 && isZero(block)) {
      if (extended === 0) return undefined;
      throw malformed(start, at, "the archive ends after a header that announces another");
    }
    const raw = decodeEntry(block, `offset ${start} of ${at}`);
    if (extended > EXTENDED_MEMBERS)
      throw malformed(start, at, `more than ${EXTENDED_MEMBERS} headers extend one member`);
    switch (raw.flag) {
      case "x":
      case "X":
        pax = true;
        addRecords(await readBody(input, raw.size), own, `offset ${start} of ${at}`);
        break;
      case "g": {
        const said: Extended = {};
        addRecords(await readBody(input, raw.size), said, `offset ${start} of ${at}`);
        if (said.path !== undefined || said.target !== undefined || said.size !== undefined)
          throw malformed(start, at, "it gives all members one name or size");
        for (const key of ["uid", "gid", "mtime"] as const)
          if (key in said) global[key] = said[key];
        break;
      }
      case "L":
        long.path = await readName(input, raw.size);
        break;
      case "K":
        long.target = await readName(input, raw.size);
        break;
      default: {
        const two = pax && (both(own.path, long.path) || both(own.target, long.target));
        if (two) throw malformed(start, at, "two headers name one member");
        if (raw.flag === LABEL) return "no member";
        return member(raw, { ...global, ...own, ...long }, start, input);
      }
    }
  }
}

const both = (a: string | undefined, b: string | undefined) => a !== undefined && b !== undefined;

/** The member that a header is, with what was said before it. */
function member(raw: RawEntry, said: Extended, start: number, input: StreamInput): FoundEntry {
  const { at } = input;
  const name = said.path ?? raw.name;
  for (const text of [name, said.target ?? ""])
    if (text.length > PATH_LIMIT)
      throw tooLarge("the name of a member", input, text.length, PATH_LIMIT);
  const place = within(name, at);
  if (raw.flag === "S") throw sparse(place);
  const known = TYPES.get(raw.flag);
  if (known === undefined)
    throw new IngotError("unsupported", {
      what: "the archive",
      at: place,
      found: `a member of type ${JSON.stringify(raw.flag)}`,
      expected: "files, folders, links, devices and fifos",
    });
  // Archives older than folders in them say so by the name.
  const type = known === "file" && name.endsWith("/") ? "directory" : known;
  const path = cleanPath(name);
  if (path === undefined) throw malformed(start, at, `its name ${JSON.stringify(name)} leads out`);
  if (path === "" && type !== "directory") throw malformed(start, at, `it makes / a ${type}`);
  const size = said.size ?? raw.size;
  const ids = [said.uid ?? raw.uid, said.gid ?? raw.gid, raw.major, raw.minor];
  if (size < 0 || ids.some((id) => id < 0 || id > ID_MAX))
    throw malformed(start, at, "it has a number that cannot be");
  const [uid, gid, major, minor] = ids as [number, number, number, number];
  return {
    type,
    path,
    mode: raw.mode & 0o7777,
    uid,
    gid,
    mtime: said.mtime ?? raw.mtime,
    // Only a file has a body: the size of a folder is the room that it may take, that of a link the file's (POSIX pax, ustar).
    size: type === "file" ? size : 0,
    target: targetOf(type, said.target ?? raw.linkname, start, at),
    major,
    minor,
    xattrs: said.xattrs,
    offset: input.position,
  };
}

function targetOf(type: FoundEntry["type"], text: string, start: number, at: string): string {
  if (type !== "link" && type !== "symlink") return "";
  const target = type === "link" ? cleanPath(text) : text;
  if (target === undefined || target === "")
    throw malformed(start, at, `it links to ${JSON.stringify(text)}`);
  return target;
}

async function readName(input: StreamInput, size: number): Promise<string> {
  if (size > PATH_LIMIT) throw tooLarge("the name of a member", input, size, PATH_LIMIT);
  const body = await readBody(input, size);
  const end = body.indexOf(0);
  return bytesText(end < 0 ? body : body.subarray(0, end));
}

async function readBody(input: StreamInput, size: number): Promise<Uint8Array> {
  if (size > EXTENDED_LIMIT) throw tooLarge("a PAX header", input, size, EXTENDED_LIMIT);
  const whole = Math.max(0, size) + padding(Math.max(0, size));
  const body = await input.take(whole);
  if (body.length < whole) throw cut(input.at);
  return body.subarray(0, size);
}

function tooLarge(
  what: string,
  { at, position }: StreamInput,
  actual: number,
  limit: number,
): IngotError {
  return new IngotError("too-large", { what, at: `offset ${position} of ${at}`, actual, limit });
}

const malformed = (start: number, at: string, why: string) =>
  new IngotError("malformed", { what: "a tar header", at: `offset ${start} of ${at}`, why });

const cut = (at: string) =>
  new IngotError("malformed", {
    what: "the archive",
    at,
    why: "it is cut off",
    hint: "copy or download it again",
  });
