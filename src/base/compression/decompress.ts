/** What others have compressed, as it was: known by its first bytes, whatever its name or media type says. */
import * as zlib from "node:zlib";
import type { Bytes } from "../bytes.ts";
import { IngotError } from "../error.ts";
import { inflated } from "./zlib-stream.ts";
import { isZstd, unzstd } from "./zstd.ts";
import type { Windows } from "./zstd-windows.ts";

/** First bytes by which a format is known that is not taken, and the program that unpacks it. */
const REFUSED: readonly { name: string; magic: readonly number[]; program: string }[] = [
  { name: "bzip2", magic: [0x42, 0x5a, 0x68], program: "bunzip2" },
  { name: "xz", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], program: "unxz" },
  { name: "lzip", magic: [0x4c, 0x5a, 0x49, 0x50], program: "lzip -d" },
];
/** So many first bytes tell every format. */
export const HEAD = 8;

/**
 * The bytes uncompressed: gzip (also of several members), zstd (also of several frames), and anything else as
 * it is. Whoever stops early ends the reading of `bytes`; whoever reads to the end has read all of them. Memory
 * is bounded, however much comes out: nothing is decoded that nobody asks for. A piece is valid until the
 * next one is asked for.
 * @param at what it is, for messages @param windows who else decompresses zstd at the same time
 * @throws malformed for bytes that are damaged, cut, or have something behind their end; unsupported for bzip2,
 * xz and lzip, and for zstd where the runtime does not have it
 */
export async function* decompressed(bytes: Bytes, at: string, windows?: Windows): Bytes {
  const source = await peek(bytes, HEAD);
  const { head } = source;
  try {
    const refused = refusedAs(head);
    if (refused !== undefined) {
      const { name, program } = refused;
      throw new IngotError("unsupported", {
        what: "the archive",
        at,
        found: `${name} compression`,
        expected: "gzip, zstd or none",
        hint: `unpack it first: ${program}`,
      });
    }
    if (isGzip(head)) yield* inflated(source.all, () => zlib.createGunzip(OPTIONS), gzip(at));
    else if (isZstd(head)) yield* unzstd(source.all, at, windows);
    else yield* source.all;
  } finally {
    await source.close();
  }
}

/** What `decompressed` undoes. */
export type Compression = "gzip" | "zstd";

/** How bytes that begin so are compressed; undefined for what `decompressed` leaves as it is, or refuses. */
export function compressionOf(head: Uint8Array): Compression | undefined {
  return isGzip(head) ? "gzip" : isZstd(head) ? "zstd" : undefined;
}

/** How bytes that begin so are compressed, also where that is refused. */
export const formatOf = (head: Uint8Array): string | undefined =>
  compressionOf(head) ?? refusedAs(head)?.name;

/** Whether `decompressed` changes bytes that begin so, or refuses them. */
export const isCompressed = (head: Uint8Array) =>
  compressionOf(head) !== undefined || refusedAs(head) !== undefined;

const refusedAs = (head: Uint8Array) =>
  REFUSED.find(({ magic }) => magic.every((byte, i) => head[i] === byte));

/** Out of a decoder come pieces of this size. */
const OPTIONS = { chunkSize: 256 * 1024 };

const gzip = (at: string) => ({ what: "the gzip stream", at });
const isGzip = (head: Uint8Array) => head[0] === 0x1f && head[1] === 0x8b;

/** A stream whose beginning was looked at. */
export interface Peeked {
  /** The first bytes; fewer than asked for only where there are no more. */
  readonly head: Uint8Array;
  /** All bytes, the first ones too. To be gone over once. */
  readonly all: Bytes;
  /** Lets go of the stream. */
  close(): Promise<void>;
}

/** Looks at the first bytes. */
export async function peek(bytes: Bytes, count: number): Promise<Peeked> {
  const iterator = bytes[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array(0);
  let over = false;
  while (head.length < count && !over) {
    const next = await iterator.next();
    over = next.done === true;
    if (!over) head = joined(head, next.value);
  }
  async function* all(): Bytes {
    if (head.length > 0) yield head;
    while (!over) {
      const next = await iterator.next();
      over = next.done === true;
      if (!over) yield next.value;
    }
  }
  const close = async () => {
    if (!over) await iterator.return?.();
  };
  return { head, all: all(), close };
}

/** Both as one, of its own memory: a piece of a stream is valid only until the next one is asked for. */
function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
