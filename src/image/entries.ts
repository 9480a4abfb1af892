/** The entries of an index: which are images, and which refer to one (docs/canonical-archive.md, "index.json"). */
import { isIngotError } from "../base/error.ts";
import type { Digest } from "../oci/digest.ts";
import { imageNameOf } from "../oci/layout.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { COSIGN_TAG, isImage, SUBJECT } from "../oci/media-types.ts";
import { cosignTag, parseReferrersTag, type Refers, refersOf, suffixOf } from "../oci/referrer.ts";
import type { NamedDescriptor, ReadStore } from "../store/store.ts";
import { isTagOnly } from "./complete-name.ts";
import { type Finding, finding } from "./findings.ts";
import { type ImageGraphNode, read } from "./walk.ts";

/** What `cosign save` writes beside the image's digest: what an entry is. */
const KIND = "kind";
const COSIGN = "dev.cosignproject.cosign/";

/** Whether `cosign save` wrote the entry. */
export const isFromCosign = ({ annotations }: Descriptor): boolean =>
  annotations?.[KIND]?.startsWith(COSIGN) === true;

/** What the signatures and attestations of cosign before version 3 refer to: the image beside them. */
function refersFromCosign(root: Descriptor, image: Descriptor | undefined): Refers | undefined {
  const kind = root.annotations?.[KIND];
  const suffix = kind === `${COSIGN}sigs` ? ".sig" : kind === `${COSIGN}atts` ? ".att" : undefined;
  return suffix && image && { subject: image.digest, suffix };
}

/** Something that refers to an image, with what it refers to. */
export interface NamedReferrer extends NamedDescriptor {
  readonly refers: Refers;
}

/** The entries of an index, sorted out. */
export interface Entries {
  /** Images, each with a name in an annotation if it has one. */
  readonly images: readonly Descriptor[];
  /** What refers to images, each once for each subject. */
  readonly referrers: readonly NamedReferrer[];
}

/**
 * Sorts out the entries of an index. A referrer has containerd's annotation for its subject, or cosign's tag for a name, or no
 * image's name and a manifest with a `subject`. A list under the tag `sha256-HEX` stands for the referrers that it lists, also for
 * those that are not here; an index with that tag that lists other manifests is an image.
 * Only manifests of entries without an image's name are read; one that cannot be read is left for the judge.
 */
export function readEntries(store: ReadStore, roots = store.images()): Entries {
  const images: Descriptor[] = [];
  const referrers = new Map<string, NamedReferrer>();
  const add = (descriptor: Descriptor, refers: Refers) => {
    const key = `${descriptor.digest} ${refers.subject}`;
    const before = referrers.get(key);
    if (before === undefined || (refers.suffix !== undefined && !before.refers.suffix))
      referrers.set(key, { reference: descriptor.digest, descriptor, refers });
  };
  const saved = roots.find(({ annotations }) => annotations?.[KIND]?.startsWith(`${COSIGN}image`));
  for (const root of roots) {
    const old = refersFromCosign(root, saved);
    const found = old ? [{ descriptor: root, refers: old }] : referrersAt(root, store);
    if (found === undefined) images.push(root);
    else for (const { descriptor, refers } of found) add(descriptor, refers);
  }
  return { images, referrers: [...referrers.values()] };
}

type Referrer = Omit<NamedReferrer, "reference">;

/** The referrers that an entry stands for; undefined for an image. */
function referrersAt(root: Descriptor, store: ReadStore): Referrer[] | undefined {
  const refers = refersOf(root);
  if (refers !== undefined) return [{ descriptor: root, refers: withSuffix(root, refers, store) }];
  const name = imageNameOf(root);
  if (
    (name !== undefined && !isTagOnly(name) && !parseReferrersTag(name)) ||
    !isImage(root.mediaType)
  )
    return undefined;
  const content = readable(root, store);
  const subject = subjectIn(content);
  if (subject !== undefined) return [{ descriptor: root, refers: { subject } }];
  const listed = name === undefined ? undefined : parseReferrersTag(name)?.subject;
  if (listed === undefined || content?.index === undefined) return undefined;
  const children = content.index.manifests
    .filter((child) => isImage(child.mediaType))
    .map((descriptor) => ({ descriptor, content: readable(descriptor, store) }));
  const referring = children.filter((child) => subjectIn(child.content) === listed);
  const isPlain = (child: (typeof children)[number]) =>
    child.content !== undefined && subjectIn(child.content) === undefined;
  // Mirrors give images such tags, too.
  if (referring.length === 0 && children.some(isPlain)) return undefined;
  const absent = children.filter(({ descriptor: { digest } }) => store.find(digest) === undefined);
  return [...referring, ...absent].map(({ descriptor }) => ({
    descriptor,
    refers: { subject: listed },
  }));
}

/** The suffix is said by an annotation where the content does not tell it. */
function withSuffix(root: Descriptor, refers: Refers, store: ReadStore): Refers {
  if (refers.suffix !== undefined || root.annotations?.[SUBJECT] === undefined) return refers;
  const content = readable(root, store)?.manifest;
  const suffix = content && suffixOf(content);
  return suffix === undefined ? refers : { ...refers, suffix };
}

/**
 * Referrers whose entry names another subject than their manifest: clients that go by the one and clients that go by the other would
 * find them at two images. What is under cosign's tag may have any subject.
 */
export function checkSubjects(roots: readonly Descriptor[], store: ReadStore): Finding[] {
  return roots.flatMap((root) => {
    const refers = refersOf(root);
    if (refers === undefined || refers.suffix !== undefined) return [];
    const subject = subjectIn(readable(root, store));
    return subject === undefined || subject === refers.subject
      ? []
      : [finding("subject-differs", root.digest, saidOfSubjects(refers, subject))];
  });
}

/** What is wrong where an entry and its manifest name two subjects. */
export const saidOfSubjects = ({ subject }: Refers, own: Digest): string =>
  `its entry says that it refers to ${subject}, its manifest refers to ${own}`;

const subjectIn = (content: ImageGraphNode | undefined): Digest | undefined =>
  (content?.manifest ?? content?.index)?.subject?.digest;

function readable(descriptor: Descriptor, store: ReadStore): ImageGraphNode | undefined {
  try {
    return isImage(descriptor.mediaType) ? read(descriptor, store) : undefined;
  } catch (error) {
    if (isIngotError(error)) return undefined;
    throw error;
  }
}

/**
 * The same entries with every referrer in one form: without a name, and with its subject and cosign's tag as annotations. `refersOf`
 * tells them apart then.
 */
export function normalEntries(roots: readonly Descriptor[], store: ReadStore): Descriptor[] {
  const { images, referrers } = readEntries(store, roots);
  if (referrers.length === 0 && images.length === roots.length) return [...roots];
  return [...images, ...referrers.map(normalEntry)];
}

/** The entry of one referrer in that form. */
export function normalEntry({ descriptor, refers }: Omit<NamedReferrer, "reference">): Descriptor {
  const { mediaType, digest, size } = descriptor;
  const tag = cosignTag(refers);
  const annotations = { [SUBJECT]: refers.subject, ...(tag && { [COSIGN_TAG]: tag }) };
  return { mediaType, digest, size, annotations };
}

/**
 * The images that have a complete name and a `subject` as well, as what they are beside that: referrers. Somebody may have pulled or
 * tagged a signature like an image. Reads one manifest for each image.
 */
export function namedReferrers(images: readonly Descriptor[], store: ReadStore): NamedReferrer[] {
  return images.flatMap((image) => {
    if (imageNameOf(image) === undefined) return [];
    const subject = subjectIn(readable(image, store));
    if (subject === undefined) return [];
    const { mediaType, digest, size } = image;
    return [{ reference: digest, descriptor: { mediaType, digest, size }, refers: { subject } }];
  });
}

/** Referrers by what they refer to. */
export function bySubject<R extends NamedReferrer>(referrers: readonly R[]): Map<Digest, R[]> {
  const found = new Map<Digest, R[]>();
  for (const one of referrers) {
    const others = found.get(one.refers.subject);
    if (others === undefined) found.set(one.refers.subject, [one]);
    else others.push(one);
  }
  return found;
}
