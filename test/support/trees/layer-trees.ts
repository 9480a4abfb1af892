import fc from "fast-check";
import type { Entry, Meta, Node } from "../../../src/layer/tree/entry.ts";
import { join, parentOf } from "../../../src/layer/tree/path.ts";
import { type ReadTree, Tree } from "../../../src/layer/tree/tree.ts";

/** A node as tests write it: text is a file's content, `-> x` a link, `/` a folder; with it what differs from 0644 or 0755, 0:0, 0. */
export type Short = string | readonly [what: string, meta: Partial<Meta>];

export function node(short: Short): Node {
  const [what, extra] = typeof short === "string" ? [short, {}] : short;
  const meta = { mode: what === "/" ? 0o755 : 0o644, uid: 0, gid: 0, mtime: 0, ...extra };
  if (what === "/") return { kind: "directory", meta };
  if (what.startsWith("-> "))
    return { kind: "symlink", meta: { ...meta, mode: 0o777 }, target: what.slice(3) };
  const bytes = new TextEncoder().encode(what);
  return { kind: "file", meta, size: bytes.length, source: { kind: "bytes", bytes } };
}

/** A tree of these; folders on the way are made. */
export function treeOf(nodes: Readonly<Record<string, Short>>, at = "the tree"): Tree {
  const tree = new Tree(at);
  const parents = (path: string): void => {
    const parent = parentOf(path);
    if (parent === "" || tree.get(parent) !== undefined) return;
    parents(parent);
    tree.set(parent, node("/"));
  };
  for (const [path, short] of Object.entries(nodes)) {
    parents(path);
    tree.set(path, node(short));
  }
  return tree;
}

/** A node as a line: what it is, `MODE UID:GID`, its time where it is not 0. */
export function line(found: Node | undefined): string {
  if (found === undefined) return "nothing";
  const { mode, uid, gid, mtime, xattrs } = found.meta;
  const more = [...(xattrs ?? [])].map(([name, value]) => ` ${name}=${Buffer.from(value)}`);
  const meta = `${mode.toString(8)} ${uid}:${gid}${mtime === 0 ? "" : ` @${mtime}`}${more.join("")}`;
  switch (found.kind) {
    case "directory":
      return `/ ${meta}`;
    case "symlink":
      return `-> ${found.target} ${uid}:${gid}`;
    case "file":
      return `${found.source.kind === "bytes" ? Buffer.from(found.source.bytes) : found.source.kind} ${meta}`;
    default:
      return `${found.kind} ${meta}`;
  }
}

/** Every path of `tree` but the root, in the order of a walk. */
export function pathsOf(tree: ReadTree, folder = ""): string[] {
  return tree.list(folder).flatMap((name) => {
    const path = join(folder, name);
    return [path, ...pathsOf(tree, path)];
  });
}

/** All of `tree`, a line for each path; names of one node say so. */
export function show(tree: ReadTree): Record<string, string> {
  const first = new Map<Node, string>();
  return Object.fromEntries(
    pathsOf(tree).map((path) => {
      const found = tree.get(path)!;
      const same = found.kind === "directory" ? undefined : first.get(found);
      first.set(found, same ?? path);
      return [path, same === undefined ? line(found) : `= ${same}`];
    }),
  );
}

/** The entries as lines. */
export function showEntries(entries: readonly Entry[]): string[] {
  return entries.map(({ path, node, link }) => `${path}: ${node ? line(node) : `= ${link}`}`);
}

/** Members of a layer, one after the other, as an archive gives them. */
export async function* members(entries: Iterable<Entry>): AsyncGenerator<Entry> {
  yield* entries;
}

const names = fc.constantFrom("a", "a", "a", "b", "b", "a-b", ".h", "é", "\ufffd", "\u{1f600}");
/** Paths of few names, so that they meet. */
export const somePath = fc
  .array(names, { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join("/"));
const someMeta = fc.record({
  mode: fc.constantFrom(0o644, 0o755, 0o4755, 0),
  uid: fc.nat(3),
  gid: fc.nat(3),
  mtime: fc.integer({ min: -2, max: 9 }),
});
/** Any node that a layer can say. */
export const someNode: fc.Arbitrary<Node> = fc
  .tuple(fc.constantFrom("/", "/", "-> a", "-> /b", "x", "yy", ""), someMeta)
  .map(([what, meta]) => node([what, what.startsWith("-> ") ? { ...meta, mode: 0o777 } : meta]));

/** What `show` gave, as if no two names were one file's: links to what a lower layer has are files of their own in a new one. */
export function unlinked(shown: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(shown).map(([path, line]) => {
      const same = /^= (.*)$/s.exec(line)?.[1];
      return [path, same === undefined ? line : shown[same]!];
    }),
  );
}
