import { IngotError, isIngotError } from "../base/error.ts";
import type { Digest } from "../oci/digest.ts";
import {
  type Descriptor,
  type Index,
  type Manifest,
  parseIndex,
  parseManifest,
} from "../oci/manifest.ts";
import { ATTESTS, isForeign, isImage, isIndex, isManifest } from "../oci/media-types.ts";
import { type ReadStore, readBlob } from "../store/store.ts";

/** A blob that an image reaches. Manifests and indexes come with their bytes, read and proven. */
export interface ImageGraphNode {
  readonly descriptor: Descriptor;
  readonly bytes?: Uint8Array;
  readonly index?: Index;
  readonly manifest?: Manifest;
}

/** What a descriptor's content names, in the order it names it. `subject` is no part of an image: it may be elsewhere. */
export function childrenOf({
  index,
  manifest,
}: Pick<ImageGraphNode, "index" | "manifest">): readonly Descriptor[] {
  if (index !== undefined) return index.manifests;
  if (manifest !== undefined) return [manifest.config, ...manifest.layers];
  return [];
}

/** Whether an index names it as an attestation manifest of BuildKit's: no platform of its own. */
export const isAttestation = ({ annotations, platform }: Descriptor): boolean =>
  annotations?.[ATTESTS] !== undefined ||
  (platform?.os === "unknown" && platform.architecture === "unknown");

/** The hosts of `urls`, and nothing else of them: what stands before an @ or behind a ? may be a secret. */
export function hostsOf(urls: readonly string[]): string {
  const hosts = urls.map((url) => (URL.canParse(url) ? new URL(url).host : "") || "an invalid URL");
  return [...new Set(hosts)].slice(0, 3).join(", ");
}

/** A blob of an image that is not there; of a layer that may be elsewhere, with the flag that leaves it out. */
export function missingBlob(
  { digest, mediaType, urls = [] }: Descriptor,
  at: string,
  neededBy: Digest,
): IngotError<"blob-missing"> {
  const hint = `it is a foreign layer, and its descriptor says that it is at ${hostsOf(urls) || "another place"}: --allow-missing-foreign leaves it out`;
  return new IngotError("blob-missing", {
    digest,
    at,
    neededBy,
    ...(isForeign(mediaType) && { hint }),
  });
}

/** The manifests and indexes that an index names, without those of which nothing is here. */
const isAbsent = (child: Descriptor, store: ReadStore) =>
  isImage(child.mediaType) && store.find(child.digest) === undefined;

/**
 * The manifests and indexes that an image names and that are not here, each once: children of its indexes of which nothing is here.
 * @throws as walk
 */
export function missingIn(root: Descriptor, store: ReadStore): Descriptor[] {
  const missing = new Map<Digest, Descriptor>();
  for (const { index } of walk(root, store).values())
    for (const child of index?.manifests ?? [])
      if (isAbsent(child, store)) missing.set(child.digest, child);
  return [...missing.values()];
}

/** The platforms among them: attestation manifests are not counted. @throws as walk */
export const absentIn = (root: Descriptor, store: ReadStore): Descriptor[] =>
  missingIn(root, store).filter((child) => !isAttestation(child));

/**
 * Everything of the image `root` that is here, itself first, each blob once, as every type that names it. Content of a type
 * that is not known is a leaf (image-spec, considerations.md). Only manifests and indexes are read. Platforms of an index of which
 * nothing is here are passed over, where there is another.
 * @throws blob-missing, digest-differs, size-differs, malformed
 */
export function walk(root: Descriptor, store: ReadStore): Map<Digest, ImageGraphNode> {
  const reached = new Map<Digest, ImageGraphNode>();
  const seen = new Set<string>();
  const todo: { descriptor: Descriptor; neededBy?: string }[] = [{ descriptor: root }];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const { descriptor, neededBy } = next;
    const before = reached.get(descriptor.digest);
    const { digest, mediaType, size } = descriptor;
    const named = before?.descriptor.size ?? size;
    if (named !== size)
      throw new IngotError("size-differs", { at: digest, expected: size, actual: named });
    const key = `${digest} ${mediaType}`;
    if (before !== undefined && (!isRead(descriptor) || seen.has(key))) continue;
    seen.add(key);
    const found = isRead(descriptor) ? read(descriptor, store, neededBy) : { descriptor };
    reached.set(digest, { ...before, ...found });
    for (const child of presentChildren(found, store).reverse())
      todo.push({ descriptor: child, neededBy: descriptor.digest });
  }
  return reached;
}

/**
 * A store whose images are taken without their layers that may be elsewhere, where those are not here.
 * @param missing which of them are not here, where the store alone cannot say it
 */
export const withoutForeign = (store: ReadStore, missing?: ReadonlySet<Digest>): ReadStore => ({
  at: store.at,
  images: () => store.images(),
  find: (digest) => store.find(digest),
  withoutForeign: missing ?? true,
});

/** The children, without the platforms that are not here; all of them where no platform is. */
function presentChildren(found: Pick<ImageGraphNode, "index" | "manifest">, store: ReadStore) {
  const { withoutForeign: without = false } = store;
  const isElsewhere = ({ mediaType, digest }: Descriptor) =>
    without !== false &&
    isForeign(mediaType) &&
    (without === true ? store.find(digest) === undefined : without.has(digest));
  const children = childrenOf(found).filter((child) => !isElsewhere(child));
  if (found.index === undefined) return children;
  const present = children.filter((child) => !isAbsent(child, store));
  return present.some((child) => !isAttestation(child)) ? present : children;
}

const isRead = ({ mediaType }: Descriptor) => isIndex(mediaType) || isManifest(mediaType);

/** Reads one manifest or index. */
export function read(descriptor: Descriptor, store: ReadStore, neededBy?: string): ImageGraphNode {
  const bytes = readBlob(store, descriptor, neededBy);
  if (isIndex(descriptor.mediaType))
    return { descriptor, bytes, index: parseIndex(bytes, descriptor.digest) };
  if (isManifest(descriptor.mediaType))
    return { descriptor, bytes, manifest: parseManifest(bytes, descriptor.digest) };
  return { descriptor, bytes };
}

/** The manifests and indexes of an image, itself among them: what can be referred to. */
export const subjectsOf = ({
  descriptor,
  store,
}: {
  readonly descriptor: Descriptor;
  readonly store: ReadStore;
}): Digest[] =>
  [...walk(descriptor, store).values()].flatMap((found) =>
    isImage(found.descriptor.mediaType) ? [found.descriptor.digest] : [],
  );

/** The same; of an image that cannot be read, itself alone. */
export function readableSubjectsOf(image: Parameters<typeof subjectsOf>[0]): readonly Digest[] {
  try {
    return subjectsOf(image);
  } catch (error) {
    if (isIngotError(error)) return [image.descriptor.digest];
    throw error;
  }
}
