import { concat, isZero, sameBytes, text } from "../../base/bytes.ts";
import { IngotError, isIngotError } from "../../base/error.ts";
import { countParsed } from "../../base/heap.ts";
import { within } from "../../base/subject.ts";
import { BLOCK, type HeaderWriter, padding } from "../header.ts";
import type { Input } from "../input.ts";
import {
  decodeHeader,
  decodePax,
  type ExtendedType,
  fieldAt,
  type MemberType,
  paxSize,
  type RawHeader,
} from "./decode.ts";

/** One member of an archive. Offsets and sizes in bytes. */
export interface TarMember {
  readonly name: string;
  readonly type: MemberType;
  readonly size: number;
  /** Of a hard or symbolic link, where it leads, as it is written. */
  readonly link?: string;
  /** Where its first header begins, and where its body does. */
  readonly start: number;
  readonly offset: number;
  /** The header field in which it differs from the canonical header; undefined when it does not. */
  readonly deviation: string | undefined;
}

/** How an archive ended. */
export interface ArchiveEnd {
  /** Where its first zero block begins, or the bytes end. */
  readonly start: number;
  /** How many zero blocks ended it; only 2 is right. */
  readonly zeroBlocks: 0 | 1 | 2;
  /** Zero bytes after the two blocks (some tools fill up to a record), as far as they were read. */
  readonly fill: number;
  /** Whether something that is not zero follows. */
  readonly trailing: boolean;
  /** Members whose padding is not zero. */
  readonly dirty: readonly string[];
}

/** Bounds that no archive of images comes near and that keep memory small. */
export const MEMBER_LIMIT = 262_144;
const NAME_LIMIT = 255;
const EXTENDED_LIMIT = 1024 * 1024;
const FILL_LIMIT = 16 * 1024 * 1024;
const DIRTY_LIMIT = 16;

/**
 * Reads an archive's members in their order. Between two steps the consumer may take the body of the member
 * from `input`; what it leaves is passed over. The generator's result tells how the archive ended.
 * Memory is bounded, whatever the archive claims. @throws malformed, too-large, size-differs (cut)
 */
export async function* scanTar(
  input: Input,
  canonical: HeaderWriter,
): AsyncGenerator<TarMember, ArchiveEnd> {
  const dirty: string[] = [];
  for (let count = 0; ; count++) {
    const start = input.position;
    const head = await readHead(input);
    if (head === undefined) return finish(input, start, dirty);
    if (count >= MEMBER_LIMIT) {
      throw new IngotError("too-large", {
        what: "the number of members",
        at: input.at,
        actual: count + 1,
        limit: MEMBER_LIMIT,
        unit: "members",
      });
    }
    countParsed(2 * head.raw.length);
    const offset = input.position;
    const { name, type, size, raw, link } = head;
    const end = offset + size;
    const target = type === "hard link" || type === "symbolic link" ? { link } : {};
    const deviates = deviation(raw, name, size, canonical);
    yield { name, type, size, ...target, start, offset, deviation: deviates };
    const left = end - input.position;
    if ((await input.pass(left)) < left)
      throw cutBody(name, size, input.position - offset, input.at);
    const pad = await input.take(padding(size));
    if (pad.length < padding(size)) throw cut(input);
    if (!isZero(pad) && dirty.length < DIRTY_LIMIT) dirty.push(name);
  }
}

interface Head extends RawHeader {
  readonly type: MemberType;
  readonly raw: Uint8Array;
}

const EXTENDED: ReadonlySet<string> = new Set<ExtendedType>([
  "pax",
  "pax-global",
  "long-name",
  "long-link",
]);

/** The next member's header with what extends it, or undefined at a zero block or the end of the bytes. */
async function readHead(input: Input): Promise<Head | undefined> {
  const raw: Uint8Array[] = [];
  let name: string | undefined;
  let size: number | undefined;
  let link: string | undefined;
  let sparse = false;
  const seen = new Set<ExtendedType>();
  for (let extended = 0; ; ) {
    const at = `offset ${input.position} of ${input.at}`;
    const block = (await input.take(BLOCK)).slice();
    if (block.length === 0 && raw.length === 0) return undefined;
    if (block.length < BLOCK) throw cut(input);
    if (isZero(block)) {
      if (raw.length > 0)
        throw new IngotError("malformed", {
          what: "the archive",
          at,
          why: "it ends after a header that announces another",
        });
      return undefined;
    }
    raw.push(block);
    const header = input.position === BLOCK ? firstHeader(block, at) : decodeHeader(block, at);
    if (!EXTENDED.has(header.type)) {
      const full = name ?? header.name;
      // Readers of old archives take a file with such a name for a folder, whichever header the name is from.
      const isFolder = header.type === "file" && full.endsWith("/");
      if (isFolder && header.isOld !== true)
        throw new IngotError("malformed", {
          what: "a tar header",
          at,
          why: "it is that of a file, and the name is that of a folder",
        });
      const bare = isFolder ? "directory" : header.type;
      const type = sparse ? "sparse file" : (bare as MemberType);
      const rest = { size: size ?? header.size, link: link ?? header.link, raw: concat(raw) };
      return checked({ name: full, type, ...rest }, at);
    }
    const kind = header.type as ExtendedType;
    if (kind === "pax-global" ? seen.size > 0 : seen.has(kind))
      throw new IngotError("malformed", {
        what: "a tar header",
        at,
        why:
          kind === "pax-global"
            ? "it is a global header, and it is between another extended header and the member of that"
            : "two headers of one kind extend one member",
      });
    if (kind !== "pax-global") seen.add(kind);
    if (++extended > 4)
      throw new IngotError("malformed", {
        what: "a tar header",
        at,
        why: "more than four headers extend one member",
      });
    const body = await readExtended(input, header.size, at);
    raw.push(body);
    const content = body.subarray(0, header.size);
    const records =
      header.type === "pax" || header.type === "pax-global"
        ? decodePax(content, at)
        : new Map<string, string>();
    const long = (text(content) ?? "").replace(/\0.*$/s, "");
    const path = header.type === "long-name" ? long : records.get("path");
    const target = header.type === "long-link" ? long : records.get("linkpath");
    const isSparse = [...records.keys()].some((key) => key.startsWith("GNU.sparse."));
    const more = path !== undefined || records.has("size") || isSparse;
    if (more && header.type === "pax-global")
      throw new IngotError("malformed", {
        what: "a PAX header",
        at,
        why: "it gives all members one name or size",
      });
    if (path !== undefined && name !== undefined)
      throw new IngotError("malformed", {
        what: "a tar header",
        at,
        why: "two headers name one member",
      });
    if (records.has("size") && size !== undefined)
      throw new IngotError("malformed", {
        what: "a tar header",
        at,
        why: "two headers give one member a size",
      });
    name = path ?? name;
    link = target ?? link;
    size = records.has("size") ? paxSize(records.get("size")!, at) : size;
    sparse ||= isSparse;
  }
}

/** What to say of bytes that do not even begin as an archive does. */
const NO_TAR = "this may be no tar archive at all";

function firstHeader(block: Uint8Array, at: string): RawHeader {
  try {
    return decodeHeader(block, at);
  } catch (error) {
    if (!isIngotError(error, "malformed")) throw error;
    throw new IngotError("malformed", { ...error.facts, why: `${error.facts.why}; ${NO_TAR}` });
  }
}

/** Refuses what readers differ in: whether a body follows a header that needs none. */
function checked(head: Head, at: string): Head {
  const { name, type, size } = head;
  if (name.length > NAME_LIMIT)
    throw new IngotError("too-large", {
      what: "the name of a member",
      at,
      actual: name.length,
      limit: NAME_LIMIT,
      unit: "characters",
    });
  const hasBody = type === "file" || type === "sparse file" || type === "unknown";
  if (!hasBody && size !== 0)
    throw new IngotError("malformed", {
      what: "a tar header",
      at,
      why: `it is that of a ${type}, and has a size`,
    });
  return head;
}

async function readExtended(input: Input, size: number, at: string): Promise<Uint8Array> {
  if (size > EXTENDED_LIMIT)
    throw new IngotError("too-large", {
      what: "a PAX header or long name",
      at,
      actual: size,
      limit: EXTENDED_LIMIT,
    });
  const body = (await input.take(size + padding(size))).slice();
  if (body.length < size + padding(size)) throw cut(input);
  return body;
}

/** What a member is when the archive is over before its body is: `actual` bytes of it are there. */
export const cutBody = (name: string, size: number, actual: number, at: string) =>
  new IngotError("size-differs", { at: within(name, at), expected: size, actual });

const cut = (input: Input) =>
  new IngotError("malformed", {
    what: "the archive",
    at: input.at,
    why: `it is cut off at offset ${input.position}${input.position < BLOCK ? `; ${NO_TAR}` : ""}`,
    hint: "copy or download it again",
  });

/** Reads what follows the first zero block, or the end of the bytes. */
async function finish(input: Input, start: number, dirty: readonly string[]): Promise<ArchiveEnd> {
  const first = input.position - start;
  const second = first === BLOCK ? await input.take(BLOCK) : new Uint8Array(0);
  const whole = second.length === BLOCK && isZero(second);
  const zeroBlocks = first === 0 ? 0 : whole ? 2 : 1;
  let trailing = !isZero(second);
  let fill = 0;
  while (!trailing && fill <= FILL_LIMIT) {
    const more = await input.take(64 * 1024);
    if (more.length === 0) break;
    fill += more.length;
    trailing = !isZero(more);
  }
  return { start, zeroBlocks, fill, trailing: trailing || fill > FILL_LIMIT, dirty };
}

/** The first field in which `raw` is not the canonical header of such a member. */
function deviation(
  raw: Uint8Array,
  name: string,
  size: number,
  canonical: HeaderWriter,
): string | undefined {
  if (!/^[\x21-\x7e]{1,100}$/.test(name)) return "name";
  const expected = canonical(name, size);
  if (sameBytes(raw, expected)) return undefined;
  if (raw.length !== expected.length)
    return raw.length > expected.length ? "extended header" : "missing PAX size record";
  let found: string | undefined;
  for (let i = 0; i < expected.length; i++) {
    if (raw[i] === expected[i]) continue;
    found = i >= BLOCK && i < 2 * BLOCK ? "extended header" : fieldAt(i % BLOCK);
    // The checksum follows from the others: it is named only when nothing else differs.
    if (found !== "checksum") return found;
  }
  return found;
}
