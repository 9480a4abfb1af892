/** Manifests and indexes in a registry: their bytes are kept as they are, and proven. */

import * as v from "valibot";
import { utf8 } from "../base/bytes.ts";
import { IngotError, isIngotError } from "../base/error.ts";
import { excerpt, parseJson } from "../base/json/json.ts";
import { type Digest, digestOf, isDigest } from "../oci/digest.ts";
import { conflictIn, type Descriptor, MANIFEST_LIMIT } from "../oci/manifest.ts";
import { DOCKER_LIST, DOCKER_MANIFEST, INDEX, isImage, MANIFEST } from "../oci/media-types.ts";
import { type AccessScope, bodyOf } from "./auth/authorizer.ts";
import type { Client, RegistryRequest } from "./client.ts";
import type { HttpResponse } from "./http/response.ts";
import { type RetryOptions, withRetry } from "./http/retry.ts";
import { manifestPath } from "./http/urls.ts";

/** Where something is: a repository of a registry. */
export interface RepositoryContext {
  readonly client: Client;
  /** The repository's name there. */
  readonly name: string;
  /** What is to be done there. Registries tell who may write only of things that are not there. */
  readonly scope: AccessScope;
  /** When nobody wants any more what is under way there. */
  readonly stop?: AbortSignal | undefined;
}

/** How long something is tried there. */
export const retryOptions = ({ client: { patience }, stop }: RepositoryContext): RetryOptions => ({
  patience,
  stop,
});

/** `registry/repository`, for messages. */
export const repositoryName = ({ client, name }: RepositoryContext): string =>
  `${client.name}/${name}`;

/** `registry/repository:tag` or `registry/repository@digest`. */
export const nameIn = (place: RepositoryContext, which: string): string =>
  `${repositoryName(place)}${isDigest(which) ? "@" : ":"}${which}`;

export const PULL = (name: string): AccessScope => `repository:${name}:pull`;
export const PUSH = (name: string): AccessScope => `repository:${name}:pull,push`;

const ACCEPT = [INDEX, MANIFEST, DOCKER_LIST, DOCKER_MANIFEST].join(", ");
const HERE = 200;
const ABSENT = 404;

/** A manifest or index as a registry has it. */
export interface Fetched {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/**
 * The manifest under a tag or a digest; undefined where there is none. Its bytes are those of the digest that was asked
 * for, and of the one that the registry names. @throws registry, digest-differs, unsupported, too-large
 */
export async function getManifest(
  place: RepositoryContext,
  which: string,
  { optional = false } = {},
): Promise<Fetched | undefined> {
  const ask: RegistryRequest = { ...asking(place, which, "GET"), optional };
  return withRetry(retryOptions(place), async () => {
    const answer = await place.client.hear(await place.client.once(ask), ask, [HERE, ABSENT]);
    const bytes = await answer.bytes(MANIFEST_LIMIT);
    if (answer.status === ABSENT) return undefined;
    if (isPage(answer, bytes)) throw unknown(ask.at, HTML);
    const actual = digestOf(bytes);
    for (const expected of [which, answer.header("docker-content-digest") ?? ""]) {
      if (isDigest(expected) && expected !== actual)
        throw new IngotError("digest-differs", { at: ask.at, expected, actual });
    }
    const mediaType = typeOf(answer, bytes, ask.at);
    place.client.known(place.name).isReadable = true;
    return { descriptor: { mediaType, digest: actual, size: bytes.length }, bytes };
  });
}

/** What a tag or digest names, without its bytes; undefined where it is not there, or the registry does not tell. @throws registry */
export async function headManifest(
  place: RepositoryContext,
  which: string,
): Promise<Digest | undefined> {
  const answer = await place.client.ask(asking(place, which, "HEAD"), HERE, ABSENT);
  await answer.finish();
  const digest = answer.header("docker-content-digest");
  if (answer.status !== HERE || !isDigest(digest)) return undefined;
  place.client.known(place.name).isReadable = true;
  return digest;
}

/**
 * What the manifest is. Some registries say `application/json` of everything: then the bytes say it. Where both say
 * something, it must be the same, or it would be one thing to us and another to the next reader (image-spec, "Media
 * Type Conflicts"). @throws malformed, unsupported
 */
function typeOf(answer: HttpResponse, bytes: Uint8Array, at: string): string {
  const said = answer.header("content-type")?.split(";", 1)[0]?.trim() ?? "";
  if (said !== "" && !/json$/.test(said)) throw unknown(at, said);
  const found = v.safeParse(shape, parseJson(bytes, at, { bytes: MANIFEST_LIMIT }));
  if (!found.success)
    throw new IngotError("malformed", {
      what: "the manifest",
      at,
      why: "it is not a JSON object of its kind",
    });
  const { mediaType: own, manifests } = found.output;
  const conflict = conflictIn(found.output);
  if (conflict !== undefined || (own !== undefined && isImage(said) && own !== said))
    throw new IngotError("malformed", {
      what: "the manifest",
      at,
      why: conflict ?? `it says ${excerpt(own ?? "")}, and the registry says ${said}`,
    });
  const likely = manifests !== undefined ? INDEX : MANIFEST;
  const mediaType = isImage(said) ? said : (own ?? (said === JSON_TYPE ? likely : said));
  if (isImage(mediaType)) return mediaType;
  throw unknown(at, mediaType);
}

const unknown = (at: string, found: string) =>
  new IngotError("unsupported", {
    what: "the manifest",
    at,
    found: excerpt(found) || "no media type",
    expected: "an image manifest or an image index of the OCI or of Docker's schema 2",
  });

const HTML = "text/html";

/** Whether a media type is that of a web page. */
export const isHtml = (mediaType: string): boolean => /\bx?html\b/i.test(mediaType);

/** Whether this is a web page, whatever it is said to be: of a login, a proxy, or an error. */
export const isPage = (answer: Pick<HttpResponse, "header">, bytes: Uint8Array): boolean =>
  isHtml(answer.header("content-type") ?? "") ||
  bytes.find((byte) => !BLANK.has(byte)) === "<".charCodeAt(0);

/** White space, and the mark that some servers begin a page with. */
const BLANK: ReadonlySet<number> = new Set([...utf8(" \t\r\n\ufeff")]);

const JSON_TYPE = "application/json";
const shape = v.looseObject({
  mediaType: v.optional(v.string()),
  manifests: v.nullish(v.array(v.unknown())),
  layers: v.nullish(v.array(v.unknown())),
});

/** What a registry did with a manifest. */
export interface Put {
  /** Whether it lists the manifest among the referrers of its subject. */
  readonly lists: boolean;
}

/** So often a registry is given a manifest that it says names what it does not have. */
const MOST_UNSETTLED = 5;

/**
 * Whether a registry does not know yet what a manifest names: some take a blob in one place and look for it in another a moment later.
 */
const isUnsettled = (error: unknown): error is IngotError<"registry"> =>
  isIngotError(error, "registry") &&
  ((error.facts.code === "400" && /\bDIGEST_INVALID\b/.test(error.facts.why)) ||
    (/^40[04]$/.test(error.facts.code) && /\b(?:MANIFEST_)?BLOB_UNKNOWN\b/.test(error.facts.why)));

/**
 * Afterwards the registry has the manifest, under `which`. What it names must be there; where the registry says that it is not, it is
 * asked a few times more. @throws registry, digest-differs
 */
export async function putManifest(
  place: RepositoryContext,
  which: string,
  { bytes, descriptor }: Fetched,
): Promise<Put> {
  const ask: RegistryRequest = {
    ...asking(place, which, "PUT"),
    headers: { "content-type": descriptor.mediaType },
    body: bodyOf(bytes),
    doing: "push",
  };
  const { patience, stop } = retryOptions(place);
  const answer = await withRetry(
    { patience: { ...patience, tries: Math.min(patience.tries, MOST_UNSETTLED) }, stop },
    () => place.client.ask(ask, 200, 201),
    isUnsettled,
  );
  await answer.finish();
  const known = place.client.known(place.name);
  known.isReadable = true;
  const actual = answer.header("docker-content-digest");
  if (isDigest(actual) && actual !== descriptor.digest)
    throw new IngotError("digest-differs", { at: ask.at, expected: descriptor.digest, actual });
  const lists = answer.header("oci-subject") !== undefined;
  if (lists) known.acknowledged.add(descriptor.digest);
  return { lists };
}

function asking(
  place: RepositoryContext,
  which: string,
  method: RegistryRequest["method"],
): RegistryRequest {
  return {
    method,
    to: manifestPath(place.name, which),
    scope: place.scope,
    stop: place.stop,
    headers: { accept: ACCEPT },
    doing: method === "HEAD" ? "look for" : "get",
    at: nameIn(place, which),
  };
}
