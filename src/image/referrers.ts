/** What travels with an image: its signatures, and whatever else refers to it. */
import { IngotError } from "../base/error.ts";
import { sortedBy } from "../base/order.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { ATTESTS, isIndex } from "../oci/media-types.ts";
import {
  cosignTag,
  isBuildKitAttestation,
  type ReferrerKind,
  type Refers,
} from "../oci/referrer.ts";
import { isTagOnly } from "./complete-name.ts";
import { bySubject, type NamedReferrer, namedReferrers, readEntries } from "./entries.ts";
import { asOfReferrer } from "./referrer-fault.ts";
import { kindOrOther, referrerContent, referrerKindOf } from "./referrer-kind.ts";
import type { StoredImage } from "./select.ts";
import { missingIn, read, readableSubjectsOf, subjectsOf } from "./walk.ts";

/** How much of what refers to an image travels with it: everything, its signatures, nothing. */
export type ReferrerPolicy = "all" | "signatures" | "none";

/** An image that refers to another. */
export type Referring<P extends StoredImage = StoredImage> = P & {
  readonly refers: Refers;
  /** The index that contains it, where only some of its platforms were chosen. */
  readonly partOf?: Digest;
};

/**
 * A referrer that does not travel, and why: nobody asked for it, its subject is the index that platforms were chosen from, its subject
 * is a platform that is missing itself, no registry can list it, or the registry that lists it gives nothing that can be read.
 */
export interface LeftBehind {
  readonly kind: ReferrerKind;
  readonly digest: Digest;
  readonly subject: Digest;
  /** The index that contains it, where only some of its platforms were chosen: with the whole index it would travel. */
  readonly partOf?: Digest | undefined;
  readonly why: "not asked for" | "platform" | "subject missing" | "no subject" | "not readable";
}

/** What travels with an image, and what does not. */
export interface Attached<P extends StoredImage = StoredImage> {
  readonly referring: readonly Referring<P>[];
  readonly left: readonly LeftBehind[];
}

/** Referrers have referrers: they are followed this far from the image, and what is farther is refused rather than lost. */
const DEEPEST = 32;

const keyOf = ({ descriptor, refers }: Referring) => `${descriptor.digest} ${refers.subject}`;

const leave = (one: Referring, why: LeftBehind["why"]): LeftBehind => ({
  kind: kindOrOther(one),
  digest: one.descriptor.digest,
  subject: one.refers.subject,
  why,
});

/** An image, and the entry that platforms were chosen from: the same where none were. */
interface Chosen<P extends StoredImage> {
  readonly image: P;
  readonly whole: Descriptor;
}

/**
 * Follows what refers to the image, to its manifests, and to what refers to them. What the image names itself is part of it.
 * One that refers to several of these comes once for each; where it is both listed and under cosign's tag, it keeps the tag.
 * @param lookUp what refers to each of some digests
 * @param belongs whether what refers to the image's manifests comes with them as their signatures do @throws too-large where referrers have referrers without end
 */
export async function attach<P extends StoredImage>(
  { image, whole }: Chosen<P>,
  along: ReferrerPolicy,
  lookUp: (subjects: readonly Digest[]) => Promise<readonly Referring<P>[]>,
  belongs: (one: Referring<P>) => boolean = () => false,
): Promise<Attached<P>> {
  if (along === "none") return { referring: [], left: [] };
  const inside = new Set(subjectsOf(image));
  const referring: Referring<P>[] = attestationsFor({ image, whole });
  const left: LeftBehind[] = [];
  let subjects = [...inside, ...referring.flatMap(subjectsOf)];
  const seen = new Set(subjects);
  const taken = new Set(referring.map(keyOf));
  for (let depth = 0; subjects.length > 0; depth++) {
    const next: Digest[] = [];
    for (const one of tagsFirst(await lookUp(subjects))) {
      const key = keyOf(one);
      const isPart = one.refers.suffix === undefined && inside.has(one.descriptor.digest);
      if (taken.has(key) || isPart) continue;
      if (depth === DEEPEST) throw tooDeep(image);
      taken.add(key);
      const isOwn = inside.has(one.refers.subject) && belongs(one);
      if (along === "all" || isSignature(one) || isOwn) {
        referring.push(one);
        next.push(...subjectsIn(one));
      } else left.push(leave(one, "not asked for"));
    }
    subjects = next.filter((digest) => !seen.has(digest));
    for (const digest of subjects) seen.add(digest);
  }
  if (!inside.has(whole.digest))
    for (const one of tagsFirst(await lookUp([whole.digest]))) {
      const isAsked = along === "all" || kindOrOther(one) === "signature";
      if (taken.has(keyOf(one))) continue;
      taken.add(keyOf(one));
      left.push(leave(one, isAsked ? "platform" : "not asked for"));
    }
  const isKnown = (one: Referring) =>
    taken.has(keyOf(one)) || (one.refers.suffix === undefined && inside.has(one.descriptor.digest));
  left.push(...(await ofMissing(image, lookUp, isKnown)));
  return { referring, left };
}

/** What refers to platforms of the image that are not here, and what refers to that: without its subject it cannot travel. */
async function ofMissing<P extends StoredImage>(
  { descriptor, store }: P,
  lookUp: (subjects: readonly Digest[]) => Promise<readonly Referring<P>[]>,
  isKnown: (one: Referring) => boolean,
): Promise<LeftBehind[]> {
  const left = new Map<string, LeftBehind>();
  const seen = new Set<Digest>();
  for (let next = missingIn(descriptor, store).map(({ digest }) => digest); next.length > 0; ) {
    for (const digest of next) seen.add(digest);
    const found = tagsFirst(await lookUp(next)).filter(
      (one) => !isKnown(one) && !left.has(keyOf(one)),
    );
    for (const one of found) left.set(keyOf(one), leave(one, "subject missing"));
    next = [...new Set(found.flatMap(readableSubjectsOf))].filter((digest) => !seen.has(digest));
  }
  return [...left.values()];
}

/** Whether it is one, as its manifest says. @throws as of a referrer */
const isSignature = (one: Referring): boolean =>
  ofReferrer(() => referrerKindOf(one) === "signature");

const subjectsIn = (one: Referring): Digest[] => ofReferrer(() => subjectsOf(one));

function ofReferrer<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw asOfReferrer(error);
  }
}

const tagsFirst = <R extends Referring>(found: readonly R[]): R[] => [
  ...found.filter(({ refers }) => refers.suffix !== undefined),
  ...found.filter(({ refers }) => refers.suffix === undefined),
];

const tooDeep = ({ reference }: StoredImage) =>
  new IngotError("too-large", {
    what: "the chain of referrers that refer to one another",
    at: reference,
    actual: DEEPEST + 1,
    limit: DEEPEST,
    unit: "referrers",
  });

/** BuildKit's attestation manifests for the one platform of an index that is the image now: they are no part of it any more, and stay with it. */
function attestationsFor<P extends StoredImage>({ image, whole }: Chosen<P>): Referring<P>[] {
  const { descriptor, store } = image;
  if (whole.digest === descriptor.digest || isIndex(descriptor.mediaType)) return [];
  const children = read(whole, store).index?.manifests ?? [];
  return children
    .filter((child) => child.annotations?.[ATTESTS] === descriptor.digest)
    .filter((child) => store.find(child.digest) !== undefined)
    .map(({ mediaType, digest, size }) => ({
      ...image,
      reference: digest,
      descriptor: { mediaType, digest, size },
      refers: { subject: descriptor.digest },
      partOf: whole.digest,
    }));
}

/** Finds what refers to images of one store, archive or layout. */
export type FindStored = (image: StoredImage, whole?: Descriptor) => Promise<Attached<StoredImage>>;

/**
 * How to find what refers to the images of `store`, whose entries are read once. What has an image's name and a subject is found as
 * well: it stays an image, and travels with its subject.
 */
export function referrersIn(store: StoredImage["store"], along: ReferrerPolicy): FindStored {
  let known: ReturnType<typeof bySubject> | undefined;
  const lookUp = async (image: StoredImage, subjects: readonly Digest[]) => {
    known ??= knownIn(store);
    return subjects
      .flatMap((digest) => known!.get(digest) ?? [])
      .map((one) => ({ ...one, store: image.store }));
  };
  return (image, whole = image.descriptor) =>
    attach(
      { image, whole },
      along,
      (subjects) => lookUp(image, subjects),
      isIndex(image.descriptor.mediaType) ? undefined : isBuildKits,
    );
}

/** One platform was taken out of an index, and BuildKit's attestation manifest with it, which was part of that: it stays with it. */
const isBuildKits = (one: Referring): boolean =>
  ofReferrer(() => isBuildKitAttestation(referrerContent(one)));

/**
 * All that a store has of referrers of an image and of its referrers, each once for each subject, whether it can be read or not. What
 * the image contains is part of it.
 */
export function allReferrersOf({ descriptor: image, store }: StoredImage): NamedReferrer[] {
  const known = knownIn(store);
  if (known.size === 0) return [];
  const inside = new Set(readableSubjectsOf({ descriptor: image, store }));
  const found = new Map<string, NamedReferrer>();
  const seen = new Set<Digest>();
  const todo = [image];
  for (let next = todo.pop(); next !== undefined; next = todo.pop())
    for (const digest of readableSubjectsOf({ descriptor: next, store })) {
      if (seen.has(digest)) continue;
      seen.add(digest);
      for (const one of known.get(digest) ?? []) {
        if (one.refers.suffix === undefined && inside.has(one.descriptor.digest)) continue;
        found.set(`${one.descriptor.digest} ${digest}`, one);
        todo.push(one.descriptor);
      }
    }
  return sortedBy(found, ([key]) => key).map(([, one]) => one);
}

function knownIn(store: StoredImage["store"]): ReturnType<typeof bySubject> {
  const { images, referrers } = readEntries(store);
  return bySubject([...referrers, ...namedReferrers(images, store)]);
}

/**
 * The referrers of an image that has the complete name `reference`, in its repository: under cosign's tag, or by their digest.
 */
export const underName = <P extends Referring>(referring: readonly P[], reference: string): P[] =>
  referring.map((each) => {
    const tag = cosignTag(each.refers);
    const { digest } = each.descriptor;
    if (isTagOnly(reference)) return { ...each, reference: tag ?? digest };
    const repository = reference.replace(/@.*$/s, "").replace(/:[^:/]*$/, "");
    return { ...each, reference: tag ? `${repository}:${tag}` : `${repository}@${digest}` };
  });

/** Each name once for each subject: what refers to an image that has two names would come twice. */
export const oncePerName = <P extends StoredImage>(images: readonly P[]): P[] => [
  ...new Map(
    images.map((image) => [`${image.reference} ${image.refers?.subject ?? ""}`, image]),
  ).values(),
];
