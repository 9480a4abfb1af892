/** Images in registries. Their manifests are read at once, and proven; their other blobs are there to be fetched. */

import { concat } from "../base/bytes.ts";
import { Fault } from "../base/error.ts";
import { KEPT_LIMIT } from "../check/scan.ts";
import { type Selected, select } from "../image/select.ts";
import { childrenOf, read } from "../image/walk.ts";
import { inParallel } from "../jobs/parallel.ts";
import type { Digest } from "../oci/digest.ts";
import { type Descriptor, MANIFEST_LIMIT } from "../oci/manifest.ts";
import { ATTESTS, isContainerConfig, isImage } from "../oci/media-types.ts";
import { matchesPlatform, type Platform } from "../oci/platform.ts";
import type { Repository } from "../registry/registry.ts";
import { MemoryStore } from "../store/memory-store.ts";

/** An image in a registry, under the name it has or is to have. Its `store` has its manifests and containers' configs. */
export interface RemoteImage extends Selected {
  readonly from: Repository;
}

/** How many manifests are asked for at a time. */
const AT_ONCE = 6;

/**
 * The image that a tag or a digest names, or the part of it for `platforms`.
 * @throws not-found, digest-differs, size-differs, registry, malformed
 */
export async function findRemote(
  from: Repository,
  which: string,
  choice: { reference: string; platforms?: readonly Platform[] },
): Promise<RemoteImage> {
  return (await findPart(from, which, choice)).image;
}

/** The same, with what the tag or digest names as a whole. */
export async function findPart(
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
  await new Reader(from, store).readBelow(descriptor, wanted);
  const image = select({ reference, descriptor, store }, platforms);
  return { image: { ...image, from }, whole: descriptor };
}

/** Reads all that `root`, whose bytes are in `store`, has below it of manifests and containers' configs into `store`. */
export function readManifests(
  from: Repository,
  root: Descriptor,
  store: MemoryStore,
): Promise<void> {
  return new Reader(from, store).readBelow(root, () => true);
}

class Reader {
  readonly #from: Repository;
  readonly #store: MemoryStore;
  readonly #seen = new Set<Digest>();
  #kept = 0;

  constructor(from: Repository, store: MemoryStore) {
    this.#from = from;
    this.#store = store;
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
      this.#keep(bytes.length);
      this.#store.put(bytes);
      if (isOne) await this.readBelow(child, () => true, there);
    };
    await inParallel(children, AT_ONCE, readOne, from.stop);
  }

  #keep(bytes: number): void {
    this.#kept += bytes;
    if (this.#kept > KEPT_LIMIT)
      throw new Fault("too-large", {
        what: "the manifests of an image",
        at: this.#from.at,
        actual: this.#kept,
        limit: KEPT_LIMIT,
      });
  }
}

async function manifestOf({ digest, size }: Descriptor, from: Repository): Promise<Uint8Array> {
  const found = await from.findManifest(digest);
  if (found === undefined) throw new Fault("blob-missing", { digest, at: from.at });
  const { bytes } = found;
  if (bytes.length !== size)
    throw new Fault("size-differs", {
      at: `${from.at}@${digest}`,
      expected: size,
      actual: bytes.length,
    });
  return bytes;
}

async function configOf(descriptor: Descriptor, from: Repository): Promise<Uint8Array> {
  const { digest, size } = descriptor;
  if (size > MANIFEST_LIMIT)
    throw new Fault("too-large", {
      what: "the config",
      at: digest,
      actual: size,
      limit: MANIFEST_LIMIT,
    });
  const pieces: Uint8Array[] = [];
  for await (const piece of from.blob(descriptor)) pieces.push(piece);
  return concat(pieces);
}
