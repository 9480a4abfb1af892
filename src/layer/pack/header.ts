/** How an entry of a layer begins in its tar. */

import { BLOCK, PAX_SIZE } from "../../tar/header.ts";
import { entryHeader, putHeader, type TarEntry } from "../../tar/layer/encode.ts";
import type { Entry } from "../tree/entry.ts";

/** The header of one entry as `pack` writes it, with what extends it. */
export function headerBytes(entry: Entry): Uint8Array {
  return entryHeader(tarEntry(entry));
}

/** Writes the header at `at` in `bytes`, where it is one block; whether it is. If not, that block is anything. */
export const putBlock = (entry: Entry, bytes: Uint8Array, at: number): boolean =>
  putHeader(tarEntry(entry), bytes, at);

/** How long `headerBytes` are. */
export function headerLength(entry: Entry): number {
  const { mtime, uid, gid, xattrs } = entry.node === undefined ? entry.meta : entry.node.meta;
  const target = entry.link ?? (entry.node?.kind === "symlink" ? entry.node.target : "");
  const size = entry.node?.kind === "file" ? entry.node.size : 0;
  const isPlain =
    isShort(entry.path) &&
    isShort(target) &&
    (xattrs === undefined || xattrs.size === 0) &&
    mtime >= 0 &&
    Math.max(size, mtime, uid * 4096, gid * 4096) < PAX_SIZE;
  return isPlain ? BLOCK : headerBytes(entry).length;
}

/** Whether ustar certainly has room for the text, and a slash. Most have it: others are worth trying. */
function isShort(text: string): boolean {
  if (text.length > 99) return false;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

function tarEntry(entry: Entry): TarEntry {
  const { path } = entry;
  if (entry.node === undefined) {
    const { mode, uid, gid, mtime } = entry.meta;
    return { type: "link", path, mode, uid, gid, mtime, target: entry.link };
  }
  const { node } = entry;
  switch (node.kind) {
    case "file": {
      // Nearly all are files: spelled out it takes a third of the time.
      const { mode, uid, gid, mtime, xattrs } = node.meta;
      return { type: "file", path, mode, uid, gid, mtime, xattrs, size: node.size };
    }
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
