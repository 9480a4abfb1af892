import { utf8 } from "../../base/bytes.ts";
import { Sha256 } from "../../base/hash.ts";
import type { Entry, Node } from "../tree/entry.ts";

/** Texts are hashed so many at a time: one by one takes much longer. */
const SOME = 512;

/**
 * The digest of all that a layer says but what its files contain, 64 hexadecimal digits: what its headers are made of, entry by entry.
 * Two layers of one shape have headers that are alike. `format` says how entries become bytes.
 */
export function shapeOf(entries: readonly Entry[], format: string): string {
  const hash = new Sha256().update(utf8(`${format}\n`));
  let text = "";
  for (let i = 0; i < entries.length; i++) {
    text += textOf(entries[i]!);
    if (i % SOME !== SOME - 1) continue;
    hash.update(utf8(text));
    text = "";
  }
  return hash.update(utf8(text)).hex();
}

/** No two entries have the same: no path, link or name has a NUL, and of an attribute's value the digits end it. */
function textOf(entry: Entry): string {
  const { path, node, link } = entry;
  const { mode, uid, gid, mtime, xattrs } = node === undefined ? entry.meta : node.meta;
  const attributes = [...(xattrs ?? [])].map(
    ([name, value]) => `${name}\0${Buffer.from(value).toString("hex")}\0`,
  );
  const what = node === undefined ? `link ${link}` : whatIs(node);
  return `${path}\0${what}\0${mode} ${uid} ${gid} ${mtime}\0${attributes.join("")}\n`;
}

function whatIs(node: Node): string {
  switch (node.kind) {
    case "file":
      return `file ${node.size}`;
    case "symlink":
      return `symlink ${node.target}`;
    case "character":
    case "block":
      return `${node.kind} ${node.major} ${node.minor}`;
    default:
      return node.kind;
  }
}
