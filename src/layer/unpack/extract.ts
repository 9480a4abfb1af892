import { IngotError } from "../../base/error.ts";
import type { Subject } from "../../base/subject.ts";
import type { DirectoryNode, Entry, Meta, Node } from "../tree/entry.ts";
import { baseName, follow, join, parentOf } from "../tree/path.ts";

/** What members of an archive are put into. */
export interface ExtractTarget {
  get(path: string): Node | undefined;
  set(path: string, node: Node): Node | undefined;
  /** As `get` and `set` of the path that the two are together; it costs less where most come folder by folder. */
  child(folder: string, name: string): Node | undefined;
  put(folder: string, name: string, node: Node): Node | undefined;
}

export interface ExtractOptions {
  /** What is being unpacked, for messages. */
  readonly at: Subject;
  /** The folder that is the archive's root, and that of the links in it. */
  readonly root?: string;
  /** What every member gets in the place of its own owner. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** Told of the path at which a member came to be. */
  readonly onPlaced?: (path: string) => void;
}

/** A folder on the way to a member that nobody declared, as containerd and Docker make it; the set-group-id bit comes from above. */
const IMPLIED: DirectoryNode = {
  kind: "directory",
  meta: { mode: 0o755, uid: 0, gid: 0, mtime: 0 },
};

/** Puts members of an archive into a tree, one after the other, as `tar -x` would as root. */
export class TarExtractor {
  readonly #tree: ExtractTarget;
  readonly #options: ExtractOptions;
  /** Where the folder of the last member is: most members come in one after the other. */
  #last: { readonly parent: string; readonly real: string } | undefined;

  constructor(tree: ExtractTarget, options: ExtractOptions) {
    this.#tree = tree;
    this.#options = options;
  }

  /**
   * Afterwards the member is in the tree, in the place of what was there; a folder over a folder leaves what is in it.
   * Not for the archive's root.
   * @throws malformed for a link to nothing or a folder, and for what would be below a file
   */
  place(member: Entry): void {
    const { owner, onPlaced } = this.#options;
    const path = join(this.#folder(member.path), baseName(member.path));
    const node = member.node ? owned(member.node, owner) : this.#linked(member.path, member.link);
    this.#tree.set(path, node);
    onPlaced?.(path);
  }

  /** To be called when the tree has lost something: a link on the way may be among it. */
  forget(): void {
    this.#last = undefined;
  }

  /** Where the folder of the member `path` is, links followed, or would be. */
  whereIs(path: string): string {
    return this.#follow(parentOf(path), path);
  }

  /** The folder of the member `path`, links followed; afterwards it is there. */
  #folder(path: string): string {
    const parent = parentOf(path);
    if (this.#last?.parent === parent) return this.#last.real;
    const real = this.whereIs(path);
    this.#imply(real, path);
    this.#last = { parent, real };
    return real;
  }

  #imply(folder: string, member: string): void {
    const there = this.#tree.get(folder);
    if (there?.kind === "directory") return;
    if (there !== undefined)
      throw this.#wrong(`${member} lies below ${folder}, which is not a directory`);
    const parent = parentOf(folder);
    this.#imply(parent, member);
    const kept = (this.#tree.get(parent)?.meta.mode ?? 0) & 0o2000;
    this.#tree.set(folder, {
      ...IMPLIED,
      meta: { ...IMPLIED.meta, mode: IMPLIED.meta.mode | kept },
    });
  }

  /** The node that a hard link leads to. */
  #linked(path: string, target: string): Node {
    const real = join(this.#follow(parentOf(target), path), baseName(target));
    const node = this.#tree.get(real);
    if (node === undefined || node.kind === "directory") {
      const found = node === undefined ? "is not there" : "is a folder";
      throw this.#wrong(`${path} is a hard link to ${target}, which ${found}`);
    }
    return node;
  }

  #follow(folder: string, member: string): string {
    const real = follow(this.#tree, folder, this.#options.root);
    if (real === undefined) throw this.#wrong(`the links on the way to ${member} lead in a circle`);
    return real;
  }

  #wrong(why: string): IngotError {
    return new IngotError("malformed", { what: "an archive for", at: this.#options.at, why });
  }
}

function owned(node: Node, owner: ExtractOptions["owner"]): Node {
  if (owner === undefined) return node;
  const meta: Meta = { ...node.meta, ...owner };
  return { ...node, meta };
}
