/** What an image is called in an archive or a layout of somebody's (docs/foreign-archives.md). */

import { type DockerImage, parseDocker } from "../archive/docker-manifest.ts";
import { isIngotError } from "../base/error.ts";
import { loadKey, nameTwice } from "../check/check-entries.ts";
import { fullNameOf, usable } from "../image/complete-name.ts";
import { type Finding, finding } from "../image/findings.ts";
import { isGadget } from "../image/select.ts";
import { read } from "../image/walk.ts";
import type { Digest } from "../oci/digest.ts";
import { blobPath, DOCKER_FILE, INDEX_FILE, imageNameOf } from "../oci/layout.ts";
import type { Descriptor, Manifest } from "../oci/manifest.ts";
import { COSIGN_TAG, isImage, isManifest, REF_NAME, SUBJECT } from "../oci/media-types.ts";
import { completeName, type ReferenceKind } from "../oci/reference.ts";
import { refersOf } from "../oci/referrer.ts";
import type { ReadStore } from "../store/store.ts";

/** containerd, BuildKit and Docker write the complete name here, and into the other annotation the tag alone. */
const CONTAINERD_NAME = "io.containerd.image.name";

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
    imageNameOf(root) !== undefined &&
    fullNameOf(root) === imageNameOf(root) &&
    root.annotations?.[CONTAINERD_NAME] === undefined;
  if (roots.every(isPlain)) return roots;
  let tags: ReadonlyMap<string, readonly string[]> | undefined;
  const keys = new Map<string, readonly string[]>();
  const named = roots.flatMap((root) => {
    const name = containerdName(root) ?? fullNameOf(root);
    if (name !== undefined) return [withName(root, name)];
    tags ??= docker === undefined ? new Map() : tagsByKey(docker);
    const tag = imageNameOf(root);
    const found = keysOf(root, store, keys)
      .flatMap((key) => tags!.get(key) ?? [])
      .filter((full) => tag === undefined || full.endsWith(`:${tag}`));
    return found.length === 0 ? [root] : found.map((full) => withName(root, full));
  });
  const once = new Map<string, Descriptor>(
    named.map((root) => [
      [
        root.digest,
        imageNameOf(root),
        root.annotations?.[SUBJECT],
        root.annotations?.[COSIGN_TAG],
      ].join(" "),
      root,
    ]),
  );
  return [...once.values()];
}

const withName = (root: Descriptor, name: string): Descriptor => ({
  ...root,
  annotations: { ...root.annotations, [REF_NAME]: name },
});

/** A complete name; undefined for what is no name. */
function completed(
  name: string | undefined,
  kind: ReferenceKind = "container",
): string | undefined {
  return name === undefined ? undefined : orUndefined(() => completeName(name, kind));
}

/** The complete name that containerd gives an image; undefined for what is no name of its own. */
function containerdName({ annotations, digest }: Descriptor): string | undefined {
  const name = annotations?.[CONTAINERD_NAME];
  return name === undefined ? undefined : completed(usable(name, digest));
}

/** Where both annotations have a complete name, clients that read one and clients that read the other must load one image by it. */
export function checkNameAnnotations(entries: readonly Descriptor[]): Finding[] {
  return entries.flatMap((entry) => {
    const one = entry.annotations?.[CONTAINERD_NAME];
    const other = fullNameOf(entry);
    const names = (name: string | undefined) =>
      KINDS.flatMap((kind) => completed(name, kind) ?? []);
    const [ones, others] = [names(one && usable(one, entry.digest)), names(other)];
    if (one !== undefined && ones.length === 0 && !isOther(one))
      return [finding("malformed", INDEX_FILE, `${JSON.stringify(one)} is not an image name`)];
    if (ones.length === 0 || others.length === 0 || ones.some((name) => others.includes(name)))
      return [];
    return [
      finding(
        "name-differs",
        INDEX_FILE,
        `${entry.digest} is ${JSON.stringify(one)} by ${CONTAINERD_NAME}, and ${JSON.stringify(other)} by ${REF_NAME}`,
      ),
    ];
  });
}

/** A name by digest, and Docker's word for none. */
const isOther = (name: string) => name.includes("@") || name === "<none>:<none>";

const KINDS: readonly ReferenceKind[] = ["gadget", "container"];

/** The images of an index under their complete names, as far as they have one that can be completed; others as they are called. */
function completeRoots(roots: readonly Descriptor[], store: ReadStore) {
  const kinds = new Map<Digest, ReferenceKind>();
  const kindOf = (root: Descriptor): ReferenceKind => {
    const known = kinds.get(root.digest);
    const isOne = known === undefined && orUndefined(() => isGadget(root, store)) === true;
    const kind = known ?? (isOne ? "gadget" : "container");
    kinds.set(root.digest, kind);
    return kind;
  };
  return roots.flatMap((descriptor) => {
    const name = refersOf(descriptor) === undefined ? fullNameOf(descriptor) : undefined;
    if (name === undefined) return [];
    const either = completed(name, "gadget");
    const isSame = either === completed(name, "container");
    const full = isSame ? either : completed(name, kindOf(descriptor));
    return [{ reference: full ?? name, descriptor }];
  });
}

/** One name for two images, the short ones completed. A tag alone is no name, and yet two of them are one too many. */
export function checkNames(roots: readonly Descriptor[], store: ReadStore): Finding[] {
  const tagged = roots.flatMap((descriptor) => {
    const isTag = refersOf(descriptor) === undefined && fullNameOf(descriptor) === undefined;
    return isTag ? [{ reference: imageNameOf(descriptor), descriptor }] : [];
  });
  return nameTwice([...completeRoots(roots, store), ...tagged]);
}

/**
 * What Docker's list calls an image must be what the index calls it: `docker load` goes by the one, everybody else by the other.
 * @throws malformed, too-large
 */
export function* checkTags(
  docker: Uint8Array,
  roots: readonly Descriptor[],
  store: ReadStore,
): Generator<Finding> {
  const list = parseDocker(docker).filter(({ RepoTags }) => (RepoTags ?? []).length > 0);
  if (list.length === 0) return;
  const named = new Map(
    completeRoots(roots, store).map(({ reference, descriptor }) => [reference, descriptor]),
  );
  const keys = new Map<string, readonly string[]>();
  const sets = new Map<Digest, ReadonlySet<string>>();
  const has = (root: Descriptor, key: string) => {
    const set = sets.get(root.digest) ?? new Set(keysOf(root, store, keys));
    sets.set(root.digest, set);
    return set.has(key);
  };
  for (const { Config, Layers, RepoTags } of list) {
    const key = loadKey(Config, Layers);
    for (const tag of RepoTags ?? []) {
      const name = completed(tag);
      if (name === undefined && !isOther(tag))
        yield finding("docker-differs", DOCKER_FILE, `${JSON.stringify(tag)} is not an image name`);
      const root = name === undefined ? undefined : named.get(name);
      if (name === undefined || (root !== undefined && has(root, key))) continue;
      const is = root === undefined ? "no image of index.json" : `${root.digest} in index.json`;
      const what = `it gives the name ${JSON.stringify(tag)} to the image with ${Config}`;
      yield finding("docker-differs", DOCKER_FILE, `${what}, and it is that of ${is}`);
    }
  }
}

/** The names that Docker's list has, by what they are of. A list that cannot be read has none: that is found elsewhere. */
function tagsByKey(docker: Uint8Array): Map<string, string[]> {
  const tags = new Map<string, string[]>();
  const list: readonly DockerImage[] = orUndefined(() => parseDocker(docker)) ?? [];
  for (const { Config, Layers, RepoTags } of list) {
    const key = loadKey(Config, Layers);
    const names = (RepoTags ?? []).flatMap((tag) =>
      tag.includes("@") ? [] : (completed(tag) ?? []),
    );
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
    if (isIngotError(error)) return undefined;
    throw error;
  }
}
