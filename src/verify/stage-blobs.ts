/** The blobs of an archive on their way into a session of the store. */

import { SyncQueue } from "../base/fs/sync-queue.ts";
import type { BlobSink } from "../check/scan.ts";
import { batches, type JobContext, threadsForBytes } from "../jobs/job-context.ts";
import { runJobs, type StageTask } from "../jobs/perform.ts";
import type { Digest } from "../oci/digest.ts";
import { BlobWriter } from "../store/blob-writer.ts";
import { requireBytes } from "../store/content.ts";
import type { Session } from "../store/session.ts";
import type { ReadStore } from "../store/store.ts";

/**
 * Copies blobs of an archive in a file, or of a layout, in several threads when it is worth it. Afterwards those that the store does
 * not have whole are staged, proven and on the disk.
 */
export async function stageAll(
  from: Pick<ReadStore, "find">,
  reached: ReadonlySet<Digest>,
  session: Session,
  working: JobContext,
): Promise<void> {
  const blobs = [...reached].flatMap((digest) => {
    const found = from.find(digest);
    const content = found && requireBytes(found);
    if (content === undefined || content instanceof Uint8Array) return [];
    return [{ ...session.coming(digest, content.size), from: { ...content, digest } }];
  });
  session.checkRoom(blobs);
  const total = blobs.reduce((sum, { from }) => sum + from.size, 0);
  const groups = batches(blobs, ({ from }) => from.size);
  const tasks: StageTask[] = groups.map((items) => ({ kind: "take", blobs: items }));
  const results = await runJobs(tasks, working, threadsForBytes(total, working));
  for (const [i, items] of groups.entries()) {
    for (const [j, { from }] of items.entries()) if (results[i]![j]) session.staged(from.digest);
  }
}

/** Takes a stream's blobs as they pass by. Call `settle`, whatever happens. */
export class StreamStager {
  readonly #session: Session;
  readonly #syncs = new SyncQueue();
  #arrival: BlobWriter | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  readonly take = (digest: Digest, size: number): BlobSink => {
    const coming = this.#session.coming(digest, size);
    this.#session.checkRoom([coming]);
    const arrival = new BlobWriter(coming);
    this.#arrival = arrival;
    return {
      write: (bytes) => arrival.write(bytes),
      end: (actual) => {
        if (actual !== digest) return arrival.drop();
        const written = arrival.end(digest);
        if (written === undefined) return;
        this.#syncs.add(written);
        this.#session.staged(digest);
      },
    };
  };

  /** Afterwards what was staged is on the disk, and nothing is open any more. @throws io */
  async settle(): Promise<void> {
    this.#arrival?.drop();
    await this.#syncs.settle();
  }
}
