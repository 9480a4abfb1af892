/** The blobs of an archive on their way into a session of the store. */
import { Fault } from "../base/fault.ts";
import { freeSpace } from "../base/file.ts";
import { Syncs } from "../base/file-sync.ts";
import { work } from "../base/pool.ts";
import type { Digest } from "../oci/digest.ts";
import { Arrival } from "../store/arrival.ts";
import type { Session } from "../store/session.ts";
import type { ReadStore } from "../store/store.ts";
import type { Taker } from "./gather.ts";
import { perform, type Taken, type TakeTask } from "./work.ts";
import { batches, threadsFor, type Working } from "./working.ts";

/**
 * Copies blobs of an archive in a file, or of a layout, in several threads when it is worth it. Afterwards those that the store does
 * not have whole are staged, proven and on the disk.
 */
export async function takeAll(
  from: Pick<ReadStore, "find">,
  reached: ReadonlySet<Digest>,
  session: Session,
  working: Working,
): Promise<void> {
  const { store } = session;
  const blobs = [...reached].flatMap((digest) => {
    const content = from.find(digest);
    if (content === undefined || content instanceof Uint8Array) return [];
    return [
      {
        from: { ...content, digest },
        to: session.fileFor(digest),
        existing: session.existing(digest),
      },
    ];
  });
  checkSpace(
    store.at,
    blobs.reduce((sum, { from, existing }) => sum + (existing === undefined ? from.size : 0), 0),
  );
  const total = blobs.reduce((sum, { from }) => sum + from.size, 0);
  const groups = batches(blobs, ({ from }) => from.size);
  const tasks: TakeTask[] = groups.map((items) => ({ kind: "take", blobs: items }));
  const results = (await work(tasks, {
    ...working,
    threads: threadsFor(total, working),
    handler: perform,
  })) as Taken[];
  for (const [i, items] of groups.entries()) {
    for (const [j, { from }] of items.entries()) if (results[i]![j]) session.staged(from.digest);
  }
}

/** Takes a stream's blobs as they pass by. Call `settle`, whatever happens. */
export class StreamTaker {
  readonly #session: Session;
  readonly #syncs = new Syncs();
  #arrival: Arrival | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  readonly take = (digest: Digest, size: number): Taker => {
    const existing = this.#session.existing(digest);
    if (existing === undefined) checkSpace(this.#session.store.at, size);
    const arrival = new Arrival({ digest, size, to: this.#session.fileFor(digest), existing });
    this.#arrival = arrival;
    return {
      write: (bytes) => arrival.write(bytes),
      end: (actual) => {
        if (actual !== digest) return arrival.drop();
        const written = arrival.end();
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

function checkSpace(at: string, needed: number): void {
  const free = freeSpace(at);
  if (free !== undefined && free < needed) throw new Fault("no-space", { at, needed, free });
}
