import { StreamInput } from "../../tar/input.ts";
import { type FoundEntry, scanEntries } from "../../tar/layer/scan.ts";
import type { Entry, Meta, NodeEntry, Packed } from "../tree/entry.ts";
import { isKeptXattr } from "../tree/xattrs.ts";

/**
 * One member of a layer as somebody packed it: nothing is said of its order, of its parents or of members before it with the
 * same path. A link's target is clean, but may be anything. A name that is not UTF-8 has U+DCNN for each byte
 * 0xNN that belongs to no character.
 */
export type Unpacked = Entry;

/**
 * The members of a tar of any format in use, in its order. Contents stay where they are: a file's source is a stretch of the
 * archive. Of extended attributes those are kept that belong to an image. Who goes over all of them has read the archive to its end;
 * who stops early has closed it.
 * @throws malformed, also for names that lead out of the tree; unsupported for sparse files and unknown kinds;
 * too-large; size-differs where the archive is cut; and what opening it throws
 */
export async function* unpack(archive: Packed): AsyncGenerator<Unpacked> {
  const input = new StreamInput(archive.open(), archive.at);
  try {
    for await (const found of scanEntries(input)) yield unpacked(found, archive);
  } finally {
    await input.close();
  }
}

function unpacked(found: FoundEntry, archive: Packed): Unpacked {
  const { type, path, target, size, offset } = found;
  const meta = metaOf(found);
  if (type === "link") return { path, link: target, meta };
  return { path, node: nodeOf() };

  function nodeOf(): NodeEntry["node"] {
    switch (type) {
      case "file":
        return { kind: "file", meta, size, source: { kind: "packed", archive, offset } };
      case "symlink":
        return { kind: "symlink", meta, target };
      case "character":
      case "block":
        return { kind: type, meta, major: found.major, minor: found.minor };
      default:
        return { kind: type as "directory" | "fifo", meta };
    }
  }
}

function metaOf({ mode, uid, gid, mtime, xattrs }: FoundEntry): Meta {
  const kept = new Map([...(xattrs ?? [])].filter(([name]) => isKeptXattr(name)));
  return { mode, uid, gid, mtime, ...(kept.size > 0 ? { xattrs: kept } : {}) };
}
