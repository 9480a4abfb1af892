import { realPath } from "../../base/fs/file.ts";
import {
  directoryNames,
  type FileStatus,
  fileStatus,
  inodeOf,
  linkTarget,
  REPLACED,
} from "../../base/fs/lstat.ts";
import { sortedUnique } from "../../base/order.ts";
import type { Meta, Node, Xattrs } from "./entry.ts";
import { baseName, join, parentOf } from "./path.ts";
import type { Child, ReadTree } from "./tree.ts";

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
  /** Whether somebody needs the times of what is there (default), to the second: else a look at each costs less. */
  readonly timed?: boolean | undefined;
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

/** A folder of the disk, as far as somebody has looked into it. */
interface Seen {
  /** In the tree. */
  readonly path: string;
  /** On the disk. */
  readonly at: string;
  readonly nodes: Map<string, Node | undefined>;
  /** As the system gives them. */
  raw?: readonly string[];
  /** In order, and without those that are left out. */
  names?: readonly string[];
}

class DiskTree implements ReadTree {
  readonly at: string;
  readonly #root: Seen;
  readonly #options: DiskOptions;
  readonly #leaves: boolean;
  readonly #folders = new Map<string, Seen>();
  readonly #out = new Map<string, boolean>();
  readonly #linked = new Map<string, Node>();
  #top: Node | undefined;

  constructor(root: string, options: DiskOptions) {
    this.at = options.at ?? root;
    this.#root = { path: "", at: realPath(root), nodes: new Map() };
    this.#options = options;
    const { excluded, ignores, absent } = options;
    this.#leaves = [excluded, ignores, absent].some((one) => one !== undefined);
  }

  get(at: string): Node | undefined {
    const node = this.#look(at);
    return node === undefined || this.#isOut(at, node) ? undefined : node;
  }

  list(at: string): readonly string[] {
    const folder = this.#folder(at);
    return folder === undefined || this.#isOut(at, this.#look(at)!) ? [] : this.#names(folder);
  }

  children(at: string): readonly Child[] {
    const folder = this.#folder(at);
    return this.list(at).map((name) => ({ name, node: this.#lookIn(folder!, name) }));
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
    return !this.#raw(this.#folder(at)!).some((name) => this.get(join(at, name)) !== undefined);
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

  #names(folder: Seen): readonly string[] {
    folder.names ??= sortedUnique(this.#raw(folder)).filter(
      (name) => !this.#leaves || this.get(join(folder.path, name)) !== undefined,
    );
    return folder.names;
  }

  /** Two names that only differ in what is wrong with them are one name here, which is then refused. */
  #raw(folder: Seen): readonly string[] {
    if (folder.raw !== undefined) return folder.raw;
    const names = directoryNames(folder.at);
    const odd = new Map<string, number>();
    for (const name of names) if (name.includes(REPLACED)) odd.set(name, (odd.get(name) ?? 0) + 1);
    for (const [name, count] of odd) {
      const at = `${folder.at}/${name}`;
      if (count === 1 && fileStatus(at) !== undefined) continue;
      folder.nodes.set(name, refused(at, "a name that is not UTF-8"));
    }
    folder.raw = names;
    return names;
  }

  /** What is there, left out or not. */
  #look(at: string): Node | undefined {
    if (at === "") {
      const found = this.#top === undefined ? fileStatus(this.#root.at) : undefined;
      if (found !== undefined) this.#top = this.#node(this.#root.at, "", found);
      return this.#top;
    }
    // The system would follow a link on the way.
    const folder = this.#folder(parentOf(at));
    return folder && this.#lookIn(folder, baseName(at));
  }

  /** The folder at a path, left out or not; undefined where there is none. */
  #folder(at: string): Seen | undefined {
    let folder = this.#folders.get(at);
    if (folder === undefined && this.#look(at)?.kind === "directory") {
      folder =
        at === "" ? this.#root : { path: at, at: `${this.#root.at}/${at}`, nodes: new Map() };
      this.#folders.set(at, folder);
    }
    return folder;
  }

  #lookIn({ path, at, nodes }: Seen, name: string): Node | undefined {
    const known = nodes.get(name);
    if (known !== undefined || nodes.has(name)) return known;
    const where = `${at}/${name}`;
    const found = fileStatus(where, this.#options.timed ?? true);
    const whole = join(path, name);
    const isThere = found !== undefined && !this.#options.absent?.(whole);
    const node = isThere ? this.#node(where, whole, found) : undefined;
    nodes.set(name, node);
    return node;
  }

  #node(where: string, path: string, found: FileStatus): Node {
    if (found.links < 2 || found.kind === "directory") return this.#fresh(where, path, found);
    const inode = inodeOf(where);
    const known = this.#linked.get(inode);
    if (known !== undefined) return known;
    const node = this.#fresh(where, path, found);
    this.#linked.set(inode, node);
    return node;
  }

  #fresh(where: string, path: string, { kind, mode, mtime, size, rdev, stamp }: FileStatus): Node {
    const { modes } = this.#options;
    const xattrs = this.#options.xattrs?.get(path);
    const isSet = modes === "set" && (kind === "file" || kind === "directory");
    const plain = kind === "directory" || mode & 0o100 ? 0o755 : 0o644;
    const meta: Meta = { mode: isSet ? plain : mode, uid: 0, gid: 0, mtime, xattrs };
    switch (kind) {
      case "file":
        return { kind, meta, size, source: { kind: "disk", path: where, stamp } };
      case "symlink": {
        const target = linkTarget(where);
        if (target === undefined) return refused(where, "a link to a name that is not UTF-8");
        return { kind, meta, target };
      }
      case "character":
      case "block":
        return { kind, meta, ...device(rdev) };
      case "socket":
      case "other":
        return refused(where, kind === "socket" ? "a socket" : "something unknown");
      default:
        return { kind, meta };
    }
  }
}

function refused(at: string, why: string): Node {
  return { kind: "refused", meta: { mode: 0, uid: 0, gid: 0, mtime: 0 }, why, at };
}

/** As Linux packs a device number: twelve bits of the major one, the minor one around them, the rest above (makedev(3)). */
function device(rdev: number): { major: number; minor: number } {
  const bits = (from: number, count: number) => Math.floor(rdev / 2 ** from) % 2 ** count;
  return { major: bits(8, 12) + bits(44, 20) * 2 ** 12, minor: bits(0, 8) + bits(20, 24) * 2 ** 8 };
}
