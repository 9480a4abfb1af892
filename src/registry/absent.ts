/** How registries say that something is not there that only some of them have: lists of referrers, and tags of signatures. */
import { isIngotError } from "../base/error.ts";
import type { Digest } from "../oci/digest.ts";
import { type Fetched, getManifest, isHtml, type RepositoryContext } from "./manifests.ts";

/**
 * The statuses of a registry that has no such thing. The specification has 404; Quay says 400, Artifactory 406, others 405, and
 * ghcr.io sends who asks to a page of its web site.
 */
export const NONE: readonly number[] = [301, 302, 303, 307, 308, 400, 404, 405, 406, 501];

/** The same of a failure. A redirect that cannot be followed is one of them. */
const CODES: ReadonlySet<string> = new Set([...NONE.map(String), "redirect"]);

/**
 * The manifest under a tag that clients keep referrers of `digest` under; undefined where there is none, in whatever way the
 * registry says so. @throws registry, malformed, unsupported, too-large
 */
export async function findTagged(
  place: RepositoryContext,
  digest: Digest,
  tag: string,
): Promise<Fetched | undefined> {
  try {
    const fetched = await getManifest(place, tag, { optional: true });
    // Some registries give the image itself.
    return fetched?.descriptor.digest === digest ? undefined : fetched;
  } catch (error) {
    const isPage = isIngotError(error, "unsupported") && isHtml(error.facts.found);
    if (isPage || (await meansNone(place, error, digest))) return undefined;
    throw error;
  }
}

/**
 * Whether a failure to get what may refer to `digest` means that there is nothing. A registry that refuses it (Harbor 2.7 by 401,
 * Artifactory by 403) and lets the same credentials read the repository does not want other credentials.
 * @throws the reason to stop
 */
export async function meansNone(
  place: RepositoryContext,
  error: unknown,
  digest: Digest,
): Promise<boolean> {
  if (!isIngotError(error, "registry")) return false;
  const { code } = error.facts;
  return code === "401" || code === "403" ? isReadable(place, digest) : CODES.has(code);
}

/** Whether our credentials read anything of the repository: the manifest `digest`, where nothing was read before. */
async function isReadable(place: RepositoryContext, digest: Digest): Promise<boolean> {
  const known = place.client.known(place.name);
  if (known.isReadable) return true;
  try {
    await getManifest(place, digest);
  } catch (error) {
    place.stop?.throwIfAborted();
    if (!isIngotError(error)) throw error;
  }
  return known.isReadable;
}
