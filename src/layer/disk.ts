import * as path from "node:path";
import { realPath } from "../base/file.ts";
import { type Found, inodeOf, linkTarget, lookAt, namesIn, REPLACED } from "../base/file-tree.ts";
import { sortedUnique } from "../base/order.ts";
import type { Meta, Node, Xattrs } from "./entry.ts";
import { join, parentOf } from "./path.ts";
import type { ReadTree } from "./tree.ts";

export interface DiskOptions {
  /** What it is, for messages; without it the folder's path. */
  readonly at?: string | undefined;
  /** Whether the tree leaves a path out, and with a folder all that is below it. Not asked for the root. */
  readonly excluded?: ((path: string, isDirectory: boolean) => boolean) | undefined;
  /**
   * Whether a folder is left out itself, though something below it may be in (a pattern with `!`): it is in only where
   * there is such a thing. Asked for folders that are not excluded.
   */
  readonly ignores?: ((folder: string) => boolean) | undefined;
  /** Whether what is at a path, and with a folder all that is below it, is as if it were not there. Asked once of each that is. */
  readonly absent?: ((path: string) => boolean) | undefined;
  /** Extended attributes by path, as `readXattrs` gives them. */
  readonly xattrs?: ReadonlyMap<string, Xattrs> | undefined;
  /** The modes of files and folders: as they are (default), or by what git keeps of them. */
  readonly modes?: Modes | undefined;
}

/** `keep`: the 07777 bits; `set`: 0755 for folders and for files that their owner may execute, else 0644, whatever the umask was. */
export type Modes = "keep" | "set";

/**
 * The folder `root` of the disk as a tree; where `root` itself is a link, the folder it leads to. A folder is listed when somebody looks into it, and what was looked at
 * once stays as it was seen then: two looks cannot differ. No link is followed, no file opened.
 *
 * Everything belongs to 0:0, whoever owns it here. Two names of one file, by device and inode, are one node. What
 * no image can have is there as `refused`. Throws io where the system does not let us look.
 */
export function diskTree(root: string, options: DiskOptions = {}): ReadTree {
  return new DiskTree(root, options);
}

class DiskTree implements ReadTree {
  readonly at: string;
  readonly #root: string;
  readonly #options: DiskOptions;
  readonly #leaves: boolean;
  #folder = "";
  readonly #nodes = new Map<string, Node | undefined>();
  readonly #names = new Map<string, readonly string[]>();
  readonly #out = new Map<string, boolean>();
  readonly #linked = new Map<string, Node>();

  constructor(root: string, options: DiskOptions) {
    this.at = options.at ?? root;
    this.#root = realPath(root);
    this.#options = options;
    const { excluded, ignores, absent } = options;
    this.#leaves = [excluded, ignores, absent].some((one) => one !== undefined);
  }

  get(at: string): Node | undefined {
    const node = this.#look(at);
    return node === undefined || this.#isOut(at, node) ? undefined : node;
  }

  list(at: string): readonly string[] {
    const known = this.#names.get(at);
    if (known !== undefined) return known;
    const folder = this.get(at);
    const names =
      folder?.kind !== "directory"
        ? []
        : sortedUnique(this.#namesIn(at)).filter(
            (name) => !this.#leaves || this.get(join(at, name)) !== undefined,
          );
    this.#names.set(at, names);
    return names;
  }

  leavesOut(at: string): boolean {
    const node = this.#look(at);
    return node !== undefined && this.#isOut(at, node);
  }

  #isOut(at: string, node: Node): boolean {
    if (!this.#leaves || at === "") return false;
    const parent = parentOf(at);
    if (this.#isExcluded(parent, true)) return true;
    if (node.kind !== "directory") return this.#isExcluded(at, false);
    if (this.#isExcluded(at, true)) return true;
    if (!this.#options.ignores?.(at)) return false;
    return !this.#namesIn(at).some((name) => this.get(join(at, name)) !== undefined);
  }

  /** Of a folder it is asked once. */
  #isExcluded(at: string, isDirectory: boolean): boolean {
    if (at === "") return false;
    if (!isDirectory) return this.#options.excluded?.(at, false) ?? false;
    let out = this.#out.get(at);
    if (out === undefined) {
      out = this.#isExcluded(parentOf(at), true) || (this.#options.excluded?.(at, true) ?? false);
      this.#out.set(at, out);
    }
    return out;
  }

  /** Two names that only differ in what is wrong with them are one name here, which is then refused. */
  #namesIn(at: string): string[] {
    const names = namesIn(path.join(this.#root, at));
    for (const [i, name] of names.entries()) {
      if (!name.includes(REPLACED)) continue;
      const whole = join(at, name);
      const found = lookAt(this.#path(whole));
      if (found !== undefined && names.indexOf(name) === i && names.lastIndexOf(name) === i)
        continue;
      this.#nodes.set(whole, this.#refused(whole, "a name that is not UTF-8"));
    }
    return names;
  }

  /** What is there, left out or not. */
  #look(at: string): Node | undefined {
    const known = this.#nodes.get(at);
    if (known !== undefined || this.#nodes.has(at)) return known;
    // The system would follow a link on the way.
    const found = this.#isFolder(parentOf(at)) ? lookAt(this.#path(at)) : undefined;
    const isThere = found !== undefined && !(at !== "" && this.#options.absent?.(at));
    const node = isThere ? this.#node(at, found) : undefined;
    this.#nodes.set(at, node);
    return node;
  }

  /** Most looks are into the folder of the one before. */
  #isFolder(at: string): boolean {
    if (at === "" || at === this.#folder) return true;
    if (this.#look(at)?.kind !== "directory") return false;
    this.#folder = at;
    return true;
  }

  #path(at: string): string {
    return at === "" ? this.#root : `${this.#root}/${at}`;
  }

  #node(at: string, found: Found): Node {
    if (found.links < 2 || found.kind === "directory") return this.#fresh(at, found);
    const inode = inodeOf(this.#path(at));
    const known = this.#linked.get(inode);
    if (known !== undefined) return known;
    const node = this.#fresh(at, found);
    this.#linked.set(inode, node);
    return node;
  }

  #fresh(at: string, { kind, mode, mtime, size, rdev, stamp }: Found): Node {
    const xattrs = this.#options.xattrs?.get(at);
    const isSet = this.#options.modes === "set" && (kind === "file" || kind === "directory");
    const plain = kind === "directory" || mode & 0o100 ? 0o755 : 0o644;
    const meta: Meta = { mode: isSet ? plain : mode, uid: 0, gid: 0, mtime, xattrs };
    switch (kind) {
      case "file": {
        const source = { kind: "disk", path: this.#path(at), stamp } as const;
        return { kind, meta, size, source };
      }
      case "symlink": {
        const target = linkTarget(this.#path(at));
        if (target === undefined) return this.#refused(at, "a link to a name that is not UTF-8");
        return { kind, meta, target };
      }
      case "character":
      case "block":
        return { kind, meta, ...device(rdev) };
      case "socket":
      case "other":
        return this.#refused(at, kind === "socket" ? "a socket" : "something unknown");
      default:
        return { kind, meta };
    }
  }

  #refused(at: string, why: string): Node {
    const meta = { mode: 0, uid: 0, gid: 0, mtime: 0 };
    return { kind: "refused", meta, why, at: path.join(this.#root, at) };
  }
}

/** As Linux packs a device number: twelve bits of the major one, the minor one around them, the rest above (makedev(3)). */
function device(rdev: number): { major: number; minor: number } {
  const bits = (from: number, count: number) => Math.floor(rdev / 2 ** from) % 2 ** count;
  return { major: bits(8, 12) + bits(44, 20) * 2 ** 12, minor: bits(0, 8) + bits(20, 24) * 2 ** 8 };
}
