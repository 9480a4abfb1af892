/** push of many images into one registry, by rule: out of archives, folders, the store and other registries. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { writeLayout } from "../../support/images/layout.ts";
import { blobOf, DOCKER, nameAll, OCI, putContainer } from "../../support/images/platforms.ts";
import { ingot } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { succeed } from "../../support/process/run.ts";
import { tempDir } from "../../support/process/temp.ts";
import { makeCertificates } from "../../support/registries/certificates.ts";
import { freePort, startRegistry } from "../../support/registries/registry.ts";
import { startTokenServer } from "../../support/registries/token-server.ts";

const AWAY = { INGOT_STORE: "/dev/null/store", REGISTRY_AUTH_FILE: "/dev/null" };

/** Runs ingot, which must succeed; its answer. */
async function done(words: readonly string[], env: Record<string, string> = {}) {
  const ran = await ingot(words, { env: { ...AWAY, ...env } });
  assert.equal(ran.code, 0, `${words.join(" ")}\n${ran.stderr}`);
  return { lines: `${ran.stdout}`.trim().split("\n"), stderr: ran.stderr };
}

/** The same, for its JSON document. */
async function told(words: readonly string[], env: Record<string, string> = {}) {
  return JSON.parse((await done([...words, "--json"], env)).lines.join("\n"));
}

/** The digest that a registry has for a name of it. */
async function digestAt(name: string): Promise<string> {
  const [, host, repository, tag] = /^([^/]*)\/(.*):([^:]*)$/.exec(name) ?? [];
  const accept = Object.values({ ...OCI, a: DOCKER.index, b: DOCKER.manifest }).join(", ");
  const url = `http://${host}/v2/${repository}/manifests/${tag}`;
  const answer = await globalThis.fetch(url, { headers: { accept } });
  const bytes = Buffer.from(await answer.arrayBuffer());
  return answer.status === 200
    ? `sha256:${createHash("sha256").update(bytes).digest("hex")}`
    : `HTTP ${answer.status}`;
}

const repositories = async (host: string): Promise<string[]> => {
  const answer = await globalThis.fetch(`http://${host}/v2/_catalog`);
  return ((await answer.json()) as { repositories: string[] }).repositories;
};

testWith(
  ["docker-registry"],
  "an archive goes over as a whole, straight from the file",
  async (t) => {
    const { host } = await startRegistry(t);
    const dir = tempDir(t);
    const layout = join(dir, "layout");
    const [oci, docker] = [putContainer(layout, "oci"), putContainer(layout, "docker", DOCKER)];
    // Two that have their layers in common.
    const sizes = [30_000, 40_000, 50_000];
    const [one, two] = writeLayout(layout, [
      { seed: "shared", layers: sizes },
      { seed: "shared", layers: sizes.slice(0, 2) },
    ]);
    const names = {
      "ghcr.io/me/app:v1": oci,
      "ghcr.io/me/app:v2": oci,
      "docker.io/library/box:latest": docker,
      "localhost:5000/team/one:v1": one!,
      "r.example/two:v1": two!,
    };
    nameAll(layout, names);
    const archive = join(dir, "stick.tar");
    await done(["export", layout, "-o", archive]);

    const temporary = join(dir, "tmp");
    mkdirSync(temporary);
    const words = ["push", "--all", archive, "--to", `${host}/mirror`];
    const first = await done(words, { TMPDIR: temporary });
    const expected = {
      "docker.io/library/box:latest": `${host}/mirror/library/box:latest`,
      "ghcr.io/me/app:v1": `${host}/mirror/me/app:v1`,
      "ghcr.io/me/app:v2": `${host}/mirror/me/app:v2`,
      "localhost:5000/team/one:v1": `${host}/mirror/team/one:v1`,
      "r.example/two:v1": `${host}/mirror/two:v1`,
    };
    const digestOf = (name: string) => names[name as keyof typeof names].digest;
    assert.deepEqual(
      first.lines,
      Object.entries(expected).map(([before, after]) => `${after} ${digestOf(before)}`),
    );
    for (const [before, after] of Object.entries(expected))
      assert.equal(await digestAt(after), digestOf(before), after);
    // Four blobs of each container, three layers and the config of the artifacts: each is sent once.
    assert.match(first.stderr, /; 12 of them sent, .*; 3 mounted/);
    assert.deepEqual(readdirSync(temporary), []);
    assert.deepEqual(readdirSync(dir).sort(), ["layout", "stick.tar", "tmp"]);

    const again = await told(words);
    assert.deepEqual([again.sent, again.mounted, again.bytes, again.referrers], [0, 0, 0, []]);
    assert.deepEqual(
      again.images,
      Object.entries(expected).map(([source, reference]) => {
        return { source, reference, digest: digestOf(source) };
      }),
    );

    // The same from the folder, from the store, from the registry, by names and by rules.
    const store = { INGOT_STORE: join(dir, "store") };
    await done(["import", archive], store);
    const rules = ["--rename", "docker.io/library=hub", "--rename", "ghcr.io=ghcr"];
    for (const [prefix, ...sources] of [
      ["folder", "--all", layout],
      ["stored", "--all"],
      ["named", ...Object.keys(names)],
      ["away", ...Object.values(expected).map((name) => `docker://${name}`)],
      [
        "mixed",
        "--all",
        `oci-archive:${archive}:ghcr.io/me/app:v1`,
        "ghcr.io/me/app:v2",
        ...Object.keys(names).slice(2),
        `oci:${layout}:r.example/two:v1`,
      ],
    ] as const) {
      const to = `${host}/${prefix}`;
      const { images } = await told(["push", ...sources, "--to", to, ...rules], store);
      const ruled = [
        ["docker.io/library/box:latest", prefix === "away" ? "mirror/library/box" : "hub/box"],
        ["ghcr.io/me/app:v1", prefix === "away" ? "mirror/me/app" : "ghcr/me/app"],
        ["localhost:5000/team/one:v1", prefix === "away" ? "mirror/team/one" : "team/one"],
        ["r.example/two:v1", prefix === "away" ? "mirror/two" : "two"],
      ] as const;
      assert.equal(images.length, 5, prefix);
      for (const [before, after] of ruled) {
        const name = `${to}/${after}${before.slice(before.lastIndexOf(":"))}`;
        assert.equal(await digestAt(name), digestOf(before), name);
      }
    }
    // One platform of all that have one.
    const arm = ["--platform", "linux/arm64", "--to", `${host}/arm`];
    const chosen = await told([
      "push",
      "--all",
      ...arm,
      `oci-archive:${archive}:ghcr.io/me/app:v1`,
    ]);
    assert.equal(chosen.images[0].digest, oci.platforms[1]?.digest);
    assert.equal(await digestAt(`${host}/arm/me/app:v1`), oci.platforms[1]?.digest);
  },
);

testWith(["docker-registry"], "one image out of an archive, under a name or by rule", async (t) => {
  const { host } = await startRegistry(t);
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const [one, two] = [putContainer(layout, "one"), putContainer(layout, "two")];
  nameAll(layout, { [`${host}/one:v1`]: one, "r.example/two:v1": two });
  const archive = join(dir, "two.tar");
  await done(["export", layout, "-o", archive]);
  const single = join(dir, "single.tar");
  await done(["export", `oci-archive:${archive}:r.example/two:v1`, "-o", single]);
  for (const [words, name, image] of [
    [[`oci-archive:${archive}:${host}/one:v1`], `${host}/one:v1`, one],
    [[`oci-archive:${archive}:r.example/two:v1`, `${host}/x:v7`], `${host}/x:v7`, two],
    [[`oci:${layout}:r.example/two:v1`, `${host}/y`], `${host}/y:latest`, two],
    [[single, `${host}/z:v1`], `${host}/z:v1`, two],
    [[single, "--to", `${host}/p`], `${host}/p/two:v1`, two],
    [[`docker://${host}/p/two:v1`, `${host}/q:v1`], `${host}/q:v1`, two],
  ] as const) {
    const { lines } = await done(["push", ...words]);
    assert.deepEqual(lines, [`${name} ${image.digest}`]);
    assert.equal(await digestAt(name), image.digest);
  }
  const old = await told(["push", single, `${host}/z:v1`]);
  assert.deepEqual(old, {
    reference: `${host}/z:v1`,
    digest: two.digest,
    blobs: 4,
    sent: 0,
    mounted: 0,
    bytes: 0,
    referrers: [],
    left: [],
    absent: [],
  });
});

testWith(["docker-registry"], "what cannot be is said before anything is sent", async (t) => {
  const { host } = await startRegistry(t);
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const [one, two] = [putContainer(layout, "one"), putContainer(layout, "two")];
  nameAll(layout, { "ghcr.io/me/app:v1": one, "quay.io:443/me/app:v1": two });
  const other = join(dir, "other");
  nameAll(other, { "ghcr.io/me/app:v1": putContainer(other, "three") });
  const same = join(dir, "same");
  nameAll(same, { "quay.io/me/app:v1": putContainer(same, "one") });
  const store = { INGOT_STORE: join(dir, "empty") };
  const to = ["--to", `${host}/m`];
  for (const [words, said] of [
    [
      ["--all", layout, ...to],
      new RegExp(
        `two images would be called ${host}/m/me/app:v1: ghcr.io/me/app:v1 \\(${one.digest}\\) and quay.io:443/me/app:v1 \\(${two.digest}\\)[\\s\\S]*--rename quay.io:443=quay`,
      ),
    ],
    [["--all", layout, other, ...to, "--rename", "quay.io:443=q"], /with a rule: --rename OLD=NEW/],
    [["--all", layout], /--all is given alone, should be with --to/],
    [[layout, "--rename", "a=b"], /--rename is given alone, should be with --to/],
    [[layout, ...to], /has 2 images, should be one[\s\S]*--all --to HOST/],
    [[layout], /has 2 images, should be one/],
    [[], /the argument SOURCE is missing[\s\S]*--all --to HOST/],
    [to, /the argument SOURCE is missing/],
    [["--all", ...to], /cannot find an image[\s\S]*it names none/],
    [["a.b/x:v1", "a.b/y:v1", "a.b/z:v1"], /argument too many: "a\.b\/z:v1"[\s\S]*by rule/],
    [["--all", layout, "--to", "mirror"], /should be HOST or HOST\/PREFIX/],
    [["--all", layout, ...to, "--rename", "ghcr.io"], /expected OLD=NEW/],
    [
      ["--all", layout, ...to, "--rename", "ghcr.io=G"],
      /which is not a valid name: "G"[\s\S]*ghcr\.io=G makes/,
    ],
    [
      ["--all", `docker://${host}/x:v1`, "--to", "r.example", "-u", "me", "--password-stdin"],
      /--username is for one registry, and there are several/,
    ],
  ] as const) {
    const { code, stderr } = await ingot(["push", ...words], { env: { ...AWAY, ...store } });
    assert.equal(code, 2, words.join(" "));
    assert.match(stderr, said, words.join(" "));
  }
  assert.deepEqual(await repositories(host), []);
  // The same image under one new name is no clash.
  const { images } = await told([
    "push",
    "--all",
    `oci:${layout}:ghcr.io/me/app:v1`,
    same,
    ...to,
    "--rename",
    "nobody.example=x",
  ]);
  assert.deepEqual(
    images.map(({ source }: { source: string }) => source),
    ["ghcr.io/me/app:v1"],
  );
  const { stderr } = await done(["push", "--all", same, ...to, "--rename", "nobody.example=x"]);
  assert.match(stderr, /warning: the rule nobody\.example=x fits no name/);
});

test("--dry-run says what would be called what, and asks no registry", async (t) => {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const [one, two] = [putContainer(layout, "one"), putContainer(layout, "two")];
  const signature = `sha256-${one.digest.slice(7)}.sig`;
  nameAll(layout, {
    "ghcr.io/me/app:v1": one,
    [`ghcr.io/me/app:${signature}`]: two,
    "docker.io/library/box:v1": two,
  });
  const host = `localhost:${await freePort()}`;
  const words = ["push", "--all", layout, "--to", host, "--rename", "ghcr.io/me/app:v1=app:v2"];
  const { lines, stderr } = await done([...words, "--dry-run"]);
  // A signature stays beside its image, also where the rule is for the image alone.
  assert.deepEqual(lines, [
    `ghcr.io/me/app:v1 -> ${host}/app:v2 ${one.digest}`,
    `ghcr.io/me/app:${signature} -> ${host}/app:${signature} ${two.digest}`,
    `docker.io/library/box:v1 -> ${host}/library/box:v1 ${two.digest}`,
  ]);
  assert.match(stderr, /2 images, with 1 signature, .* at most: nothing is sent/);
  const { images, referrers, sent } = await told([...words, "--dry-run", "--no-referrers"]);
  assert.deepEqual([images.length, referrers, sent], [2, [], undefined]);
});

testWith(["docker-registry"], "what stops in the middle says how far it came", async (t) => {
  const { host } = await startRegistry(t);
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const images = ["a", "b", "c"].map((seed) => putContainer(layout, seed));
  nameAll(
    layout,
    Object.fromEntries(images.map((image, i) => [`r.example/${"abc"[i]}:v1`, image])),
  );
  const [layer] = JSON.parse(`${blobOf(layout, images[1]!.platforms[0]!.digest)}`).layers;
  const file = join(layout, "blobs/sha256", layer.digest.slice(7));
  const whole = join(dir, "whole");
  await succeed(["mv", file, whole]);
  const words = ["push", "--all", layout, "--to", host];
  const broken = await ingot(words, { env: AWAY });
  assert.equal(broken.code, 2);
  assert.equal(`${broken.stdout}`, `${host}/a:v1 ${images[0]!.digest}\n`);
  assert.match(
    broken.stderr,
    new RegExp(
      `stopped at ${host}/b:v1: 1 of 3 images pushed before\n[\\s\\S]*error: .*${layer.digest}`,
    ),
  );
  const document = await ingot([...words, "--json"], { env: AWAY });
  assert.equal(JSON.parse(`${document.stdout}`).error.code, "blob-missing");
  assert.match(document.stderr, new RegExp(`1 of 3 images pushed before: ${host}/a:v1\n`));
  assert.equal(await digestAt(`${host}/b:v1`), "HTTP 404");
  await succeed(["mv", whole, file]);
  // The layer, and the third image; what else the second has may have come, or was stopped on its way.
  const { sent } = await told(words);
  assert.ok(sent >= 5 && sent <= 8, `${sent} were sent`);
  for (const [i, image] of images.entries())
    assert.equal(await digestAt(`${host}/${"abc"[i]}:v1`), image.digest);
});

testWith(["docker-registry"], "a delta goes over by way of the store", async (t) => {
  const { host } = await startRegistry(t);
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const [one, two] = writeLayout(layout, [
    { seed: "x", layers: [1000, 2000] },
    { seed: "x", layers: [1000, 2000, 3000] },
  ]);
  nameAll(layout, { "r.example/x:v1": one!, "r.example/x:v2": two! });
  const [base, delta] = [join(dir, "base.tar"), join(dir, "delta.tar")];
  await done(["export", `oci:${layout}:r.example/x:v1`, "-o", base]);
  await done(["export", `oci:${layout}:r.example/x:v2`, "--base", base, "-o", delta]);
  rmSync(layout, { recursive: true });
  const refused = await ingot(["push", "--all", delta, "--to", host], { env: AWAY });
  assert.equal(refused.code, 2);
  assert.match(
    refused.stderr,
    /a delta, which leaves out layers[\s\S]*import it on top of its base/,
  );
  assert.deepEqual(await repositories(host), []);
  const store = { INGOT_STORE: join(dir, "store") };
  for (const archive of [base, delta]) await done(["import", archive], store);
  await done(["push", "r.example/x:v2", "--to", `${host}/some`], store);
  assert.equal(await digestAt(`${host}/some/x:v2`), two!.digest);
  assert.deepEqual(await repositories(host), ["some/x"]);
  await done(["push", "--all", "--to", host], store);
  assert.equal(await digestAt(`${host}/x:v1`), one!.digest);
  assert.equal(await digestAt(`${host}/x:v2`), two!.digest);
});

testWith(
  ["docker-registry", "openssl"],
  "with tokens, too, what images share is sent once",
  async (t) => {
    const certificates = await makeCertificates(tempDir(t));
    const server = await startTokenServer(t, certificates);
    const token = { realm: server.realm, certificate: certificates.cert };
    const { host } = await startRegistry(t, { token });
    const layout = join(tempDir(t), "layout");
    const [one, two] = writeLayout(layout, [
      { seed: "x", layers: [1000, 2000] },
      { seed: "x", layers: [1000, 2000, 3000] },
    ]);
    nameAll(layout, { "r.example/one:v1": one!, "s.example/two:v1": two! });
    const words = ["push", "--all", layout, "--to", `${host}/private`];
    const who = ["--username", "ann", "--password-stdin"];
    const input = "token password\n";
    const nobody = await ingot(words, { env: AWAY });
    assert.equal(nobody.code, 2);
    assert.match(nobody.stderr, /0 of 2 images pushed before[\s\S]*hint: log in: ingot login/);
    const { code, stdout, stderr } = await ingot([...words, ...who], { env: AWAY, input });
    assert.equal(code, 0, stderr);
    assert.equal(
      `${stdout}`,
      `${host}/private/one:v1 ${one!.digest}\n${host}/private/two:v1 ${two!.digest}\n`,
    );
    assert.match(stderr, /7 blobs; 4 of them sent, .*; 3 mounted/);
  },
);
