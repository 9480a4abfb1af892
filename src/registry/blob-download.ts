/** Blobs that come from a registry. */

import type { Bytes } from "../base/bytes.ts";
import { IngotError } from "../base/error.ts";
import { Sha256 } from "../base/hash.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { RegistryRequest } from "./client.ts";
import type { HttpResponse } from "./http/response.ts";
import { RetryState } from "./http/retry.ts";
import { blobUrlPath } from "./http/urls.ts";
import { nameIn, type RepositoryContext, retryOptions } from "./manifests.ts";

/** So much more than before makes up for failures until then. Bytes. */
const PROGRESS = 1024 * 1024;

/** Whether the registry has the blob, of that size where it tells. @throws registry, size-differs */
export async function hasBlob(
  place: RepositoryContext,
  { digest, size }: Descriptor,
): Promise<boolean> {
  const ask = { ...asking(place, digest, "HEAD"), doing: "look for" };
  const answer = await place.client.ask(ask, 200, 404);
  await answer.finish();
  const length = answer.header("content-length");
  if (answer.status === 200 && length !== undefined && Number(length) !== size)
    throw new IngotError("size-differs", { at: ask.at, expected: size, actual: Number(length) });
  return answer.status === 200;
}

/** What of a blob is here already: so many bytes, and all of them hashed. */
export interface PartialBlobBytes {
  readonly size: number;
  readonly hash: Sha256;
}

/**
 * The bytes of a blob, from where `begun` ends. A connection that breaks off is taken up again there. The last piece is
 * given only when all of them are proven. A piece is valid until the next is asked for.
 * @throws digest-differs, size-differs, blob-missing, registry
 */
export async function* getBlob(
  place: RepositoryContext,
  { digest, size }: Descriptor,
  begun: PartialBlobBytes = { size: 0, hash: new Sha256() },
): Bytes {
  const { hash } = begun;
  const at = nameIn(place, digest);
  const tries = new RetryState(retryOptions(place));
  let done = begun.size;
  let counted = done;
  let held: Uint8Array | undefined;
  while (done < size) {
    try {
      const { answer, skip } = await open(place, digest, { from: done, size });
      let pass = skip;
      for await (const all of answer.body()) {
        const piece = all.subarray(Math.min(pass, all.length));
        pass -= all.length - piece.length;
        if (piece.length === 0) continue;
        if (done + piece.length > size) {
          answer.drop();
          throw new IngotError("size-differs", { at, expected: size, actual: done + piece.length });
        }
        if (held !== undefined) yield held;
        hash.update(piece);
        done += piece.length;
        held = piece;
      }
      if (done < size) throw new IngotError("size-differs", { at, expected: size, actual: done });
    } catch (error) {
      if (done - counted >= PROGRESS) tries.reset();
      counted = done;
      await tries.next(error);
    }
  }
  const actual: Digest = `sha256:${hash.hex()}`;
  if (actual !== digest) throw new IngotError("digest-differs", { at, expected: digest, actual });
  if (held !== undefined) yield held;
}

/** The answer that has the blob's bytes `from` there, after `skip` others: not every server gives a part. */
async function open(
  place: RepositoryContext,
  digest: Digest,
  { from, size }: { from: number; size: number },
): Promise<{ answer: HttpResponse; skip: number }> {
  const plain = asking(place, digest, "GET");
  const ask = from === 0 ? plain : { ...plain, headers: { range: `bytes=${from}-` } };
  let answer = await place.client.once(ask);
  if (answer.status === 416 && from > 0) {
    // The rest of the blob is there: it is the part that this server does not give.
    await answer.finish();
    answer = await place.client.once(plain);
  }
  if (answer.status === 404) {
    answer.drop();
    throw new IngotError("blob-missing", { digest, at: place.client.name });
  }
  await place.client.hear(answer, ask, from === 0 ? [200] : [200, 206]);
  const start = answer.status === 206 ? startOf(answer) : 0;
  const length = answer.header("content-length");
  const actual = start + Number(length ?? size - start);
  if (start === from ? actual !== size : start !== 0 || actual !== size) {
    answer.drop();
    throw start === from || start === 0
      ? new IngotError("size-differs", { at: ask.at, expected: size, actual })
      : new IngotError("registry", {
          doing: ask.doing,
          at: ask.at,
          code: "answer",
          why: `it begins at byte ${start}, should begin at ${from}`,
        });
  }
  return { answer, skip: from - start };
}

const startOf = (answer: HttpResponse) =>
  Number(/^bytes ([0-9]{1,15})-/.exec(answer.header("content-range") ?? "")?.[1] ?? Number.NaN);

function asking(
  place: RepositoryContext,
  digest: Digest,
  method: RegistryRequest["method"],
): RegistryRequest {
  return {
    method,
    to: blobUrlPath(place.name, digest),
    scope: place.scope,
    stop: place.stop,
    doing: "get",
    at: nameIn(place, digest),
  };
}
