import { isIngotError } from "../base/error.ts";
import { walk } from "../image/walk.ts";
import type { RemoteBlob } from "../jobs/fetch-blob.ts";
import { FetchPool } from "../jobs/fetch-pool.ts";
import type { JobContext } from "../jobs/job-context.ts";
import { mapConcurrent } from "../jobs/parallel.ts";
import { addProgress } from "../jobs/render.ts";
import type { Digest } from "../oci/digest.ts";
import type { FolderStore } from "../store/folder-store.ts";
import type { PartialBlob } from "../store/partial-blobs.ts";
import { isWhole } from "../store/partial-blobs.ts";
import type { Session } from "../store/session.ts";
import type { RemoteImage } from "./remote-image.ts";

/** What came into the store. `fetched` = blobs that were not there whole before, manifests not counted. Bytes. */
export interface Pulled {
  readonly blobs: number;
  readonly fetched: number;
  readonly bytes: number;
}

/** What the images reach: their manifests' and configs' bytes, and the blobs that are to be fetched, each once. */
export function reachOf(images: readonly RemoteImage[]): {
  readonly read: ReadonlyMap<Digest, Uint8Array>;
  readonly needed: readonly RemoteBlob[];
} {
  const bytes = new Map<Digest, Uint8Array>();
  const needed = new Map<Digest, RemoteBlob>();
  for (const { descriptor: root, store, from } of images) {
    for (const { descriptor } of walk(root, store).values()) {
      const { digest } = descriptor;
      const content = store.find(digest);
      if (content instanceof Uint8Array) bytes.set(digest, content);
      else needed.set(digest, { descriptor, from });
    }
  }
  return {
    read: bytes,
    needed: [...needed.values()].filter((it) => !bytes.has(it.descriptor.digest)),
  };
}

/** How many bytes there are to fetch at most. */
export const bytesToFetch = (needed: readonly RemoteBlob[]): number =>
  needed.reduce((sum, { descriptor }) => sum + descriptor.size, 0);

/**
 * Takes images of registries into the store. Afterwards every blob they need is there, proven, and each has its name;
 * on a failure nothing is named that was not before. Blobs that are here are not fetched, one that is damaged is whole
 * again, and what has arrived when it breaks off is not fetched the next time.
 * @throws digest-differs, size-differs, blob-missing, registry, no-space, io
 */
export async function pullImages(
  images: readonly RemoteImage[],
  store: FolderStore,
  working: JobContext,
): Promise<Pulled> {
  const session = await store.begin();
  const fetching = new FetchPool(working);
  try {
    const { read, needed } = reachOf(images);
    checkSpace(needed, session);
    const got = await mapConcurrent(needed, working.threads, (each, stop) =>
      fetchBlob(each, session, { stop, working, fetching }),
    );
    for (const [digest, bytes] of read) session.put(digest, bytes);
    const digests = new Set([...read.keys(), ...needed.map(({ descriptor }) => descriptor.digest)]);
    await session.commit(digests, images);
    return {
      blobs: digests.size,
      fetched: got.filter((bytes) => bytes !== undefined).length,
      bytes: got.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0),
    };
  } finally {
    await fetching.end();
    session.drop();
  }
}

/** Afterwards the blob is in the store, whole. @returns how many bytes came for it; undefined when it was there */
async function fetchBlob(
  needed: RemoteBlob,
  session: Session,
  how: { readonly stop: AbortSignal; readonly working: JobContext; readonly fetching: FetchPool },
): Promise<number | undefined> {
  const { descriptor, from } = needed;
  const { stop, fetching } = how;
  const { tally } = how.working;
  const { digest, size } = descriptor;
  const existing = session.existing(digest);
  if (existing !== undefined && (await isWhole(existing, descriptor, stop))) {
    addProgress(size, tally);
    return undefined;
  }
  for (;;) {
    const partial = await session.store.partials.open(descriptor, stop);
    let came = 0;
    try {
      if (partial.size === 0) {
        const to = { parts: [{ path: partial.path, size }], offset: 0 };
        came = await fetching.fetch(needed, { to, begun: 0 }, stop);
      } else {
        addProgress(partial.size, tally);
        for await (const piece of from.until(stop).blob(descriptor, partial)) {
          partial.write(piece);
          came += piece.length;
          addProgress(piece.length, tally);
        }
      }
      await partial.take();
      session.land(partial.path, digest);
      return came;
    } catch (error) {
      if (!isWrong(error)) throw error;
      // What was begun earlier may be what is wrong: then it is fetched from its beginning, once.
      const begun = partial.size > 0;
      partial.drop();
      tally.add(-partial.size - came);
      if (!begun) throw error;
    } finally {
      leave(partial);
    }
  }
}

const isWrong = (error: unknown) =>
  isIngotError(error, "digest-differs") || isIngotError(error, "size-differs");

/** Where a failure is on its way, another one is of no use. */
function leave(partial: PartialBlob): void {
  try {
    partial.leave();
  } catch {
    // It stays where it is, and is taken up when this process is gone.
  }
}

function checkSpace(needed: readonly RemoteBlob[], session: Session): void {
  session.checkRoom(needed.map(({ descriptor: { digest, size } }) => session.coming(digest, size)));
}
