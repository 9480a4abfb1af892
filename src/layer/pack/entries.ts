import { IngotError } from "../../base/error.ts";
import { sorted } from "../../base/order.ts";
import type { Changes } from "../tree/changes.ts";
import type { Entry, LayerNode, Meta, RefusedNode } from "../tree/entry.ts";
import { checkMembers, checkPath } from "../tree/limits.ts";
import { join, memberName } from "../tree/path.ts";
import { stamped, stamper, type Times } from "../tree/times.ts";
import { isDirectoryNode, type Leaf, type Tree, type TreeDirectory } from "../tree/tree.ts";
import { NameValidator } from "./name-check.ts";

/** What stands before the name of what a layer takes away (image-spec layer.md, "Whiteouts"). */
export const WHITEOUT = ".wh.";

/**
 * The layer that says `changes`, in normal form. What it is follows from the two trees alone:
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
 * IngotErrors, `unsupported`: what no image can have; a name that begins with `.wh.`, or is no UTF-8, or is
 * the same as its neighbour's but for Unicode normalization (on some systems there can only be one of them). `too-large`:
 * what is beyond a bound, see `checkPath` and `checkMembers`.
 */
export function entriesOf(changes: Changes, times: Times): Entry[] {
  const { before, after } = changes;
  const layer = new Layer(after, times);
  layer.inside("", before.root, after.root);
  return layer.entries;
}

/** A layer being listed. */
class Layer {
  readonly entries: Entry[] = [];
  readonly #tree: Tree;
  readonly #names: NameValidator;
  readonly #stamp: (meta: Meta) => Meta;
  readonly #epoch: number;
  /** Nodes that the layer has, with the first of their paths. */
  readonly #first = new Map<LayerNode, string>();

  constructor(tree: Tree, times: Times) {
    this.#tree = tree;
    this.#names = new NameValidator(tree);
    this.#stamp = stamper(times);
    this.#epoch = times.epoch;
  }

  /** Adds what is other in the folder `path` than it was. */
  inside(path: string, was: TreeDirectory | undefined, is: TreeDirectory): void {
    for (const member of membersIn(was, is)) {
      const isBelow = member.endsWith("/");
      const name = isBelow ? member.slice(0, -1) : member;
      const child = is.children.get(name);
      const old = was?.children.get(name);
      if (isBelow && isDirectoryNode(child)) this.#folder(join(path, name), old, child);
      else if (child !== undefined && !isDirectoryNode(child) && child !== old)
        this.#leaf(join(path, name), child);
      else this.#whiteout(path, name);
    }
  }

  #folder(path: string, old: TreeDirectory | Leaf | undefined, folder: TreeDirectory): void {
    const was = isDirectoryNode(old) ? old : undefined;
    const isNew = was?.node !== folder.node;
    const { length } = this.entries;
    this.#add(path, { path, node: stamped(folder.node, this.#stamp) }, isNew);
    this.inside(path, was, folder);
    // What was made anew may be what it was.
    if (!isNew && this.entries.length === length + 1) this.entries.pop();
  }

  #leaf(path: string, leaf: Leaf): void {
    const node = wanted(path, leaf);
    const link = this.#first.get(node);
    if (link === undefined) {
      this.#first.set(node, path);
      this.#add(path, { path, node: stamped(node, this.#stamp) }, true);
    } else this.#add(path, { path, link, meta: this.#stamp(node.meta) }, true);
  }

  /** @param name with what stands before it in a layer */
  #whiteout(folder: string, name: string): void {
    this.#names.check(join(folder, name.slice(WHITEOUT.length)), false);
    const path = join(folder, name);
    checkPath(path);
    this.entries.push({ path, node: whiteout(this.#epoch) });
    checkMembers(this.entries.length, this.#tree.at);
  }

  #add(path: string, entry: Entry, isNew: boolean): void {
    this.#names.check(path, isNew);
    this.entries.push(entry);
    checkMembers(this.entries.length, this.#tree.at);
  }
}

/** What members of a layer are called that say how a folder is other than it was, in order; folders in which nothing may be, too. */
function membersIn(was: TreeDirectory | undefined, is: TreeDirectory): string[] {
  const members: string[] = [];
  for (const [name, child] of is.children)
    if (child !== was?.children.get(name)) members.push(memberName(name, isDirectoryNode(child)));
  for (const name of was?.children.keys() ?? [])
    if (!is.children.has(name)) members.push(WHITEOUT + name);
  return sorted(members);
}

/** What `path` has to be in the layer. */
function wanted(path: string, node: Leaf): Exclude<Leaf, RefusedNode> {
  if (node.kind === "refused") throw unsupportedNode(node);
  if (node.kind === "symlink" && !node.target.isWellFormed())
    throw new IngotError("unsupported", {
      what: "the link",
      at: path,
      found: "a target that is not UTF-8",
      expected: "UTF-8",
    });
  return node;
}

/** What to say to someone who wants to copy what no image can have. */
export function unsupportedNode({ at, why }: RefusedNode): IngotError {
  return new IngotError("unsupported", {
    what: "the source",
    at,
    found: why,
    expected: "a file, a folder, a link, a device or a fifo, with a name in UTF-8",
    hint: "if the image does not need it, name it in .dockerignore or with --exclude",
  });
}

function whiteout(epoch: number): LayerNode {
  const source = { kind: "bytes", bytes: new Uint8Array() } as const;
  return { kind: "file", meta: { mode: 0, uid: 0, gid: 0, mtime: epoch }, size: 0, source };
}
