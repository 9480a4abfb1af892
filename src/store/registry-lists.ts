/** What a repository lists: its tags, and what refers to a manifest. */
import * as v from "valibot";
import { utf8 } from "../base/bytes.ts";
import { Fault, isFault } from "../base/fault.ts";
import { formatJson, type Json, parseJson } from "../base/json.ts";
import { sortedBy, sortedUnique } from "../base/order.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { type Descriptor, parseIndex } from "../oci/manifest.ts";
import { INDEX, isIndex } from "../oci/media.ts";
import { referrersTag } from "../oci/referrer.ts";
import type { Answer } from "./registry-answer.ts";
import type { Ask } from "./registry-client.ts";
import { type Fetched, getManifest, type Place, placeName, tryingAt } from "./registry-manifest.ts";
import { tried } from "./registry-retry.ts";

const MOST_PAGES = 10_000;
/** Of one page, and of all that a list has. Bytes. */
const LIMIT = 8 * 1024 * 1024;
const MOST_BYTES = 32 * 1024 * 1024;
const tagList = v.looseObject({ tags: v.nullable(v.array(v.string())) });

/** All tags, in the order of their bytes. None where there is no such repository. @throws registry, malformed, too-large */
export async function listTags(place: Place): Promise<string[]> {
  const tags = new Set<string>();
  const at = `the tags of ${placeName(place)}`;
  const to = `${place.name}/tags/list?n=1000`;
  for await (const { bytes } of pages(place, to, { at, none: [404, 405, 501] })) {
    const found = v.safeParse(tagList, parseJson(bytes, at, { bytes: LIMIT }));
    if (!found.success)
      throw new Fault("malformed", { what: "a list of tags", at, why: "it has no tags" });
    for (const tag of found.output.tags ?? []) tags.add(tag);
  }
  return sortedUnique(tags);
}

/**
 * How registries say that they keep no lists of referrers. The specification has 404; Quay says 400, Artifactory 406, and
 * ghcr.io sends who asks to a page of its web site.
 */
const NO_LISTS = [301, 302, 303, 307, 308, 400, 404, 405, 406, 501];

/**
 * What the registry says refers to the manifest `digest`, in the order of digests: its own list, else the one under the tag.
 * Nothing of it is proven; `readReferrers` does that.
 * @throws registry, malformed, too-large
 */
export async function listReferrers(place: Place, digest: Digest): Promise<Descriptor[]> {
  // Of a registry that came to know referrers later, the tag still tells of the older ones.
  const found = await apiReferrers(place, digest);
  return found.length > 0 ? found : taggedReferrers(place, digest);
}

/** The registry's own list, in the order of digests. @throws registry, malformed, too-large */
export async function apiReferrers(place: Place, digest: Digest): Promise<Descriptor[]> {
  const at = `the referrers of ${digest} in ${placeName(place)}`;
  const found = new Map<Digest, Descriptor>();
  const to = `${place.name}/referrers/${digest}`;
  for await (const page of pages(place, to, { at, none: NO_LISTS, stays: true })) {
    if (digestOf(page.bytes) === digest) continue;
    for (const each of referrersIn(page, at)) found.set(each.digest, each);
  }
  return ordered(found, digest);
}

/** The list under the tag, in the order of digests. @throws registry, malformed, too-large */
export async function taggedReferrers(place: Place, digest: Digest): Promise<Descriptor[]> {
  const tag = referrersTag(digest);
  const fetched = await getManifest(place, tag);
  // Some registries give the image itself, whose children are no referrers.
  if (fetched === undefined || fetched.descriptor.digest === digest) return [];
  if (!isIndex(fetched.descriptor.mediaType)) return [];
  const { manifests } = parseIndex(fetched.bytes, `${placeName(place)}:${tag}`);
  return ordered(new Map(manifests.map((each) => [each.digest, each])), digest);
}

/** Nothing refers to itself. */
const ordered = (found: ReadonlyMap<Digest, Descriptor>, subject: Digest) =>
  sortedBy(found.values(), (each) => each.digest).filter((each) => each.digest !== subject);

/** Some registries have an answer for everything: what is no index, and is not said to be one, is no list either. */
function referrersIn({ answer, bytes }: Page, at: string): readonly Descriptor[] {
  const type = answer.header("content-type")?.split(";", 1)[0]?.trim();
  try {
    return parseIndex(bytes, at, LIMIT).manifests;
  } catch (error) {
    if (type === INDEX || !isFault(error, "malformed")) throw error;
    return [];
  }
}

/** The list of referrers as a tag has it: the same for the same referrers. */
export function referrersIndex(referrers: readonly Descriptor[]): Fetched {
  const manifests = sortedBy(referrers, (each) => each.digest).map(
    ({ mediaType, digest, size, annotations, artifactType }): Json => ({
      mediaType,
      digest,
      size,
      annotations: annotations ?? undefined,
      artifactType,
    }),
  );
  const bytes = utf8(formatJson({ schemaVersion: 2, mediaType: INDEX, manifests }));
  return {
    bytes,
    descriptor: { mediaType: INDEX, digest: digestOf(bytes), size: bytes.length },
  };
}

/** An answer, and its body. */
interface Page {
  readonly answer: Answer;
  readonly bytes: Uint8Array;
}

interface PagesOptions extends Pick<Ask, "at" | "stays"> {
  /** The statuses that mean that there is no list. */
  readonly none: readonly number[];
}

/** The parts of a list that comes in pages (RFC 8288, rel="next"); none where there is no list. @throws too-large, registry */
async function* pages(
  place: Place,
  first: string,
  { none, ...options }: PagesOptions,
): AsyncGenerator<Page> {
  const { client, scope, stop } = place;
  const { at } = options;
  let to: URL | undefined = new URL(first, client.base);
  let size = 0;
  for (let page = 0; to !== undefined; page++) {
    const ask: Ask = { method: "GET", to, scope, stop, doing: "get", ...options };
    if (page === MOST_PAGES)
      throw new Fault("too-large", {
        what: "the list",
        at,
        actual: page + 1,
        limit: MOST_PAGES,
        unit: "pages",
      });
    const got: Page = await tried(tryingAt(place), async () => {
      const answer = await client.hear(await client.once(ask), ask, [200, ...none]);
      if (answer.status === 200) return { answer, bytes: await answer.bytes(LIMIT) };
      await answer.finish();
      return { answer, bytes: new Uint8Array() };
    });
    if (got.answer.status !== 200) return;
    size += got.bytes.length;
    if (size > MOST_BYTES)
      throw new Fault("too-large", { what: "the list", at, actual: size, limit: MOST_BYTES });
    yield got;
    to = nextOf(got.answer, to, ask);
  }
}

function nextOf(answer: Answer, here: URL, { doing, at }: Ask): URL | undefined {
  const target = /<([^>]*)>\s*;[^,]*\brel="?next\b/i.exec(answer.header("link") ?? "")?.[1];
  if (target === undefined) return undefined;
  const next = URL.parse(target, here.href);
  if (next?.origin === here.origin && next.href !== here.href) return next;
  throw new Fault("registry", {
    doing,
    at,
    code: "answer",
    why: `the next page is at ${JSON.stringify(target)}`,
  });
}
