import { Fault } from "../base/fault.ts";
import { checkMembers, checkPath } from "./bounds.ts";
import type { Entry, Meta, Node, RefusedNode } from "./entry.ts";
import { Names } from "./names.ts";
import { inOrder, join, memberName, nameOf, parentOf } from "./path.ts";
import type { ReadTree } from "./tree.ts";

/**
 * What a step did to a tree, by path: what is there now, or that something is there no more. A folder stands for itself
 * alone; what has vanished is said for every path of it. Not for the root, which no layer can say.
 */
export type Changes = ReadonlyMap<string, Node | "removed">;

/** How a layer gets its times: all the epoch; none later than it; or as they are. */
export type Timestamps = "set" | "clamp" | "keep";

export interface Times {
  /** Whole seconds since 1970. */
  readonly epoch: number;
  readonly timestamps: Timestamps;
}

/** What stands before the name of what a layer takes away (image-spec layer.md, "Whiteouts"). */
export const WHITEOUT = ".wh.";

type Wanted = Exclude<Node, RefusedNode>;

/**
 * The layer that says `changes`, after which the tree is `tree`, in normal form. What it is follows from the two alone, in
 * whatever order the changes came:
 * - every folder on the way to a change is there, as the tree has it: unpackers differ in what they make up;
 * - sorted by the bytes of the names that members have, a folder's with its slash: `a-b`, `a/`, `a/b`, `a0`. So a folder is
 *   followed by all that is in it. GNU tar gives it its mode and time as soon as something follows that is not: what came
 *   later would change the time, and might not come in any more;
 * - names of one node in this layer: the first one is the file, the others are links to it. A node that other layers
 *   have, too, is written in full: a link into another layer cannot always be unpacked;
 * - symbolic links have mode 0777, whatever their system said;
 * - something that is gone is an empty file `.wh.NAME`, of mode 0 and owner 0:0 at the epoch, as Docker, containerd and
 *   umoci write it. Of a folder that is gone just the folder's; never `.wh..wh..opq`: "explicit" is what the specification
 *   recommends. Where something of another kind has taken the place there is no whiteout: whoever applies a layer
 *   removes what was there ("Changeset over existing files"), and some would apply the whiteout to the new one.
 *
 * Faults, `unsupported`: what no image can have; a name that begins with `.wh.`, or is no UTF-8, or is
 * the same as its neighbour's but for Unicode normalization (on some systems there can only be one of them). `too-large`:
 * what is beyond a bound, see `checkPath` and `checkMembers`.
 */
export function entriesOf(changes: Changes, tree: ReadTree, times: Times): Entry[] {
  const paths: string[] = [];
  const whiteouts = new Set<string>();
  const added = new Set<string>([""]);
  const names = new Names(tree);
  const addParents = (path: string): void => {
    for (let parent = parentOf(path); !added.has(parent); parent = parentOf(parent)) {
      added.add(parent);
      if (!changes.has(parent)) paths.push(parent);
    }
  };
  let last: string | undefined;
  for (const [path, node] of changes) {
    const parent = parentOf(path);
    if (node === "removed") {
      // Below what is gone or no folder any more, nothing has to be said.
      if (tree.get(parent)?.kind !== "directory") continue;
      names.check(path, false);
      const whiteout = join(parent, WHITEOUT + nameOf(path));
      checkPath(whiteout);
      whiteouts.add(whiteout);
      paths.push(whiteout);
    } else {
      if (path === "") continue;
      paths.push(path);
    }
    if (parent !== last) addParents(path);
    last = parent;
  }
  checkMembers(paths.length, tree.at);
  const stamp = stamper(times);
  const first = new Map<Wanted, string>();
  const entries: Entry[] = [];
  const isFolder = (path: string) => !whiteouts.has(path) && tree.get(path)?.kind === "directory";
  for (const name of inOrder(paths.map((path) => memberName(path, isFolder(path))))) {
    const path = name.endsWith("/") ? name.slice(0, -1) : name;
    if (whiteouts.has(path)) {
      entries.push({ path, node: whiteout(times.epoch) });
      continue;
    }
    names.check(path, changes.has(path));
    const node = wanted(path, tree.get(path));
    if (node.kind !== "directory") {
      const link = first.get(node);
      if (link !== undefined) {
        entries.push({ path, link, meta: stamp(node.meta) });
        continue;
      }
      first.set(node, path);
    }
    entries.push({ path, node: stamped(node, stamp) });
  }
  return entries;
}

/** What `path` has to be in the layer. */
function wanted(path: string, node: Node | undefined): Wanted {
  if (node === undefined)
    throw new Fault("internal", { message: `${path} was changed, but is not in the tree` });
  if (node.kind === "refused") throw refusal(node);
  if (node.kind === "symlink" && !node.target.isWellFormed())
    throw new Fault("unsupported", {
      what: "the link",
      at: path,
      found: "a target that is not UTF-8",
      expected: "UTF-8",
    });
  return node;
}

/** What to say to someone who wants to copy what no image can have. */
export function refusal({ at, why }: RefusedNode): Fault {
  return new Fault("unsupported", {
    what: "the source",
    at,
    found: why,
    expected: "a file, a folder, a link, a device or a fifo, with a name in UTF-8",
    hint: "if the image does not need it, name it in .dockerignore or with --exclude",
  });
}

function stamper({ epoch, timestamps }: Times): (meta: Meta) => Meta {
  if (timestamps === "keep") return (meta) => meta;
  const isSet = timestamps === "set";
  let last: Meta | undefined;
  return (meta) => {
    const mtime = isSet || meta.mtime > epoch ? epoch : meta.mtime;
    if (mtime === meta.mtime) return meta;
    const { mode, uid, gid, xattrs } = meta;
    // Most neighbours have the same: one object is enough for them all.
    if (last?.mode === mode && last.uid === uid && last.gid === gid && xattrs === last.xattrs)
      return last;
    last = { mode, uid, gid, mtime, xattrs };
    return last;
  };
}

/** `node` as it stands in a layer. */
function stamped(node: Wanted, stamp: (meta: Meta) => Meta): Wanted {
  const meta = stamp(node.meta);
  if (node.kind === "symlink" && meta.mode !== 0o777)
    return { ...node, meta: { ...meta, mode: 0o777 } };
  if (meta === node.meta) return node;
  // Nearly all are files: spelled out it takes a third of the time.
  if (node.kind === "file") return { kind: "file", meta, size: node.size, source: node.source };
  return { ...node, meta };
}

function whiteout(epoch: number): Wanted {
  const source = { kind: "bytes", bytes: new Uint8Array() } as const;
  return { kind: "file", meta: { mode: 0, uid: 0, gid: 0, mtime: epoch }, size: 0, source };
}
