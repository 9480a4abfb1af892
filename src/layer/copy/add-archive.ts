import type { Bytes } from "../../base/bytes.ts";
import { decompressed } from "../../base/compression/decompress.ts";
import { isIngotError } from "../../base/error.ts";
import { UnchangedFile } from "../../base/fs/unchanged-file.ts";
import { type Subject, subjectText } from "../../base/subject.ts";
import { BLOCK, checksum } from "../../tar/header.ts";
import { FileReaders } from "../tree/contents.ts";
import type { FileNode, Packed } from "../tree/entry.ts";
import { type ExtractTarget, TarExtractor } from "../unpack/extract.ts";
import { unpack } from "../unpack/unpack.ts";
import type { FileOwner } from "./chown.ts";
import { landing, makeDirectories } from "./workdir.ts";

export interface AddInto {
  readonly tree: ExtractTarget;
  /** The folder to unpack into, as the Dockerfile has it. */
  readonly dest: string;
  /** What `--chown` says; without it members keep their owners. */
  readonly owner: FileOwner | undefined;
  readonly place: string;
  /** The archive, for messages; they have the place as well. */
  readonly at: Subject;
}

/**
 * Where `file` is a tar, plain or compressed, afterwards its members are in the folder `dest`, and true is returned. Else
 * nothing has happened. It is one when its first block is a header with the right checksum, whatever the name: a
 * file without members, a compressed file that is no tar and a damaged one are copied as they are, as Docker has it.
 *
 * As `tar -x` by root: a folder over a folder gives it its metadata, anything else takes the place of what was there. Links in
 * the destination are followed, for which `dest` is the root. Folders that no member declares are 0755 and 0:0; `dest`
 * and those above it belong to `owner`. The archive's own root gives `dest` nothing.
 * @throws unsupported for bzip2 and xz, which Docker unpacks; and what `unpack` throws
 */
export async function addArchive(file: FileNode, into: AddInto): Promise<boolean> {
  const { tree, dest, owner, place } = into;
  const at = `${subjectText(into.at)} (${place})`;
  const archive: Packed = { at, open: () => decompressed(bytesOf(file), at) };
  if (!(await isTar(archive))) return false;
  const root = landing(tree, dest, place);
  makeDirectories(tree, root, { mode: 0o755, owner }, place);
  const placer = new TarExtractor(tree, { at, root, owner });
  for await (const member of unpack(archive)) if (member.path !== "") placer.place(member);
  return true;
}

async function isTar(archive: Packed): Promise<boolean> {
  const head = new Uint8Array(BLOCK);
  let size = 0;
  try {
    for await (const piece of archive.open()) {
      const part = piece.subarray(0, BLOCK - size);
      head.set(part, size);
      size += part.length;
      if (size === BLOCK) break;
    }
  } catch (error) {
    if (isIngotError(error, "malformed")) return false;
    throw error;
  }
  if (size < BLOCK) return false;
  const [, octal = ""] =
    /^[ \0]*([0-7]+)[ \0]/.exec(Buffer.from(head.subarray(148, 157)).toString("latin1")) ?? [];
  return octal !== "" && Number.parseInt(octal, 8) === checksum(head);
}

const PIECE = 1024 * 1024;

/** The content of a file, from front to back; a piece is valid until the next one is asked for. */
async function* bytesOf(node: FileNode): Bytes {
  const { source, size } = node;
  if (source.kind === "bytes") {
    yield source.bytes;
  } else if (source.kind === "disk") {
    const file = new UnchangedFile({ ...source, size });
    try {
      const buffer = new Uint8Array(Math.min(size, PIECE));
      for (let left = size; left > 0; ) {
        const piece = buffer.subarray(0, Math.min(left, PIECE));
        file.read(piece);
        left -= piece.length;
        yield piece;
      }
      file.prove();
    } finally {
      file.close();
    }
  } else if (size > 0) {
    const contents = new FileReaders([node]);
    try {
      const content = await contents.next(source.archive);
      for (let left = size; left > 0; ) {
        const piece = await content.some(Math.min(left, PIECE));
        left -= piece.length;
        yield piece;
      }
      await contents.finish();
    } finally {
      await contents.close();
    }
  }
}
