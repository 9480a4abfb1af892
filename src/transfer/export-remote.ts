/** Images of registries, beside others where there are some, straight into an archive: no store and no other file is between. */

import { memberPieces, type RemoteBlobs } from "../archive/fill.ts";
import type { Plan } from "../archive/plan.ts";
import { planArchive, type WrittenArchive, writeArchive } from "../archive/write.ts";
import type { SplitOptions } from "../archive/write-volumes.ts";
import type { Sink } from "../base/fs/fd-stream.ts";
import type { BaseLayers } from "../image/layer-list.ts";
import { walk } from "../image/walk.ts";
import type { RemoteBlob } from "../jobs/fetch-blob.ts";
import type { JobContext } from "../jobs/job-context.ts";
import { addProgress, IO_CHUNK, render } from "../jobs/render.ts";
import type { Digest } from "../oci/digest.ts";
import type { Content } from "../store/content.ts";
import type { ReadStore } from "../store/store.ts";
import { END, padding } from "../tar/header.ts";
import { isRemoteImage } from "./endpoint.ts";
import { reachOf } from "./pull.ts";
import type { ImageHandle } from "./push.ts";

/** The archive that the images make: the manifests of those in registries say all that a plan needs. */
export function planRemote(images: readonly ImageHandle[], base?: BaseLayers): Promise<Plan> {
  const { away, here } = findBlobs(images);
  return planArchive(
    images.map((image) =>
      isRemoteImage(image) ? { ...image, store: withBlobs(image.store, away, here) } : image,
    ),
    base,
  );
}

/** Where blobs are that images of registries need: what an image that is here has, too, is not fetched. */
function findBlobs(images: readonly ImageHandle[]): {
  readonly away: RemoteBlobs;
  readonly here: ReadonlyMap<Digest, Content>;
} {
  const { needed } = reachOf(images.filter(isRemoteImage));
  const away = new Map(needed.map((it) => [it.descriptor.digest, it]));
  const here = new Map<Digest, Content>();
  if (away.size === 0) return { away, here };
  for (const { descriptor, store } of images.filter((image) => !isRemoteImage(image))) {
    for (const digest of walk(descriptor, store).keys()) {
      const content = away.has(digest) ? store.find(digest) : undefined;
      if (content === undefined) continue;
      here.set(digest, content);
      away.delete(digest);
    }
  }
  return { away, here };
}

/** A store that knows of blobs that are elsewhere where they are, or how large. */
function withBlobs(
  store: ReadStore,
  away: RemoteBlobs,
  here: ReadonlyMap<Digest, Content>,
): ReadStore {
  return {
    at: store.at,
    images: () => store.images(),
    ...(store.withoutForeign && { withoutForeign: store.withoutForeign }),
    find(digest): Content | undefined {
      const found = away.get(digest);
      const place = found && { path: found.from.at, offset: 0, size: found.descriptor.size };
      return store.find(digest) ?? here.get(digest) ?? place;
    },
  };
}

/** As `writeArchive`, each blob of a registry to its place as it comes: no store and no other file is between. */
export function writeRemote(
  plan: Plan,
  images: readonly ImageHandle[],
  to: string | SplitOptions,
  working: JobContext,
): Promise<WrittenArchive> {
  return writeArchive(plan, to, working, findBlobs(images).away);
}

/**
 * Writes the planned archive to a stream, front to back. Every blob is proven before its last bytes go out.
 * @throws digest-differs, size-differs, registry, io
 */
export async function streamRemote(
  plan: Plan,
  images: readonly ImageHandle[],
  sink: Sink,
  { tally }: JobContext,
): Promise<void> {
  const { away } = findBlobs(images);
  const out = new Gathered(sink);
  for (const member of plan.members) {
    const needed = member.digest && away.get(member.digest);
    if (needed === undefined) {
      for (const chunk of render(memberPieces(member), tally)) await out.write(chunk);
    } else {
      await out.write(member.header);
      for await (const piece of blobOf(needed)) {
        addProgress(piece.length, tally);
        await out.write(piece);
      }
      await out.write(new Uint8Array(padding(member.size)));
    }
  }
  await out.write(END);
  await out.end();
}

const blobOf = ({ from, descriptor }: RemoteBlob) => from.blob(descriptor);

/** Pieces of any size, written in full chunks; one is on its way while the next is gathered. */
class Gathered {
  readonly #sink: Sink;
  #buffer = new Uint8Array(IO_CHUNK);
  #spare = new Uint8Array(IO_CHUNK);
  #used = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Afterwards the piece may be changed. */
  async write(piece: Uint8Array): Promise<void> {
    for (let done = 0; done < piece.length; ) {
      const part = piece.subarray(done, done + IO_CHUNK - this.#used);
      this.#buffer.set(part, this.#used);
      this.#used += part.length;
      done += part.length;
      if (this.#used === IO_CHUNK) await this.#flush();
    }
  }

  /** Afterwards all of it is written. */
  async end(): Promise<void> {
    await this.#flush();
    await this.#writing;
  }

  async #flush(): Promise<void> {
    await this.#writing;
    this.#writing = this.#sink.write(this.#buffer.subarray(0, this.#used));
    this.#writing.catch(() => {});
    [this.#buffer, this.#spare] = [this.#spare, this.#buffer];
    this.#used = 0;
  }
}
