/** Referrers of images in registries. */
import { sortedBy } from "../base/order.ts";
import {
  type Attached,
  attach,
  type LeftBehind,
  type ReferrerPolicy,
  type Referring,
} from "../image/referrers.ts";
import { isAttestation, walk } from "../image/walk.ts";
import { mapConcurrent } from "../jobs/parallel.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { isImage } from "../oci/media-types.ts";
import {
  COSIGN_SUFFIXES,
  type CosignSuffix,
  kindOfReferrer,
  referrersTag,
} from "../oci/referrer.ts";
import type { Repository } from "../registry/registry.ts";
import { MemoryStore } from "../store/memory-store.ts";
import { findRemote, type RemoteImage, readManifests } from "./remote-image.ts";

/** How many digests are asked about at a time. */
const AT_ONCE = 6;

/**
 * What refers to an image in its registry, as the registry lists it or under tags: the manifests are read, and nothing else.
 * cosign's tags are asked for one by one. Those of attestations and SBOMs are asked for of the image and its platforms (ko and
 * `cosign attest --recursive` write them there), so that what is left behind is known; of referrers and of BuildKit's attestation
 * manifests only where everything is wanted.
 * @throws registry, digest-differs
 */
export async function findReferrers(
  image: RemoteImage,
  along: ReferrerPolicy,
  whole: Descriptor = image.descriptor,
): Promise<Attached<RemoteImage>> {
  const { from } = image;
  const unread: LeftBehind[] = [];
  const platforms = platformsOf(image);
  const { referring, left } = await attach({ image, whole }, along, async (subjects) => {
    const found = await mapConcurrent(subjects, AT_ONCE, async (digest, stop) => {
      const isOwn = digest === whole.digest || platforms.has(digest);
      const suffixes = along === "all" || isOwn ? COSIGN_SUFFIXES : COSIGN_SUFFIXES.slice(0, 1);
      const there = from.until(stop);
      return [...(await listed(digest, there, unread)), ...(await tagged(digest, suffixes, there))];
    });
    return found.flat().map((one) => ({ ...one, from }));
  });
  return { referring, left: [...left, ...sortedBy(unread, ({ digest }) => digest)] };
}

/** The image and its manifests, without BuildKit's attestation manifests. */
function platformsOf({ descriptor, store }: RemoteImage): ReadonlySet<Digest> {
  const found = new Set<Digest>();
  const attestations = new Set<Digest>();
  for (const { descriptor: one, index } of walk(descriptor, store).values()) {
    if (isImage(one.mediaType)) found.add(one.digest);
    for (const child of index?.manifests ?? [])
      if (isAttestation(child)) attestations.add(child.digest);
  }
  for (const digest of attestations) found.delete(digest);
  return found;
}

/** What the registry lists, or the list under the tag, with all manifests that it has. @param unread gets what it lists and does not give */
async function listed(
  subject: Digest,
  from: Repository,
  unread: LeftBehind[],
): Promise<Referring<RemoteImage>[]> {
  const found: Referring<RemoteImage>[] = [];
  const { found: read, skipped } = await from.readReferrers(subject);
  for (const { descriptor, why } of skipped) {
    if (why === "other-subject") continue;
    const { digest, artifactType } = descriptor;
    const kind = kindOfReferrer({ artifactType }, { subject });
    unread.push({ kind, digest, subject, why: "not readable" });
  }
  for (const { descriptor, bytes } of read) {
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
