/** Blobs of registries, written where they belong as they come. */
import { type OpenFile, openWrite } from "../base/file.ts";
import type { Tally } from "../base/pool.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { Repository, type RepositoryErrand } from "../store/registry.ts";
import { count } from "./render.ts";

/** A blob, and where it is. */
export interface Needed {
  readonly descriptor: Descriptor;
  readonly from: Repository;
}

/** Gets a blob in another thread, and writes it into the file `path` from `offset` on. */
export interface FetchTask {
  readonly kind: "fetch";
  readonly errand: RepositoryErrand;
  readonly descriptor: Descriptor;
  readonly path: string;
  readonly offset: number;
}

/**
 * Does the task. @returns how many bytes came @throws as `fetchInto`; registry with the code 401 where the registry does not
 * take what the errand says of who asks
 */
export async function fetchTask(task: FetchTask, tally: Tally): Promise<number> {
  const { errand, descriptor, path, offset } = task;
  const from = Repository.of(errand);
  const file = openWrite(path, "existing");
  try {
    return await fetchInto({ descriptor, from }, { file, offset }, tally);
  } finally {
    file.close();
    from.client.close();
  }
}

/**
 * Writes the blob into a file. Afterwards it is there, proven, and not synced. What fails is not counted.
 * @returns how many bytes came @throws digest-differs, size-differs, blob-missing, registry, io; `internal` when told to stop
 */
export async function fetchInto(
  { descriptor, from }: Needed,
  { file, offset }: { readonly file: OpenFile; readonly offset: number },
  tally: Tally,
): Promise<number> {
  let came = 0;
  try {
    for await (const piece of from.blob(descriptor)) {
      file.write(piece, offset + came);
      came += piece.length;
      count(piece.length, tally);
    }
    return came;
  } catch (error) {
    tally.add(-came);
    throw error;
  }
}
