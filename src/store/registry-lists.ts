/** What a repository has: its tags, and what refers to a manifest. */
import * as v from "valibot";
import { utf8 } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import { formatJson, type Json, parseJson } from "../base/json.ts";
import { sortedBy, sortedUnique } from "../base/order.ts";
import { type Digest, digestOf, hexOf } from "../oci/digest.ts";
import { type Descriptor, type Index, MANIFEST_LIMIT, parseIndex } from "../oci/manifest.ts";
import { INDEX, isIndex } from "../oci/media.ts";
import type { Answer } from "./registry-answer.ts";
import type { Ask } from "./registry-client.ts";
import {
  type Fetched,
  getManifest,
  type Place,
  placeName,
  putManifest,
} from "./registry-manifest.ts";
import { tried } from "./registry-retry.ts";

const MOST_PAGES = 10_000;
const LIMIT = 8 * 1024 * 1024;
const tagList = v.looseObject({ tags: v.nullable(v.array(v.string())) });

/** All tags, in the order of their bytes. None where there is no such repository. @throws registry, malformed */
export async function listTags(place: Place): Promise<string[]> {
  const tags: string[] = [];
  const at = `the tags of ${placeName(place)}`;
  for await (const bytes of pages(place, `${place.name}/tags/list?n=1000`, at)) {
    const found = v.safeParse(tagList, parseJson(bytes, at, { bytes: LIMIT }));
    if (!found.success)
      throw new Fault("malformed", { what: "a list of tags", at, why: "it has no tags" });
    tags.push(...(found.output.tags ?? []));
  }
  return sortedUnique(tags);
}

/** The tag under which clients keep a list of referrers where the registry keeps none (distribution-spec, "Referrers Tag Schema"). */
export const referrersTag = (digest: Digest): string => `sha256-${hexOf(digest)}`;

/**
 * What refers to the manifest `digest`, in the order of digests: as the registry lists it, else as the tag does.
 * @throws registry, malformed
 */
export async function listReferrers(place: Place, digest: Digest): Promise<Descriptor[]> {
  const at = `the referrers of ${digest} in ${placeName(place)}`;
  const found = new Map<Digest, Descriptor>();
  let known = false;
  for await (const bytes of pages(place, `${place.name}/referrers/${digest}`, at)) {
    known = true;
    for (const each of parseIndex(bytes, at, LIMIT).manifests) found.set(each.digest, each);
  }
  // Of a registry that came to know referrers later, the tag still tells of the older ones.
  const tagged = known && found.size > 0 ? undefined : await taggedReferrers(place, digest);
  for (const each of tagged?.manifests ?? []) found.set(each.digest, each);
  return sortedBy(found.values(), (each) => each.digest);
}

async function taggedReferrers(place: Place, digest: Digest): Promise<Index | undefined> {
  const tag = referrersTag(digest);
  const fetched = await getManifest(place, tag);
  if (fetched === undefined || !isIndex(fetched.descriptor.mediaType)) return undefined;
  return parseIndex(fetched.bytes, `${placeName(place)}:${tag}`);
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

/** Afterwards the tag's list of what refers to `subject` has `referrer` in it. For registries that keep no list. @throws registry */
export async function addReferrer(
  place: Place,
  subject: Digest,
  referrer: Descriptor,
): Promise<void> {
  const before = (await taggedReferrers(place, subject))?.manifests ?? [];
  if (before.some(({ digest }) => digest === referrer.digest)) return;
  const list = referrersIndex([...before, referrer]);
  if (list.bytes.length > MANIFEST_LIMIT)
    throw new Fault("too-large", {
      what: "the list of referrers",
      at: `${placeName(place)}:${referrersTag(subject)}`,
      actual: list.bytes.length,
      limit: MANIFEST_LIMIT,
    });
  await putManifest(place, referrersTag(subject), list);
}

/** The bodies of a list that comes in pages (RFC 8288, rel="next"); none where there is no list. */
async function* pages(place: Place, first: string, at: string): AsyncGenerator<Uint8Array> {
  const { client } = place;
  let to: URL | undefined = new URL(first, client.base);
  for (let page = 0; to !== undefined; page++) {
    const ask: Ask = { method: "GET", to, scope: place.scope, doing: "get", at };
    if (page === MOST_PAGES)
      throw new Fault("too-large", {
        what: "the list",
        at,
        actual: page + 1,
        limit: MOST_PAGES,
        unit: "pages",
      });
    const got: { answer: Answer; bytes: Uint8Array } = await tried(client.patience, async () => {
      const answer = await client.hear(await client.once(ask), ask, [200, 404, 405, 501]);
      return { answer, bytes: await answer.bytes(LIMIT) };
    });
    if (got.answer.status !== 200) return;
    yield got.bytes;
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
