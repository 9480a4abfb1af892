/** Images of registries, straight into an archive: no store and no other file is between. */
import { Fault } from "../base/fault.ts";
import { Aside } from "../base/file-aside.ts";
import type { Digest } from "../oci/digest.ts";
import type { Content } from "../store/content.ts";
import type { ReadStore } from "../store/store.ts";
import { planArchive } from "./export.ts";
import { inParallel } from "./parallel.ts";
import type { Member, Plan } from "./plan.ts";
import { type Needed, reachOf } from "./pull.ts";
import type { RemoteImage } from "./remote.ts";
import { count } from "./render.ts";
import type { Working } from "./working.ts";

/** The archive that the images make: their manifests say all that a plan needs. */
export function planRemote(images: readonly RemoteImage[]): Promise<Plan> {
  const needed = new Map(reachOf(images).needed.map((it) => [it.descriptor.digest, it]));
  return planArchive(images.map((image) => ({ ...image, store: withNeeded(image.store, needed) })));
}

/** A store that knows of blobs that are elsewhere how large they are. */
function withNeeded(store: ReadStore, needed: ReadonlyMap<Digest, Needed>): ReadStore {
  return {
    at: store.at,
    images: () => store.images(),
    find(digest): Content | undefined {
      const found = needed.get(digest);
      const away = found && { path: found.from.at, offset: 0, size: found.descriptor.size };
      return store.find(digest) ?? away;
    },
  };
}

/**
 * Writes the planned archive to the file `at`, each blob to its place as it comes. Afterwards the file is there, whole and on
 * the disk; on a failure what was there before still is. @throws digest-differs, size-differs, registry, no-space, io
 */
export async function writeRemote(
  plan: Plan,
  images: readonly RemoteImage[],
  at: string,
  working: Working,
): Promise<void> {
  const { tally, threads } = working;
  const needed = new Map(reachOf(images).needed.map((it) => [it.descriptor.digest, it]));
  const aside = new Aside(at, plan.size);
  try {
    aside.file.truncate(plan.size);
    const fill = async (
      { header, start, content, digest, name }: Member,
      stopped: () => boolean,
    ) => {
      aside.file.write(header, start);
      let position = start + header.length;
      const put = (piece: Uint8Array) => {
        if (stopped()) throw new Fault("internal", { message: "stopped" });
        aside.file.write(piece, position);
        position += piece.length;
        count(piece.length, tally);
      };
      const from = digest && needed.get(digest);
      if (content instanceof Uint8Array) return put(content);
      if (from === undefined) throw new Fault("internal", { message: `${name} is nowhere` });
      for await (const piece of from.from.blob(from.descriptor)) put(piece);
    };
    const done = inParallel(plan.members, threads, (member, stop) =>
      fill(member, () => stop.stopped),
    );
    await aside.syncWhile(done, () => tally.stop());
    aside.keep();
  } finally {
    aside.drop();
  }
}
