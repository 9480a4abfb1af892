/**
 * The URLs of the distribution specification ("Endpoints"), and what is added to those that a registry gives.
 * ufo joins paths and writes queries; what a registry gave stays as it is, byte for byte, as it may be signed.
 */
import { hasProtocol, joinURL, withQuery } from "ufo";
import type { Digest } from "../../oci/digest.ts";

/** Where a registry's API begins: `/v2/` at `host`, which may have a port. */
export function apiOf(host: string, plain: boolean): URL {
  return new URL(joinURL(`${plain ? "http" : "https"}://${host}`, "v2/"));
}

/** The manifest of a repository with this tag or digest, below the API. */
export const manifestPath = (repository: string, which: string): string =>
  joinURL(repository, "manifests", which);

/** A blob of a repository, below the API. */
export const blobUrlPath = (repository: string, digest: Digest): string =>
  joinURL(repository, "blobs", digest);

/** Where uploads to a repository begin, below the API. With `mount`, the blob is asked for from that repository. */
export function uploadPath(
  repository: string,
  mount?: { readonly digest: Digest; readonly from: string },
): string {
  const path = joinURL(repository, "blobs/uploads/");
  return mount === undefined ? path : withQuery(path, { mount: mount.digest, from: mount.from });
}

/** The list of what refers to a manifest, below the API. */
export const referrersPath = (repository: string, digest: Digest): string =>
  joinURL(repository, "referrers", digest);

/** The tags of a repository, so many a page, below the API. */
export const tagsPath = (repository: string, n: number): string =>
  withQuery(joinURL(repository, "tags/list"), { n });

/** A token server's URL with what is asked of it. A parameter with several values is repeated. */
export const withParameters = (
  url: URL,
  parameters: Readonly<Record<string, string | readonly string[] | undefined>>,
): URL => new URL(withQuery(url.href, { ...parameters }));

/** Where an upload ends, with the digest of its blob: the parameters that the registry gave are not touched. */
export function withDigest(url: URL, digest: Digest): URL {
  const closed = new URL(url);
  closed.search = `${url.search === "" ? "?" : `${url.search}&`}digest=${digest}`;
  return closed;
}

/** A proxy as people write it: a URL, or a host alone, which means http. Null where it is neither. */
export const parseProxy = (text: string): URL | null =>
  URL.parse(hasProtocol(text, { strict: true }) ? text : `http://${text}`);
