/** What travels with an image: its signatures, and whatever else refers to it, in the forms that registries have. */
import type { Digest } from "../oci/digest.ts";
import { nameOf } from "../oci/layout.ts";
import { type Descriptor, parseIndex } from "../oci/manifest.ts";
import { COSIGN_SIGNATURE, isImage, isIndex, SIGSTORE_BUNDLE } from "../oci/media.ts";
import { MemoryStore } from "../store/memory.ts";
import type { Repository } from "../store/registry.ts";
import { referrersIndex, referrersTag } from "../store/registry-lists.ts";
import type { Fetched } from "../store/registry-manifest.ts";
import type { ReadStore } from "../store/store.ts";
import { fetch } from "../store/store.ts";
import { isTagOnly } from "./name.ts";
import { inParallel } from "./parallel.ts";
import { type Pushable, type Pushed, pushImage, type Target } from "./push.ts";
import { findRemote, type RemoteImage, readManifests } from "./remote.ts";
import { isGadget, type Selected } from "./select.ts";
import { read, walk } from "./walk.ts";
import type { Working } from "./working.ts";

/**
 * How much of what refers to an image goes with it: everything; of a gadget its signatures, in all forms that `ig` takes, with
 * the list that they are in; nothing.
 */
export type Along = "all" | "signatures" | "none";

/** The tags that cosign keeps signatures, attestations and bills of materials under, after that of the list of referrers. */
const ENDINGS: Readonly<Record<Along, readonly string[]>> = {
  all: ["", ".sig", ".att", ".sbom"],
  signatures: ["", ".sig"],
  none: [],
};
const SIGNATURES: ReadonlySet<string | undefined> = new Set([COSIGN_SIGNATURE, SIGSTORE_BUNDLE]);
const AT_ONCE = 6;
/** Referrers have referrers; further than so far from the image nobody looks. */
const DEEPEST = 3;

/** The manifests and indexes of an image, itself among them: what can be referred to. */
export const subjectsOf = ({
  descriptor,
  store,
}: Pick<Selected, "descriptor" | "store">): Digest[] =>
  [...walk(descriptor, store).values()].flatMap((found) =>
    isImage(found.descriptor.mediaType) ? [found.descriptor.digest] : [],
  );

/** What is asked for referrers first. What is signed of a gadget is the gadget as a whole. */
function startOf(image: Pushable, along: Along): Digest[] {
  if (along === "all") return subjectsOf(image);
  const { descriptor, store } = image;
  return along === "signatures" && isGadget(descriptor, store) ? [descriptor.digest] : [];
}

/** Whether this goes along: a list of referrers only where a signature is in it. */
function goes({ reference, descriptor, store }: Selected, along: Along): boolean {
  if (along === "all" || listed(reference) === undefined) return true;
  if (!isIndex(descriptor.mediaType)) return false;
  return entriesOf(descriptor, store).some((entry) => {
    if (!isImage(entry.mediaType)) return false;
    const { index, manifest } = read(entry, store);
    return SIGNATURES.has(
      index?.artifactType || manifest?.artifactType || manifest?.config.mediaType,
    );
  });
}

/**
 * What refers to the image in its registry, each under a tag of the same repository: `sha256-HEX` for the list of its
 * referrers, `sha256-HEX.sig` and the like for what cosign keeps beside it.
 * @throws registry, digest-differs
 */
export async function findReferrers(image: RemoteImage, along: Along): Promise<RemoteImage[]> {
  const { from } = image;
  const found: RemoteImage[] = [];
  let subjects = startOf(image, along);
  const seen = new Set<Digest>(subjects);
  for (let depth = 0; depth < DEEPEST && subjects.length > 0; depth++) {
    const here = await inParallel(subjects, AT_ONCE, (digest, stop) =>
      referringTo(digest, from.until(stop), along),
    );
    found.push(...here.flat().map((each) => ({ ...each, from })));
    if (along !== "all") break;
    const more = new Set(here.flat().flatMap(subjectsOf));
    subjects = [...more].filter((digest) => !seen.has(digest));
    for (const digest of subjects) seen.add(digest);
  }
  return found;
}

async function referringTo(digest: Digest, from: Repository, along: Along): Promise<RemoteImage[]> {
  const found: RemoteImage[] = [];
  const name = (tag: string) => `${from.at}:${tag}`;
  const list = await from.referrers(digest);
  if (list.length > 0) {
    const { bytes, descriptor } = referrersIndex(list);
    const store = new MemoryStore(from.at);
    store.put(bytes);
    await readManifests(from, descriptor, store);
    found.push({ reference: name(referrersTag(digest)), descriptor, store, from });
  }
  for (const ending of ENDINGS[along].slice(1)) {
    const tag = referrersTag(digest) + ending;
    if ((await from.findBeside(digest, ending)) === undefined) continue;
    found.push(await findRemote(from, tag, { reference: name(tag) }));
  }
  return found.filter((each) => goes(each, along));
}

/** The images of a store by their names. */
export function byName(store: ReadStore): ReadonlyMap<string, Descriptor> {
  return new Map(
    store.images().flatMap((it) => {
      const name = nameOf(it);
      return name === undefined ? [] : [[name, it] as const];
    }),
  );
}

/** The same for an image of a store, by the names that are there for its repository. */
export function storedReferrers(
  image: Selected,
  along: Along,
  named: ReadonlyMap<string, Descriptor> = byName(image.store),
): Selected[] {
  const { store } = image;
  const found = new Map<string, Selected>();
  const todo = startOf(image, along);
  const seen = new Set(todo);
  for (let digest = todo.pop(); digest !== undefined; digest = todo.pop()) {
    for (const ending of ENDINGS[along]) {
      const reference = withTag(image.reference, `${referrersTag(digest)}${ending}`);
      const descriptor = named.get(reference);
      if (descriptor === undefined || found.has(reference)) continue;
      const referring = { reference, descriptor, store };
      if (!goes(referring, along)) continue;
      found.set(reference, referring);
      for (const next of along === "all" ? subjectsOf(referring) : []) {
        if (!seen.has(next)) todo.push(next);
        seen.add(next);
      }
    }
  }
  return [...found.values()];
}

/** The name `reference` with another tag. A name that is a tag alone, as layouts have it, is the other tag. */
const withTag = (reference: string, tag: string): string =>
  isTagOnly(reference) ? tag : `${reference.slice(0, reference.lastIndexOf(":"))}:${tag}`;

/** What refers to an image stands in the same repository as the image, which has the complete name `reference`. */
export const underName = <P extends Pushable>(referring: readonly P[], reference: string): P[] =>
  referring.map((each) => ({ ...each, reference: withTag(reference, tagOf(each.reference)) }));

/** The tag of a complete name, or of a name that is a tag alone. */
const tagOf = (reference: string): string => reference.slice(reference.lastIndexOf(":") + 1);

/** Each name once: what refers to an image that has two names would come twice. */
export const oncePerName = <P extends Pushable>(images: readonly P[]): P[] => [
  ...new Map(images.map((image) => [image.reference, image])).values(),
];

/** The digest of the image that something refers to under this name; undefined for every other name. */
export function subjectOf(reference: string): Digest | undefined {
  const hex = /^sha256-([0-9a-f]{64})(?:\.[a-z]+)?$/.exec(tagOf(reference))?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

/** Whether a name is one under which something refers to an image. */
export const isReferring = (reference: string): boolean => subjectOf(reference) !== undefined;

/** The digest that a list of referrers is of, by its tag; undefined for every other tag. */
export function listed(reference: string): Digest | undefined {
  const hex = /^sha256-([0-9a-f]{64})$/.exec(tagOf(reference))?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

/**
 * Brings images, and what refers to some of them, into a repository, under the tags of their names. Of a list of referrers,
 * each goes by itself: the registry lists it, or, where it keeps no lists, the list under the tag has it afterwards.
 * @throws as pushImage
 */
export async function pushNamed(
  images: readonly Pushable[],
  target: Omit<Target, "tag">,
  working: Working,
): Promise<Pushed[]> {
  const { to } = target;
  const pushed: Pushed[] = [];
  const referrers: Fetched[] = [];
  for (const image of images) {
    const subject = listed(image.reference);
    if (subject === undefined) {
      pushed.push(await pushImage(image, { ...target, tag: tagOf(image.reference) }, working));
      continue;
    }
    for (const referrer of entriesOf(image.descriptor, image.store)) {
      const one = { ...image, descriptor: referrer };
      pushed.push(await pushImage(one, { ...target, tag: undefined }, working));
      referrers.push({ descriptor: referrer, bytes: fetch(one.store, referrer) });
    }
  }
  await to.addReferrers(referrers);
  return pushed;
}

function entriesOf(index: Descriptor, store: ReadStore): readonly Descriptor[] {
  return parseIndex(fetch(store, index), index.digest).manifests;
}
