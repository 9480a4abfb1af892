/** What refers to the images of an archive to be: which of it is in the archive, and how index.json says so. */
import { IngotError } from "../base/error.ts";
import { sortedBy } from "../base/order.ts";
import { saidOfSubjects } from "../image/entries.ts";
import { isGadget, type StoredImage } from "../image/select.ts";
import { type ImageGraphNode, read } from "../image/walk.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { type Refers, referrerEntry } from "../oci/referrer.ts";

type ReferringImage = StoredImage & { readonly refers: Refers };

/**
 * The referrers among `images` that refer to what the images or other referrers have, each once for each subject, in the order of
 * digest and subject. One without a tag gets no entry where all that has its subject contains it, as BuildKit's attestation
 * manifests are part of their image; where an image has the subject and not the referrer, only an entry tells of it.
 */
export function referrersOf(
  images: readonly StoredImage[],
  walks: readonly ReadonlyMap<Digest, ImageGraphNode>[],
  walkOnce: (image: StoredImage) => ReadonlyMap<Digest, ImageGraphNode>,
): ReferringImage[] {
  const all = images.filter((image): image is ReferringImage => image.refers !== undefined);
  const waiting = new Map<string, ReferringImage>();
  for (const one of all) {
    const key = `${one.descriptor.digest} ${one.refers.subject}`;
    // Of one that is both listed and under cosign's tag, the tag is kept, in whatever order they come.
    if (waiting.get(key)?.refers.suffix === undefined) waiting.set(key, one);
  }
  const subjects = new Set(all.map(({ refers }) => refers.subject));
  // What is in the archive and has a subject; an image that is there under several names is there once.
  const holders = new Map<Digest, Set<ReadonlyMap<Digest, ImageGraphNode>>>();
  const hold = (reached: ReadonlyMap<Digest, ImageGraphNode>) => {
    for (const digest of reached.keys()) {
      if (!subjects.has(digest)) continue;
      const others = holders.get(digest);
      if (others === undefined) holders.set(digest, new Set([reached]));
      else others.add(reached);
    }
  };
  const isNeeded = ({ descriptor: { digest }, refers: { subject, suffix } }: ReferringImage) =>
    [...(holders.get(subject) ?? [])].some(
      (reached) => suffix !== undefined || !reached.has(digest),
    );
  for (const reached of walks) hold(reached);
  const found: ReferringImage[] = [];
  for (let before = -1; before !== found.length; ) {
    before = found.length;
    for (const [key, one] of waiting) {
      if (!isNeeded(one)) continue;
      waiting.delete(key);
      found.push(one);
      hold(walkOnce(one));
    }
  }
  return sortedBy(found, ({ descriptor, refers }) => `${descriptor.digest} ${refers.subject}`);
}

/**
 * The lines of referrers in index.json. What refers to gadgets keeps cosign's tags as names: `ig` looks for them.
 * @throws malformed where an entry names another subject than its manifest
 */
export function referrerEntries(
  referring: readonly ReferringImage[],
  named: readonly StoredImage[],
  walks: readonly ReadonlyMap<Digest, ImageGraphNode>[],
): Descriptor[] {
  const isTagged = referring.some(({ refers }) => refers.suffix !== undefined);
  const gadgets = new Set(
    named.flatMap(({ descriptor, store }, i) =>
      isTagged && isGadget(descriptor, store) ? [...walks[i]!.keys()] : [],
    ),
  );
  return referring.map(({ descriptor, store, refers }) => {
    const { manifest, index } = read(descriptor, store);
    const content = manifest ?? index;
    const own = content?.subject?.digest;
    if (refers.suffix === undefined && own !== undefined && own !== refers.subject)
      throw new IngotError("malformed", {
        what: "the referrer",
        at: descriptor.digest,
        why: saidOfSubjects(refers, own),
      });
    return referrerEntry(descriptor, refers, content, gadgets.has(refers.subject));
  });
}
