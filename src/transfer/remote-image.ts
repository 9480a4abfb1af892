/** Images in registries. Their manifests are read at once, and proven; their other blobs are there to be fetched. */

import { concat } from "../base/bytes.ts";
import { IngotError } from "../base/error.ts";
import { within } from "../base/subject.ts";
import { KEPT_LIMIT } from "../check/kept-json.ts";
import { type StoredImage, select } from "../image/select.ts";
import {
  childrenOf,
  type ImageGraphNode,
  isAttestation,
  read,
  walk,
  withoutForeign,
} from "../image/walk.ts";
import { mapConcurrent } from "../jobs/parallel.ts";
import type { Digest } from "../oci/digest.ts";
import { type Descriptor, MANIFEST_LIMIT } from "../oci/manifest.ts";
import { ATTESTS, isContainerConfig, isForeign, isImage } from "../oci/media-types.ts";
import { formatPlatform, matchesPlatform, type Platform } from "../oci/platform.ts";
import type { Repository } from "../registry/registry.ts";
import { MemoryStore } from "../store/memory-store.ts";
import type { ReadStore } from "../store/store.ts";

/** An image in a registry, under the name it has or is to have. Its `store` has its manifests and containers' configs. */
export interface RemoteImage extends StoredImage {
  readonly from: Repository;
}

/** How many manifests are asked for at a time. */
const AT_ONCE = 6;

/**
 * The image that a tag or a digest names, or the part of it for `platforms`. Platforms of an index that the registry does not have
 * are absent from its store, as in a partial archive (docs/foreign-archives.md); an index none of whose platforms is there is refused.
 * @throws not-found, digest-differs, size-differs, registry, malformed
 */
export async function findRemote(
  from: Repository,
  which: string,
  choice: { reference: string; platforms?: readonly Platform[] },
): Promise<RemoteImage> {
  return (await findPlatform(from, which, choice)).image;
}

/** The same, with what the tag or digest names as a whole. */
export async function findPlatform(
  from: Repository,
  which: string,
  { reference, platforms = [] }: { reference: string; platforms?: readonly Platform[] },
): Promise<{ readonly image: RemoteImage; readonly whole: Descriptor }> {
  const { descriptor, bytes } = await from.manifest(which);
  const store = new MemoryStore(from.at);
  store.put(bytes);
  const isWanted = ({ platform }: Descriptor) =>
    platform !== undefined && platforms.some((it) => matchesPlatform(platform, it));
  const attested = new Set(
    (read(descriptor, store).index?.manifests ?? [])
      .filter(isWanted)
      .map(({ digest }) => digest as string),
  );
  const wanted = (child: Descriptor) =>
    platforms.length === 0 || isWanted(child) || attested.has(child.annotations?.[ATTESTS] ?? "");
  await new Reader(from, store, { isPartial: true }).readBelow(descriptor, wanted);
  mustHave(read(descriptor, store), { at: from.at, reference, platforms, store });
  const image = select({ reference, descriptor, store }, platforms);
  return { image: { ...image, from }, whole: descriptor };
}

/** The image without its layers that may be elsewhere (`urls`), as far as the registry does not have them. @throws registry */
export async function withoutMissingForeign(image: RemoteImage): Promise<RemoteImage> {
  const { descriptor, store, from } = image;
  const layers = [...walk(descriptor, store).values()]
    .map((found) => found.descriptor)
    .filter(({ mediaType }) => isForeign(mediaType));
  if (layers.length === 0) return image;
  const there = await mapConcurrent(layers, AT_ONCE, (layer, stop) =>
    from.until(stop).hasBlob(layer),
  );
  const missing = new Set(layers.filter((_, i) => !there[i]).map(({ digest }) => digest));
  return missing.size === 0 ? image : { ...image, store: withoutForeign(store, missing) };
}

/**
 * The image's store with those of `blobs` that have at most `limit` bytes, read into memory and proven.
 * @throws registry, digest-differs, size-differs
 */
export async function fetchBlobs(
  { from, store }: RemoteImage,
  blobs: readonly Descriptor[],
  limit: number,
): Promise<ReadStore> {
  const filled = new MemoryStore(from.at, store);
  const small = blobs.filter(({ size }) => size <= limit);
  await mapConcurrent(
    small,
    AT_ONCE,
    async (blob, stop) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of from.until(stop).blob(blob)) pieces.push(piece);
      filled.put(concat(pieces));
    },
    from.stop,
  );
  return filled;
}

/** What was asked for of an index must be in the registry: each platform, or, without any, one. @throws not-found, blob-missing */
function mustHave(
  { descriptor, index }: ImageGraphNode,
  {
    at,
    reference,
    platforms,
    store,
  }: { at: string; reference: string; platforms: readonly Platform[]; store: MemoryStore },
): void {
  const children = (index?.manifests ?? []).filter(
    (child) => isImage(child.mediaType) && !isAttestation(child),
  );
  const isAway = ({ digest }: Descriptor) => store.find(digest) === undefined;
  const [first] = children;
  if (platforms.length === 0 && first !== undefined && children.every(isAway))
    throw new IngotError("blob-missing", {
      digest: first.digest,
      at,
      neededBy: descriptor.digest,
      hint: "the registry has the index, and the manifest of none of its platforms: push the image there again",
    });
  const away = platforms.filter((wanted) => {
    const found = children.filter(({ platform }) => platform && matchesPlatform(platform, wanted));
    return found.length > 0 && found.every(isAway);
  });
  if (away.length > 0)
    throw new IngotError("not-found", {
      what: "the platform",
      at: within(away.map(formatPlatform).join(", "), reference),
      hint: "the index names it, and the registry does not have its manifest: choose other platforms with --platform, or push the image there again",
    });
}

/** Reads all that `root`, whose bytes are in `store`, has below it of manifests and containers' configs into `store`. */
export function readManifests(
  from: Repository,
  root: Descriptor,
  store: MemoryStore,
): Promise<void> {
  return new Reader(from, store, { isPartial: false }).readBelow(root, () => true);
}

class Reader {
  readonly #from: Repository;
  readonly #store: MemoryStore;
  readonly #seen = new Set<Digest>();
  readonly #isPartial: boolean;
  #kept = 0;

  /** @param how `isPartial` = manifests that an index names may be missing, and are passed over then */
  constructor(
    from: Repository,
    store: MemoryStore,
    { isPartial }: { readonly isPartial: boolean },
  ) {
    this.#from = from;
    this.#store = store;
    this.#isPartial = isPartial;
  }

  /** @param wanted which of the children of an index to follow; below them, all */
  async readBelow(
    root: Descriptor,
    wanted: (child: Descriptor) => boolean,
    from = this.#from,
  ): Promise<void> {
    const found = read(root, this.#store);
    const children = childrenOf(found).filter(
      (child) =>
        !this.#seen.has(child.digest) &&
        (found.index === undefined || wanted(child)) &&
        (isImage(child.mediaType) || isContainerConfig(child.mediaType)),
    );
    for (const { digest } of children) this.#seen.add(digest);
    const readOne = async (child: Descriptor, stop: AbortSignal) => {
      const there = from.until(stop);
      const isOne = isImage(child.mediaType);
      const bytes = isOne ? await manifestOf(child, there) : await configOf(child, there);
      if (bytes === undefined && this.#isPartial) return;
      if (bytes === undefined)
        throw new IngotError("blob-missing", {
          digest: child.digest,
          at: from.at,
          neededBy: root.digest,
        });
      this.#keep(bytes.length);
      this.#store.put(bytes);
      if (isOne) await this.readBelow(child, () => true, there);
    };
    await mapConcurrent(children, AT_ONCE, readOne, from.stop);
  }

  #keep(bytes: number): void {
    this.#kept += bytes;
    if (this.#kept > KEPT_LIMIT)
      throw new IngotError("too-large", {
        what: "the manifests of an image",
        at: this.#from.at,
        actual: this.#kept,
        limit: KEPT_LIMIT,
      });
  }
}

/** The bytes of a manifest; undefined where the registry does not have it. */
async function manifestOf(
  { digest, size }: Descriptor,
  from: Repository,
): Promise<Uint8Array | undefined> {
  const found = await from.findManifest(digest);
  if (found === undefined) return undefined;
  const { bytes } = found;
  if (bytes.length !== size)
    throw new IngotError("size-differs", {
      at: `${from.at}@${digest}`,
      expected: size,
      actual: bytes.length,
    });
  return bytes;
}

async function configOf(descriptor: Descriptor, from: Repository): Promise<Uint8Array> {
  const { digest, size } = descriptor;
  if (size > MANIFEST_LIMIT)
    throw new IngotError("too-large", {
      what: "the config",
      at: digest,
      actual: size,
      limit: MANIFEST_LIMIT,
    });
  const pieces: Uint8Array[] = [];
  for await (const piece of from.blob(descriptor)) pieces.push(piece);
  return concat(pieces);
}
