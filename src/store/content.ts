import { sameBytes } from "../base/bytes.ts";
import { IngotError } from "../base/error.ts";
import { openRead } from "../base/fs/file.ts";
import type { Subject } from "../base/subject.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";

/** A stretch of a file. Bytes. */
export interface FileExtent {
  readonly path: string;
  readonly offset: number;
  readonly size: number;
}

/** A blob whose size is known and whose bytes are not here: only JSON is ever asked for. */
export interface AbsentBlob {
  readonly absent: Digest;
  readonly size: number;
  /** For the message to whoever asks for the bytes: "it is too long". */
  readonly why: string;
}

/** Where the bytes of a blob are: in memory, or a range of a file. They can be read as often as asked. */
export type Content = Uint8Array | FileExtent | AbsentBlob;

export const isAbsent = (content: Content): content is AbsentBlob => "absent" in content;

/** The bytes or the range of a file that a content is. @throws malformed for an absent one */
export function requireBytes(content: Content): Uint8Array | FileExtent {
  if (!isAbsent(content)) return content;
  throw new IngotError("malformed", { what: "JSON", at: content.absent, why: content.why });
}

export const sizeOf = (content: Content) =>
  content instanceof Uint8Array ? content.length : content.size;

/**
 * The bytes of a small blob, proven to be those that `descriptor` names.
 * @param limit the most bytes that are taken into memory
 * @throws too-large, size-differs, digest-differs, io
 */
export function readContent(content: Content, descriptor: Descriptor, limit: number): Uint8Array {
  const { digest, size } = descriptor;
  if (size > limit)
    throw new IngotError("too-large", { what: "the blob", at: digest, actual: size, limit });
  const here = requireBytes(content);
  const bytes =
    here instanceof Uint8Array ? here : readExtent(here, Math.min(here.size, limit + 1));
  if (bytes.length !== size || sizeOf(content) !== size) {
    throw new IngotError("size-differs", { at: digest, expected: size, actual: sizeOf(content) });
  }
  const actual = digestOf(bytes);
  if (actual !== digest)
    throw new IngotError("digest-differs", { at: digest, expected: digest, actual });
  return bytes;
}

/** The first `count` bytes of a stretch of a file, as far as they are there. */
export function readExtent(extent: FileExtent, count = extent.size): Uint8Array {
  const file = openRead(extent.path);
  try {
    const bytes = new Uint8Array(count);
    return bytes.subarray(0, file.read(bytes, extent.offset));
  } finally {
    file.close();
  }
}

/** So many bytes of each of two contents are compared at once. */
const PIECE = 256 * 1024;

/** Whether two contents are the same, byte for byte. What a file no longer has is not the same as anything. @throws io */
export function sameContent(a: Content, b: Content): boolean {
  if (sizeOf(a) !== sizeOf(b)) return false;
  for (let at = 0; at < sizeOf(a); at += PIECE) {
    const piece = pieceOf(a, at);
    if (piece.length === 0 || !sameBytes(piece, pieceOf(b, at))) return false;
  }
  return true;
}

function pieceOf(content: Content, at: number): Uint8Array {
  const here = requireBytes(content);
  const size = Math.min(PIECE, sizeOf(here) - at);
  if (here instanceof Uint8Array) return here.subarray(at, at + size);
  return readExtent({ path: here.path, offset: here.offset + at, size });
}

/** All bytes of a content of at most `limit` bytes, as they are. @throws too-large, size-differs, io */
export function readBytes(content: Content, limit: number, at: Subject): Uint8Array {
  const here = requireBytes(content);
  if (here instanceof Uint8Array) return here;
  if (here.size > limit)
    throw new IngotError("too-large", { what: "the file", at, actual: here.size, limit });
  const bytes = readExtent(here);
  if (bytes.length < here.size)
    throw new IngotError("size-differs", { at, expected: here.size, actual: bytes.length });
  return bytes;
}
