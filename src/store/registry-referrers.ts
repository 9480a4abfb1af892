/** Referrers of manifests in a registry: read and proven, and added to the lists that tags keep. */
import { Fault, isFault } from "../base/fault.ts";
import type { Digest } from "../oci/digest.ts";
import { type Descriptor, MANIFEST_LIMIT, parseIndex } from "../oci/manifest.ts";
import { isImage, isIndex } from "../oci/media.ts";
import { readReferrer, referrersTag } from "../oci/referrer.ts";
import { findTagged, meansNone } from "./registry-absent.ts";
import { apiReferrers, referrersIndex, taggedReferrers } from "./registry-lists.ts";
import {
  type Fetched,
  getManifest,
  type Place,
  placeName,
  putManifest,
} from "./registry-manifest.ts";

/** Why something that is listed is not among the referrers. */
export type WhySkipped =
  /** The registry does not have its manifest. */
  | "absent"
  /** Its manifest refers to something else, or to nothing, as the image's own platforms do. */
  | "other-subject"
  /** Its manifest is of a kind that is not read here. */
  | "unsupported"
  /** Its manifest cannot be read. */
  | "malformed";

export interface Skipped {
  /** As it is listed. */
  readonly descriptor: Descriptor;
  readonly why: WhySkipped;
}

export interface Referrers {
  /** In the order of digests; type and annotations of the descriptors are those of the manifests (oci/referrer.ts). */
  readonly found: readonly Fetched[];
  readonly skipped: readonly Skipped[];
}

/** Of all manifests that are read for one list. Bytes. */
const MOST_BYTES = 64 * 1024 * 1024;

/**
 * The manifests that refer to `digest`: each was read and proven, and has `digest` as its subject. The registry's listing decides
 * nothing but what is read.
 * @throws registry, digest-differs, malformed for a list that is none, too-large
 */
export async function readReferrers(place: Place, digest: Digest): Promise<Referrers> {
  const listed = await provenOf(place, digest, await apiReferrers(place, digest));
  if (listed.found.length > 0) return listed;
  const tagged = await provenOf(place, digest, await taggedReferrers(place, digest));
  return { found: tagged.found, skipped: [...listed.skipped, ...tagged.skipped] };
}

async function provenOf(
  place: Place,
  subject: Digest,
  listed: readonly Descriptor[],
): Promise<Referrers> {
  const found: Fetched[] = [];
  const skipped: Skipped[] = [];
  let size = 0;
  for (const descriptor of listed) {
    const read = await provenIn(place, subject, descriptor);
    if (typeof read === "string") {
      skipped.push({ descriptor, why: read });
      continue;
    }
    found.push(read);
    size += read.bytes.length;
    if (size > MOST_BYTES)
      throw new Fault("too-large", {
        what: "the referrers",
        at: `${placeName(place)}@${subject}`,
        actual: size,
        limit: MOST_BYTES,
      });
  }
  return { found, skipped };
}

async function provenIn(
  place: Place,
  subject: Digest,
  { digest, mediaType }: Descriptor,
): Promise<Fetched | WhySkipped> {
  try {
    const fetched = await getManifest(place, digest);
    // The listing may be wrong about the type as well: only a manifest that is not given is judged by it.
    if (fetched === undefined) return isImage(mediaType) ? "absent" : "unsupported";
    const { bytes } = fetched;
    const referrer = readReferrer(bytes, fetched.descriptor.mediaType);
    return referrer.subject === subject
      ? { bytes, descriptor: referrer.descriptor }
      : "other-subject";
  } catch (error) {
    if (isFault(error, "unsupported")) return "unsupported";
    if (isFault(error, "malformed")) return "malformed";
    if (await meansNone(place, error, subject)) return "absent";
    throw error;
  }
}

/**
 * What cosign and others keep beside a manifest under a tag of its own, as `sha256-HEX.sig`; undefined where there is none, in
 * whatever way the registry says so.
 * @param ending `.sig`, `.att`, `.sbom` @throws registry, malformed, unsupported, too-large
 */
export const findBeside = (
  place: Place,
  digest: Digest,
  ending: string,
): Promise<Fetched | undefined> => findTagged(place, digest, referrersTag(digest) + ending);

/** What a tag's list is to have, and what is known of it. */
interface Listing {
  readonly subject: Digest;
  readonly entries: Map<Digest, Descriptor>;
  /** The list as it was written or read last. */
  last: Digest | undefined;
}

/**
 * Afterwards the registry lists these manifests, which must be there, as referrers of their subjects: itself, or under the tags of
 * the subjects. What has no subject is passed over.
 *
 * Others may write the same list at the same time, and the last one to write it wins. So each list is read again after a pause: who
 * had read it before it was written has written by then. It is done when all that was ever seen in it is there and nobody changed it
 * meanwhile.
 * @throws registry, malformed, unsupported, too-large
 */
export async function addReferrers(place: Place, referrers: readonly Fetched[]): Promise<void> {
  const { client, stop } = place;
  let open = [...(await unlisted(place, referrers))];
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const unsettled: Listing[] = [];
    for (const listing of open) if (!(await settle(place, listing))) unsettled.push(listing);
    open = unsettled;
    if (open.length === 0) return;
    await client.patience.pause(pauseOf(open[0]!), stop);
    stop?.throwIfAborted();
  }
  throw new Fault("registry", {
    doing: "push",
    at: `${placeName(place)}:${referrersTag(open[0]!.subject)}`,
    code: "answer",
    why: "the list of referrers that was put there is replaced again and again",
  });
}

/** So many clients may write one list at once, each round brings one of them further. */
const MOST_ROUNDS = 40;
/** Longer than it takes, as a rule, from reading a list to having written it. Milliseconds. */
const SETTLING = 250;

/** Clients that have begun together do not go on in step: each has pauses of its own. */
const pauseOf = ({ entries }: Listing): number => {
  const [own = ""] = entries.keys();
  return SETTLING * (1 + Number.parseInt(own.slice(7, 9), 16) / 256);
};

/** The lists that have to be written, because the registry keeps none with these. */
async function unlisted(place: Place, referrers: readonly Fetched[]): Promise<Iterable<Listing>> {
  const { acknowledged } = place.client.known(place.name);
  const lists = new Map<Digest, Listing>();
  for (const { bytes, descriptor } of referrers) {
    const { subject, descriptor: entry } = readReferrer(bytes, descriptor.mediaType);
    if (subject === undefined || acknowledged.has(entry.digest)) continue;
    const listing = lists.get(subject) ?? { subject, entries: new Map(), last: undefined };
    lists.set(subject, listing);
    listing.entries.set(entry.digest, entry);
  }
  for (const { subject, entries } of lists.values()) {
    for (const { digest } of await apiReferrers(place, subject)) entries.delete(digest);
    if (entries.size === 0) lists.delete(subject);
  }
  return lists.values();
}

/** Whether the list has all it is to have, and is the one of the last time. Otherwise, if something is missing, it is written. */
async function settle(place: Place, listing: Listing): Promise<boolean> {
  const { subject, entries, last } = listing;
  const tag = referrersTag(subject);
  const at = `${placeName(place)}:${tag}`;
  const there = await findTagged(place, subject, tag);
  if (there !== undefined && !isIndex(there.descriptor.mediaType))
    throw new Fault("unsupported", {
      what: "the list of referrers",
      at,
      found: there.descriptor.mediaType,
      expected: "an image index",
    });
  const before = there === undefined ? [] : parseIndex(there.bytes, at).manifests;
  const digests = new Set(before.map(({ digest }) => digest));
  const isWhole = [...entries.keys()].every((digest) => digests.has(digest));
  listing.last = there?.descriptor.digest;
  // One that has had it all along need not be watched.
  if (isWhole && (last === undefined || last === listing.last)) return true;
  for (const each of before) if (!entries.has(each.digest)) entries.set(each.digest, each);
  if (isWhole) return false;
  const list = referrersIndex([...entries.values()]);
  if (list.bytes.length > MANIFEST_LIMIT)
    throw new Fault("too-large", {
      what: "the list of referrers",
      at,
      actual: list.bytes.length,
      limit: MANIFEST_LIMIT,
    });
  await putManifest(place, tag, list);
  listing.last = list.descriptor.digest;
  return false;
}
