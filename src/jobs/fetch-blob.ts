/** Blobs of registries, written where they belong as they come. */
import { AbortError, IngotError, isIngotError } from "../base/error.ts";
import { SegmentedFile, type SegmentedRange } from "../base/fs/segmented-file.ts";
import { Sha256 } from "../base/hash.ts";
import type { Progress } from "../base/workers/pool.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { Repository, type RepositorySnapshot } from "../registry/registry.ts";
import { addProgress, IO_CHUNK } from "./render.ts";

/** A blob, and where it is. */
export interface RemoteBlob {
  readonly descriptor: Descriptor;
  readonly from: Repository;
}

/** Where a blob is to be, and how much of its beginning may be there already. Bytes. */
export interface PartialTarget {
  readonly to: SegmentedRange;
  readonly begun: number;
}

/** Gets a blob in another thread, and writes it where it is to be. */
export interface FetchTask extends PartialTarget {
  readonly kind: "fetch";
  readonly errand: RepositorySnapshot;
  readonly descriptor: Descriptor;
}

/** How often is looked whether the tally says stop while nothing comes. Milliseconds. */
const LOOK = 20;

/** Says stop when the tally does, whichever thread says it there. Call `end`. */
export class StopWatcher {
  readonly #own = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(tally: Progress) {
    const look = () => {
      if (tally.stopped) this.#own.abort(new AbortError());
    };
    look();
    this.#timer = setInterval(look, LOOK);
  }

  get stop(): AbortSignal {
    return this.#own.signal;
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

/**
 * Does the task, until the tally says stop. @returns how many bytes came @throws as `fetchInto`; registry with the code 401 where
 * the registry does not take what the errand says of who asks
 */
export async function fetchTask(task: FetchTask, tally: Progress): Promise<number> {
  const { errand, descriptor } = task;
  const watch = new StopWatcher(tally);
  const from = Repository.of(errand).until(watch.stop);
  try {
    return await fetchInto({ descriptor, from }, task, tally);
  } finally {
    watch.end();
    from.client.close();
  }
}

/**
 * Writes the blob into files. Afterwards it is there, proven, and not synced. Of what is there already only the rest is asked for; where
 * that does not make the blob, all of it is, once. What fails is not counted.
 * @returns how many bytes came @throws digest-differs, size-differs, blob-missing, registry, io; AbortError when told to stop
 */
export async function fetchInto(
  { descriptor, from }: RemoteBlob,
  { to, begun }: PartialTarget,
  tally: Progress,
): Promise<number> {
  const files = new SegmentedFile(to.parts);
  const { offset } = to;
  const receive = (beginning: number) =>
    receiveInto(files, { offset, beginning, from, descriptor }, tally);
  try {
    if (begun === 0) return await receive(0);
    return await receive(begun).catch((error: unknown) => {
      if (isIngotError(error, "digest-differs") || isIngotError(error, "size-differs"))
        return receive(0);
      throw error;
    });
  } finally {
    files.close();
  }
}

/** @param beginning how much of the blob is there, as it seems */
async function receiveInto(
  files: SegmentedFile,
  { offset, beginning, from, descriptor }: RemoteBlob & { offset: number; beginning: number },
  tally: Progress,
): Promise<number> {
  let done = 0;
  const counted = (bytes: number) => {
    addProgress(bytes, tally);
    done += bytes;
  };
  try {
    const hash = new Sha256();
    const buffer = new Uint8Array(Math.min(IO_CHUNK, beginning));
    while (done < beginning) {
      const piece = buffer.subarray(0, Math.min(buffer.length, beginning - done));
      const got = files.read(piece, offset + done);
      if (got < piece.length)
        throw new IngotError("size-differs", {
          at: descriptor.digest,
          expected: beginning,
          actual: done + got,
        });
      hash.update(piece);
      counted(piece.length);
    }
    for await (const piece of from.blob(descriptor, { size: beginning, hash })) {
      files.write(piece, offset + done);
      counted(piece.length);
    }
    return done - beginning;
  } catch (error) {
    tally.add(-done);
    throw error;
  }
}
