import { LAYER_MEMBERS } from "../../tar/limits.ts";
import { type Changes, countChanges } from "./changes.ts";
import type { Node } from "./entry.ts";
import { checkMembers } from "./limits.ts";
import type { Child, ReadTree, Tree } from "./tree.ts";

/** How seldom changes are counted at most: one path may be set again and again. */
const SELDOM = 65_536;

/** A tree that is being changed, and what was changed in it. */
export class TrackedTree implements ReadTree {
  readonly at: string;
  /** Of what was changed so far. */
  readonly changes: Changes;
  readonly #tree: Tree;
  #set = 0;
  /** How often something may be set before what is other by then is counted. */
  #next = LAYER_MEMBERS;

  constructor(tree: Tree) {
    this.at = tree.at;
    this.#tree = tree;
    // A copy costs nothing.
    this.changes = { before: tree.copy(), after: tree };
  }

  get(path: string): Node | undefined {
    return this.#tree.get(path);
  }

  child(folder: string, name: string): Node | undefined {
    return this.#tree.child(folder, name);
  }

  list(path: string): readonly string[] {
    return this.#tree.list(path);
  }

  children(path: string): readonly Child[] {
    return this.#tree.children(path);
  }

  /** As the tree's own. @throws too-large for more changes than a layer can say, before there are many more */
  set(path: string, node: Node): Node | undefined {
    const before = this.#tree.set(path, node);
    this.#check();
    return before;
  }

  /** As the tree's own. @throws as `set` */
  put(folder: string, name: string, node: Node): Node | undefined {
    const before = this.#tree.put(folder, name, node);
    this.#check();
    return before;
  }

  #check(): void {
    if (++this.#set <= this.#next) return;
    const actual = countChanges(this.changes);
    checkMembers(actual, this.at);
    this.#next = this.#set + Math.max(LAYER_MEMBERS - actual, SELDOM);
  }
}
