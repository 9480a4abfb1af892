import { checkMembers } from "./bounds.ts";
import type { Changes } from "./changes.ts";
import type { Node } from "./entry.ts";
import { join } from "./path.ts";
import type { ReadTree, Tree } from "./tree.ts";

/** A tree that is being changed, and what was changed in it. */
export class Recorder implements ReadTree {
  readonly at: string;
  readonly #tree: Tree;
  /** What it was before: a copy costs nothing. */
  readonly #before: Tree;
  readonly #changes = new Map<string, Node | "removed">();

  constructor(tree: Tree) {
    this.at = tree.at;
    this.#tree = tree;
    this.#before = tree.copy();
  }

  get changes(): Changes {
    return this.#changes;
  }

  get(path: string): Node | undefined {
    return this.#tree.get(path);
  }

  list(path: string): readonly string[] {
    return this.#tree.list(path);
  }

  /** As the tree's own. @throws too-large for more changes than a layer can say, before there are many more */
  set(path: string, node: Node): Node | undefined {
    const before = this.#tree.set(path, node);
    if (path === "") return before;
    if (before?.kind === "directory" && node.kind !== "directory") this.#vanish(path);
    this.#changes.set(path, node);
    checkMembers(this.#changes.size, this.at);
    return before;
  }

  /** As the tree's own. */
  remove(path: string): void {
    const before = this.#tree.remove(path);
    if (before === undefined) return;
    this.#changes.delete(path);
    if (before.kind === "directory") this.#vanish(path);
    if (this.#before.get(path) !== undefined) this.#changes.set(path, "removed");
  }

  /** Nothing is below `path` any more: what was new there never happened, what was old is removed. */
  #vanish(path: string): void {
    for (const other of this.#changes.keys())
      if (other.startsWith(`${path}/`)) this.#changes.delete(other);
    const removed = (folder: string): void => {
      for (const name of this.#before.list(folder)) {
        const below = join(folder, name);
        this.#changes.set(below, "removed");
        if (this.#before.get(below)?.kind === "directory") removed(below);
      }
    };
    removed(path);
  }
}
