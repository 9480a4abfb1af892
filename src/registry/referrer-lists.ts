/** What a repository lists: its tags, and what refers to a manifest. */

import * as v from "valibot";
import { utf8 } from "../base/bytes.ts";
import { IngotError, isIngotError } from "../base/error.ts";
import { formatJson, type Json, parseJson } from "../base/json/json.ts";
import { sortedBy, sortedUnique } from "../base/order.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { type Descriptor, parseIndex } from "../oci/manifest.ts";
import { INDEX, isIndex } from "../oci/media-types.ts";
import { referrersTag } from "../oci/referrer.ts";
import { findTagged, meansNone } from "./absent.ts";
import type { RegistryRequest } from "./client.ts";
import type { HttpResponse } from "./http/response.ts";
import { withRetry } from "./http/retry.ts";
import { referrersPath, tagsPath } from "./http/urls.ts";
import {
  type Fetched,
  isPage,
  type RepositoryContext,
  repositoryName,
  retryOptions,
} from "./manifests.ts";

const MOST_PAGES = 10_000;
/** Of one page, and of all that a list has. Bytes. */
const LIMIT = 8 * 1024 * 1024;
const MOST_BYTES = 32 * 1024 * 1024;
/** The statuses of a repository that is not there, or that lists no tags. */
const NO_TAGS: ReadonlySet<string> = new Set(["404", "405", "501"]);
const tagList = v.looseObject({ tags: v.nullable(v.array(v.string())) });

/** All tags, in the order of their bytes. None where there is no such repository. @throws registry, malformed, too-large */
export async function listTags(place: RepositoryContext): Promise<string[]> {
  const tags = new Set<string>();
  const at = `the tags of ${repositoryName(place)}`;
  const to = tagsPath(place.name, 1000);
  try {
    for await (const { bytes } of pages(place, to, { at })) {
      const found = v.safeParse(tagList, parseJson(bytes, at, { bytes: LIMIT }));
      if (!found.success)
        throw new IngotError("malformed", { what: "a list of tags", at, why: "it has no tags" });
      for (const tag of found.output.tags ?? []) tags.add(tag);
    }
  } catch (error) {
    if (tags.size > 0 || !isIngotError(error, "registry") || !NO_TAGS.has(error.facts.code))
      throw error;
  }
  return sortedUnique(tags);
}

/**
 * What the registry says refers to the manifest `digest`, each once, in the order of digests: its own list, and the one under the
 * tag, where clients wrote that did not know the other. The descriptors are the registry's own where both have one.
 * Nothing of it is proven; `readReferrers` does that.
 * @throws registry, malformed, too-large
 */
export async function listReferrers(
  place: RepositoryContext,
  digest: Digest,
): Promise<Descriptor[]> {
  const own = await apiReferrers(place, digest);
  const tagged = await taggedReferrers(place, digest);
  return ordered(new Map([...tagged, ...own].map((each) => [each.digest, each])), digest);
}

/** The registry's own list, in the order of digests. One that keeps none is not asked again. @throws registry, malformed, too-large */
export async function apiReferrers(
  place: RepositoryContext,
  digest: Digest,
): Promise<Descriptor[]> {
  const at = `the referrers of ${digest} in ${repositoryName(place)}`;
  const known = place.client.known(place.name);
  if (known.hasNoLists) return [];
  const found = new Map<Digest, Descriptor>();
  const to = referrersPath(place.name, digest);
  let isFirst = true;
  try {
    for await (const page of pages(place, to, { at, stays: true, optional: true })) {
      // Some registries give the image itself, whose children are no referrers.
      const listed = digestOf(page.bytes) === digest ? [] : referrersIn(page, at, isFirst);
      if (listed === undefined) known.hasNoLists = true;
      for (const each of listed ?? []) found.set(each.digest, each);
      isFirst = false;
    }
  } catch (error) {
    if (!isFirst || !(await meansNone(place, error, digest))) throw error;
    if (!isOfOne(error)) known.hasNoLists = true;
  }
  return ordered(found, digest);
}

/** Whether a registry says no because of what it was asked about, and not because it does not know such questions. */
const isOfOne = (error: unknown): boolean =>
  isIngotError(error, "registry") &&
  /(?:_UNKNOWN|NOT_FOUND|_INVALID)\b/.test(error.facts.why ?? "");

/** The list under the tag, in the order of digests. @throws registry, malformed, too-large */
export async function taggedReferrers(
  place: RepositoryContext,
  digest: Digest,
): Promise<Descriptor[]> {
  const tag = referrersTag(digest);
  const fetched = await findTagged(place, digest, tag);
  if (fetched === undefined || !isIndex(fetched.descriptor.mediaType)) return [];
  const { manifests } = parseIndex(fetched.bytes, `${repositoryName(place)}:${tag}`);
  return ordered(new Map(manifests.map((each) => [each.digest, each])), digest);
}

/** Nothing refers to itself. */
const ordered = (found: ReadonlyMap<Digest, Descriptor>, subject: Digest) =>
  sortedBy(found.values(), (each) => each.digest).filter((each) => each.digest !== subject);

/**
 * The descriptors of a page. Some registries have an answer for everything: where the first page is no index, and is not said to be
 * one, nothing is listed; undefined for a web page.
 */
function referrersIn(
  { answer, bytes }: Page,
  at: string,
  isFirst: boolean,
): readonly Descriptor[] | undefined {
  if (isFirst && isPage(answer, bytes)) return undefined;
  const type = answer.header("content-type")?.split(";", 1)[0]?.trim();
  try {
    return parseIndex(bytes, at, LIMIT).manifests;
  } catch (error) {
    if (!isFirst || type === INDEX || !isIngotError(error, "malformed")) throw error;
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
  readonly answer: HttpResponse;
  readonly bytes: Uint8Array;
}

/** The parts of a list that comes in pages (RFC 8288, rel="next"). @throws too-large, registry */
async function* pages(
  place: RepositoryContext,
  first: string,
  options: Pick<RegistryRequest, "at" | "stays" | "optional">,
): AsyncGenerator<Page> {
  const { client, scope, stop } = place;
  const { at } = options;
  let to: URL | undefined = new URL(first, client.base);
  let size = 0;
  for (let page = 0; to !== undefined; page++) {
    const ask: RegistryRequest = { method: "GET", to, scope, stop, doing: "get", ...options };
    if (page === MOST_PAGES)
      throw new IngotError("too-large", {
        what: "the list",
        at,
        actual: page + 1,
        limit: MOST_PAGES,
        unit: "pages",
      });
    const got: Page = await withRetry(retryOptions(place), async () => {
      const answer = await client.hear(await client.once(ask), ask, [200]);
      return { answer, bytes: await answer.bytes(LIMIT) };
    });
    size += got.bytes.length;
    if (size > MOST_BYTES)
      throw new IngotError("too-large", { what: "the list", at, actual: size, limit: MOST_BYTES });
    yield got;
    to = nextOf(got.answer, to, ask);
  }
}

function nextOf(answer: HttpResponse, here: URL, { doing, at }: RegistryRequest): URL | undefined {
  const target = /<([^>]*)>\s*;[^,]*\brel="?next\b/i.exec(answer.header("link") ?? "")?.[1];
  if (target === undefined) return undefined;
  const next = URL.parse(target, here.href);
  if (next?.origin === here.origin && next.href !== here.href) return next;
  throw new IngotError("registry", {
    doing,
    at,
    code: "answer",
    why: `the next page is at ${JSON.stringify(target)}`,
  });
}
