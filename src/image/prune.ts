import type { Digest } from "../oci/digest.ts";
import type { FolderStore } from "../store/folder.ts";
import { walk } from "./walk.ts";

/**
 * Removes every blob that no image of the store needs; what was removed, with sizes in bytes.
 * @throws busy while another process adds to the store; blob-missing and the like when an image is damaged:
 * then nothing is removed, because nobody can say what it needs
 */
export async function pruneStore(store: FolderStore): Promise<{ digest: Digest; size: number }[]> {
  return store.prune(
    () => new Set(store.images().flatMap((root) => [...walk(root, store).keys()])),
  );
}
