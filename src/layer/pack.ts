import type { Bytes } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import { SeenFile } from "../base/file-stamp.ts";
import { Sha256, sha256Hex } from "../base/hash.ts";
import { byBytes } from "../base/order.ts";
import { entryHeader, type TarEntry } from "../tar/entry.ts";
import { END, padding } from "../tar/header.ts";
import { Contents } from "./contents.ts";
import type { Entry, FileNode } from "./entry.ts";

/** Pieces are this large, a little less where the next file would not fit whole, and the last one as it comes. */
const PIECE = 1024 * 1024;
/** Files of at most this size are never cut: one read each. */
const SMALL = 64 * 1024;

export interface PackOptions {
  /** Told of each file when all of it was read, in the order of the entries; without it nothing is hashed. */
  readonly onFile?: (path: string, sha256: string) => void;
}

/**
 * The tar of `entries`, in their order, which is that of their paths' bytes: for each a header, its content where it has
 * some, zeros to the end of the block; two zero blocks at the end. The bytes follow from the entries and the
 * contents alone. Each source is read once; an archive from which files come, as `Contents` says.
 * A piece is valid until the next one is asked for: then its memory is written anew.
 * @throws changed for a file of the disk that is not what it was when it was listed, or does not stay so; unsupported for
 * what tar cannot say; internal for entries in another order; io, size-differs
 */
export async function* pack(entries: readonly Entry[], { onFile }: PackOptions = {}): Bytes {
  const contents = new Contents(
    entries.flatMap(({ node }) => (node?.kind === "file" ? [node] : [])),
  );
  const out = new Piece();
  const order = inOrder();
  try {
    for (const entry of entries) {
      order(entry);
      const header = headerBytes(entry);
      const file = entry.node?.kind === "file" ? entry.node : undefined;
      const isSmall = file !== undefined && file.size <= SMALL && file.source.kind !== "packed";
      if (out.lacks(header.length + (isSmall ? file.size : 0))) yield out.take();
      for (let at = 0; at < header.length; ) {
        if (out.room === 0) yield out.take();
        at += out.add(header.subarray(at));
      }
      if (file === undefined) continue;
      let hex = "";
      if (isSmall) {
        if (out.lacks(file.size)) yield out.take();
        const whole = out.next(file.size);
        readWhole(file, whole);
        if (onFile !== undefined) hex = sha256Hex(whole);
      } else {
        const hash = onFile === undefined ? undefined : new Sha256();
        yield* large(file, contents, out, hash);
        if (hash !== undefined) hex = hash.hex();
      }
      onFile?.(entry.path, hex);
      const zeros = padding(file.size);
      if (out.lacks(zeros)) yield out.take();
      out.next(zeros).fill(0);
    }
    await contents.finish();
    if (out.lacks(END.length)) yield out.take();
    out.add(END);
    yield out.take();
  } finally {
    await contents.close();
  }
}

function readWhole({ source, size }: FileNode, into: Uint8Array): void {
  if (source.kind === "bytes") into.set(held(source.bytes, size));
  if (source.kind !== "disk") return;
  const file = new SeenFile({ ...source, size });
  try {
    file.read(into);
    file.prove();
  } finally {
    file.close();
  }
}

function held(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length === size) return bytes;
  throw new Fault("internal", { message: `a file of ${size} bytes has ${bytes.length}` });
}

/** Adds a file's content to `out` part by part, and to `hash`. */
async function* large(
  { source, size }: FileNode,
  contents: Contents,
  out: Piece,
  hash: Sha256 | undefined,
): Bytes {
  const file = source.kind === "disk" ? new SeenFile({ ...source, size }) : undefined;
  try {
    const packed =
      source.kind === "packed" && size > 0 ? await contents.next(source.archive) : undefined;
    for (let at = 0; at < size; ) {
      if (out.room === 0) yield out.take();
      const room = Math.min(out.room, size - at);
      let piece: Uint8Array;
      if (packed !== undefined) {
        piece = await packed.some(room);
        out.add(piece);
      } else {
        piece = out.next(room);
        if (source.kind === "bytes") piece.set(held(source.bytes, size).subarray(at, at + room));
        else file?.read(piece);
      }
      hash?.update(piece);
      at += piece.length;
    }
    file?.prove();
  } finally {
    file?.close();
  }
}

/** What was gathered and not handed out yet. */
class Piece {
  readonly #bytes = new Uint8Array(PIECE);
  #used = 0;

  get room(): number {
    return PIECE - this.#used;
  }

  /** Whether there is no room for `count` bytes, and would be after what there is was handed out. */
  lacks(count: number): boolean {
    return this.#used > 0 && this.room < count;
  }

  /** The place for the next `count` bytes, of which there must be room: what was there before is to be overwritten. */
  next(count: number): Uint8Array {
    const from = this.#used;
    this.#used += count;
    return this.#bytes.subarray(from, this.#used);
  }

  /** Adds what there is room for; @returns how much. */
  add(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.room);
    this.next(count).set(bytes.subarray(0, count));
    return count;
  }

  /** Hands out what there is. */
  take(): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.#used);
    this.#used = 0;
    return bytes;
  }
}

/** How many bytes `pack` gives for `entries`: known before any content is read. */
export function packedSize(entries: readonly Entry[]): number {
  let sum = END.length;
  for (const entry of entries) {
    sum += headerBytes(entry).length;
    if (entry.node?.kind === "file") sum += entry.node.size + padding(entry.node.size);
  }
  return sum;
}

/** The header of one entry as `pack` writes it, with what extends it. */
export function headerBytes(entry: Entry): Uint8Array {
  return entryHeader(tarEntry(entry));
}

function tarEntry(entry: Entry): TarEntry {
  const { path } = entry;
  if (entry.node === undefined) {
    const { mode, uid, gid, mtime } = entry.meta;
    return { type: "link", path, mode, uid, gid, mtime, target: entry.link };
  }
  const { node } = entry;
  switch (node.kind) {
    case "file":
      return { type: "file", path, ...node.meta, size: node.size };
    case "symlink":
      // Systems differ in the mode of a link, which means nothing: 0777 is Linux's.
      return { type: "symlink", path, ...node.meta, mode: 0o777, target: node.target };
    case "character":
    case "block":
      return { type: node.kind, path, ...node.meta, major: node.major, minor: node.minor };
    default:
      return { type: node.kind, path, ...node.meta };
  }
}

/** Says of each entry whether it may follow those before. */
function inOrder(): (entry: Entry) => void {
  let before: string | undefined;
  return ({ path, link }) => {
    if (before !== undefined && byBytes(before, path) >= 0)
      throw new Fault("internal", { message: `${path} follows ${before} in a layer` });
    if (link !== undefined && byBytes(link, path) >= 0)
      throw new Fault("internal", { message: `${path} is a link to ${link}, which comes later` });
    before = path;
  };
}
