/** Images from wherever they are to wherever they are to be; their bytes stay what they are. */

import type { UnloadableImage } from "../archive/docker-manifest.ts";
import { writeArchive } from "../archive/write.ts";
import { completeNames, isTagOnly } from "../image/complete-name.ts";
import { type LeftBehind, type Referring, underName } from "../image/referrers.ts";
import type { StoredImage } from "../image/select.ts";
import { missingBlob, walk } from "../image/walk.ts";
import type { JobContext } from "../jobs/job-context.ts";
import type { Digest } from "../oci/digest.ts";
import { formatRemote } from "../oci/remote-reference.ts";
import { FolderStore } from "../store/folder-store.ts";
import { stageAll } from "../verify/stage-blobs.ts";
import {
  type Destination,
  isRemoteImage,
  type OpenRepository,
  only,
  type ResolvedImages,
  renamed,
  requireOwnName,
} from "./endpoint.ts";
import { planImages } from "./plan-images.ts";
import { bytesToFetch, pullImages, reachOf } from "./pull.ts";
import { bytesToPush, type ImageHandle, pushImage } from "./push.ts";
import { pushReferrers, withoutSubject } from "./push-referrers.ts";
import type { RemoteImage } from "./remote-image.ts";

/** Images under the names that they are to have, and how to bring them there. */
export interface CopyPlan {
  readonly images: readonly ImageHandle[];
  readonly referring: readonly Referring[];
  readonly left: readonly LeftBehind[];
  /** Of an archive: the containers that Docker cannot load. */
  readonly unloadable?: readonly UnloadableImage[];
  /** Bytes to move at most. */
  readonly total: number;
  run(working: JobContext): Promise<void>;
}

export interface CopyOptions {
  readonly openStore: () => FolderStore;
  readonly openRepository: OpenRepository;
}

/**
 * What copying `chosen` to `destination` comes to. Nothing is changed before `run`.
 * @param at what the images are of, for the message @throws ambiguous where one image is wanted
 */
export async function planCopy(
  { images, referring, left }: ResolvedImages,
  destination: Destination,
  at: string,
  { openStore, openRepository }: CopyOptions,
): Promise<CopyPlan> {
  if (destination.kind === "registry") {
    const { remote } = destination;
    const source = only(images, at);
    requireOwnName(remote, source);
    const { tag } = remote;
    const to = openRepository(remote, "push");
    const image = { ...source, reference: formatRemote(remote) };
    const { listable, without } = withoutSubject(referring);
    return {
      images: [image],
      referring: underName(listable, image.reference),
      left: [...left, ...without],
      total: [image, ...listable].reduce((sum, each) => sum + bytesToPush(each), 0),
      async run(working) {
        await pushImage(image, { to, tag }, working);
        await pushReferrers(listable, { to }, working);
      },
    };
  }
  const { reference, kind } = destination;
  const isLayout = kind === "layout";
  const named =
    reference === undefined
      ? namesFor(images as readonly StoredImage[], isLayout)
      : [renamed(only(images, at), reference, isLayout)];
  const [first] = named;
  const also = reference === undefined ? referring : underName(referring, first!.reference);
  const all: ImageHandle[] = [...named, ...also];
  const answer = { images: named, referring: also, left };
  if (destination.kind === "archive") {
    const { path } = destination;
    const plan = await planImages(all);
    return {
      ...answer,
      unloadable: plan.unloadable,
      total: plan.size,
      run: async (working) => void (await writeArchive(plan, path, working)),
    };
  }
  const store = destination.kind === "layout" ? new FolderStore(destination.path) : openStore();
  if (areRemote(all)) {
    const total = bytesToFetch(reachOf(all).needed);
    return {
      ...answer,
      total,
      run: async (working) => void (await pullImages(all, store, working)),
    };
  }
  const total = all.reduce((sum, each) => sum + bytesToPush(each), 0);
  return { ...answer, total, run: (working) => copyImages(all, store, working) };
}

/** The images under their complete names; in a layout a tag alone stays one. */
const namesFor = (images: readonly StoredImage[], isLayout: boolean): StoredImage[] =>
  images.flatMap((image) =>
    isLayout && isTagOnly(image.reference) ? [image] : completeNames([image]),
  );

const areRemote = (images: readonly ImageHandle[]): images is readonly RemoteImage[] =>
  images.every(isRemoteImage);

/**
 * Takes images of other stores and archives into `store`. Afterwards every blob they need is there, proven, and each has its
 * name; on a failure nothing is named that was not before. @throws blob-missing, digest-differs, size-differs, no-space, io
 */
export async function copyImages(
  images: readonly StoredImage[],
  store: FolderStore,
  working: JobContext,
): Promise<void> {
  const session = await store.begin({ resumable: true });
  try {
    const taken = new Set<Digest>();
    for (const { descriptor, store: from } of images) {
      const reached = [...walk(descriptor, from).values()]
        .map((found) => found.descriptor)
        .filter(({ digest }) => !taken.has(digest));
      for (const blob of reached) {
        const { digest } = blob;
        taken.add(digest);
        const content = from.find(digest);
        if (content === undefined) throw missingBlob(blob, from.at, descriptor.digest);
        if (content instanceof Uint8Array) session.put(digest, content);
      }
      const digests = new Set(reached.map(({ digest }) => digest));
      await stageAll(from, digests, session, working);
    }
    await session.commit(taken, images);
  } catch (error) {
    session.fail(error);
    throw error;
  }
}
