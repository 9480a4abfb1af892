/** Whatever waits for a registry is let go as soon as it is told to stop. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createListener } from "node:net";
import { describe, test } from "node:test";
import type { Digest } from "../../../src/oci/digest.ts";
import { MANIFEST } from "../../../src/oci/media-types.ts";
import type { RegistryOptions } from "../../../src/registry/client.ts";
import { Registry, type Repository } from "../../../src/registry/registry.ts";
import { until } from "../../support/process/child.ts";
import { type Ends, tidily } from "../../support/process/temp.ts";

const digest: Digest = `sha256:${"a".repeat(64)}`;
// More than any socket takes that nobody reads.
const SIZE = 64 * 1024 * 1024;
const descriptor = { mediaType: "x/y", digest, size: SIZE };
const UPLOAD = "/v2/a/b/blobs/uploads/1";
/** A server may be silent for so long. Milliseconds. */
const SILENCE = 600_000;
/** Far less than that: nobody waits here for anything but what is told at once. Milliseconds. */
const AT_ONCE = 60_000;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A registry that does what `handle` does until it says that it stalls: with true. What stalled and is closed is counted. */
async function stalling(
  t: Ends,
  handle: (request: IncomingMessage, response: ServerResponse) => boolean,
  options: RegistryOptions = {},
) {
  const seen = { stalls: 0, closed: 0 };
  const answer: Handler = (request, response) => {
    request.on("error", () => {});
    if (!handle(request, response)) return;
    seen.stalls++;
    response.on("close", () => seen.closed++);
  };
  const server = createServer(answer);
  server.on("connection", (socket) => socket.on("error", () => {}));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as { port: number };
  const registry = new Registry(`localhost:${port}`, { silence: SILENCE, ...options });
  t.after(() => {
    registry.close();
    server.closeAllConnections();
    server.close();
  });
  return { seen, port, registry, repository: registry.repository("a/b", "push") };
}

/** Begins `act`, says stop when it `isStalled`, and it ends with that for its reason. */
async function letsGo(
  repository: Repository,
  act: (it: Repository) => Promise<unknown>,
  isStalled: () => boolean,
): Promise<void> {
  const own = new AbortController();
  const reason = new Error("enough");
  const ended = act(repository.until(own.signal)).then(
    (value) => assert.fail(`it came to ${value}`),
    (error: unknown) => error,
  );
  await until(isStalled, "it stalls");
  own.abort(reason);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((done) => {
    timer = setTimeout(() => done(new Error("it went on")), AT_ONCE);
  });
  assert.equal(await Promise.race([ended, late]), reason);
  clearTimeout(timer);
  // Once told, nothing begins.
  await assert.rejects(act(repository.until(own.signal)), (error) => error === reason);
}

async function read(bytes: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0;
  for await (const piece of bytes) size += piece.length;
  return size;
}

const upload = {
  descriptor,
  async *open(from: number) {
    for (let at = from; at < SIZE; at += 1 << 20) yield new Uint8Array(1 << 20);
  },
};
const isUpload = ({ method, url = "" }: IncomingMessage) =>
  (method === "PUT" || method === "PATCH" || method === "GET") && url.startsWith(UPLOAD);

/** Answers what comes before the bytes of an upload. */
function begun({ method }: IncomingMessage, response: ServerResponse): void {
  if (method === "HEAD") response.writeHead(404).end();
  else response.writeHead(202, { location: UPLOAD }).end();
}

describe("a server that is silent, and who waits for", () => {
  const acts: readonly [string, (it: Repository) => Promise<unknown>][] = [
    ["a blob", (it) => read(it.blob(descriptor))],
    ["whether it has a blob", (it) => it.hasBlob(descriptor)],
    ["a place for a blob", (it) => it.putBlob(upload)],
    ["a manifest", (it) => it.manifest("v1")],
    ["what a tag names", (it) => it.digestOf("v1")],
    ["tags", (it) => it.tags()],
    ["referrers", (it) => it.referrers(digest)],
    [
      "its manifest to be taken",
      (it) =>
        it.putManifest("v1", {
          bytes: Buffer.from("{}"),
          descriptor: { mediaType: MANIFEST, digest, size: 2 },
        }),
    ],
  ];
  for (const [name, act] of acts)
    test(
      name,
      tidily(async (t) => {
        const { repository, seen } = await stalling(t, () => true);
        await letsGo(repository, act, () => seen.stalls === 1);
        await until(() => seen.closed === 1, "the connection is closed");
        assert.equal(seen.stalls, 1);
      }),
    );
});

test("a blob of which a part has come", async (t) => {
  const { repository, seen } = await stalling(t, (_, response) => {
    response.writeHead(200, { "content-length": SIZE });
    response.write(new Uint8Array(SIZE / 2));
    return true;
  });
  let came = 0;
  const act = async (it: Repository) => {
    for await (const piece of it.blob(descriptor)) came += piece.length;
  };
  await letsGo(repository, act, () => came > SIZE / 4);
  await until(() => seen.closed === 1, "the connection is closed");
  assert.equal(seen.stalls, 1);
});

for (const [name, reads] of [
  ["a blob that is sent, and not read", false],
  ["a blob that is sent, and not answered", true],
] as const)
  for (const chunk of [SIZE, SIZE / 2])
    test(`${name}, ${SIZE / chunk} at a time`, async (t) => {
      let whole = 0;
      const sent: IncomingMessage[] = [];
      const { repository, seen } = await stalling(t, (request, response) => {
        if (!isUpload(request)) {
          begun(request, response);
          return false;
        }
        sent.push(request.on("end", () => whole++));
        if (reads) request.resume();
        return true;
      });
      const act = (it: Repository) => it.putBlob(upload, chunk);
      await letsGo(repository, act, () => seen.stalls === 1 && (!reads || whole === 1));
      // Who reads nothing does not see who hangs up.
      sent[0]?.resume();
      await until(() => seen.closed === 1, "the connection is closed");
      assert.deepEqual([seen.stalls, whole], [1, reads ? 1 : 0]);
    });

test("the pause before the next try", async (t) => {
  let asked = 0;
  const { repository } = await stalling(t, (_, response) => {
    response.writeHead(503, { "retry-after": "100" }).end(() => asked++);
    return false;
  });
  await letsGo(
    repository,
    (it) => it.hasBlob(descriptor),
    () => asked === 1,
  );
  await letsGo(
    repository,
    (it) => read(it.blob(descriptor)),
    () => asked === 2,
  );
  assert.equal(asked, 2);
});

test("a token: who stops does not take it from the others", async (t) => {
  const waiting: ServerResponse[] = [];
  const made = await stalling(t, ({ url = "", headers }, response) => {
    const realm = `http://localhost:${made.port}/token`;
    if (url.startsWith("/token")) waiting.push(response);
    else if (headers.authorization === "Bearer good") response.writeHead(404).end();
    else response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end();
    return false;
  });
  const { repository } = made;
  const other = repository.hasBlob(descriptor);
  await until(() => waiting.length === 1, "the token is asked for");
  await letsGo(
    repository,
    (it) => it.hasBlob(descriptor),
    () => true,
  );
  await letsGo(
    repository,
    (it) => it.errand(),
    () => true,
  );
  waiting[0]?.writeHead(200).end('{"token":"good"}');
  assert.equal(await other, false);
  assert.equal(waiting.length, 1);
});

test("a proxy that opens no connection", async (t) => {
  const state = { open: 0, closed: 0 };
  const proxy = createListener((socket) => {
    socket.on("error", () => {}).on("close", () => state.closed++);
    socket.on("data", () => state.open++);
  });
  await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
  t.after(() => void proxy.close());
  const { port } = proxy.address() as { port: number };
  const https = `http://localhost:${port}`;
  const proxies = { http: undefined, https, none: undefined };
  const registry = new Registry("r.example", { silence: SILENCE, proxies });
  await letsGo(
    registry.repository("a/b"),
    (it) => it.hasBlob(descriptor),
    () => state.open === 1,
  );
  registry.close();
  await until(() => state.closed === 1, "the connection is closed");
});
