import { IngotError } from "../../base/error.ts";
import type { Changes } from "../tree/changes.ts";
import type { Meta, Node } from "../tree/entry.ts";
import { checkLength, checkPath } from "../tree/limits.ts";
import { follow, parentOf } from "../tree/path.ts";
import { TrackedTree } from "../tree/recorder.ts";
import type { Tree } from "../tree/tree.ts";
import type { ExtractTarget } from "../unpack/extract.ts";
import { type FileOwner, parseOwner } from "./chown.ts";

/**
 * Afterwards the folder `path` is there: what `WORKDIR` does. Each folder that was missing on the way to it has mode 0755 and
 * belongs to `user` (as `USER` says it; without one to 0:0); what was there stays as it is. Links are followed, inside the tree.
 * @throws not-found for a user that the tree does not know; unsupported where a file is in the way; too-large for a path that no
 * layer can have
 */
export async function addWorkdir(
  tree: Tree,
  path: string,
  user?: string,
  place = "WORKDIR",
): Promise<Changes> {
  const recorder = new TrackedTree(tree);
  const owner = user ? await parseOwner(tree, user, place) : undefined;
  makeDirectories(recorder, landing(recorder, path, place), { mode: 0o755, owner }, place);
  return recorder.changes;
}

/** A folder that is made on the way. */
export interface NewDirectory {
  /** What of it is not a permission is not used. */
  readonly mode: number;
  /** Default: 0:0. */
  readonly owner?: FileOwner | undefined;
}

/** The set-group-id bit. */
const SET_GID = 0o2000;

/** What a folder has that is made in `above`: below one with the set-group-id bit, as mkdir(2) has it, that bit and, given to nobody, its group. */
function madeIn(above: Node | undefined, { mode, owner }: NewDirectory): Meta {
  const kept = (above?.meta.mode ?? 0) & SET_GID;
  const group = kept === 0 ? 0 : (above?.meta.gid ?? 0);
  const { uid, gid } = owner ?? { uid: 0, gid: group };
  return { mode: (mode & 0o777) | kept, uid, gid, mtime: 0 };
}

/** Where `path` of the image leads when all links are followed. @throws unsupported, too-large */
export function landing(tree: ExtractTarget, path: string, place: string): string {
  checkLength(path, `the destination (${place})`);
  const found = follow(tree, path);
  if (found !== undefined) return found;
  const facts = { what: "the destination", at: path, found: "links that lead in a circle" };
  throw new IngotError("unsupported", { ...facts, expected: `links that end (${place})` });
}

/** Afterwards `path`, on which no link is, is a folder; those that were missing are `made`. @throws unsupported, too-large */
export function makeDirectories(
  tree: ExtractTarget,
  path: string,
  made: NewDirectory,
  place: string,
): void {
  checkPath(path, `the destination (${place})`);
  const missing: string[] = [];
  let at = path;
  let there = tree.get(at);
  for (; there === undefined && at !== ""; there = tree.get(at)) {
    missing.push(at);
    at = parentOf(at);
  }
  if (there !== undefined && there.kind !== "directory") {
    throw new IngotError("unsupported", {
      what: "the destination",
      at: `/${at}`,
      found: `a ${there.kind}`,
      expected: `a folder, as ${place} puts something into it`,
    });
  }
  for (const folder of missing.reverse()) {
    there = { kind: "directory", meta: madeIn(there, made) };
    tree.set(folder, there);
  }
}
