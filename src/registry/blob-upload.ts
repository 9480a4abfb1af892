/** Blobs that go to a registry. */

import type { Bytes } from "../base/bytes.ts";
import { IngotError, isIngotError } from "../base/error.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { RegistryRequest } from "./client.ts";
import type { Body } from "./http/request.ts";
import type { HttpResponse } from "./http/response.ts";
import { isRetryable, RetryState, withRetry } from "./http/retry.ts";
import { blobUrlPath, uploadPath, withDigest } from "./http/urls.ts";
import { nameIn, PULL, type RepositoryContext, retryOptions } from "./manifests.ts";

/** A blob that is to be sent: its bytes from any of them on, as often as asked. The registry proves them. */
export interface Upload {
  readonly descriptor: Descriptor;
  open(from: number): Bytes;
  /** Another repository of the same registry that has the blob. */
  readonly mount?: string | undefined;
}

/** A larger blob goes in chunks of this size, so that a connection that breaks costs one of them. Bytes. */
export const UPLOAD_CHUNK = 64 * 1024 * 1024;

/** So much more than before makes up for failures until then, and a whole chunk does. Bytes. */
const PROGRESS = 1024 * 1024;

/** How a registry that does not take chunks says so, of any of them or of the blob that they should make. */
const NO_CHUNKS = new Set("400 404 405 409 411 415 416 422 500 501".split(" "));
/** How one says that it does not take a blob with the request that ends its upload. */
const NO_BODY = new Set("404 405 411 415 416 501".split(" "));

/** What is said of a chunk that was taken. The specification has 202; ECR says 201, pulp and crane's registry 204. */
const TAKEN = [200, 201, 202, 204];
/** What is said of a blob that is there, at the end. */
const DONE = [201, 204];

/** Afterwards the registry has the blob. @returns how it came there @throws registry, digest-differs, size-differs */
export async function putBlob(
  place: RepositoryContext,
  upload: Upload,
  chunk = UPLOAD_CHUNK,
): Promise<"mounted" | "sent"> {
  if (upload.descriptor.size > chunk) {
    try {
      return await inChunks(place, upload, chunk);
    } catch (error) {
      if (!isRefused(error, NO_CHUNKS)) throw error;
    }
  }
  try {
    return await withRetry(retryOptions(place), () => whole(place, upload, "PUT"));
  } catch (error) {
    if (!isRefused(error, NO_BODY)) throw error;
    return withRetry(retryOptions(place), () => whole(place, upload, "PATCH"));
  }
}

const isRefused = (error: unknown, codes: ReadonlySet<string>) =>
  isIngotError(error, "registry") && codes.has(error.facts.code);

/** All bytes in one request: the last one, or, as docker and skopeo do it, the one before. */
async function whole(
  place: RepositoryContext,
  upload: Upload,
  method: "PUT" | "PATCH",
): Promise<"mounted" | "sent"> {
  const begun = await begin(place, upload);
  if (begun === undefined) return "mounted";
  const body = { size: upload.descriptor.size, open: () => upload.open(0) };
  if (method === "PUT") await close(place, upload, begun.url, body);
  else await close(place, upload, await send(place, upload, begun.url, body));
  return "sent";
}

/**
 * One chunk after the other. A chunk that is taken is taken whole: what `Range` says of it is wrong at some registries (zot 2.1 says
 * less, ECR never more than of the first), and the digest at the end proves all of it. After a broken connection only, the registry
 * has to say how far it has got.
 */
async function inChunks(
  place: RepositoryContext,
  upload: Upload,
  chunk: number,
): Promise<"mounted" | "sent"> {
  const { size } = upload.descriptor;
  const tries = new RetryState(retryOptions(place));
  let url: URL | undefined;
  /** The chunk that is next, or under way: its beginning and end. */
  let done = 0;
  let end = 0;
  let furthest = 0;
  let step = chunk;
  const advanced = () => {
    if (done <= furthest || done < Math.min(size, furthest + Math.min(step, PROGRESS))) return;
    tries.reset();
    furthest = done;
  };
  for (;;) {
    try {
      if (url === undefined) {
        const begun = await begin(place, upload);
        if (begun === undefined) return "mounted";
        url = begun.url;
        done = 0;
        step = Math.max(chunk, begun.least);
      }
      while (done < size) {
        end = Math.min(size, done + step);
        url = await send(place, upload, url, part(upload, done, end), `${done}-${end - 1}`);
        done = end;
        advanced();
      }
      await close(place, upload, url);
      return "sent";
    } catch (error) {
      // The last answer may have been lost; then the same again is refused, because the upload has ended.
      const isSent = async () => done === size && (await isThere(place, upload));
      if (isIngotError(error, "registry") && !isRetryable(error) && (await isSent())) return "sent";
      await tries.next(error);
      if (await isSent()) return "sent";
      [url, done] =
        url === undefined ? [undefined, 0] : await where(place, upload, url, [done, end]);
      advanced();
    }
  }
}

/** Whether the blob is there, as far as can be told at once. */
async function isThere(place: RepositoryContext, upload: Upload): Promise<boolean> {
  const { digest, size } = upload.descriptor;
  const ask = asking(place, upload, "HEAD", blobUrlPath(place.name, digest));
  try {
    const answer = await place.client.once(ask);
    await answer.finish();
    return answer.status === 200 && Number(answer.header("content-length") ?? size) === size;
  } catch (error) {
    if (isIngotError(error, "registry")) return false;
    throw error;
  }
}

/** Sends bytes. @param range which of the blob's they are, where they are not all of them @returns where the next ones go */
async function send(
  place: RepositoryContext,
  upload: Upload,
  url: URL,
  body: Body,
  range?: string,
): Promise<URL> {
  const headers = { "content-type": "application/octet-stream" };
  const ask: RegistryRequest = {
    ...asking(place, upload, "PATCH", url),
    headers: range === undefined ? headers : { ...headers, "content-range": range },
    body,
  };
  const answer = await place.client.hear(await place.client.once(ask), ask, TAKEN);
  await answer.finish();
  return locationOf(answer, ask, url);
}

/**
 * How far the registry has got; nowhere, where it does not say, or says what cannot be: less than it had taken before, or more than
 * was sent.
 */
async function where(
  place: RepositoryContext,
  upload: Upload,
  url: URL,
  [least, most]: [least: number, most: number],
): Promise<[url: URL | undefined, done: number]> {
  const ask = asking(place, upload, "GET", url);
  try {
    const answer = await place.client.once(ask);
    const done = reached(answer);
    const isKnown = TAKEN.includes(answer.status) && done !== undefined;
    if (!isKnown || done < least || done > most) {
      answer.drop();
      return [undefined, 0];
    }
    await answer.finish();
    return [locationOf(answer, ask, url), done];
  } catch (error) {
    if (isIngotError(error, "registry")) return [undefined, 0];
    throw error;
  }
}

/** `Range: 0-N` of an upload: N + 1 bytes have arrived. Of none, some say `0-0`, as of one. */
function reached(answer: HttpResponse): number | undefined {
  const last = /^(?:bytes=)?0-([0-9]{1,15})$/.exec(answer.header("range") ?? "")?.[1];
  return last === undefined ? undefined : last === "0" ? 0 : Number(last) + 1;
}

/**
 * Begins an upload: where to, and how large a chunk is at least; undefined when the blob was mounted, and there is nothing
 * to send.
 */
async function begin(
  place: RepositoryContext,
  upload: Upload,
): Promise<{ url: URL; least: number } | undefined> {
  const { name, client } = place;
  const { mount, descriptor } = upload;
  const from = mount === undefined ? undefined : { digest: descriptor.digest, from: mount };
  const ask: RegistryRequest = {
    ...asking(place, upload, "POST", uploadPath(name, from)),
    ...(mount === undefined ? {} : { scope: `${place.scope} ${PULL(mount)}` }),
  };
  const plainly = () => begin(place, { ...upload, mount: undefined });
  const answer = await client.once(ask).catch((error: unknown) => {
    if (mount !== undefined && isIngotError(error, "registry") && !isRetryable(error))
      return undefined;
    throw error;
  });
  // Who may not look into the other repository can send the blob nevertheless.
  if (answer === undefined) return plainly();
  if (mount !== undefined && answer.status === 201) {
    await answer.finish();
    return undefined;
  }
  if (mount !== undefined && answer.status !== 202) {
    await answer.finish();
    return plainly();
  }
  await client.hear(answer, ask, [202]);
  const url = locationOf(answer, ask);
  const least = Number(/^[0-9]{1,15}$/.exec(answer.header("oci-chunk-min-length") ?? "")?.[0] ?? 0);
  await answer.finish();
  return { url, least };
}

/** Ends an upload, with the bytes that are still to come. */
async function close(
  place: RepositoryContext,
  upload: Upload,
  to: URL,
  body?: Body,
): Promise<void> {
  const url = withDigest(to, upload.descriptor.digest);
  const ask: RegistryRequest = {
    ...asking(place, upload, "PUT", url),
    headers: { "content-type": "application/octet-stream" },
    body,
  };
  const answer = await place.client.hear(await place.client.once(ask), ask, DONE);
  await answer.finish();
}

function part(upload: Upload, from: number, end: number): Body {
  return {
    size: end - from,
    async *open() {
      let left = end - from;
      for await (const piece of upload.open(from)) {
        yield piece.subarray(0, left);
        left -= piece.length;
        if (left <= 0) return;
      }
    },
  };
}

function locationOf(answer: HttpResponse, { doing, at }: RegistryRequest, otherwise?: URL): URL {
  const location = answer.header("location");
  const url = location === undefined ? otherwise : URL.parse(location, answer.url.href);
  if (url === undefined || url === null) {
    answer.drop();
    throw new IngotError("registry", {
      doing,
      at,
      code: "answer",
      why: "it does not say where to send the blob",
    });
  }
  return url;
}

function asking(
  place: RepositoryContext,
  upload: Upload,
  method: RegistryRequest["method"],
  to: string | URL,
): RegistryRequest {
  return {
    method,
    to,
    scope: place.scope,
    stop: place.stop,
    doing: "push",
    at: nameIn(place, upload.descriptor.digest),
  };
}
