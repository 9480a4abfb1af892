import { IngotError } from "../../base/error.ts";
import { sorted } from "../../base/order.ts";
import type { DirectoryNode, Node } from "./entry.ts";
import { baseName, parentOf } from "./path.ts";

/** A tree to be looked at. Paths have no slash at their ends, no `.` and no `..`; "" is the root. */
export interface ReadTree {
  /** What it is, for messages: `the context "app"`, `stage "build"`. */
  readonly at: string;
  /** What is at a path itself; a link is not followed, not even on the way. */
  get(path: string): Node | undefined;
  /** The names in a folder, in the order of their bytes; none where there is no folder. */
  list(path: string): readonly string[];
  /** What is in a folder, in the order of `list`: all names of one folder at once cost less than each by its path. */
  children(path: string): readonly Child[];
  /** Whether something is there that the tree leaves out on purpose. For messages. */
  leavesOut?(path: string): boolean;
}

/** A name in a folder, and what is there; undefined where it has gone since the names were read. */
export interface Child {
  readonly name: string;
  readonly node: Node | undefined;
}

export type Leaf = Exclude<Node, DirectoryNode>;

/**
 * A folder with what is in it, to be looked at. Nobody changes what was asked for before a copy was made: where a tree and
 * its copy have the same object, nothing differs there or below.
 */
export interface TreeDirectory {
  readonly node: DirectoryNode;
  readonly children: ReadonlyMap<string, TreeDirectory | Leaf>;
}

interface OwnFolder extends TreeDirectory {
  /** Who may change this object. Of a folder with another owner, a tree makes its own copy first. */
  readonly owner: object;
  node: DirectoryNode;
  readonly children: Map<string, OwnFolder | Leaf>;
  names: readonly string[] | undefined;
}

/** Whether it is a folder. */
export const isDirectoryNode = <F extends TreeDirectory>(child: F | Leaf | undefined): child is F =>
  child !== undefined && "children" in child;

/** What is said of it. */
const nodeOf = (child: TreeDirectory | Leaf): Node => (isDirectoryNode(child) ? child.node : child);

/** No folder's path. */
const NONE = "\0";

/** A root that nobody declared. */
const ROOT: DirectoryNode = {
  kind: "directory",
  meta: { mode: 0o755, uid: 0, gid: 0, mtime: 0 },
};

/**
 * A tree in memory. Copies share what neither has changed: a copy costs nothing, and the first change
 * below a folder afterwards costs as much as the folders on its path have names.
 */
export class Tree implements ReadTree {
  readonly at: string;
  #owner: object = {};
  #root: OwnFolder;
  /** The folder that was changed last: most changes come in one after the other. */
  #path = "";
  #folder: OwnFolder;

  constructor(at: string) {
    this.at = at;
    this.#root = { owner: this.#owner, node: ROOT, children: new Map(), names: undefined };
    this.#folder = this.#root;
  }

  /** The same tree; what happens to one does not happen to the other. */
  copy(): Tree {
    const copy = new Tree(this.at);
    copy.#root = this.#root;
    copy.#forget();
    this.#owner = {};
    this.#forget();
    return copy;
  }

  #forget(): void {
    this.#path = NONE;
    this.#folder = this.#root;
  }

  /** All of it as it is now. */
  get root(): TreeDirectory {
    return this.#root;
  }

  get(path: string): Node | undefined {
    const child = this.#find(path);
    return child && nodeOf(child);
  }

  list(path: string): readonly string[] {
    const folder = this.#find(path);
    return isDirectoryNode(folder) ? namesIn(folder) : [];
  }

  children(path: string): readonly Child[] {
    const folder = this.#find(path);
    if (!isDirectoryNode(folder)) return [];
    return namesIn(folder).map((name) => ({ name, node: nodeOf(folder.children.get(name)!) }));
  }

  #find(path: string): OwnFolder | Leaf | undefined {
    let found: OwnFolder | Leaf | undefined = this.#root;
    if (path === "") return found;
    const last = this.#path.length;
    if (
      last > 0 &&
      path[last] === "/" &&
      path.indexOf("/", last + 1) < 0 &&
      path.startsWith(this.#path)
    )
      return this.#folder.children.get(path.slice(last + 1));
    for (let from = 0; isDirectoryNode(found); ) {
      const slash = path.indexOf("/", from);
      if (slash < 0) return found.children.get(from === 0 ? path : path.slice(from));
      found = found.children.get(path.slice(from, slash));
      from = slash + 1;
    }
    return undefined;
  }

  /**
   * Afterwards `node` is at `path`. Between two folders what is in them stays; in any other case nothing of what
   * was there does, nor of what was below. @returns what was at the path itself
   * @throws internal where its parent is no folder, or the root would be none
   */
  set(path: string, node: Node): Node | undefined {
    if (path === "") {
      if (node.kind !== "directory")
        throw new IngotError("internal", {
          message: `the root of ${this.at} is to be a ${node.kind}`,
        });
      const root = this.#own("");
      const before = root.node;
      root.node = node;
      return before;
    }
    return this.put(parentOf(path), baseName(path), node);
  }

  /** As `set` of the path that they are together; where `folder` is that of the call before, it costs less. */
  put(folder: string, name: string, node: Node): Node | undefined {
    const parent = this.#own(folder);
    const there = parent.children.get(name);
    if (there === undefined) parent.names = undefined;
    if (node.kind !== "directory") {
      parent.children.set(name, node);
      return there && nodeOf(there);
    }
    const before = there && nodeOf(there);
    if (isDirectoryNode(there)) {
      const own = there.owner === this.#owner ? there : this.#claim(there);
      own.node = node;
      parent.children.set(name, own);
    } else {
      const children = new Map<string, OwnFolder | Leaf>();
      parent.children.set(name, { owner: this.#owner, node, children, names: undefined });
    }
    return before;
  }

  /** As `get` of the path that they are together; where `folder` is that of the call before, it costs less. */
  child(folder: string, name: string): Node | undefined {
    const parent = folder === this.#path ? this.#folder : this.#find(folder);
    const child = isDirectoryNode(parent) ? parent.children.get(name) : undefined;
    return child && nodeOf(child);
  }

  /** Afterwards nothing is at `path`, nor below. @returns what was there */
  remove(path: string): Node | undefined {
    const before = this.get(path);
    if (before === undefined || path === "") return undefined;
    const parent = this.#own(parentOf(path));
    parent.children.delete(baseName(path));
    parent.names = undefined;
    this.#forget();
    return before;
  }

  /** The folder at `path`, this tree's own from the root down. */
  #own(path: string): OwnFolder {
    if (path === this.#path) return this.#folder;
    if (this.#root.owner !== this.#owner) this.#root = this.#claim(this.#root);
    let folder = this.#root;
    for (const name of path === "" ? [] : path.split("/")) {
      let child = folder.children.get(name);
      if (!isDirectoryNode(child))
        throw new IngotError("internal", { message: `there is no folder ${path} in ${this.at}` });
      if (child.owner !== this.#owner) {
        child = this.#claim(child);
        folder.children.set(name, child);
      }
      folder = child;
    }
    this.#path = path;
    this.#folder = folder;
    return folder;
  }

  #claim({ node, children, names }: OwnFolder): OwnFolder {
    return { owner: this.#owner, node, children: new Map(children), names };
  }
}

function namesIn(folder: OwnFolder): readonly string[] {
  folder.names ??= sorted(folder.children.keys());
  return folder.names;
}
