/** What an image is called in an archive or a layout of somebody's (docs/foreign-archives.md). */
import { isFault } from "../base/fault.ts";
import type { Digest } from "../oci/digest.ts";
import { blobPath, nameOf } from "../oci/layout.ts";
import type { Descriptor, Manifest } from "../oci/manifest.ts";
import { isImage, isManifest, REF_NAME } from "../oci/media.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import type { ReadStore } from "../store/store.ts";
import { type DockerImage, parseDocker } from "./docker.ts";
import { loadKey } from "./judge.ts";
import { isTagOnly } from "./name.ts";
import { read } from "./walk.ts";

/** containerd, BuildKit and Docker write the complete name here, and into the other annotation the tag alone. */
const CONTAINERD_NAME = "io.containerd.image.name";

/** The name of an image, where it has one: a tag alone is none. */
export function fullNameOf(descriptor: Descriptor): string | undefined {
  const name = nameOf(descriptor);
  return name === undefined || isTagOnly(name) ? undefined : name;
}

/**
 * The images of an index under the names that it gives them: containerd's, else a reference that is a name, else those that
 * Docker's list has for the same config and layers (of the same tag, where the index says one). What has none of these
 * stays as it is. @param docker the bytes of `manifest.json`, where there is one
 */
export function nameRoots(
  roots: readonly Descriptor[],
  store: ReadStore,
  docker: Uint8Array | undefined,
): readonly Descriptor[] {
  const isPlain = (root: Descriptor) =>
    fullNameOf(root) !== undefined && root.annotations?.[CONTAINERD_NAME] === undefined;
  if (roots.every(isPlain)) return roots;
  let tags: ReadonlyMap<string, readonly string[]> | undefined;
  const keys = new Map<string, readonly string[]>();
  const named = roots.flatMap((root) => {
    const name = completed(root.annotations?.[CONTAINERD_NAME]) ?? fullNameOf(root);
    if (name !== undefined) return [withName(root, name)];
    tags ??= docker === undefined ? new Map() : tagsByKey(docker);
    const tag = nameOf(root);
    const found = keysOf(root, store, keys)
      .flatMap((key) => tags!.get(key) ?? [])
      .filter((full) => tag === undefined || full.endsWith(`:${tag}`));
    return found.length === 0 ? [root] : found.map((full) => withName(root, full));
  });
  const once = new Map<string, Descriptor>(
    named.map((root) => [`${root.digest} ${nameOf(root) ?? ""}`, root]),
  );
  return [...once.values()];
}

/** Those names in place of the store's. */
export function renamed(store: ReadStore, docker: Uint8Array | undefined): ReadStore {
  const roots = nameRoots(store.images(), store, docker);
  if (roots === store.images()) return store;
  return { at: store.at, images: () => roots, find: (digest: Digest) => store.find(digest) };
}

const withName = (root: Descriptor, name: string): Descriptor => ({
  ...root,
  annotations: { ...root.annotations, [REF_NAME]: name },
});

/** A container's complete name; undefined for what is no name. */
function completed(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  return orUndefined(() => formatReference(parseReference(name, "container")));
}

/** The names that Docker's list has, by what they are of. A list that cannot be read has none: that is found elsewhere. */
function tagsByKey(docker: Uint8Array): Map<string, string[]> {
  const tags = new Map<string, string[]>();
  const list: readonly DockerImage[] = orUndefined(() => parseDocker(docker)) ?? [];
  for (const { Config, Layers, RepoTags } of list) {
    const key = loadKey(Config, Layers);
    const names = (RepoTags ?? []).flatMap((tag) => completed(tag) ?? []);
    tags.set(key, [...(tags.get(key) ?? []), ...names]);
  }
  return tags;
}

/** What Docker's list calls the manifests of an image, each read once. What cannot be read is found by whoever judges it. */
function keysOf(
  image: Descriptor,
  store: ReadStore,
  known: Map<string, readonly string[]>,
): readonly string[] {
  const { digest, mediaType } = image;
  const before = known.get(`${digest} ${mediaType}`);
  if (before !== undefined) return before;
  known.set(`${digest} ${mediaType}`, []);
  const { manifest, index } =
    (isImage(mediaType) ? orUndefined(() => read(image, store)) : undefined) ?? {};
  const children = (index?.manifests ?? []).filter((child) => isManifest(child.mediaType));
  const keys =
    manifest === undefined
      ? children.flatMap((child) => keysOf(child, store, known))
      : [keyOf(manifest)];
  known.set(`${digest} ${mediaType}`, keys);
  return keys;
}

const keyOf = ({ config, layers }: Manifest) =>
  loadKey(
    blobPath(config.digest),
    layers.map((layer) => blobPath(layer.digest)),
  );

function orUndefined<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (isFault(error)) return undefined;
    throw error;
  }
}
