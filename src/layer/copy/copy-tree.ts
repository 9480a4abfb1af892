import { IngotError } from "../../base/error.ts";
import type { Above } from "../../base/glob/pattern.ts";
import { unsupportedNode } from "../pack/entries.ts";
import type { Meta, Node } from "../tree/entry.ts";
import { baseName, join, parentOf } from "../tree/path.ts";
import type { ReadTree } from "../tree/tree.ts";
import type { ExtractTarget } from "../unpack/extract.ts";
import type { Patterns } from "./pattern-list.ts";

/** How an instruction copies. */
export interface CopyRules {
  readonly from: ReadTree;
  readonly into: ExtractTarget;
  readonly place: string;
  /** What is left out, by its path below the source. */
  readonly exclude: Patterns | undefined;
  /** What alone is copied, by the same; folders on the way to it, too. */
  readonly include: Patterns | undefined;
  /** What a node has when it is copied. */
  readonly meta: (node: Node) => Meta;
}

/** A folder being copied, on the way down. */
interface Level {
  readonly source: string;
  readonly target: string;
  /** Its path below the source that is copied: what the patterns see. */
  readonly path: string;
  /** Whether it is in the target: one that no pattern of `include` fits waits for something below that does. */
  there: boolean;
}

/** What the patterns said of a folder. */
interface Said {
  readonly include?: Above | undefined;
  readonly exclude?: Above | undefined;
}

/** Copies one source, with what is below it. For each source a new one: hard links do not reach from one to another. */
export class TreeCopy {
  readonly #rules: CopyRules;
  /** The copies of files, by their originals: what was one file stays one. */
  readonly #files = new Map<Node, Node>();
  readonly #levels: Level[] = [];
  #count = 0;

  constructor(rules: CopyRules) {
    this.#rules = rules;
  }

  /**
   * Afterwards what is at `source`, no link itself, is at `target`, whose folder is there: `target` too for a source that is
   * one. @returns how many nodes were copied, the source itself among them only where it is no folder
   * @throws unsupported for a file over a folder, a folder over anything else, and what no image can have; changed
   */
  copy(source: string, target: string): number {
    const node = this.#known(source, this.#rules.from.get(source));
    if (node.kind === "directory") this.#root(source, target, node.meta.mtime);
    else this.#leaf(parentOf(target), baseName(target), node);
    return this.#count;
  }

  /** The source's own folder gives the destination nothing but its time. */
  #root(source: string, target: string, mtime: number): void {
    const { into } = this.#rules;
    const there = into.get(target);
    if (there?.kind !== "directory") throw this.#clash("a folder", target, there);
    if (target !== "") into.set(target, { kind: "directory", meta: { ...there.meta, mtime } });
    this.#inside({ source, target, path: "", there: true }, {});
  }

  #inside(level: Level, said: Said): void {
    this.#levels.push(level);
    for (const { name, node } of this.#rules.from.children(level.source))
      this.#below(level, name, node, said);
    this.#levels.pop();
  }

  #below(level: Level, name: string, found: Node | undefined, said: Said): void {
    const { include, exclude } = this.#rules;
    // Without patterns nobody asks for the path, and most nodes are no folders: then it need not be put together.
    const hasPatterns = include !== undefined || exclude !== undefined;
    const path = hasPatterns ? join(level.path, name) : "";
    const wanted = include?.match(path, said.include);
    const unwanted = exclude?.match(path, said.exclude);
    const isOut = unwanted?.matched ?? false;
    const isIn = !isOut && (wanted?.matched ?? true);
    if (isOut && include === undefined && !exclude?.hasExceptions) return;
    const node = found ?? this.#known(join(level.source, name), found);
    if (node.kind !== "directory") {
      if (!isIn) return;
      this.#catchUp();
      this.#leaf(level.target, name, node);
      return;
    }
    const target = join(level.target, name);
    if (isIn) {
      this.#catchUp();
      this.#folder(target, this.#rules.meta(node));
      this.#count++;
    }
    if (isOut && !exclude?.hasExceptions) return;
    const below = { include: wanted?.above, exclude: unwanted?.above };
    this.#inside({ source: join(level.source, name), target, path, there: isIn }, below);
  }

  #known(source: string, node: Node | undefined): Node {
    if (node !== undefined) return node;
    throw new IngotError("changed", { at: source, why: "it was there, and is gone" });
  }

  #leaf(folder: string, name: string, node: Node): void {
    const { into } = this.#rules;
    const there = into.child(folder, name);
    if (there?.kind === "directory") throw this.#clash("a file", join(folder, name), there);
    into.put(folder, name, this.#copied(node));
    this.#count++;
  }

  #copied(node: Node): Node {
    if (node.kind === "refused") throw unsupportedNode(node);
    const known = this.#files.get(node);
    if (known !== undefined) return known;
    const meta = this.#rules.meta(node);
    if (node.kind !== "file") return { ...node, meta };
    const copy = { kind: "file", meta, size: node.size, source: node.source } as const;
    this.#files.set(node, copy);
    return copy;
  }

  /** A folder that is there gets the other one's metadata; of extended attributes it keeps those that the other lacks. */
  #folder(target: string, meta: Meta): void {
    const { into } = this.#rules;
    const there = into.get(target);
    if (there !== undefined && there.kind !== "directory")
      throw this.#clash("a folder", target, there);
    const xattrs = there?.meta.xattrs && new Map([...there.meta.xattrs, ...(meta.xattrs ?? [])]);
    into.set(target, { kind: "directory", meta: xattrs ? { ...meta, xattrs } : meta });
  }

  /**
   * Afterwards the folders on the way are there. One that was there already only gets its source's mode, without `--chmod`
   * and owner: so it is with BuildKit for folders that no pattern of `--parents` fits themselves.
   */
  #catchUp(): void {
    if (this.#levels.at(-1)?.there) return;
    const { from, into, meta } = this.#rules;
    for (const level of this.#levels) {
      if (level.there) continue;
      level.there = true;
      const node = this.#known(level.source, from.get(level.source));
      const there = into.get(level.target);
      if (there?.kind === "directory") {
        const { mode } = node.meta;
        into.set(level.target, { kind: "directory", meta: { ...there.meta, mode } });
      } else this.#folder(level.target, meta(node));
    }
  }

  #clash(what: "a file" | "a folder", target: string, there: Node | undefined): IngotError {
    const isLink = there?.kind === "symlink";
    return new IngotError("unsupported", {
      what: "the destination",
      at: `/${target}`,
      found: there === undefined ? "nothing" : (WORDS[there.kind] ?? `a ${there.kind}`),
      expected: `${what === "a file" ? "no folder, as the source is none" : "a folder, as the source is one"} (${this.#rules.place})`,
      ...(isLink && { hint: "below the destination no link is followed: copy to where it leads" }),
    });
  }
}

const WORDS: Partial<Record<Node["kind"], string>> = { directory: "a folder", symlink: "a link" };
