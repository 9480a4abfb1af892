/** Deltas on what a registry has: `export --base docker://REF`. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { noise, putBlob } from "../../support/images/layout.ts";
import { type Blob, nameAll, OCI, put } from "../../support/images/platforms.ts";
import { ingot } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { tempDir } from "../../support/process/temp.ts";
import { startRegistry } from "../../support/registries/registry.ts";

const sumOf = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

function run(words: readonly string[], store = "/dev/null/store") {
  return ingot(words, { env: { INGOT_STORE: store, REGISTRY_AUTH_FILE: "/dev/null" } });
}

async function done(words: readonly string[], store?: string) {
  const { code, stdout, stderr } = await run([...words, "--json"], store);
  assert.equal(code, 0, `${words.join(" ")}\n${stderr}`);
  return JSON.parse(`${stdout}`);
}

testWith(["docker-registry"], "a delta leaves out what the registry has", async (t) => {
  const { host, dir: registry } = await startRegistry(t);
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const [first, second, third] = [10_000, 20_000, 30_000].map((size) =>
    putBlob(layout, noise(`of ${size}`, size)),
  ) as [Blob, Blob, Blob];
  const image = (layers: readonly Blob[]) =>
    put(layout, OCI.manifest, {
      schemaVersion: 2,
      mediaType: OCI.manifest,
      artifactType: "x/y",
      config: putBlob(layout, Buffer.from("{}"), "application/vnd.oci.empty.v1+json"),
      layers,
    });
  const [v1, v2] = [image([first, second]), image([first, second, third])];
  const [old, now] = [`${host}/far/app:v1`, "r.example/app:v2"];
  nameAll(layout, { [old]: v1, [now]: v2 });
  await done(["push", `oci:${layout}:${old}`]);
  const archive = join(dir, "v1.tar");
  await done(["export", `docker://${old}`, "-o", archive]);

  // On the registry or on an archive of the same image: the same bytes.
  const [delta, other] = [join(dir, "delta.tar"), join(dir, "other.tar")];
  const source = `oci:${layout}:${now}`;
  const said = await done(["export", source, "--base", `docker://${old}`, "-o", delta]);
  assert.deepEqual(said.base, {
    images: [{ reference: old, digest: v1.digest }],
    layers: 2,
    bytes: 30_000,
  });
  await done(["export", source, "--base", archive, "-o", other]);
  assert.equal(sumOf(delta), sumOf(other));
  const exact = `docker://${old}@${v1.digest}`;
  await done(["export", source, "--base", exact, "--base", archive, "-o", other]);
  assert.equal(sumOf(delta), sumOf(other));

  // The far side pulls what it has, and takes the delta on it.
  const store = join(dir, "store");
  await done(["pull", old], store);
  await done(["import", delta], store);
  await done(["push", now, "--to", `${host}/far`], store);
  const across = `docker://${host}/far/app:v2`;
  await done(["export", across, "--base", `docker://${old}`, "-o", other]);
  await done(["verify", other, "--base", archive]);

  for (const [words, message] of [
    [["export", source, "--base", `docker://${host}/far/app@${v1.digest}`], /should have a name/],
    [["export", source, "--base", `docker://${host}/far/none:v1`], /cannot find the image/],
    [["verify", delta, "--base", `docker://${old}`], /is in a registry[\s\S]*ingot pull/],
  ] as const) {
    const out = words[0] === "export" ? ["-o", join(dir, "no.tar")] : [];
    const { code, stderr } = await run([...words, ...out]);
    assert.equal(code, 2, words.join(" "));
    assert.match(stderr, message);
  }

  // Of the base's layers nothing is fetched, and each is asked for.
  const blobs = join(registry, "data/docker/registry/v2/blobs/sha256");
  const data = join(blobs, first.digest.slice(7, 9), first.digest.slice(7), "data");
  writeFileSync(data, noise("damaged", 10_000));
  await done(["export", source, "--base", `docker://${old}`, "-o", other]);
  assert.equal(sumOf(delta), sumOf(other));
  truncateSync(data, 9_999);
  const cut = await run(["export", source, "--base", `docker://${old}`, "-o", other]);
  assert.equal(cut.code, 2);
  assert.match(cut.stderr, /it has 9999 bytes, should have 10000 bytes/);
  renameSync(data, `${data}.gone`);
  const gone = await run(["export", source, "--base", `docker://${old}`, "-o", other]);
  assert.equal(gone.code, 2);
  assert.ok(gone.stderr.includes(first.digest), gone.stderr);
  assert.equal(sumOf(delta), sumOf(other));
});
