/** Referrers whose subject is in no image of the store any more. */
import { isIngotError } from "../base/error.ts";
import type { Digest } from "../oci/digest.ts";
import { imageNameOf } from "../oci/layout.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { type Refers, referrerEntry, refersOf } from "../oci/referrer.ts";
import type { FolderStore } from "../store/folder-store.ts";
import type { NamedDescriptor, ReadStore } from "../store/store.ts";
import { bySubject, type Entries, type NamedReferrer, readEntries } from "./entries.ts";
import { readableSubjectsOf, subjectsOf } from "./walk.ts";

/**
 * The referrers that go when `removed`, images by name or referrers, go: themselves, and those that refer to them or to their
 * referrers, and to no image that stays. None of these where an image that stays cannot be read: nobody can say what it has.
 */
export function orphanedBy(removed: readonly NamedDescriptor[], store: ReadStore): NamedReferrer[] {
  const { images, referrers } = readEntries(store);
  if (referrers.length === 0) return [];
  const names = new Set(
    removed.filter(({ refers }) => refers === undefined).map(({ reference }) => reference),
  );
  const own = referrers.filter((one) =>
    removed.some(({ refers, descriptor }) => refers && descriptor.digest === one.descriptor.digest),
  );
  const others = referrers.filter((one) => !own.includes(one));
  const left = images.filter((image) => !names.has(imageNameOf(image) ?? ""));
  const affected = new Set(
    reach(
      removed.map(({ descriptor }) => descriptor),
      referrers,
      (descriptor) => readableSubjectsOf({ descriptor, store }),
    ),
  );
  const candidates = others.filter(({ refers }) => affected.has(refers.subject));
  return [...own, ...unneeded(candidates, { images: left, referrers: others, store })];
}

/**
 * Gives each referrer an entry of its own, with its subject, so that it can be removed alone. Earlier versions wrote lists under the
 * tags `sha256-HEX`, and other tools write manifests without a name.
 */
export async function separateReferrers(store: FolderStore): Promise<void> {
  const { old, there } = unseparated(store.images(), store);
  if (old.length > 0) await store.tag(there, old);
}

/** The entries that stand for referrers and do not say so themselves, and the referrers that they stand for and that are here. */
function unseparated(entries: readonly Descriptor[], store: ReadStore) {
  const old = entries
    .filter((root) => refersOf(root) === undefined)
    .filter((root) => readEntries(store, [root]).images.length === 0);
  const { referrers } = readEntries(store, old);
  return {
    old,
    there: referrers.filter(({ descriptor }) => store.find(descriptor.digest) !== undefined),
  };
}

/** Entries of a store without the referrers whose subject no image has, and these. */
export interface WithoutOrphans {
  /** The same array where nothing is to be changed. */
  readonly entries: readonly Descriptor[];
  readonly orphans: readonly NamedReferrer[];
}

/**
 * The entries, with one for each referrer, without those whose subject no image has. None goes where an image cannot be read: nobody
 * can say what it has.
 */
export function withoutOrphans(entries: readonly Descriptor[], store: ReadStore): WithoutOrphans {
  const { images, referrers } = readEntries(store, entries);
  const orphans = unneeded(referrers, { images, referrers, store });
  const { old, there } = unseparated(entries, store);
  if (orphans.length === 0 && old.length === 0) return { entries, orphans };
  const key = (digest: Digest, { subject }: Refers) => `${digest} ${subject}`;
  const gone = new Set(orphans.map(({ descriptor, refers }) => key(descriptor.digest, refers)));
  const stay = entries.filter((entry) => {
    const refers = refersOf(entry);
    return refers === undefined ? !old.includes(entry) : !gone.has(key(entry.digest, refers));
  });
  const own = new Set(
    stay.flatMap((entry) => {
      const refers = refersOf(entry);
      return refers === undefined ? [] : [key(entry.digest, refers)];
    }),
  );
  const separated = there
    .filter(({ descriptor: { digest }, refers }) => {
      const one = key(digest, refers);
      return !gone.has(one) && !own.has(one);
    })
    .map(({ descriptor, refers }) => referrerEntry(descriptor, refers, undefined, true));
  return { entries: [...stay, ...separated], orphans };
}

/** Those of `candidates` that refer to nothing that the images, or other referrers of these, have. */
function unneeded(
  candidates: readonly NamedReferrer[],
  { images, referrers, store }: Entries & { readonly store: ReadStore },
): NamedReferrer[] {
  if (candidates.length === 0) return [];
  try {
    const needed = reach(images, referrers, (descriptor) => subjectsOf({ descriptor, store }));
    return candidates.filter(({ refers }) => !needed.has(refers.subject));
  } catch (error) {
    if (isIngotError(error)) return [];
    throw error;
  }
}

/** What is in the images of `start`, in what refers to that, and so on: all that can be referred to. */
function reach(
  start: readonly Descriptor[],
  referrers: readonly NamedReferrer[],
  subjectsIn: (image: Descriptor) => readonly Digest[],
): ReadonlySet<Digest> {
  const found = new Set<Digest>();
  const referring = bySubject(referrers);
  const todo = [...start];
  for (let image = todo.pop(); image !== undefined; image = todo.pop())
    for (const digest of subjectsIn(image)) {
      if (found.has(digest)) continue;
      found.add(digest);
      todo.push(...(referring.get(digest) ?? []).map(({ descriptor }) => descriptor));
    }
  return found;
}
