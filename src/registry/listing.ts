/** Referrers of manifests that were put into a registry: it has to list them, itself or under the tags of their subjects. */
import { IngotError } from "../base/error.ts";
import type { Digest } from "../oci/digest.ts";
import { type Descriptor, MANIFEST_LIMIT, parseIndex } from "../oci/manifest.ts";
import { isIndex } from "../oci/media-types.ts";
import { readReferrer, referrersTag } from "../oci/referrer.ts";
import { findTagged } from "./absent.ts";
import { type Fetched, putManifest, type RepositoryContext, repositoryName } from "./manifests.ts";
import { apiReferrers, referrersIndex } from "./referrer-lists.ts";

/** A manifest and what it refers to. */
interface Referring {
  readonly manifest: Fetched;
  readonly entry: Descriptor;
  readonly subject: Digest;
}

/** What a tag's list is to have, and what is known of it. */
interface Listing {
  readonly subject: Digest;
  readonly entries: Map<Digest, Descriptor>;
  /** The list as it was written or read last. */
  last: Digest | undefined;
}

/** So many clients may write one list at once: each round brings one of them further. */
const MOST_ROUNDS = 40;
/** So often a registry is given again what it has taken and does not list. */
const MOST_AGAIN = 5;
/** Longer than it takes, as a rule, from reading a list to having written it. Milliseconds. */
const SETTLING = 250;

/**
 * Afterwards the registry lists these manifests, which must be there, as referrers of their subjects: itself, or under the tags of
 * the subjects. What has no subject is passed over.
 *
 * Others may write the same list at the same time, and the last one to write it wins. So each list is read again after a pause: who
 * had read it before it was written has written by then. It is done when all that was ever seen in it is there and nobody changed it
 * meanwhile.
 * @throws registry, malformed, unsupported, too-large
 */
export async function addReferrers(
  place: RepositoryContext,
  referrers: readonly Fetched[],
): Promise<void> {
  let open = listingsOf(await leftOut(place, referrers.flatMap(referringOf)));
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const unsettled: Listing[] = [];
    for (const listing of open) if (!(await settle(place, listing))) unsettled.push(listing);
    open = unsettled;
    const [first] = open;
    if (first === undefined) return;
    await pause(place, first.entries.keys());
  }
  throw new IngotError("registry", {
    doing: "push",
    at: `${repositoryName(place)}:${referrersTag(open[0]!.subject)}`,
    code: "answer",
    why: "the list of referrers that was put there is replaced again and again",
  });
}

/** Clients that have begun together do not go on in step: each has pauses of its own. */
async function pause({ client, stop }: RepositoryContext, [own]: Iterable<Digest>): Promise<void> {
  const share = Number.parseInt(own?.slice(7, 9) ?? "0", 16) / 256;
  await client.patience.pause(SETTLING * (1 + share), stop);
  stop?.throwIfAborted();
}

function referringOf(manifest: Fetched): Referring[] {
  const { subject, descriptor } = readReferrer(manifest.bytes, manifest.descriptor.mediaType);
  return subject === undefined ? [] : [{ manifest, entry: descriptor, subject }];
}

/**
 * What the registry does not list itself, and has not acknowledged when it was put there. What it has acknowledged and does not list
 * is put there again: some (olareg) lose one of several that come at the same time.
 */
async function leftOut(place: RepositoryContext, all: readonly Referring[]): Promise<Referring[]> {
  const known = place.client.known(place.name);
  const isAcknowledged = ({ entry }: Referring) => known.acknowledged.has(entry.digest);
  let left = await unlisted(place, all);
  for (let again = 0; again < MOST_AGAIN; again++) {
    const lost = known.hasNoLists ? [] : left.filter(isAcknowledged);
    if (lost.length === 0) break;
    for (const { manifest, entry } of lost) await putManifest(place, entry.digest, manifest);
    await pause(
      place,
      lost.map(({ entry }) => entry.digest),
    );
    left = await unlisted(place, left);
  }
  return left.filter((each) => known.hasNoLists || !isAcknowledged(each));
}

async function unlisted(place: RepositoryContext, all: readonly Referring[]): Promise<Referring[]> {
  const listed = new Set<Digest>();
  for (const subject of new Set(all.map((each) => each.subject)))
    for (const { digest } of await apiReferrers(place, subject)) listed.add(digest);
  return all.filter(({ entry }) => !listed.has(entry.digest));
}

function listingsOf(all: readonly Referring[]): Listing[] {
  const listings = new Map<Digest, Listing>();
  for (const { subject, entry } of all) {
    const listing = listings.get(subject) ?? { subject, entries: new Map(), last: undefined };
    listings.set(subject, listing);
    listing.entries.set(entry.digest, entry);
  }
  return [...listings.values()];
}

/** Whether the list has all it is to have, and is the one of the last time. Otherwise, if something is missing, it is written. */
async function settle(place: RepositoryContext, listing: Listing): Promise<boolean> {
  const { subject, entries, last } = listing;
  const tag = referrersTag(subject);
  const at = `${repositoryName(place)}:${tag}`;
  const there = await findTagged(place, subject, tag);
  if (there !== undefined && !isIndex(there.descriptor.mediaType))
    throw new IngotError("unsupported", {
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
    throw new IngotError("too-large", {
      what: "the list of referrers",
      at,
      actual: list.bytes.length,
      limit: MANIFEST_LIMIT,
    });
  await putManifest(place, tag, list);
  listing.last = list.descriptor.digest;
  return false;
}
