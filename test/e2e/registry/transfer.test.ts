/** pull, push and copy as commands, between registries, stores, folders and archives, and beside skopeo. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { noise, putBlob } from "../../support/images/layout.ts";
import {
  type Blob,
  blobOf,
  DOCKER,
  nameAll,
  OCI,
  put,
  putContainer,
} from "../../support/images/platforms.ts";
import { ingot } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { run, succeed } from "../../support/process/run.ts";
import { tempDir } from "../../support/process/temp.ts";
import { startRegistry } from "../../support/registries/registry.ts";

const hex = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Runs ingot, which must succeed; its JSON answer. */
async function done(words: readonly string[], store: string) {
  const { code, stdout, stderr } = await ingot([...words, "--json"], {
    env: { INGOT_STORE: store, REGISTRY_AUTH_FILE: "/dev/null" },
  });
  assert.equal(code, 0, `${words.join(" ")}\n${stderr}${stdout}`);
  return JSON.parse(`${stdout}`);
}

/** The bytes that a registry has for a reference below /v2/. */
async function ask(
  host: string,
  path: string,
): Promise<{ status: number; bytes: Buffer; type: string }> {
  const accept = Object.values({ ...OCI, a: DOCKER.index, b: DOCKER.manifest }).join(", ");
  const answer = await globalThis.fetch(`http://${host}/v2/${path}`, { headers: { accept } });
  const bytes = Buffer.from(await answer.arrayBuffer());
  return { status: answer.status, bytes, type: answer.headers.get("content-type") ?? "" };
}

testWith(["docker-registry"], "an image goes round and stays what it is, to the bit", async (t) => {
  const { host } = await startRegistry(t);
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const oci = putContainer(layout, "oci");
  const docker = putContainer(layout, "docker", DOCKER);
  nameAll(layout, { "r.example/oci:v1": oci, "r.example/docker:v1": docker });
  const store = join(dir, "store");
  for (const [name, image] of [
    ["oci", oci],
    ["docker", docker],
  ] as const) {
    const there = `${host}/team/${name}:v1`;
    const copied = await done(
      ["copy", `oci:${layout}:r.example/${name}:v1`, `docker://${there}`],
      store,
    );
    assert.deepEqual(copied.images, [{ reference: there, digest: image.digest }]);
    const raw = await ask(host, `team/${name}/manifests/v1`);
    assert.deepEqual([hex(raw.bytes), raw.type], [image.digest.slice(7), image.mediaType]);

    const pulled = await done(["pull", there], store);
    assert.equal(pulled.images[0].digest, image.digest);
    assert.deepEqual([pulled.blobs, pulled.fetched], [7, 2]);
    const again = await done(["pull", there], store);
    assert.deepEqual([again.fetched, again.bytes], [0, 0]);
    const pushed = await done(["push", there, `${host}/other/${name}:v2`], store);
    assert.deepEqual([pushed.digest, pushed.sent, pushed.mounted], [image.digest, 0, 4]);
    const more = await done(["push", `${host}/team/${name}:v1`, `${host}/other/${name}:v3`], store);
    assert.deepEqual([more.sent, more.mounted], [0, 0]);

    const exported = join(dir, `${name}-exported.tar`);
    const straight = join(dir, `${name}-straight.tar`);
    await done(["export", there, "-o", exported], store);
    await done(["copy", `docker://${there}`, `oci-archive:${straight}`], store);
    assert.equal(hex(readFileSync(straight)), hex(readFileSync(exported)));
    const back = `${host}/back/${name}:v1`;
    await done(["copy", `oci-archive:${straight}`, `docker://${back}`], store);
    assert.equal(
      (await done(["copy", `docker://${back}`, `docker://${host}/last:v1`], store)).images[0]
        .digest,
      image.digest,
    );
    const folder = join(dir, `${name}-folder`);
    await done(["copy", `docker://${back}`, `oci:${folder}:r.example/x:v1`], store);
    await done(["verify", folder], store);
    await done(["copy", `oci:${folder}`, `copied/${name}:v1`], store);
  }
  await done(["verify", store], store);
});

testWith(["docker-registry"], "one platform, one digest, several names", async (t) => {
  const { host } = await startRegistry(t);
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const image = putContainer(layout, "choice");
  nameAll(layout, { "r.example/app:v1": image });
  await done(["copy", layout, `docker://${host}/app:v1`], dir);
  const [, arm] = image.platforms;
  const store = join(dir, "store");
  const one = await done(["pull", `${host}/app:v1`, "--platform", "linux/arm64"], store);
  assert.equal(one.images[0].digest, arm?.digest);
  assert.equal(one.blobs, 3);
  const exact = [`${host}/app@${image.digest}`, "--as", "r.example/app:exact"];
  const named = await done(["pull", ...exact], store);
  assert.deepEqual(
    [named.images[0].reference, named.images[0].digest],
    ["r.example/app:exact", image.digest],
  );
  const env = { INGOT_STORE: store };
  for (const [words, said] of [
    [
      ["pull", `${host}/app:v1`, "--platform", "linux/s390x"],
      /there is linux\/amd64, linux\/arm64/,
    ],
    [["pull", "app"], /does not say which registry/],
    [["copy", layout, "x.tar"], /oci-archive:x\.tar/],
    [["copy", layout, "oci:"], /is incomplete/],
    [["pull", `${host}/app:v1`, "--cert", "x"], /should be with --key/],
    [["pull", `${host}/app:v1`, "--ca-file", join(layout, "oci-layout")], /no CERTIFICATE in PEM/],
  ] as const) {
    const { code, stderr } = await ingot(words, { env });
    assert.equal(code, 2, words.join(" "));
    assert.match(stderr, said);
  }
  assert.ok(!existsSync("x.tar"));
});

testWith(
  ["docker-registry"],
  "a damaged blob is whole again, what is begun is gone on with",
  async (t) => {
    const { host, dir: registry } = await startRegistry(t);
    const dir = tempDir(t);
    const layout = join(dir, "layout");
    const config = putBlob(layout, Buffer.from("{}"), "application/vnd.oci.empty.v1+json");
    const bytes = noise("large", 3_000_000);
    const layers = [putBlob(layout, bytes), putBlob(layout, noise("small", 1000))];
    const [large, small] = layers as [Blob, Blob];
    const manifest = {
      schemaVersion: 2,
      mediaType: OCI.manifest,
      artifactType: "x/y",
      config,
      layers,
    };
    nameAll(layout, { "r.example/x:v1": put(layout, OCI.manifest, manifest) });
    const there = `${host}/x:v1`;
    await done(["copy", layout, `docker://${there}`], dir);
    const store = join(dir, "store");
    await done(["pull", there], store);
    const file = (digest: string) => join(store, "blobs/sha256", digest.slice(7));
    writeFileSync(file(small.digest), noise("damage", 1000));
    const healed = await done(["pull", there], store);
    assert.deepEqual([healed.fetched, healed.bytes], [1, 1000]);
    await done(["verify", store], store);

    // As a pull leaves it that was killed: the part that came is not fetched again.
    const begun = (content: Uint8Array) => {
      rmSync(file(large.digest));
      writeFileSync(join(store, ".ingot/partial", `${large.digest.slice(7)}.free.1`), content);
    };
    begun(bytes.subarray(0, 2_000_000));
    assert.equal((await done(["pull", there], store)).bytes, 1_000_000);
    // And where it is damaged, all of it is.
    begun(noise("wrong", 2_000_000));
    assert.equal((await done(["pull", there], store)).bytes, 3_000_000);
    await done(["verify", store], store);
    assert.deepEqual(readdirSync(join(store, ".ingot/partial")), []);
    assert.deepEqual(readdirSync(join(store, ".ingot/work")), []);

    // A blob that the registry itself has damaged comes nowhere.
    const data = join(
      registry,
      "data/docker/registry/v2/blobs/sha256",
      large.digest.slice(7, 9),
      large.digest.slice(7),
      "data",
    );
    assert.equal(statSync(data).size, 3_000_000);
    writeFileSync(data, noise("wrong", 3_000_000));
    const fresh = join(dir, "fresh");
    const env = { INGOT_STORE: fresh };
    const { code, stderr } = await ingot(["pull", there], { env });
    assert.equal(code, 2);
    assert.match(stderr, /its bytes are sha256:.*, should be sha256:/);
    const archive = join(dir, "x.tar");
    assert.equal(
      (await ingot(["copy", `docker://${there}`, `oci-archive:${archive}`], { env })).code,
      2,
    );
    assert.ok(!existsSync(archive));
    const { host: other } = await startRegistry(t);
    const into = await ingot(["copy", `docker://${there}`, `docker://${other}/y:v1`], { env });
    assert.equal(into.code, 2);
    assert.match(into.stderr, /should be sha256:/);
    assert.equal((await ask(other, "y/manifests/v1")).status, 404);
    assert.ok(!existsSync(join(fresh, "index.json")));
    assert.ok(!existsSync(join(fresh, "blobs/sha256", large.digest.slice(7))));
  },
);

testWith(
  ["docker-registry"],
  "what refers to an image travels with it, in all its forms",
  async (t) => {
    const { host } = await startRegistry(t);
    const dir = tempDir(t);
    const layout = join(dir, "layout");
    const image = putContainer(layout, "signed");
    const config = putBlob(layout, Buffer.from("{}"), "application/vnd.oci.empty.v1+json");
    const artifact = (artifactType: string, content: string, subject?: Blob) => {
      const layer = putBlob(
        layout,
        Buffer.from(content),
        "application/vnd.dev.cosign.simplesigning.v1+json",
      );
      const manifest = {
        schemaVersion: 2,
        mediaType: OCI.manifest,
        artifactType,
        config,
        layers: [layer],
        subject,
      };
      return put(layout, OCI.manifest, manifest);
    };
    const { mediaType, digest, size } = image;
    const subject = { mediaType, digest, size };
    const signature = artifact(
      "application/vnd.dev.cosign.artifact.sig.v1+json",
      "signature",
      subject,
    );
    const bundle = artifact("application/vnd.dev.sigstore.bundle.v0.3+json", "bundle", subject);
    const onBundle = artifact("application/x.more", "more", bundle);
    const legacy = artifact("", "legacy");
    const tag = `sha256-${digest.slice(7)}`;
    const list = (of: readonly [Blob, string][]) =>
      put(layout, OCI.index, {
        schemaVersion: 2,
        mediaType: OCI.index,
        manifests: of
          .map(([blob, artifactType]) => ({ ...blob, artifactType }))
          .sort((a, b) => (a.digest < b.digest ? -1 : 1)),
      });
    const referrers = list([
      [signature, "application/vnd.dev.cosign.artifact.sig.v1+json"],
      [bundle, "application/vnd.dev.sigstore.bundle.v0.3+json"],
    ]);
    nameAll(layout, {
      "r.example/app:v1": image,
      [`r.example/app:${tag}`]: referrers,
      [`r.example/app:${tag}.sig`]: legacy,
      [`r.example/app:sha256-${bundle.digest.slice(7)}`]: list([[onBundle, "application/x.more"]]),
      "r.example/app:other": legacy,
    });
    const store = join(dir, "store");
    const first = await done(
      ["copy", `oci:${layout}:r.example/app:v1`, `docker://${host}/app:v1`, "--referrers"],
      store,
    );
    assert.equal(first.referrers.length, 4);
    const tagged = JSON.parse(`${(await ask(host, `app/manifests/${tag}`)).bytes}`);
    assert.deepEqual(
      tagged.manifests.map((it: Blob) => it.digest),
      [signature.digest, bundle.digest].sort(),
    );

    const signatures = await done(["pull", `${host}/app:v1`], store);
    assert.deepEqual([signatures.referrers.length, signatures.left.length], [3, 1]);
    const pulled = await done(["pull", `${host}/app:v1`, "--referrers"], store);
    const names = pulled.referrers.map((it: { reference: string }) => it.reference).sort();
    assert.deepEqual(
      names,
      [
        `${host}/app:${tag}.sig`,
        ...[signature, bundle, onBundle].map((blob) => `${host}/app@${blob.digest}`),
      ].sort(),
    );
    await done(["verify", store], store);

    await done(["push", `${host}/app:v1`, `${host}/pushed:v1`, "--referrers"], store);
    await done(
      ["copy", `docker://${host}/pushed:v1`, `docker://${host}/copied:v1`, "--referrers"],
      store,
    );
    for (const there of ["pushed", "copied"]) {
      for (const [which, blob] of [
        ["v1", image],
        [tag, referrers],
        [`${tag}.sig`, legacy],
        [signature.digest, signature],
        [onBundle.digest, onBundle],
      ] as const)
        assert.equal(
          hex((await ask(host, `${there}/manifests/${which}`)).bytes),
          blob.digest.slice(7),
          `${there} ${which}`,
        );
      assert.equal((await ask(host, `${there}/manifests/other`)).status, 404);
    }
    const archive = join(dir, "with.tar");
    await done(
      [
        "copy",
        `docker://${host}/copied:v1`,
        `oci-archive:${archive}:r.example/new:v2`,
        "--referrers",
      ],
      store,
    );
    const verified = await done(["verify", archive, "--canonical"], store);
    const { images, referrers: there } = verified.sources[0];
    assert.deepEqual(images, [{ reference: "r.example/new:v2", digest: image.digest }]);
    assert.deepEqual(
      there
        .map(({ kind, subject: of }: { kind: string; subject: string }) => `${kind} of ${of}`)
        .sort(),
      [
        ...Array(3).fill(`signature of ${image.digest}`),
        `other referrer of ${bundle.digest}`,
      ].sort(),
    );
  },
);

testWith(
  ["docker-registry", "skopeo"],
  "skopeo takes what ingot pushed, and the other way round",
  async (t) => {
    const { host } = await startRegistry(t);
    const dir = tempDir(t);
    const layout = join(dir, "layout");
    const images = {
      oci: putContainer(layout, "one"),
      docker: putContainer(layout, "two", DOCKER),
    };
    nameAll(layout, { "r.example/oci:v1": images.oci, "r.example/docker:v1": images.docker });
    const skopeo = ["skopeo", "--insecure-policy", "copy", "-q", "--all", "--preserve-digests"];
    const store = join(dir, "store");
    for (const [name, image] of Object.entries(images)) {
      const ours = `${host}/ours/${name}:v1`;
      await done(["copy", `oci:${layout}:r.example/${name}:v1`, `docker://${ours}`], store);
      const folder = join(dir, name);
      await succeed([...skopeo, "--src-tls-verify=false", `docker://${ours}`, `dir:${folder}`]);
      assert.equal(hex(readFileSync(join(folder, "manifest.json"))), image.digest.slice(7));
      const theirs = `${host}/theirs/${name}:v1`;
      await succeed([...skopeo, "--dest-tls-verify=false", `dir:${folder}`, `docker://${theirs}`]);
      assert.equal((await done(["pull", theirs], store)).images[0].digest, image.digest);
      const inspected = await run([
        "skopeo",
        "inspect",
        "--raw",
        "--tls-verify=false",
        `docker://${ours}`,
      ]);
      assert.deepEqual(inspected.stdout, blobOf(layout, image.digest));
    }
    await done(["verify", store], store);
  },
);
