/** The client of registries, against a real one. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { test } from "node:test";
import type { Digest } from "../../../src/oci/digest.ts";
import { EMPTY, INDEX, MANIFEST } from "../../../src/oci/media-types.ts";
import type { Upload } from "../../../src/registry/blob-upload.ts";
import type { RegistryOptions } from "../../../src/registry/client.ts";
import { Registry } from "../../../src/registry/registry.ts";
import { faultOf } from "../../support/fault.ts";
import { noise } from "../../support/images/layout.ts";
import { testWith } from "../../support/process/needs.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { makeCertificates, read } from "../../support/registries/certificates.ts";
import { startRegistry } from "../../support/registries/registry.ts";
import { startTokenServer } from "../../support/registries/token-server.ts";

const digestOf = (bytes: Uint8Array): Digest =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const describe = (bytes: Uint8Array, mediaType = "application/octet-stream") => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.length,
});
const upload = (bytes: Uint8Array, mount?: string): Upload => ({
  descriptor: describe(bytes),
  mount,
  async *open(from) {
    for (let at = from; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
  },
});
async function all(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}
const quick = { tries: 4, first: 1, longest: 1000, pause: async () => {} };

/** A registry that is closed when the test is over. */
function registry(t: Ends, host: string, options: RegistryOptions = {}): Registry {
  const made = new Registry(host, { patience: quick, ...options });
  t.after(() => made.close());
  return made;
}

/** A manifest of an artifact with one layer. */
function manifestOf(layer: Uint8Array, subject?: ReturnType<typeof describe>) {
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      artifactType: "application/x.test",
      config: describe(Buffer.from("{}"), EMPTY),
      layers: [describe(layer)],
      ...(subject === undefined ? {} : { subject }),
      annotations: { a: "b" },
    }),
  );
  return { bytes, descriptor: describe(bytes, MANIFEST) };
}

testWith(["docker-registry"], "blobs and manifests there and back, bit for bit", async (t) => {
  const { host } = await startRegistry(t);
  const repository = registry(t, host).repository("a/b", "push");
  const layer = noise("layer", 300_000);
  assert.equal(await repository.hasBlob(describe(layer)), false);
  assert.equal(await repository.putBlob(upload(layer)), "sent");
  assert.equal(await repository.putBlob(upload(Buffer.from("{}"))), "sent");
  assert.equal(await repository.hasBlob(describe(layer)), true);
  assert.deepEqual(await all(repository.blob(describe(layer))), layer);
  assert.equal(await repository.putBlob(upload(Buffer.alloc(0))), "sent");
  assert.deepEqual(await all(repository.blob(describe(Buffer.alloc(0)))), Buffer.alloc(0));

  const manifest = manifestOf(layer);
  assert.equal(await repository.findManifest("v1"), undefined);
  await repository.putManifest("v1", manifest);
  const fetched = await repository.manifest("v1");
  assert.deepEqual(Buffer.from(fetched.bytes), manifest.bytes);
  assert.deepEqual(fetched.descriptor, manifest.descriptor);
  assert.deepEqual(await repository.manifest(manifest.descriptor.digest), fetched);
  assert.equal(await repository.digestOf("v1"), manifest.descriptor.digest);
  const { at } = await faultOf("not-found", () => repository.manifest("v2"));
  assert.equal(at, `${host}/a/b:v2`);
  await faultOf("blob-missing", () => all(repository.blob(describe(noise("no", 10)))));
  await faultOf("size-differs", () => repository.hasBlob({ ...describe(layer), size: 5 }));
});

testWith(
  ["docker-registry"],
  "a large blob goes in chunks, and is mounted elsewhere",
  async (t) => {
    const { host } = await startRegistry(t);
    const here = registry(t, host);
    const bytes = noise("large", 1_000_000);
    assert.equal(await here.repository("a").putBlob(upload(bytes), 300_000), "sent");
    assert.deepEqual(await all(here.repository("a").blob(describe(bytes))), bytes);
    assert.equal(await here.repository("b").putBlob(upload(bytes, "a")), "mounted");
    assert.deepEqual(await all(here.repository("b").blob(describe(bytes))), bytes);
    const other = noise("other", 1000);
    assert.equal(await here.repository("b").putBlob(upload(other, "a")), "sent");
    const wrong = { ...upload(other), descriptor: { ...describe(other), digest: digestOf(bytes) } };
    const { code } = await faultOf("registry", () => here.repository("c").putBlob(wrong));
    assert.equal(code, "400");
  },
);

testWith(["docker-registry"], "tags come in pages, referrers by their tag", async (t) => {
  const { host } = await startRegistry(t);
  const repository = registry(t, host).repository("many");
  const layer = noise("layer", 100);
  for (const bytes of [layer, Buffer.from("{}")]) await repository.putBlob(upload(bytes));
  const manifest = manifestOf(layer);
  assert.deepEqual(await repository.tags(), []);
  const tags = Array.from({ length: 12 }, (_, i) => `v${i}`);
  for (const tag of tags) await repository.putManifest(tag, manifest);
  assert.deepEqual(await repository.tags(), [...tags].sort());

  const subject = manifest.descriptor;
  assert.deepEqual(await repository.referrers(subject.digest), []);
  const referrer = manifestOf(layer, subject);
  const put = await repository.putManifest(referrer.descriptor.digest, referrer);
  assert.equal(put.lists, false);
  // Type and annotations are the manifest's own, whatever the caller says of it.
  const entry = {
    ...referrer.descriptor,
    artifactType: "application/x.test",
    annotations: { a: "b" },
  };
  const said = { ...referrer.descriptor, artifactType: "application/x.other" };
  await repository.addReferrers([{ ...referrer, descriptor: said }]);
  await repository.addReferrers([referrer]);
  assert.deepEqual(await repository.referrers(subject.digest), [entry]);
  const tag = `sha256-${subject.digest.slice(7)}`;
  assert.equal((await repository.manifest(tag)).descriptor.mediaType, INDEX);
});

// htpasswd -nbBC 4 bob 'pass word'
const HTPASSWD = "bob:$2b$04$vHmKJP4e2EpTlAzwLDmzgOTgZRsfY2oppY6EPy.XR9dzOlGBLxPBm\n";

testWith(
  ["docker-registry"],
  "basic authentication: who is known, who is not, and nobody",
  async (t) => {
    const { host } = await startRegistry(t, { htpasswd: HTPASSWD });
    const bob = { username: "bob", password: "pass word" };
    await registry(t, host, { credentials: async () => bob }).ping();
    const repository = registry(t, host, { credentials: async () => bob }).repository("x");
    assert.equal(await repository.putBlob(upload(noise("b", 50_000))), "sent");
    const wrong = registry(t, host, { credentials: async () => ({ ...bob, password: "no" }) });
    for (const each of [wrong, registry(t, host)])
      assert.equal((await faultOf("registry", () => each.ping())).code, "401");
  },
);

testWith(["docker-registry", "openssl"], "a private CA: trusted by its file alone", async (t) => {
  const tls = await makeCertificates(tempDir(t));
  const { host, port } = await startRegistry(t, { tls });
  const layer = noise("tls", 100_000);
  const trusting = registry(t, host, { ca: read(tls.ca) }).repository("x");
  assert.equal(await trusting.putBlob(upload(layer)), "sent");
  assert.deepEqual(await all(trusting.blob(describe(layer))), layer);
  const ip = registry(t, `127.0.0.1:${port}`, { ca: read(tls.ca) });
  await ip.ping();
  const other = await makeCertificates(tempDir(t));
  const stranger = registry(t, host, { ca: read(other.ca) });
  assert.equal((await faultOf("registry", () => stranger.ping())).code, "tls");
  const plain = await faultOf("registry", () => registry(t, host).ping());
  assert.deepEqual([plain.code, /HTTPS server/.test(plain.why)], ["400", true]);
});

testWith(
  ["docker-registry", "openssl"],
  "a client's certificate, and TLS with who does not speak it",
  async (t) => {
    const tls = await makeCertificates(tempDir(t));
    const { host } = await startRegistry(t, { tls, clientCertificates: true });
    const client = { cert: read(tls.clientCert), key: read(tls.clientKey) };
    await registry(t, host, { ca: read(tls.ca), client }).ping();
    const nobody = registry(t, host, { ca: read(tls.ca) });
    assert.match((await faultOf("registry", () => nobody.ping())).code, /^(tls|cut)$/);
    const plain = await startRegistry(t);
    const wrong = registry(t, plain.host, { ca: read(tls.ca) });
    assert.equal((await faultOf("registry", () => wrong.ping())).code, "tls");
  },
);

testWith(
  ["docker-registry", "openssl"],
  "tokens: by password, by refresh token, for nobody, renewed when they end",
  async (t) => {
    const certificates = await makeCertificates(tempDir(t));
    const server = await startTokenServer(t, certificates);
    const token = { realm: server.realm, certificate: certificates.cert };
    const { host } = await startRegistry(t, { token });
    const ann = { username: "ann", password: "token password" };
    const mine = registry(t, host, { credentials: async () => ann });
    await mine.ping();
    const layer = noise("token", 200_000);
    const repository = mine.repository("public/x", "push");
    assert.equal(await repository.putBlob(upload(layer)), "sent");
    assert.equal(server.asked.filter((asked) => asked.includes("pull,push")).length, 1);
    assert.equal(
      await mine.repository("public/y", "push").putBlob(upload(layer, "public/x")),
      "mounted",
    );

    const nobody = registry(t, host);
    assert.deepEqual(await all(nobody.repository("public/x").blob(describe(layer))), layer);
    const refused = await faultOf("registry", () => nobody.repository("private/x").manifest("v1"));
    assert.equal(refused.code, "401");
    const refreshing = registry(t, host, {
      credentials: async () => ({ identityToken: "a refresh token" }),
    });
    assert.equal(await refreshing.repository("private/x").findManifest("v1"), undefined);
    assert.match(server.asked.at(-1) ?? "", /^POST repository:private\/x:pull as ann$/);
    const wrong = registry(t, host, { credentials: async () => ({ ...ann, password: "no" }) });
    const { code, why } = await faultOf("registry", () => wrong.ping());
    assert.deepEqual([code, why], ["401", "UNAUTHORIZED wrong password"]);

    // docker-registry grants a minute more: such a token is over at once.
    server.lifetime = -61;
    const short = registry(t, host, { credentials: async () => ann }).repository("public/x");
    assert.equal((await faultOf("registry", () => short.manifest("v1"))).code, "401");
    server.lifetime = 300;
    assert.equal(await short.findManifest("v1"), undefined);
  },
);

testWith(
  ["docker-registry", "openssl"],
  "through a proxy: encrypted, with its own password, or plain",
  async (t) => {
    const tls = await makeCertificates(tempDir(t));
    const secure = await startRegistry(t, { tls });
    const open = await startRegistry(t);
    const seen: string[] = [];
    const note = (request: IncomingMessage) =>
      seen.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? ""}`);
    const proxy = createServer((request, response) => {
      note(request);
      const { port } = open;
      const path = new URL(request.url ?? "").pathname;
      const up = connect(port, "127.0.0.1");
      up.end(`GET ${path} HTTP/1.0\r\nHost: registry.test\r\n\r\n`);
      let answer = "";
      up.on("data", (piece: Buffer) => {
        answer += piece;
      });
      up.on("end", () => response.end(answer.split("\r\n\r\n")[1]));
    });
    proxy.on("connect", (request: IncomingMessage, socket) => {
      note(request);
      if (request.url?.startsWith("refused")) {
        socket.end("HTTP/1.1 403 no\r\n\r\n");
        return;
      }
      const up = connect(secure.port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 here\r\n\r\n");
        up.pipe(socket);
        socket.pipe(up);
      });
      up.on("error", () => socket.destroy());
      socket.on("error", () => up.destroy());
    });
    await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
    t.after(() => {
      proxy.closeAllConnections();
      proxy.close();
    });
    const { port } = proxy.address() as { port: number };
    const url = `http://me:my%20own@127.0.0.1:${port}`;
    const proxies = { http: url, https: url, none: "not.test" };
    const ca = read(tls.ca);
    const layer = noise("proxy", 300_000);
    const repository = registry(t, "registry.test", { ca, proxies }).repository("x");
    assert.equal(await repository.putBlob(upload(layer)), "sent");
    assert.deepEqual(await all(repository.blob(describe(layer))), layer);
    const own = `Basic ${Buffer.from("me:my own").toString("base64")}`;
    assert.ok(
      seen.every((line) => line === `CONNECT registry.test:443 ${own}`),
      seen.join("\n"),
    );
    seen.length = 0;
    const plain = registry(t, "registry.test", { plainHttp: true, proxies });
    await plain.ping();
    assert.deepEqual(seen, [`GET http://registry.test/v2/ ${own}`]);
    const refused = registry(t, "refused.test", { ca, proxies });
    assert.equal((await faultOf("registry", () => refused.ping())).code, "EPROXY");
    const direct = registry(t, "not.test", { ca, proxies });
    assert.match((await faultOf("registry", () => direct.ping())).code, /^(ENOTFOUND|EAI_AGAIN)$/);
  },
);

test("nobody listens", async (t) => {
  const { code } = await faultOf("registry", () => registry(t, "localhost:1").ping());
  assert.equal(code, "ECONNREFUSED");
});
