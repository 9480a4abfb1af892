/** Blobs that go to a registry. */
import type { Bytes } from "../base/bytes.ts";
import { Fault, isFault } from "../base/fault.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { Answer } from "./registry-answer.ts";
import type { Ask } from "./registry-client.ts";
import { nameIn, type Place, PULL, tryingAt } from "./registry-manifest.ts";
import { isPassing, Tries, tried } from "./registry-retry.ts";
import type { Body } from "./registry-wire.ts";

/** A blob that is to be sent: its bytes from any of them on, as often as asked. The registry proves them. */
export interface Upload {
  readonly descriptor: Descriptor;
  open(from: number): Bytes;
  /** Another repository of the same registry that has the blob. */
  readonly mount?: string | undefined;
}

/** A larger blob goes in chunks of this size, so that a connection that breaks costs one of them. Bytes. */
export const CHUNK = 64 * 1024 * 1024;

/** So much more than before makes up for failures until then, and a whole chunk does. Bytes. */
const PROGRESS = 1024 * 1024;

/** How a registry that does not take chunks says so: these, for the second one. */
const NO_CHUNKS = new Set(["400", "404", "405", "416", "500", "501"]);

/** Afterwards the registry has the blob. @returns how it came there @throws registry, digest-differs, size-differs */
export async function putBlob(
  place: Place,
  upload: Upload,
  chunk = CHUNK,
): Promise<"mounted" | "sent"> {
  if (upload.descriptor.size > chunk) {
    try {
      return await inChunks(place, upload, chunk);
    } catch (error) {
      if (!isFault(error, "registry") || !NO_CHUNKS.has(error.facts.code)) throw error;
    }
  }
  return tried(tryingAt(place), async () => {
    const begun = await begin(place, upload);
    if (begun === undefined) return "mounted";
    const { size } = upload.descriptor;
    await close(place, upload, begun.url, { size, open: () => upload.open(0) });
    return "sent";
  });
}

/**
 * One chunk after the other; after a broken connection the registry says how far it has got. One that says time and again
 * that hardly anything has come of a chunk is not sent it for ever.
 */
async function inChunks(place: Place, upload: Upload, chunk: number): Promise<"mounted" | "sent"> {
  const { size } = upload.descriptor;
  const { client } = place;
  const tries = new Tries(tryingAt(place));
  let url: URL | undefined;
  let done = 0;
  let furthest = 0;
  let short = 0;
  let step = chunk;
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
        const end = Math.min(size, done + step);
        const ask: Ask = {
          ...asking(place, upload, "PATCH", url),
          headers: {
            "content-type": "application/octet-stream",
            "content-range": `${done}-${end - 1}`,
          },
          body: part(upload, done, end),
        };
        const answer = await client.hear(await client.once(ask), ask, [202]);
        url = locationOf(answer, ask);
        done = reached(answer) ?? end;
        await answer.finish();
        if (done >= Math.min(size, furthest + Math.min(step, PROGRESS))) {
          tries.reset();
          short = 0;
          furthest = done;
        } else if (done < end && ++short >= client.patience.tries) throw stuck(ask, done, end);
      }
      await close(place, upload, url);
      return "sent";
    } catch (error) {
      await tries.next(error);
      [url, done] = url === undefined ? [undefined, 0] : await where(place, upload, url);
    }
  }
}

/** How far the registry has got; nowhere, where it does not say. */
async function where(
  place: Place,
  upload: Upload,
  url: URL,
): Promise<[url: URL | undefined, done: number]> {
  const ask = asking(place, upload, "GET", url);
  try {
    const answer = await place.client.once(ask);
    const done = reached(answer);
    const known = answer.status === 204 && done !== undefined && done <= upload.descriptor.size;
    if (!known) answer.drop();
    return known ? [locationOf(answer, ask, url), done] : [undefined, 0];
  } catch (error) {
    if (isPassing(error)) return [undefined, 0];
    throw error;
  }
}

/** `Range: 0-N` of an upload: N + 1 bytes have arrived. Of none, some say `0-0`, as of one. */
function reached(answer: Answer): number | undefined {
  const last = /^(?:bytes=)?0-([0-9]{1,15})$/.exec(answer.header("range") ?? "")?.[1];
  return last === undefined ? undefined : last === "0" ? 0 : Number(last) + 1;
}

/**
 * Begins an upload: where to, and how large a chunk is at least; undefined when the blob was mounted, and there is nothing
 * to send.
 */
async function begin(
  place: Place,
  upload: Upload,
): Promise<{ url: URL; least: number } | undefined> {
  const { name, client } = place;
  const { mount, descriptor } = upload;
  const query = mount === undefined ? "" : `?mount=${descriptor.digest}&from=${mount}`;
  const ask: Ask = {
    ...asking(place, upload, "POST", `${name}/blobs/uploads/${query}`),
    ...(mount === undefined ? {} : { scope: `${place.scope} ${PULL(mount)}` }),
  };
  const plainly = () => begin(place, { ...upload, mount: undefined });
  const answer = await client.once(ask).catch((error: unknown) => {
    if (mount !== undefined && isFault(error, "registry") && !isPassing(error)) return undefined;
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
async function close(place: Place, upload: Upload, to: URL, body?: Body): Promise<void> {
  const url = new URL(to);
  url.searchParams.set("digest", upload.descriptor.digest);
  const ask: Ask = {
    ...asking(place, upload, "PUT", url),
    headers: { "content-type": "application/octet-stream" },
    body,
  };
  const answer = await place.client.hear(await place.client.once(ask), ask, [201, 204]);
  await answer.finish();
}

const stuck = ({ doing, at }: Ask, done: number, end: number) =>
  new Fault("registry", {
    doing,
    at,
    code: "answer",
    why: `the first ${end} bytes were sent, and it says again and again that ${done} have come`,
  });

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

function locationOf(answer: Answer, { doing, at }: Ask, otherwise?: URL): URL {
  const location = answer.header("location");
  const url = location === undefined ? otherwise : URL.parse(location, answer.url.href);
  if (url === undefined || url === null) {
    answer.drop();
    throw new Fault("registry", {
      doing,
      at,
      code: "answer",
      why: "it does not say where to send the blob",
    });
  }
  return url;
}

function asking(place: Place, upload: Upload, method: Ask["method"], to: string | URL): Ask {
  return {
    method,
    to,
    scope: place.scope,
    stop: place.stop,
    doing: "push",
    at: nameIn(place, upload.descriptor.digest),
  };
}
