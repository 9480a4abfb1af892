/** What travels with an image: its signatures, and whatever else refers to it, wherever the image is. */
import { isFault } from "../base/fault.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { ATTESTS, isImage, isIndex } from "../oci/media.ts";
import {
  COSIGN_SUFFIXES,
  type CosignSuffix,
  cosignTag,
  kindOfReferrer,
  type ReferrerKind,
  type Refers,
  referrersTag,
} from "../oci/referrer.ts";
import { MemoryStore } from "../store/memory.ts";
import type { Repository } from "../store/registry.ts";
import { bySubject, readEntries } from "./entries.ts";
import { isTagOnly } from "./name.ts";
import { inParallel } from "./parallel.ts";
import type { Pushable } from "./push.ts";
import { findRemote, type RemoteImage, readManifests } from "./remote.ts";
import type { Selected } from "./select.ts";
import { type Reached, read, walk } from "./walk.ts";

/** How much of what refers to an image travels with it: everything, its signatures, nothing. */
export type Along = "all" | "signatures" | "none";

/** An image that refers to another. */
export type Referring<P extends Pushable = Pushable> = P & { readonly refers: Refers };

/** A referrer that does not travel, and why: nobody asked for it, its subject is the index that platforms were chosen from, or no registry can list it. */
export interface LeftBehind {
  readonly kind: ReferrerKind;
  readonly digest: Digest;
  readonly subject: Digest;
  readonly why: "not asked for" | "platform" | "no subject";
}

/** What travels with an image, and what does not. */
export interface Attached<P extends Pushable = Pushable> {
  readonly referring: readonly Referring<P>[];
  readonly left: readonly LeftBehind[];
}

const AT_ONCE = 6;
/** Referrers have referrers: they are followed this far from the image. */
const DEEPEST = 3;

/** The manifests and indexes of an image, itself among them: what can be referred to. */
export const subjectsOf = ({
  descriptor,
  store,
}: Pick<Selected, "descriptor" | "store">): Digest[] =>
  [...walk(descriptor, store).values()].flatMap((found) =>
    isImage(found.descriptor.mediaType) ? [found.descriptor.digest] : [],
  );

/** What a referrer's manifest says of its kind. */
export function kindOf({ descriptor, store, refers }: Referring): ReferrerKind {
  const { manifest, index } = isImage(descriptor.mediaType)
    ? read(descriptor, store)
    : ({} as Reached);
  return kindOfReferrer(manifest ?? index ?? {}, refers);
}

/** The same; of what cannot be read nobody knows the kind. */
export function kindOrOther(one: Referring): ReferrerKind {
  try {
    return kindOf(one);
  } catch (error) {
    if (isFault(error)) return "other referrer";
    throw error;
  }
}

const leave = (one: Referring, why: LeftBehind["why"]): LeftBehind => ({
  kind: kindOf(one),
  digest: one.descriptor.digest,
  subject: one.refers.subject,
  why,
});

/** An image, and the entry that platforms were chosen from: the same where none were. */
interface Chosen<P extends Pushable> {
  readonly image: P;
  readonly whole: Descriptor;
}

/**
 * Follows what refers to the image, to its manifests, and to what refers to them. What the image names itself is part of it.
 * @param lookUp what refers to each of some digests
 */
async function attach<P extends Pushable>(
  { image, whole }: Chosen<P>,
  along: Along,
  lookUp: (subjects: readonly Digest[]) => Promise<readonly Referring<P>[]>,
): Promise<Attached<P>> {
  if (along === "none") return { referring: [], left: [] };
  const inside = new Set(subjectsOf(image));
  const referring: Referring<P>[] = attestationsFor({ image, whole });
  const left: LeftBehind[] = [];
  let subjects = [...inside, ...referring.flatMap(subjectsOf)];
  const seen = new Set(subjects);
  const taken = new Set(referring.map(({ descriptor }) => descriptor.digest));
  for (let depth = 0; depth < DEEPEST && subjects.length > 0; depth++) {
    const next: Digest[] = [];
    for (const one of await lookUp(subjects)) {
      const { digest } = one.descriptor;
      if (taken.has(digest) || (one.refers.suffix === undefined && inside.has(digest))) continue;
      taken.add(digest);
      if (along === "all" || kindOf(one) === "signature") {
        referring.push(one);
        next.push(...subjectsOf(one));
      } else left.push(leave(one, "not asked for"));
    }
    subjects = next.filter((digest) => !seen.has(digest));
    for (const digest of subjects) seen.add(digest);
  }
  if (!inside.has(whole.digest))
    for (const one of await lookUp([whole.digest]))
      if (along === "all" || kindOf(one) === "signature") left.push(leave(one, "platform"));
  return { referring, left };
}

/** BuildKit's attestation manifests for the one platform of an index that is the image now: they are no part of it any more, and stay with it. */
function attestationsFor<P extends Pushable>({ image, whole }: Chosen<P>): Referring<P>[] {
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
    }));
}

/** Finds what refers to images of one store, archive or layout. */
export type FindStored = (image: Selected, whole?: Descriptor) => Promise<Attached<Selected>>;

/** How to find what refers to the images of `store`, whose entries are read once. */
export function referrersIn(store: Selected["store"], along: Along): FindStored {
  let known: ReturnType<typeof bySubject> | undefined;
  return (image, whole = image.descriptor) =>
    attach({ image, whole }, along, async (subjects) => {
      known ??= bySubject(readEntries(store).referrers);
      return subjects
        .flatMap((digest) => known!.get(digest) ?? [])
        .map((one) => ({ ...one, store: image.store }));
    });
}

/**
 * What refers to an image in its registry, as the registry lists it or under tags: the manifests are read, and nothing else.
 * @throws registry, digest-differs
 */
export function findReferrers(
  image: RemoteImage,
  along: Along,
  whole: Descriptor = image.descriptor,
): Promise<Attached<RemoteImage>> {
  const { from } = image;
  return attach({ image, whole }, along, async (subjects) => {
    const found = await inParallel(subjects, AT_ONCE, async (digest, stop) => {
      const isRoot = digest === whole.digest || digest === image.descriptor.digest;
      const suffixes = along === "all" || isRoot ? COSIGN_SUFFIXES : COSIGN_SUFFIXES.slice(0, 1);
      const there = from.until(stop);
      return [...(await listed(digest, there)), ...(await tagged(digest, suffixes, there))];
    });
    return found.flat().map((one) => ({ ...one, from }));
  });
}

/** What the registry lists, or the list under the tag, with all manifests that it has. */
async function listed(subject: Digest, from: Repository): Promise<Referring<RemoteImage>[]> {
  const found: Referring<RemoteImage>[] = [];
  for (const { descriptor, bytes } of (await from.readReferrers(subject)).found) {
    const store = new MemoryStore(from.at);
    store.put(bytes);
    await readManifests(from, descriptor, store);
    found.push({ reference: descriptor.digest, descriptor, store, from, refers: { subject } });
  }
  return found;
}

async function tagged(
  subject: Digest,
  suffixes: readonly CosignSuffix[],
  from: Repository,
): Promise<Referring<RemoteImage>[]> {
  const found: Referring<RemoteImage>[] = [];
  for (const suffix of suffixes) {
    const tag = referrersTag(subject) + suffix;
    if ((await from.findBeside(subject, suffix)) === undefined) continue;
    const image = await findRemote(from, tag, { reference: tag });
    found.push({ ...image, refers: { subject, suffix } });
  }
  return found;
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

/** Each name once: what refers to an image that has two names would come twice. */
export const oncePerName = <P extends Pushable>(images: readonly P[]): P[] => [
  ...new Map(images.map((image) => [image.reference, image])).values(),
];
