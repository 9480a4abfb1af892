/** A registry that has an image, and does to some of its blobs what registries do on a bad day. */
import { createServer, type ServerResponse } from "node:http";
import { blobOf } from "../images/platforms.ts";
import { until } from "../process/child.ts";
import type { Ends } from "../process/temp.ts";

/** No answer; half of it and no more; the wish to be asked again after a minute and a half; of what is sent nothing is read. */
const STALLS = ["silent", "half", "busy", "stuck"] as const;

/** What becomes of a blob: it stalls, or it fails as soon as that is wanted, with this status or with other bytes. */
export type Fate = (typeof STALLS)[number] | 403 | 404 | "wrong";

export interface Stalling {
  /** `localhost:PORT`. */
  readonly host: string;
  /** The parts of blobs that were asked for. */
  readonly ranges: string[];
  /** Says what becomes of blobs and manifests from now on, by their digests. Of the others nothing is wrong. */
  set(fates: Readonly<Record<string, Fate>>): void;
  /** Afterwards all that is to stall has been asked for, or sent, and stalls. */
  stalled(): Promise<void>;
  /** From now on what is to fail fails. */
  fail(): void;
}

/** Starts it with the image that the layout has under the digest `root`, as every tag of `x`. Of what it is sent it keeps nothing. */
export async function startStalling(t: Ends, layout: string, root: string): Promise<Stalling> {
  let fates: Readonly<Record<string, Fate>> = {};
  let failing = Promise.withResolvers<void>();
  const stalled = new Set<string>();
  const ranges: string[] = [];

  const give = (response: ServerResponse, bytes: Buffer, range = "") => {
    const from = Number(/^bytes=([0-9]+)-$/.exec(range)?.[1] ?? 0);
    if (from > 0) ranges.push(range);
    response.writeHead(from > 0 ? 206 : 200, {
      "content-length": bytes.length - from,
      ...(from > 0 && { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
    });
    response.end(bytes.subarray(from));
  };

  const server = createServer(async (request, response) => {
    const { method = "", headers } = request;
    const url = decodeURIComponent(request.url ?? "");
    const digest = /sha256:[0-9a-f]{64}/.exec(url)?.[0] ?? root;
    const fate = method === "GET" || method === "PUT" ? fates[digest] : undefined;
    // Of what breaks off there is no end.
    const read = (done: () => void) =>
      request
        .on("end", done)
        .on("error", () => {})
        .resume();
    if (fate !== "stuck") await new Promise<void>(read);
    switch (fate) {
      case undefined:
        if (method === "GET") give(response, blobOf(layout, digest), headers.range);
        else if (method === "HEAD") response.writeHead(404).end();
        else if (method === "PUT") response.writeHead(201).end();
        else response.writeHead(202, { location: "/v2/x/blobs/uploads/1" }).end();
        return;
      case "silent":
      case "stuck":
        stalled.add(digest);
        return;
      case "half": {
        const bytes = blobOf(layout, digest);
        response.writeHead(200, { "content-length": bytes.length });
        response.write(bytes.subarray(0, bytes.length / 2), () => stalled.add(digest));
        return;
      }
      case "busy":
        response.writeHead(503, { "retry-after": "90" }).end(() => stalled.add(digest));
        return;
      case "wrong":
        await failing.promise;
        give(response, Buffer.alloc(blobOf(layout, digest).length));
        return;
      default:
        await failing.promise;
        response.writeHead(fate).end();
    }
  });
  server.on("connection", (socket) => socket.on("error", () => {}));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return {
    host: `localhost:${port}`,
    ranges,
    set(next) {
      fates = next;
      failing = Promise.withResolvers();
      stalled.clear();
      ranges.length = 0;
    },
    stalled: () =>
      until(
        () =>
          Object.entries(fates).every(
            ([digest, fate]) => !STALLS.some((stall) => stall === fate) || stalled.has(digest),
          ),
        "what is to stall has stalled",
      ),
    fail: () => failing.resolve(),
  };
}
