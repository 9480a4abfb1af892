/** A small registry in memory, and the habits by which real ones differ from the specification. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Digest } from "../../../src/oci/digest.ts";
import type { Descriptor } from "../../../src/oci/manifest.ts";
import { INDEX, MANIFEST } from "../../../src/oci/media-types.ts";
import type { RegistryOptions } from "../../../src/registry/client.ts";
import type { Fetched } from "../../../src/registry/manifests.ts";
import { Registry } from "../../../src/registry/registry.ts";
import type { Ends } from "../process/temp.ts";

/** A request, its body read. */
export interface Asked {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export interface Habits {
  /** Whether it keeps lists of referrers. */
  readonly lists?: boolean;
  /** Answers instead of the registry, and says so. */
  readonly instead?: (
    asked: Asked,
    response: ServerResponse,
    kept: Pick<OddRegistry, "blobs" | "uploads">,
  ) => boolean | Promise<boolean>;
  /** What it says of a chunk that it has taken; the upload has `all` bytes now. */
  readonly taken?: (
    asked: Asked,
    all: number,
  ) => { readonly status: number; readonly location: boolean; readonly range?: string | undefined };
  /** What it says of how large chunks have to be. */
  readonly least?: string;
}

export interface OddRegistry {
  /** `localhost:PORT`. */
  readonly host: string;
  /** By digest, and by tag. */
  readonly manifests: Map<string, { readonly bytes: Buffer; readonly mediaType: string }>;
  readonly blobs: Map<string, Buffer>;
  readonly uploads: Map<string, Buffer>;
  /** `METHOD PATH` of every request. */
  readonly asked: string[];
  /** A client of it that is closed when the test is over. */
  client(options?: RegistryOptions): Registry;
  /** Puts a manifest there; returns it. */
  put(manifest: object, tag?: string): Fetched & { readonly bytes: Buffer };
}

export const sha256 = (bytes: Uint8Array | string): Digest =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Gives up soon, and never waits. */
export const quick = { tries: 3, first: 1, longest: 1000, pause: async () => {} };

/** A manifest of its kind with some content of its own. */
export const manifestOf = (name: string, subject?: Descriptor, more: object = {}) => ({
  schemaVersion: 2,
  mediaType: MANIFEST,
  config: { mediaType: "application/vnd.oci.empty.v1+json", digest: sha256("{}"), size: 2 },
  layers: [{ mediaType: "text/plain", digest: sha256(name), size: name.length }],
  ...(subject === undefined ? {} : { subject }),
  ...more,
});

export const indexOf = (...manifests: readonly object[]) => ({
  schemaVersion: 2,
  mediaType: INDEX,
  manifests,
});

export async function startOddRegistry(t: Ends, habits: Habits = {}): Promise<OddRegistry> {
  const manifests: OddRegistry["manifests"] = new Map();
  const blobs = new Map<string, Buffer>();
  const uploads = new Map<string, Buffer>();
  const asked: string[] = [];
  const say = (response: ServerResponse, status: number, headers: object = {}, body = "") =>
    response
      .writeHead(status, {
        ...(status === 204 ? {} : { "content-length": body.length }),
        ...headers,
      })
      .end(body);

  const manifest = ({ method, url, headers, body }: Asked, response: ServerResponse) => {
    const which = url.split("/").at(-1)!;
    if (method === "PUT") {
      const mediaType = String(headers["content-type"]);
      const digest = sha256(body);
      for (const name of [which, digest]) manifests.set(name, { bytes: body, mediaType });
      const { subject } = JSON.parse(body.toString());
      const lists = habits.lists === true && subject !== undefined;
      const said = lists ? { "oci-subject": subject.digest } : {};
      return say(response, 201, { "docker-content-digest": digest, ...said });
    }
    const found = manifests.get(which);
    if (found === undefined) return say(response, 404);
    response.writeHead(200, {
      "content-type": found.mediaType,
      "content-length": found.bytes.length,
      "docker-content-digest": sha256(found.bytes),
    });
    return response.end(method === "HEAD" ? "" : found.bytes);
  };

  const upload = (one: Asked, response: ServerResponse) => {
    const { method, url, body } = one;
    if (method === "POST") {
      const id = `/v2/x/blobs/uploads/${uploads.size}`;
      uploads.set(id, Buffer.alloc(0));
      const { least } = habits;
      const more = least === undefined ? {} : { "oci-chunk-min-length": least };
      return say(response, 202, { location: id, ...more });
    }
    const { pathname, searchParams } = new URL(url, "http://localhost");
    const before = uploads.get(pathname);
    if (before === undefined) return say(response, 404);
    const now = Buffer.concat([before, body]);
    const range = { location: pathname, range: `0-${Math.max(0, now.length - 1)}` };
    if (method === "GET") return say(response, 204, range);
    uploads.set(pathname, now);
    if (method === "PATCH") {
      const said = habits.taken?.(one, now.length);
      if (said === undefined) return say(response, 202, range);
      return say(response, said.status, {
        ...(said.location ? { location: pathname } : {}),
        ...(said.range === undefined ? {} : { range: said.range }),
      });
    }
    uploads.delete(pathname);
    const digest = searchParams.get("digest")!;
    if (sha256(now) !== digest) return say(response, 400);
    blobs.set(digest, now);
    return say(response, 201, { location: `/v2/x/blobs/${digest}` });
  };

  const referrers = (url: string, response: ServerResponse) => {
    const digest = url.split("/").at(-1);
    const unique = new Map([...manifests.values()].map((each) => [sha256(each.bytes), each]));
    const entries = [...unique].flatMap(([own, { bytes, mediaType }]) =>
      JSON.parse(bytes.toString()).subject?.digest === digest
        ? [{ mediaType, digest: own, size: bytes.length }]
        : [],
    );
    return say(response, 200, { "content-type": INDEX }, JSON.stringify(indexOf(...entries)));
  };

  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of request) pieces.push(piece as Buffer);
    } catch {
      return;
    }
    const { method = "", url = "", headers } = request;
    const one: Asked = { method, url, headers, body: Buffer.concat(pieces) };
    asked.push(`${method} ${url}`);
    if (await habits.instead?.(one, response, { blobs, uploads })) return;
    if (url === "/v2/") say(response, 200);
    else if (url.includes("/manifests/")) manifest(one, response);
    else if (url.includes("/referrers/") && habits.lists) referrers(url, response);
    else if (url.includes("/blobs/uploads/")) upload(one, response);
    else {
      const blob = blobs.get(url.split("/").at(-1)!);
      if (blob === undefined) say(response, 404);
      else
        response
          .writeHead(200, { "content-length": blob.length })
          .end(method === "HEAD" ? "" : blob);
    }
  });
  const port = await listening(t, server);
  const put: OddRegistry["put"] = (object, tag) => {
    const bytes = Buffer.from(JSON.stringify(object));
    const { mediaType } = object as { mediaType: string };
    const digest = sha256(bytes);
    for (const name of [digest, ...(tag === undefined ? [] : [tag])])
      manifests.set(name, { bytes, mediaType });
    return { bytes, descriptor: { mediaType, digest, size: bytes.length } };
  };
  const client: OddRegistry["client"] = (options = {}) => {
    const made = new Registry(`localhost:${port}`, { patience: quick, ...options });
    t.after(() => made.close());
    return made;
  };
  return { host: `localhost:${port}`, manifests, blobs, uploads, asked, client, put };
}

async function listening(t: Ends, server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
