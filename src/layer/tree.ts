import { Fault } from "../base/fault.ts";
import { sortedBy } from "../base/order.ts";
import type { DirectoryNode, Node } from "./entry.ts";
import { nameOf, parentOf } from "./path.ts";

/** A tree to be looked at. Paths have no slash at their ends, no `.` and no `..`; "" is the root. */
export interface ReadTree {
  /** What it is, for messages: `the context "app"`, `stage "build"`. */
  readonly at: string;
  /** What is at a path itself; a link is not followed, not even on the way. */
  get(path: string): Node | undefined;
  /** The names in a folder, in the order of their bytes; none where there is no folder. */
  list(path: string): readonly string[];
  /** Whether something is there that the tree leaves out on purpose. For messages. */
  leavesOut?(path: string): boolean;
}

type Leaf = Exclude<Node, DirectoryNode>;
interface Folder {
  /** Who may change this object. Of a folder with another owner, a tree makes its own copy first. */
  owner: object;
  node: DirectoryNode;
  readonly children: Map<string, Folder | Leaf>;
  names: readonly string[] | undefined;
}

const isFolder = (child: Folder | Leaf | undefined): child is Folder =>
  child !== undefined && "children" in child;

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
  #root: Folder;
  /** The folder that was changed last: most changes come in one after the other. */
  #path = "";
  #folder: Folder;

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

  get(path: string): Node | undefined {
    const child = this.#find(path);
    return isFolder(child) ? child.node : child;
  }

  list(path: string): readonly string[] {
    const folder = this.#find(path);
    if (!isFolder(folder)) return [];
    folder.names ??= sortedBy(folder.children.keys(), (name) => name);
    return folder.names;
  }

  #find(path: string): Folder | Leaf | undefined {
    let found: Folder | Leaf | undefined = this.#root;
    if (path === "") return found;
    const last = this.#path.length;
    if (
      last > 0 &&
      path[last] === "/" &&
      path.indexOf("/", last + 1) < 0 &&
      path.startsWith(this.#path)
    )
      return this.#folder.children.get(path.slice(last + 1));
    for (let from = 0; isFolder(found); ) {
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
        throw new Fault("internal", { message: `the root of ${this.at} is to be a ${node.kind}` });
      const root = this.#own("");
      const before = root.node;
      root.node = node;
      return before;
    }
    const parent = this.#own(parentOf(path));
    const name = nameOf(path);
    const there = parent.children.get(name);
    const before = isFolder(there) ? there.node : there;
    if (there === undefined) parent.names = undefined;
    if (node.kind !== "directory") {
      parent.children.set(name, node);
    } else if (isFolder(there)) {
      this.#own(path).node = node;
    } else {
      const children = new Map<string, Folder | Leaf>();
      parent.children.set(name, { owner: this.#owner, node, children, names: undefined });
    }
    return before;
  }

  /** Afterwards nothing is at `path`, nor below. @returns what was there */
  remove(path: string): Node | undefined {
    const before = this.get(path);
    if (before === undefined || path === "") return undefined;
    const parent = this.#own(parentOf(path));
    parent.children.delete(nameOf(path));
    parent.names = undefined;
    this.#forget();
    return before;
  }

  /** The folder at `path`, this tree's own from the root down. */
  #own(path: string): Folder {
    if (path === this.#path) return this.#folder;
    if (this.#root.owner !== this.#owner) this.#root = this.#claim(this.#root);
    let folder = this.#root;
    for (const name of path === "" ? [] : path.split("/")) {
      let child = folder.children.get(name);
      if (!isFolder(child))
        throw new Fault("internal", { message: `there is no folder ${path} in ${this.at}` });
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

  #claim({ node, children, names }: Folder): Folder {
    return { owner: this.#owner, node, children: new Map(children), names };
  }
}
