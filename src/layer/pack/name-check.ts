import { IngotError } from "../../base/error.ts";
import { checkPath } from "../tree/limits.ts";
import { baseName, parentOf } from "../tree/path.ts";
import type { ReadTree } from "../tree/tree.ts";

/** Judges the names of a layer's paths, each against what is beside it in the tree. */
export class NameValidator {
  readonly #tree: ReadTree;
  /** Of folders in which a name is not ASCII: their such names, by how they are in NFC. */
  readonly #folders = new Map<string, ReadonlyMap<string, readonly string[]>>();

  constructor(tree: ReadTree) {
    this.#tree = tree;
  }

  /**
   * @throws unsupported for a name that a layer cannot say, and for one that is new and another one's twin; too-large for
   * one that is too long, and a path that is too long or deep
   */
  check(path: string, isNew: boolean): void {
    checkPath(path);
    const slash = path.lastIndexOf("/");
    if (path.startsWith(".wh.", slash + 1)) {
      throw refused(path, 'a name that begins with ".wh."', {
        expected: "another name: to whoever unpacks a layer, such a file removes another one",
      });
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
    if (/^[\x00-\x7f]*$/.test(path)) return;
    if (!path.isWellFormed())
      throw refused(path.toWellFormed(), "a name that is not UTF-8", { expected: "UTF-8" });
    if (!isNew) return;
    const twin = this.#twins(path).find((name) => name !== baseName(path));
    if (twin === undefined) return;
    throw refused(path, `${JSON.stringify(twin)} beside it, which Unicode takes for the same`, {
      expected: "one of them, as some systems can only have one",
      hint: "the letters look alike but have other bytes (NFC, NFD): rename one, or leave it out",
    });
  }

  /** The names beside `path` that are the same in NFC, its own among them. */
  #twins(path: string): readonly string[] {
    const folder = parentOf(path);
    let names = this.#folders.get(folder);
    if (names === undefined) {
      names = Map.groupBy(this.#tree.list(folder), (name) => name.normalize("NFC"));
      this.#folders.set(folder, names);
    }
    return names.get(baseName(path).normalize("NFC")) ?? [];
  }
}

function refused(at: string, found: string, more: { expected: string; hint?: string }): IngotError {
  return new IngotError("unsupported", { what: "the path", at, found, ...more });
}
