/** The images of an archive or a layout of somebody's, and what refers to them (docs/foreign-archives.md, "Names"). */
import { IngotError, isIngotError } from "../base/error.ts";
import { sortedBy } from "../base/order.ts";
import {
  fullNameOf,
  isTagOnly,
  nameToGive,
  oddNameOf,
  requireName,
} from "../image/complete-name.ts";
import { isFromCosign, normalEntries } from "../image/entries.ts";
import { type ImageGraphNode, read } from "../image/walk.ts";
import { type Digest, digestOf, hexOf } from "../oci/digest.ts";
import { imageNameOf } from "../oci/layout.ts";
import { type Descriptor, MANIFEST_LIMIT, parseIndex } from "../oci/manifest.ts";
import { INDEX, isIndex, isManifest, MANIFEST, REF_NAME, SUBJECT } from "../oci/media-types.ts";
import { formatPlatform, isRunnable } from "../oci/platform.ts";
import { refersOf } from "../oci/referrer.ts";
import { sizeOf } from "../store/content.ts";
import type { ReadStore } from "../store/store.ts";
import { nameRoots } from "./foreign-names.ts";

/** What says more of names than the index itself. */
export interface Naming {
  /** The bytes of Docker's list of images, where there is one. */
  readonly docker?: Uint8Array | undefined;
  /** The repository that tags alone are of. */
  readonly repository?: string | undefined;
  /** Whether entries stay as they are that are parts of others or refer to one: to be looked up by their tags. */
  readonly parts?: boolean;
}

/**
 * The entries of an index: images, under their names where they have some, and what refers to them in one form. An entry without a
 * name of its own that is a part of another image is left out, and so is a referrer that is part of every image that has its subject,
 * as BuildKit's attestation manifests are: export writes no entry for it either. @throws usage for a repository that is none
 */
export function readRoots(
  entries: readonly Descriptor[],
  store: ReadStore,
  { docker, repository, parts = false }: Naming,
): readonly Descriptor[] {
  const called = nameRoots(entries, store, docker);
  const roots = parts ? called : normalEntries(called, store);
  const named = repository === undefined ? roots : completeTags(roots, repository);
  const own = parts ? named : withoutContained(withoutParts(named, store), store);
  return [...own, ...unlisted(own, store)];
}

/** Those roots in place of the entries that the store has. */
export function withRoots(store: ReadStore, naming: Naming): ReadStore {
  const entries = store.images();
  const roots = readRoots(entries, store, naming);
  if (roots.length === entries.length && roots.every((root, i) => root === entries[i]))
    return store;
  return {
    at: store.at,
    images: () => roots,
    find: (digest: Digest) => store.find(digest),
    indexFile: () => store.indexFile?.(),
  };
}

const isImageRoot = (root: Descriptor) => refersOf(root) === undefined;

function completeTags(roots: readonly Descriptor[], repository: string): Descriptor[] {
  requireName(repository);
  if (/@|:[^/]*$/.test(repository))
    throw new IngotError("usage", {
      message: `--repository is ${JSON.stringify(repository)}, should be [registry/]repository`,
      hint: "the archive has the tags; --name REPOSITORY:TAG is for an image that has none",
    });
  return roots.map((root) => {
    const tag = isImageRoot(root) ? imageNameOf(root) : undefined;
    return tag === undefined || !isTagOnly(tag) ? root : withName(root, `${repository}:${tag}`);
  });
}

const withName = (root: Descriptor, name: string): Descriptor => ({
  ...root,
  annotations: { ...root.annotations, [REF_NAME]: name },
});

/**
 * Tools list the manifests of an index beside it: what has no name is a part there; what has a tag
 * alone, a part of an image that has a name.
 */
function withoutParts(roots: readonly Descriptor[], store: ReadStore): readonly Descriptor[] {
  const images = roots.filter(isImageRoot);
  const named = images.filter((root) => fullNameOf(root) !== undefined);
  if (named.length === images.length) return roots;
  const digests = (some: readonly Descriptor[]) => some.map(({ digest }) => digest);
  const inside = insideOf(images, store);
  const ofNamed = new Set([...insideOf(named, store).keys(), ...digests(named)]);
  const tagged = new Set(digests(images.filter((root) => imageNameOf(root) !== undefined)));
  return roots.filter((root) => {
    const { digest } = root;
    if (!isImageRoot(root) || fullNameOf(root) !== undefined || oddNameOf(root) !== undefined)
      return true;
    if (ofNamed.has(digest)) return false;
    return imageNameOf(root) !== undefined || !(inside.has(digest) || tagged.has(digest));
  });
}

/** So much is read to tell them, however often indexes name the same others; beyond it they stay. Bytes, and of each index at least. */
const MOST_READ = 64 * 1024 * 1024;
const LEAST = 1024;

/** Tools list BuildKit's attestation manifests as referrers as well: where all that has the subject contains it, it is part of that. */
function withoutContained(roots: readonly Descriptor[], store: ReadStore): readonly Descriptor[] {
  const isPlain = (root: Descriptor) => refersOf(root)?.suffix === undefined && !isImageRoot(root);
  const subjects = new Set(roots.filter(isPlain).map((root) => refersOf(root)!.subject));
  if (subjects.size === 0) return roots;
  const holders = new Map<Digest, ReadonlyMap<Digest, Descriptor>[]>();
  const images = new Map(roots.filter(isImageRoot).map((root) => [root.digest, root]));
  const allowance = { left: MOST_READ };
  for (const image of images.values()) {
    const inside = insideOf([image], store, allowance).set(image.digest, image);
    if (allowance.left < 0) return roots;
    for (const digest of inside.keys())
      if (subjects.has(digest)) holders.set(digest, [...(holders.get(digest) ?? []), inside]);
  }
  return roots.filter((root) => {
    const isThere = store.find(root.digest) !== undefined;
    const held = isThere && isPlain(root) ? (holders.get(refersOf(root)!.subject) ?? []) : [];
    return held.length === 0 || held.some((inside) => !isSame(root, inside.get(root.digest)));
  });
}

/** Whether two entries say the same of a blob: what one of them says alone has to be judged. */
const isSame = (one: Descriptor, other: Descriptor | undefined): boolean =>
  other !== undefined &&
  one.digest === other.digest &&
  one.mediaType === other.mediaType &&
  one.size === other.size &&
  one.data === undefined;

/** What the indexes among `roots` name, and the indexes in them. What cannot be read names nothing. @param allowance bytes of them to read */
function insideOf(
  roots: readonly Descriptor[],
  store: ReadStore,
  allowance = { left: Number.POSITIVE_INFINITY },
): Map<Digest, Descriptor> {
  const inside = new Map<Digest, Descriptor>();
  const seen = new Set<Digest>();
  const todo = [...roots];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (!isIndex(next.mediaType) || seen.has(next.digest)) continue;
    seen.add(next.digest);
    allowance.left -= next.size + LEAST;
    if (allowance.left < 0) break;
    for (const child of readable(next, store)?.index?.manifests ?? []) {
      inside.set(child.digest, child);
      todo.push(child);
    }
  }
  return inside;
}

function readable(descriptor: Descriptor, store: ReadStore): ImageGraphNode | undefined {
  try {
    return read(descriptor, store);
  } catch (error) {
    if (isIngotError(error)) return undefined;
    throw error;
  }
}

/**
 * Referrers that no index lists: `cosign save` writes their blobs, and reads them back by looking at every blob for its subject.
 * Only where its annotations are: elsewhere a blob that nothing names is none that anybody wants.
 */
function unlisted(roots: readonly Descriptor[], store: ReadStore): Descriptor[] {
  if (!roots.some(isFromCosign)) return [];
  const there = new Set([...roots.map(({ digest }) => digest), ...insideOf(roots, store).keys()]);
  const bySubject = new Map<Digest, Descriptor[]>();
  for (const digest of sortedBy(store.digests?.() ?? [], hexOf)) {
    const found = there.has(digest) ? undefined : manifestAt(digest, store);
    const subject = (found?.manifest ?? found?.index)?.subject?.digest;
    if (found === undefined || subject === undefined) continue;
    const one = { ...found.descriptor, annotations: { [SUBJECT]: subject } };
    const others = bySubject.get(subject);
    if (others === undefined) bySubject.set(subject, [one]);
    else others.push(one);
  }
  const listed: Descriptor[] = [];
  const todo = [...there];
  for (let next = todo.pop(); next !== undefined; next = todo.pop())
    for (const one of bySubject.get(next) ?? []) {
      listed.push(one);
      todo.push(one.digest);
    }
  return sortedBy(listed, ({ digest }) => digest);
}

/** The manifest or index that a blob is; undefined for any other blob. */
function manifestAt(digest: Digest, store: ReadStore): ImageGraphNode | undefined {
  const content = store.find(digest);
  if (content === undefined || sizeOf(content) > MANIFEST_LIMIT) return undefined;
  const size = sizeOf(content);
  const as = (mediaType: string) => readable({ mediaType, digest, size }, store);
  return as(MANIFEST) ?? as(INDEX);
}

/** Roots of which one got a name, and its bytes where no blob has them. */
export interface NamedRoot {
  readonly roots: readonly Descriptor[];
  readonly made?: Uint8Array;
}

/**
 * The roots, with `name` for the one image that has none and is no part of another, or that has its tag alone; a tag that it has stays. Where the entries are one
 * image for several platforms and nothing else, the index that lists them is that image. @throws usage, malformed
 */
export function nameRoot(roots: readonly Descriptor[], store: ReadStore, name: string): NamedRoot {
  requireName(name);
  const images = roots.filter(isImageRoot);
  const nameless = images.filter((root) => fullNameOf(root) === undefined);
  const inside = insideOf(nameless, store);
  const tops = nameless.filter(({ digest }) => !inside.has(digest));
  const others = roots.filter((root) => !isImageRoot(root) || fullNameOf(root) !== undefined);
  const digests = new Set(tops.map(({ digest }) => digest));
  const full = (tag: string | undefined) =>
    /:[^/]*$/.test(name) ? name : `${name}:${tag !== undefined && isTagOnly(tag) ? tag : "latest"}`;
  nameToGive(full(undefined), "container", tops[0]?.digest);
  if (digests.size === 1)
    return { roots: [...others, ...tops.map((root) => withName(root, full(imageNameOf(root))))] };
  const ofTag = tops.filter((root) => name.endsWith(`:${imageNameOf(root)}`));
  if (ofTag.length === 1)
    return { roots: roots.map((root) => (root === ofTag[0] ? withName(root, name) : root)) };
  const whole = images.length === nameless.length ? wholeIndex(tops, store) : undefined;
  if (whole === undefined) throw severalNameless(digests.size, store.at, nameless);
  const { descriptor, bytes } = whole;
  return { roots: [withName(descriptor, full(undefined)), ...others], made: bytes };
}

function severalNameless(count: number, at: string, nameless: readonly Descriptor[]): IngotError {
  const isTagged = nameless.some((root) => isTagOnly(imageNameOf(root) ?? "/"));
  return new IngotError("usage", {
    message: `--name is for one image without a name, and ${at} has ${count} of them`,
    hint:
      count === 0
        ? "its images have names; give them more with: ingot tag SOURCE NAME"
        : isTagged
          ? "--repository REPO makes a tag v1 into REPO:v1; or bring each image in an archive of its own"
          : `copy one of them: ingot copy oci-archive:${/\s/.test(at) ? "FILE" : at}:${nameless[0]!.digest} NAME`,
  });
}

/** Whether entries are manifests alone, none of them with a name, each for another platform. */
export function areOneImage(images: readonly Descriptor[]): boolean {
  const platforms = images.flatMap((image) =>
    isManifest(image.mediaType) && image.platform !== undefined && imageNameOf(image) === undefined
      ? [image.platform]
      : [],
  );
  const runnable = platforms.filter(isRunnable).map(formatPlatform);
  return (
    platforms.length === images.length &&
    runnable.length > 1 &&
    new Set(runnable).size === runnable.length
  );
}

/** The index of a layout as an image, where that is what its entries are. */
export function wholeIndex(
  images: readonly Descriptor[],
  store: ReadStore,
): { readonly descriptor: Descriptor; readonly bytes: Uint8Array } | undefined {
  const bytes = areOneImage(images) ? store.indexFile?.() : undefined;
  if (bytes === undefined || bytes.length > MANIFEST_LIMIT) return undefined;
  const { mediaType = INDEX } = parseIndex(bytes, store.at);
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}
