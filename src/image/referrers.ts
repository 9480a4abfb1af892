/** What travels with an image: its signatures, and whatever else refers to it, in the forms that registries have. */
import type { Digest } from "../oci/digest.ts";

import { nameOf } from "../oci/layout.ts";
import { type Descriptor, parseIndex } from "../oci/manifest.ts";
import { isImage } from "../oci/media.ts";
import { MemoryStore } from "../store/memory.ts";
import type { Repository } from "../store/registry.ts";
import { referrersIndex, referrersTag } from "../store/registry-lists.ts";
import type { ReadStore } from "../store/store.ts";
import { fetch } from "../store/store.ts";
import { inParallel } from "./parallel.ts";
import { type Pushable, type Pushed, pushImage } from "./push.ts";
import { findRemote, type RemoteImage, readManifests } from "./remote.ts";
import type { Selected } from "./select.ts";
import { walk } from "./walk.ts";
import type { Working } from "./working.ts";

/** The tags that cosign keeps signatures, attestations and bills of materials under, after that of the list of referrers. */
const ENDINGS = ["", ".sig", ".att", ".sbom"];
const AT_ONCE = 6;
/** Referrers have referrers; further than so far from the image nobody looks. */
const DEEPEST = 3;

/** The manifests and indexes of an image, itself among them: what can be referred to. */
const subjectsOf = ({ descriptor, store }: Pushable): Digest[] =>
  [...walk(descriptor, store).values()].flatMap((found) =>
    isImage(found.descriptor.mediaType) ? [found.descriptor.digest] : [],
  );

/**
 * What refers to the image in its registry, each under a tag of the same repository: `sha256-HEX` for the list of its
 * referrers, `sha256-HEX.sig` and the like for what cosign keeps beside it.
 * @throws registry, digest-differs
 */
export async function findReferrers(image: RemoteImage): Promise<RemoteImage[]> {
  const { from } = image;
  const found: RemoteImage[] = [];
  let subjects = subjectsOf(image);
  const seen = new Set<Digest>(subjects);
  for (let depth = 0; depth < DEEPEST && subjects.length > 0; depth++) {
    const here = await inParallel(subjects, AT_ONCE, (digest) => referringTo(digest, from));
    found.push(...here.flat());
    const more = new Set(here.flat().flatMap(subjectsOf));
    subjects = [...more].filter((digest) => !seen.has(digest));
    for (const digest of subjects) seen.add(digest);
  }
  return found;
}

async function referringTo(digest: Digest, from: Repository): Promise<RemoteImage[]> {
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
  for (const ending of ENDINGS.slice(1)) {
    const tag = referrersTag(digest) + ending;
    if ((await from.findManifest(tag)) === undefined) continue;
    found.push(await findRemote(from, tag, { reference: name(tag) }));
  }
  return found;
}

/** The same for an image of a store, by the names that are there for its repository. */
export function storedReferrers(image: Selected): Selected[] {
  const { store } = image;
  const repository = repositoryOf(image.reference);
  const named = new Map<string, Descriptor>(
    store.images().flatMap((it) => {
      const name = nameOf(it);
      return name === undefined ? [] : [[name, it] as const];
    }),
  );
  const found = new Map<string, Selected>();
  const todo = subjectsOf(image);
  const seen = new Set(todo);
  for (let digest = todo.pop(); digest !== undefined; digest = todo.pop()) {
    for (const ending of ENDINGS) {
      const reference = `${repository}:${referrersTag(digest)}${ending}`;
      const descriptor = named.get(reference);
      if (descriptor === undefined || found.has(reference)) continue;
      const referring = { reference, descriptor, store };
      found.set(reference, referring);
      for (const next of subjectsOf(referring)) {
        if (!seen.has(next)) todo.push(next);
        seen.add(next);
      }
    }
  }
  return [...found.values()];
}

/** `registry/repository` of a complete name. */
const repositoryOf = (reference: string): string => reference.slice(0, reference.lastIndexOf(":"));

/** What refers to an image stands in the same repository as the image, which has the complete name `reference`. */
export function underName<P extends Pushable>(referring: readonly P[], reference: string): P[] {
  const repository = repositoryOf(reference);
  return referring.map((each) => ({
    ...each,
    reference: `${repository}:${tagOf(each.reference)}`,
  }));
}

/** The tag of a complete name. */
const tagOf = (reference: string): string => reference.slice(reference.lastIndexOf(":") + 1);

/** The digest that a list of referrers is of, by its tag; undefined for every other tag. */
function listed(reference: string): Digest | undefined {
  const hex = /^sha256-([0-9a-f]{64})$/.exec(tagOf(reference))?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

/**
 * Brings what refers to an image into the repository that has the image. Of a list of referrers, each goes by itself: the
 * registry lists it, or, where it keeps no lists, the list under the tag has it afterwards.
 * @throws as pushImage
 */
export async function pushReferrers(
  referring: readonly Pushable[],
  to: Repository,
  working: Working,
): Promise<Pushed[]> {
  const pushed: Pushed[] = [];
  for (const image of referring) {
    const subject = listed(image.reference);
    if (subject === undefined) {
      pushed.push(await pushImage(image, { to, tag: tagOf(image.reference) }, working));
      continue;
    }
    for (const referrer of entriesOf(image.descriptor, image.store)) {
      const one = { ...image, descriptor: referrer };
      pushed.push(await pushImage(one, { to, tag: undefined }, working));
      const there = await to.referrers(subject);
      if (!there.some(({ digest }) => digest === referrer.digest))
        await to.addReferrer(subject, referrer);
    }
  }
  return pushed;
}

function entriesOf(index: Descriptor, store: ReadStore): readonly Descriptor[] {
  return parseIndex(fetch(store, index), index.digest).manifests;
}
