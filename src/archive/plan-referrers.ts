/** What refers to the images of an archive to be: which of it is in the archive, and how index.json says so. */
import { Fault } from "../base/error.ts";
import { sortedBy } from "../base/order.ts";
import { saidOfSubjects } from "../image/entries.ts";
import { isGadget, type Selected } from "../image/select.ts";
import { type Reached, read } from "../image/walk.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { type Refers, referrerEntry } from "../oci/referrer.ts";

type ReferringImage = Selected & { readonly refers: Refers };

/**
 * The referrers among `images` that refer to what the images or other referrers have, each once for each subject, in the order of
 * digest and subject. What an image names itself is part of it, and gets no entry of its own.
 */
export function referrersOf(
  images: readonly Selected[],
  walks: readonly ReadonlyMap<Digest, Reached>[],
  walkOnce: (image: Selected) => ReadonlyMap<Digest, Reached>,
): ReferringImage[] {
  const inside = new Set(walks.flatMap((reached) => [...reached.keys()]));
  const all = images.filter((image): image is ReferringImage => image.refers !== undefined);
  const waiting = new Map<string, ReferringImage>();
  for (const one of all) {
    const { digest } = one.descriptor;
    if (one.refers.suffix === undefined && inside.has(digest)) continue;
    const key = `${digest} ${one.refers.subject}`;
    // Of one that is both listed and under cosign's tag, the tag is kept, in whatever order they come.
    if (waiting.get(key)?.refers.suffix === undefined) waiting.set(key, one);
  }
  const there = new Set(inside);
  const found: ReferringImage[] = [];
  for (let before = -1; before !== found.length; ) {
    before = found.length;
    for (const [key, one] of waiting) {
      if (!there.has(one.refers.subject)) continue;
      waiting.delete(key);
      found.push(one);
      for (const digest of walkOnce(one).keys()) there.add(digest);
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
  named: readonly Selected[],
  walks: readonly ReadonlyMap<Digest, Reached>[],
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
      throw new Fault("malformed", {
        what: "the referrer",
        at: descriptor.digest,
        why: saidOfSubjects(refers, own),
      });
    return referrerEntry(descriptor, refers, content, gadgets.has(refers.subject));
  });
}
