import { IngotError, isIngotError } from "../base/error.ts";
import { within } from "../base/subject.ts";
import type { Digest } from "../oci/digest.ts";
import { imageNameOf } from "../oci/layout.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { FolderStore } from "../store/folder-store.ts";
import type { ReadStore } from "../store/store.ts";
import { walk } from "./walk.ts";

/**
 * Removes every blob that no image of the store needs; what was removed, with sizes in bytes.
 * @param change gets the entries of the index; which of them stay
 * @throws busy while another process adds to the store; blob-missing and the like, with its name, when an image is damaged:
 * then nothing is removed, because nobody can say what it needs
 */
export async function pruneStore(
  store: FolderStore,
  change?: (entries: readonly Descriptor[]) => readonly Descriptor[],
): Promise<{ digest: Digest; size: number }[]> {
  return store.prune(
    (entries) => new Set(entries.flatMap((root) => [...reachedBy(root, store).keys()])),
    change,
  );
}

function reachedBy(root: Descriptor, store: ReadStore): ReturnType<typeof walk> {
  try {
    return walk(root, store);
  } catch (error) {
    const name = imageNameOf(root);
    throw name === undefined ? error : withName(error, name);
  }
}

/** A digest tells nobody which image is to be brought again, or removed. */
function withName(error: unknown, name: string): unknown {
  if (isIngotError(error, "blob-missing")) {
    const { neededBy } = error.facts;
    const needed = neededBy === undefined ? name : `${neededBy} of ${name}`;
    return new IngotError("blob-missing", { ...error.facts, neededBy: needed }, { cause: error });
  }
  const isDamage =
    isIngotError(error, "digest-differs") ||
    isIngotError(error, "size-differs") ||
    isIngotError(error, "malformed") ||
    isIngotError(error, "too-large");
  if (!isDamage) return error;
  const facts = { ...error.facts, at: within(error.facts.at, name) };
  return new IngotError(error.code, facts, { cause: error });
}
