import { IngotError } from "../../base/error.ts";
import { hasWildcard } from "../../base/glob/pattern.ts";
import { within } from "../../base/subject.ts";
import type { Changes } from "../tree/changes.ts";
import type { FileNode, Meta, Node } from "../tree/entry.ts";
import { baseName, follow, join, normalizePath, parentOf } from "../tree/path.ts";
import { TrackedTree } from "../tree/recorder.ts";
import { type ReadTree, Tree } from "../tree/tree.ts";
import { addArchive } from "./add-archive.ts";
import { type Chmod, parseMode } from "./chmod.ts";
import { type FileOwner, parseOwner } from "./chown.ts";
import { type CopyRules, TreeCopy } from "./copy-tree.ts";
import { matchesOf, missing, patternsOf, pivotOf } from "./source-patterns.ts";
import { landing, makeDirectories, type NewDirectory } from "./workdir.ts";

/** COPY or ADD, expanded. */
export interface CopyRequest {
  readonly from: ReadTree;
  /** Patterns relative to the root of `from`; with `parents` a `/./` may stand in one. */
  readonly sources: readonly string[];
  /** Files that are in no tree: here-documents. Mode 0644. */
  readonly files?: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** Absolute; a "/" at the end says that it is a folder. */
  readonly dest: string;
  /** Whether local archives among the sources are unpacked. */
  readonly add: boolean;
  readonly chown?: string | undefined;
  readonly chmod?: string | undefined;
  readonly exclude: readonly string[];
  readonly parents: boolean;
  readonly link: boolean;
  /** Where it stands, `Dockerfile:3:1`, for messages. */
  readonly place: string;
}

/**
 * Afterwards the sources are in `tree`, as BuildKit copies them (its dockerfile2llb, file op and fsutil are where the
 * rules are from); what has changed is returned. Sources are taken in their order, later ones over earlier ones.
 *
 * - A source is found by its text without dots and slashes at its ends: `dir`, `dir/` and `/dir/.` are the same. Links on
 *   the way to it and the source itself are followed, never out of `from`; links inside of it are copied as they are.
 * - Wildcards are those of `matcher`, part by part, in the order of the bytes; hidden names fit like others; what
 *   fits may be a folder. A source with wildcards that nothing fits is no mistake, one without is `not-found`.
 * - Of a folder, what is in it is copied; the folder itself only gives its time to the destination.
 * - A file goes into the destination, under its own name, where that ends in "/" or is a folder; else it takes its place.
 * - Links on the way to the destination and at it are followed. Folders that are missing are made: mode 0755 (or what
 *   an octal `--chmod` says, without 07000), owned by 0:0 or as `--chown` says. Below a folder with the set-group-id bit
 *   they have it too, and its group where there is no `--chown`.
 * - Below, nothing is followed: a file takes the place of a file or link. A file over a folder, and a folder over anything
 *   else, is `unsupported`. A folder over a folder gives it its metadata and leaves what is in it.
 * - Owners are the source's (of a context 0:0) or `--chown`'s; modes the source's or `--chmod`'s, for folders too.
 * - Hard links stay hard links within one source, and are files of their own in another.
 * - `--parents` keeps the folders of the source's path, from `/./` on where it has that, with their own metadata;
 *   `**` then stands for any number of folders.
 * - `--exclude` has the patterns of `.dockerignore`, relative to the source that is a folder. A source that is a file
 *   is left out where a pattern fits its name: BuildKit copies it, which its manual does not say.
 * - `--link` copies into an empty tree, which is then put over `tree`: nothing in `tree` is looked at, folders on the way
 *   are made anew, and names cannot be looked up. Together with `--chmod` only the last is so, as in BuildKit.
 * - ADD unpacks a file that is a tar, by its content, as `addArchive` says; no `--chmod` or `--exclude` for that.
 *
 * After a fault, `tree` may have been changed in part.
 * @throws not-found, unsupported, usage for what the request says; and what reading the sources throws
 */
export async function copyInto(tree: Tree, request: CopyRequest): Promise<Changes> {
  if (!request.link) return copyOnto(tree, request);
  if (request.chown !== undefined && /[^0-9:]/.test(request.chown.replaceAll("root", "0"))) {
    throw new IngotError("usage", {
      message: `${request.place}: --link with --chown=${request.chown} names someone, should be numbers`,
      hint: "--link looks at nothing in the image, so not at its users either: give numbers, or leave --link out",
    });
  }
  if (request.chmod !== undefined) return copyOnto(tree, request);
  const { after } = await copyOnto(new Tree(tree.at), request);
  const into = new TrackedTree(tree);
  putOver(into, after, "");
  return into.changes;
}

/** Afterwards all that `tree` has below `folder` is in `into`. */
function putOver(into: TrackedTree, tree: Tree, folder: string): void {
  for (const { name, node } of tree.children(folder)) {
    into.put(folder, name, node!);
    if (node!.kind === "directory") putOver(into, tree, join(folder, name));
  }
}

async function copyOnto(tree: Tree, request: CopyRequest): Promise<Changes> {
  const { chown, place } = request;
  const owner = chown === undefined ? undefined : await parseOwner(tree, chown, place);
  const into = new TrackedTree(tree);
  const copy = new Copy(into, request, owner);
  for (const source of request.sources) await copy.source(source);
  for (const file of request.files ?? []) copy.file(file);
  return into.changes;
}

/** What a node's metadata becomes. The mode of a link means nothing, and stays. */
function metaOf(owner: FileOwner | undefined, chmod: Chmod | undefined): (node: Node) => Meta {
  if (owner === undefined && chmod === undefined) return (node) => node.meta;
  return ({ kind, meta }) => {
    const mode =
      chmod === undefined || kind === "symlink"
        ? meta.mode
        : chmod(meta.mode, kind === "directory");
    return { ...meta, ...owner, mode };
  };
}

/** One instruction at work. */
class Copy {
  readonly #into: TrackedTree;
  readonly #request: CopyRequest;
  readonly #owner: FileOwner | undefined;
  /** Of folders that are made on the way. */
  readonly #made: NewDirectory;
  readonly #rules: Omit<CopyRules, "from" | "include">;

  constructor(into: TrackedTree, request: CopyRequest, owner: FileOwner | undefined) {
    const { chmod, exclude, place } = request;
    const mode = chmod === undefined ? undefined : parseMode(chmod, place);
    this.#into = into;
    this.#request = request;
    this.#owner = owner;
    this.#made = { mode: mode?.octal ?? 0o755, owner };
    const patterns = patternsOf(exclude, "--exclude", place);
    this.#rules = { into, place, exclude: patterns, meta: metaOf(owner, mode?.apply) };
  }

  async source(text: string): Promise<void> {
    const { from, parents, place, add } = this.#request;
    const { folder, below } = parents ? pivotOf(text) : { folder: text, below: undefined };
    const include = below === undefined ? undefined : patternsOf([below], "the source", place);
    // A file that fits what stands before the pivot is no folder to copy from: it counts where it fits all of it.
    const whole = below && patternsOf([normalizePath(join(folder, below))], "the source", place);
    const matches = matchesOf(from, folder, place);
    let count = 0;
    for (const match of matches) {
      const path = follow(from, match);
      const node = path === undefined ? undefined : from.get(path);
      if (path === undefined || node === undefined) throw missing(match, text, this.#request);
      if (node.kind !== "directory" && whole && !whole.match(match, undefined).matched) continue;
      if (add && node.kind === "file" && (await this.#unpacked(node, path))) continue;
      if (
        node.kind !== "directory" &&
        this.#rules.exclude?.match(baseName(match), undefined).matched
      )
        continue;
      count += this.#one({ ...this.#rules, from, include }, path, baseName(match));
    }
    if (parents && count === 0 && !hasWildcard(text))
      throw missing(normalizePath(text), text, this.#request);
  }

  #unpacked(file: FileNode, path: string): Promise<boolean> {
    const { from, dest, place } = this.#request;
    const at = within(path, from.at);
    return addArchive(file, { tree: this.#into, dest, owner: this.#owner, place, at });
  }

  file({ name, bytes }: { readonly name: string; readonly bytes: Uint8Array }): void {
    const from = new Tree("the Dockerfile");
    const meta = { mode: 0o644, uid: 0, gid: 0, mtime: 0 };
    const source = { kind: "bytes", bytes } as const;
    from.set("file", { kind: "file", meta, size: bytes.length, source });
    this.#one({ ...this.#rules, from, include: undefined }, "file", baseName(normalizePath(name)));
  }

  /** Copies what is at `path`, under `name` where the destination is a folder. @returns how many nodes were copied */
  #one(rules: CopyRules, path: string, name: string): number {
    const { dest, place } = this.#request;
    const isFolder = rules.from.get(path)?.kind === "directory";
    const folder = dest.endsWith("/") ? dest : parentOf(dest);
    makeDirectories(this.#into, landing(this.#into, folder, place), this.#made, place);
    let target = landing(this.#into, dest, place);
    const there = this.#into.get(target);
    if (!isFolder && there?.kind === "directory") target = join(target, name);
    makeDirectories(this.#into, isFolder && !there ? target : parentOf(target), this.#made, place);
    return new TreeCopy(rules).copy(path, target);
  }
}
