import { Fault } from "../base/fault.ts";
import type { Digest } from "../oci/digest.ts";
import {
  type Descriptor,
  type Index,
  type Manifest,
  parseIndex,
  parseManifest,
} from "../oci/manifest.ts";
import { isIndex, isManifest } from "../oci/media.ts";
import { fetch, type ReadStore } from "../store/store.ts";

/** A blob that an image reaches. Manifests and indexes come with their bytes, read and proven. */
export interface Reached {
  readonly descriptor: Descriptor;
  readonly bytes?: Uint8Array;
  readonly index?: Index;
  readonly manifest?: Manifest;
}

/** What a descriptor's content names, in the order it names it. `subject` is no part of an image: it may be elsewhere. */
export function childrenOf({
  index,
  manifest,
}: Pick<Reached, "index" | "manifest">): readonly Descriptor[] {
  if (index !== undefined) return index.manifests;
  if (manifest !== undefined) return [manifest.config, ...manifest.layers];
  return [];
}

/**
 * Everything that the image `root` reaches, itself first, each blob once, as every type that names it. Content of a type
 * that is not known is a leaf (image-spec, considerations.md). Only manifests and indexes are read.
 * @throws blob-missing, digest-differs, size-differs, malformed
 */
export function walk(root: Descriptor, store: ReadStore): Map<Digest, Reached> {
  const reached = new Map<Digest, Reached>();
  const seen = new Set<string>();
  const todo: { descriptor: Descriptor; neededBy?: string }[] = [{ descriptor: root }];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const { descriptor, neededBy } = next;
    const before = reached.get(descriptor.digest);
    const { digest, mediaType, size } = descriptor;
    const named = before?.descriptor.size ?? size;
    if (named !== size)
      throw new Fault("size-differs", { at: digest, expected: size, actual: named });
    const key = `${digest} ${mediaType}`;
    if (before !== undefined && (!isRead(descriptor) || seen.has(key))) continue;
    seen.add(key);
    const found = isRead(descriptor) ? read(descriptor, store, neededBy) : { descriptor };
    reached.set(digest, { ...before, ...found });
    for (const child of [...childrenOf(found)].reverse())
      todo.push({ descriptor: child, neededBy: descriptor.digest });
  }
  return reached;
}

const isRead = ({ mediaType }: Descriptor) => isIndex(mediaType) || isManifest(mediaType);

/** Reads one manifest or index. */
export function read(descriptor: Descriptor, store: ReadStore, neededBy?: string): Reached {
  const bytes = fetch(store, descriptor, neededBy);
  if (isIndex(descriptor.mediaType))
    return { descriptor, bytes, index: parseIndex(bytes, descriptor.digest) };
  if (isManifest(descriptor.mediaType))
    return { descriptor, bytes, manifest: parseManifest(bytes, descriptor.digest) };
  return { descriptor, bytes };
}
