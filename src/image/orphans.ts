/** What refers to images that no name is left for: signatures and other referrers, under names that are digests. */
import { isFault } from "../base/fault.ts";
import type { Digest } from "../oci/digest.ts";
import { nameOf } from "../oci/layout.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { Named, ReadStore } from "../store/store.ts";
import { subjectOf, subjectsOf } from "./referrers.ts";

/**
 * Of the names that refer to `gone`, or to what refers to it, those whose image is nowhere else in the store's index, itself or in
 * an index, in whatever repository. None where an image that stays cannot be read: nobody knows what it has.
 */
export function orphanedBy(gone: readonly Named[], store: ReadStore): Named[] {
  const names = new Set(gone.map(({ reference }) => reference));
  const left = named(store.images()).filter(({ reference }) => !names.has(reference));
  const subjects = reach(gone, left, (image) => orOwn(image, store));
  const candidates = left.filter(({ reference }) => isOf(reference, subjects));
  if (candidates.length === 0) return [];
  try {
    const orphans = new Set(without(left, store));
    return candidates.filter((one) => orphans.has(one));
  } catch (error) {
    if (isFault(error)) return [];
    throw error;
  }
}

/** The names that refer to an image that is not in the store's index. @throws blob-missing and the like for an image that cannot be read */
export const orphans = (store: ReadStore): Named[] => without(named(store.images()), store);

/** Of `images` those that refer to nothing that the others have. */
function without(images: readonly Named[], store: ReadStore): Named[] {
  const own = images.filter(({ reference }) => subjectOf(reference) === undefined);
  if (own.length === images.length) return [];
  const subjects = reach(own, images, ({ descriptor }) => subjectsOf({ descriptor, store }));
  return images.filter(
    ({ reference }) => subjectOf(reference) !== undefined && !isOf(reference, subjects),
  );
}

const isOf = (reference: string, subjects: ReadonlySet<Digest>): boolean => {
  const subject = subjectOf(reference);
  return subject !== undefined && subjects.has(subject);
};

/** What is in the images of `start`, in those of `images` that refer to that, and so on: all that can be referred to. */
function reach(
  start: readonly Named[],
  images: readonly Named[],
  subjectsIn: (image: Named) => readonly Digest[],
): ReadonlySet<Digest> {
  const found = new Set<Digest>();
  const referring = new Map<Digest, Named[]>();
  for (const image of images) {
    const subject = subjectOf(image.reference);
    if (subject !== undefined) referring.set(subject, [...(referring.get(subject) ?? []), image]);
  }
  const todo = [...start];
  for (let image = todo.pop(); image !== undefined; image = todo.pop())
    for (const digest of subjectsIn(image)) {
      if (found.has(digest)) continue;
      found.add(digest);
      todo.push(...(referring.get(digest) ?? []));
    }
  return found;
}

/** What can be referred to in an image; of one that cannot be read, itself. */
function orOwn({ descriptor }: Named, store: ReadStore): readonly Digest[] {
  try {
    return subjectsOf({ descriptor, store });
  } catch (error) {
    if (isFault(error)) return [descriptor.digest];
    throw error;
  }
}

/** An image of the index that has no name is there all the same, and refers to nothing: its digest stands for it. */
const named = (images: readonly Descriptor[]): Named[] =>
  images.map((descriptor) => ({ reference: nameOf(descriptor) ?? descriptor.digest, descriptor }));
