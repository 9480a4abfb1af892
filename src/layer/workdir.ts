import { Fault } from "../base/fault.ts";
import type { Changes } from "./changes.ts";
import type { Meta } from "./entry.ts";
import { type Owner, ownerOf } from "./owner.ts";
import { follow, parentOf } from "./path.ts";
import type { Target } from "./place.ts";
import { Recorder } from "./record.ts";
import type { Tree } from "./tree.ts";

/**
 * Afterwards the folder `path` is there: what `WORKDIR` does. Each folder that was missing on the way to it has mode 0755 and
 * belongs to `user` (as `USER` says it; without one to 0:0); what was there stays as it is. Links are followed, inside the tree.
 * @throws not-found for a user that the tree does not know; unsupported where a file is in the way
 */
export async function makeDirectory(
  tree: Tree,
  path: string,
  user?: string,
  place = "WORKDIR",
): Promise<Changes> {
  const recorder = new Recorder(tree);
  const owner = user ? await ownerOf(tree, user, place) : undefined;
  makeFolders(recorder, landing(recorder, path, place), folderMeta(owner), place);
  return recorder.changes;
}

/** The metadata of a folder that is made on the way. */
export function folderMeta(owner?: Owner, mode = 0o755): Meta {
  return { mode: mode & 0o777, uid: owner?.uid ?? 0, gid: owner?.gid ?? 0, mtime: 0 };
}

/** Where `path` of the image leads when all links are followed. */
export function landing(tree: Target, path: string, place: string): string {
  const found = follow(tree, path);
  if (found !== undefined) return found;
  const facts = { what: "the destination", at: path, found: "links that lead in a circle" };
  throw new Fault("unsupported", { ...facts, expected: `links that end (${place})` });
}

/** Afterwards `path`, on which no link is, is a folder; those that were missing have `meta`. */
export function makeFolders(tree: Target, path: string, meta: Meta, place: string): void {
  const there = tree.get(path);
  if (there?.kind === "directory") return;
  if (there !== undefined) {
    throw new Fault("unsupported", {
      what: "the destination",
      at: `/${path}`,
      found: `a ${there.kind}`,
      expected: `a folder, as ${place} puts something into it`,
    });
  }
  makeFolders(tree, parentOf(path), meta, place);
  tree.set(path, { kind: "directory", meta });
}
