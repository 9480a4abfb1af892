/** export of docker:// sources: the bytes of pull and export, with no store and no other file between. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as ask, createServer } from "node:http";
import { join } from "node:path";
import { chance, noise, putBlob } from "../../support/images/layout.ts";
import { DOCKER, nameAll, OCI, put, putContainer } from "../../support/images/platforms.ts";
import { ingot } from "../../support/process/ingot.ts";
import { measured } from "../../support/process/measured.ts";
import { testWith } from "../../support/process/needs.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { makeCertificates } from "../../support/registries/certificates.ts";
import { startFaulty } from "../../support/registries/faulty.ts";
import { freePort, startRegistry } from "../../support/registries/registry.ts";

/** bob, by `pass word` (htpasswd -nbBC 4). */
const HTPASSWD = "bob:$2b$04$vHmKJP4e2EpTlAzwLDmzgOTgZRsfY2oppY6EPy.XR9dzOlGBLxPBm\n";
const BOB = Buffer.from("bob:pass word").toString("base64");
/** Blobs of that size are for threads. */
const LARGE = 5_000_000;

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const sumOf = (path: string) => sha256(readFileSync(path));

/** An artifact of such layers, in the layout. */
function putArtifact(layout: string, layers: readonly Buffer[]) {
  return put(layout, OCI.manifest, {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    artifactType: "x/y",
    config: putBlob(layout, Buffer.from("{}"), "application/vnd.oci.empty.v1+json"),
    layers: layers.map((bytes) => putBlob(layout, bytes)),
  });
}

/** Runs ingot with a store that is not there, unless another is given; it must succeed. */
async function done(words: readonly string[], env: Record<string, string> = {}): Promise<Buffer> {
  const all = { INGOT_STORE: "/dev/null/store", REGISTRY_AUTH_FILE: "/dev/null", ...env };
  const { code, stdout, stderr } = await ingot(words, { env: all });
  assert.equal(code, 0, `${words.join(" ")}\n${stderr}`);
  return stdout;
}

testWith(["docker-registry"], "the bytes are those of pull and export", async (t) => {
  const { host } = await startRegistry(t);
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  nameAll(layout, {
    [`${host}/oci:v1`]: putContainer(layout, "oci"),
    [`${host}/docker:v1`]: putContainer(layout, "docker", DOCKER),
    [`${host}/large:v1`]: putArtifact(layout, [
      noise("a", LARGE),
      noise("b", LARGE),
      noise("c", 9),
    ]),
  });
  const names = ["oci", "docker", "large"].map((name) => `${host}/${name}:v1`);
  for (const name of names) await done(["copy", `oci:${layout}:${name}`, `docker://${name}`]);
  const store = { INGOT_STORE: join(dir, "store") };
  await done(["pull", ...names], store);
  const sources = names.map((name) => `docker://${name}`);
  const list = join(dir, "images.txt");
  writeFileSync(list, `# all\n${sources.join("\n")}\n`);
  const [file, stored] = [join(dir, "straight.tar"), join(dir, "stored.tar")];
  for (const platform of [[], ["--platform", "linux/arm64"]]) {
    // An artifact has no platform to choose by.
    const some = platform.length === 0 ? names : names.slice(0, 2);
    const away = some.map((name) => `docker://${name}`);
    await done(["export", ...some, ...platform, "-o", stored], store);
    for (const words of [
      away,
      [...away].reverse(),
      ...(some === names ? [["--file", list]] : []),
    ]) {
      await done(["export", ...words, ...platform, "-o", file]);
      assert.equal(sumOf(file), sumOf(stored), words.join(" "));
    }
    const piped = await done(["export", ...away, ...platform, "-o", "-"]);
    assert.equal(sha256(piped), sumOf(stored));
    for (const jobs of ["1", "3"]) {
      await done(["export", ...away, ...platform, "-o", file, "--jobs", jobs]);
      assert.equal(sumOf(file), sumOf(stored), `--jobs ${jobs}`);
    }
  }
  // Some from here, some from there; what is here is not fetched.
  await done(["export", ...names, "-o", stored], store);
  for (const mixed of [
    [sources[0]!, names[1]!, sources[2]!],
    [`oci:${layout}:${names[2]}`, sources[0]!, sources[1]!],
    [`oci:${layout}`, sources[0]!],
  ]) {
    await done(["export", ...mixed, "-o", file], store);
    assert.equal(sumOf(file), sumOf(stored), mixed.join(" "));
    assert.equal(sha256(await done(["export", ...mixed, "-o", "-"], store)), sumOf(stored));
  }
  await done(["verify", file, "--canonical"]);
  assert.deepEqual(readdirSync(dir).sort(), [
    "images.txt",
    "layout",
    "store",
    "stored.tar",
    "straight.tar",
  ]);
});

testWith(["docker-registry"], "what refers to an image comes with it", async (t) => {
  const { host } = await startRegistry(t);
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const image = putContainer(layout, "signed");
  const tag = `sha256-${image.digest.slice(7)}.sig`;
  nameAll(layout, {
    [`${host}/app:v1`]: image,
    [`${host}/app:${tag}`]: putArtifact(layout, [noise("signature", 100)]),
  });
  for (const name of [`${host}/app:v1`, `${host}/app:${tag}`])
    await done(["copy", `oci:${layout}:${name}`, `docker://${name}`]);
  const [file, copied] = [join(dir, "with.tar"), join(dir, "copied.tar")];
  const source = `docker://${host}/app:v1`;
  const said = await done(["export", source, "--json", "-o", file]);
  const { images, referrers } = JSON.parse(`${said}`);
  assert.deepEqual(images, [{ reference: `${host}/app:v1`, digest: image.digest }]);
  assert.deepEqual([referrers.length, referrers[0].subject], [1, image.digest]);
  await done(["copy", source, `oci-archive:${copied}`]);
  assert.equal(sumOf(file), sumOf(copied));
  await done(["export", source, "--no-referrers", "-o", file]);
  assert.notEqual(sumOf(file), sumOf(copied));
  await done(["copy", source, `oci-archive:${copied}`, "--no-referrers"]);
  assert.equal(sumOf(file), sumOf(copied));
  const digest = `docker://${host}/app@${image.digest}`;
  const byDigest = await done(["export", digest, "-o", join(dir, "digest.tar")]);
  assert.equal(`${byDigest}`, `${host}/app@${image.digest} ${image.digest}\n`);
  const pinned = `docker://${host}/app:v1@${image.digest}`;
  await done(["export", pinned, "--no-referrers", "-o", copied]);
  assert.equal(sumOf(file), sumOf(copied));
});

testWith(["docker-registry"], "through all that goes wrong: the bytes, or no file", async (t) => {
  const dir = tempDir(t);
  const { host, port } = await startRegistry(t, { htpasswd: HTPASSWD });
  const faulty = await startFaulty(t, port, `Basic ${BOB}`);
  const auths = { [host]: { auth: BOB }, [faulty.host]: { auth: BOB } };
  const env = { REGISTRY_AUTH_FILE: join(dir, "auth.json") };
  writeFileSync(env.REGISTRY_AUTH_FILE, JSON.stringify({ auths }));
  const layout = join(dir, "layout");
  const layers = ["a", "b", "c", "d"].map((seed) => noise(seed, LARGE));
  nameAll(layout, { "r.example/app:v1": putArtifact(layout, layers) });
  await done(["copy", layout, `docker://${host}/app:v1`], env);
  const source = `docker://${faulty.host}/app:v1`;
  const whole = sha256(await done(["export", source, "-o", "-"], env));
  const out = join(dir, "out");
  mkdirSync(out);
  const file = join(out, "app.tar");
  for (const [kind, share, well] of [
    ["cut the answer", 0.3, true],
    ["500", 0.2, true],
    ["a redirect to another host", 1, true],
    ["a wrong byte", 1, false],
    ["a length too short", 1, false],
    ["a redirect in circles", 1, false],
  ] as const) {
    for (const before of [undefined, "what was there"]) {
      if (before === undefined) assert.deepEqual(readdirSync(out), []);
      else writeFileSync(file, before);
      faulty.set("429", 0, 0);
      faulty.set(kind, share, 5);
      const { code, stderr } = await ingot(["export", source, "-o", file], { env });
      assert.equal(code === 0, well, `${kind}: ${stderr}`);
      if (well) assert.equal(sumOf(file), whole, kind);
      else if (before !== undefined) assert.equal(`${readFileSync(file)}`, before);
      else assert.deepEqual(readdirSync(out), []);
      if (!well) assert.doesNotMatch(stderr, /internal/);
      for (const name of readdirSync(out)) {
        assert.equal(name, "app.tar");
        // The next one begins with nothing.
        rmSync(file);
      }
    }
    assert.ok(faulty.faults > 0, kind);
  }
  assert.deepEqual(faulty.leaked, []);
  assert.ok(faulty.strangers >= 8, `the other host was asked ${faulty.strangers} times`);
});

testWith(
  ["docker-registry", "openssl"],
  "threads speak TLS, and show our certificate",
  async (t) => {
    const dir = tempDir(t);
    const tls = await makeCertificates(dir);
    const { host } = await startRegistry(t, { tls, clientCertificates: true });
    const layout = join(dir, "layout");
    const layers = ["a", "b"].map((seed) => noise(seed, LARGE));
    nameAll(layout, { [`${host}/app:v1`]: putArtifact(layout, layers) });
    const trust = ["--ca-file", tls.ca, "--cert", tls.clientCert, "--key", tls.clientKey];
    await done(["copy", layout, `docker://${host}/app:v1`, ...trust]);
    const [file, local] = [join(dir, "app.tar"), join(dir, "local.tar")];
    await done(["export", `docker://${host}/app:v1`, "-o", file, ...trust]);
    await done(["export", layout, "-o", local]);
    assert.equal(sumOf(file), sumOf(local));
  },
);

/** Stands before a registry, and wants a token that it gives; large blobs it gives for no token but the newest. */
async function startWary(t: Ends, port: number, large: readonly string[]) {
  const self = await freePort();
  const state = { host: `localhost:${self}`, tokens: 0, refused: 0 };
  const server = createServer((request, response) => {
    const { url = "" } = request;
    if (url.startsWith("/token")) {
      response.end(JSON.stringify({ token: `number-${++state.tokens}` }));
      return;
    }
    const token = /^Bearer number-([0-9]+)$/.exec(request.headers.authorization ?? "")?.[1];
    const isLarge = large.some((digest) => url.endsWith(digest));
    if (token === undefined || (isLarge && token === "1")) {
      if (token !== undefined) state.refused++;
      const challenge = `Bearer realm="http://localhost:${self}/token",service="x"`;
      response.writeHead(401, { "www-authenticate": challenge }).end();
      return;
    }
    const { authorization: _, ...headers } = request.headers;
    const up = ask({ host: "127.0.0.1", port, path: url, method: request.method, headers });
    up.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    up.on("error", () => response.destroy());
    up.end();
  });
  await new Promise<void>((ready) => server.listen(self, "127.0.0.1", ready));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return state;
}

testWith(
  ["docker-registry"],
  "a token that is refused to a thread is asked for anew",
  async (t) => {
    const { host, port } = await startRegistry(t);
    const dir = tempDir(t);
    const layout = join(dir, "layout");
    const layers = ["a", "b", "c"].map((seed) => noise(seed, LARGE * 2));
    nameAll(layout, { "r.example/app:v1": putArtifact(layout, layers) });
    await done(["copy", layout, `docker://${host}/app:v1`]);
    const digests = layers.map((bytes) => `sha256:${sha256(bytes)}`);
    const wary = await startWary(t, port, digests);
    const file = join(dir, "app.tar");
    await done(["export", `docker://${wary.host}/app:v1`, "-o", file]);
    await done(["verify", file, "--canonical"]);
    assert.equal(wary.tokens, 2);
    assert.ok(wary.refused >= 2, `${wary.refused} were refused`);
  },
);

testWith(
  ["docker-registry", "time"],
  "the memory is bounded, whatever the image's size",
  async (t) => {
    const { host } = await startRegistry(t);
    const dir = tempDir(t);
    const layout = join(dir, "layout");
    const layers = Array.from({ length: 4 }, () => chance(100 * 1024 * 1024));
    nameAll(layout, { "r.example/app:v1": putArtifact(layout, layers) });
    await done(["copy", layout, `docker://${host}/app:v1`]);
    const file = join(dir, "app.tar");
    const store = join(dir, "store");
    const words = ["export", `docker://${host}/app:v1`, "-o", file, "--store", store];
    const { code, said, peak } = await measured(words);
    assert.equal(code, 0, said);
    assert.ok(peak < 200, `${peak} MiB`);
    assert.ok(!existsSync(store));
    await done(["verify", file, "--canonical"]);
  },
);
