/** Indexes in registries that do not have all platforms, repositories given to verify, and layers that are elsewhere. */
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Blob, blobOf, nameAll, OCI, putContainer } from "../../support/images/platforms.ts";
import { succeed } from "../../support/process/run.ts";
import { ask, say } from "../../support/process/say.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { serveLayout } from "../../support/registries/layout-registry.ts";
import { startOddRegistry } from "../../support/registries/odd-registry.ts";
import { digests, putReferrer } from "../../support/registries/referrers.ts";

/** An index of two platforms in a registry that does not have the manifest of those that are named. */
async function sparse(t: Ends, ...away: readonly ("amd64" | "arm64")[]) {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const app = putContainer(layout, "app");
  const [amd64, arm64] = app.platforms as [Blob, Blob];
  const ofArm64 = putReferrer(layout, arm64);
  for (const name of away) {
    const { digest } = name === "amd64" ? amd64 : arm64;
    rmSync(join(layout, "blobs/sha256", digest.slice(7)));
  }
  const host = await serveLayout(t, { layout, tags: { v1: app.digest }, lists: true });
  const run = (...words: string[]) => ask([...words, "--store", join(dir, "store")]);
  return { dir, host, run, app, amd64, arm64, ofArm64, image: `${host}/app:v1` };
}

test("pull, copy and export take the platforms that the registry has, and name the others", async (t) => {
  const { dir, run, app, arm64, ofArm64, image } = await sparse(t, "arm64");
  for (const words of [
    ["pull", image],
    ["copy", `docker://${image}`, `oci:${join(dir, "copy")}`],
    ["export", `docker://${image}`, "-o", join(dir, "a.tar")],
    ["export", image, "-o", join(dir, "b.tar")],
  ]) {
    const { code, document, err } = await run(...words);
    assert.equal(code, 0, err);
    assert.deepEqual(digests(document.images), [app.digest]);
    assert.deepEqual(document.absent, [{ platform: "linux/arm64", digest: arm64.digest }]);
    assert.match(err, /app:v1 lacks platforms, which are left out: linux\/arm64\n/);
    if (!words.includes(join(dir, "b.tar"))) {
      assert.deepEqual(digests(document.left), [ofArm64.digest]);
      assert.match(err, /left behind: 1 signature of platforms that are missing here/);
    }
  }
  const verify = ["verify", "--canonical", "--platform", "linux/amd64", join(dir, "a.tar")];
  assert.equal((await run(...verify)).code, 0);
  assert.equal((await run("verify", image, "--platform", "linux/amd64")).code, 0);
});

test("--platform takes one that is there, and refuses one that is not", async (t) => {
  const { dir, run, amd64, image } = await sparse(t, "arm64");
  const there = await run("pull", image, "--platform", "linux/amd64");
  assert.deepEqual(digests(there.document.images), [amd64.digest]);
  assert.deepEqual(there.document.absent, []);
  for (const platforms of ["linux/arm64", "linux/amd64,linux/arm64"]) {
    const { code, err } = await run("pull", image, "--platform", platforms, "--as", "x:v1");
    assert.equal(code, 2);
    assert.match(err, /cannot find the platform: looked for "linux\/arm64" in ".*app:v1"/);
    assert.match(err, /hint: the index names it, and the registry does not have its manifest/);
  }
  assert.equal((await run("list")).document.images.length, 1);
  const other = await sparse(t, "amd64", "arm64");
  const { code, err } = await other.run("export", `docker://${other.image}`, "-o", join(dir, "x"));
  assert.equal(code, 2);
  assert.match(err, /hint: the registry has the index, and the manifest of none of its platforms/);
});

test("layers that are elsewhere are left out by push, and by what takes the image from a registry", async (t) => {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
  const image = putContainer(layout, "app", { ...OCI, layer: foreign }).platforms[0]!;
  const { layers } = JSON.parse(`${blobOf(layout, image.digest)}`);
  const file = join(layout, "blobs/sha256", layers[0].digest.slice(7));
  const bytes = readFileSync(file);
  rmSync(file);
  nameAll(layout, { "r.test/app:v1": image });
  const { host, blobs, manifests } = await startOddRegistry(t, { lists: true });
  const run = (...words: string[]) => say([...words, "--store", join(dir, "store")]);
  const flag = "--allow-missing-foreign";
  const hint = /hint: it is a foreign layer, .*: --allow-missing-foreign leaves it out/;
  const taken = async (...words: string[]) => {
    const { code, err } = await run(...words, flag);
    assert.equal(code, 0, `${words.join(" ")}: ${err}`);
  };
  /** The same, and refused without the flag. */
  const askedFor = async (...words: string[]) => {
    const { code, err } = await run(...words);
    assert.deepEqual([code, hint.test(err)], [2, true], err);
    await taken(...words);
  };
  await taken("import", layout);
  const remote = `${host}/x:v1`;
  await askedFor("push", "r.test/app:v1", remote);
  assert.ok(manifests.has(image.digest) && !blobs.has(layers[0].digest));
  await askedFor("export", "r.test/app:v1", "-o", join(dir, "a.tar"));
  const from = `docker://${remote}`;
  await taken("copy", from, `oci-archive:${join(dir, "b.tar")}:r.test/app:v1`);
  assert.deepEqual(readFileSync(join(dir, "b.tar")), readFileSync(join(dir, "a.tar")));
  await taken("pull", remote);
  await taken("push", from, `${host}/x:v2`);
  // What the registry has comes with the image.
  blobs.set(layers[0].digest, bytes);
  const whole = `oci-archive:${join(dir, "c.tar")}:r.test/app:v1`;
  assert.equal((await run("copy", from, whole, flag)).code, 0);
  assert.equal((await run("verify", "--canonical", join(dir, "c.tar"))).code, 0);
});

test("verify completes tags alone with --repository, as import does", async (t) => {
  const layout = join(tempDir(t), "layout");
  const app = putContainer(layout, "app");
  nameAll(layout, { v1: app });
  const verify = async (...words: string[]) => {
    const { code, document } = await ask(["verify", ...words, "--repository", "r.test/app"]);
    assert.equal(code, 0);
    return document.sources[0].images.map(({ reference }: { reference: string }) => reference);
  };
  const archive = join(layout, "../a.tar");
  await succeed(["tar", "-cf", archive, "-C", layout, "."]);
  for (const source of [layout, archive, `oci:${layout}`])
    assert.deepEqual(await verify(source), ["r.test/app:v1"], source);
  assert.deepEqual(await verify(`oci:${layout}:r.test/app:v1`), ["r.test/app:v1"]);
});

test("a signature that the registry has in part: pull and copy name the flag that leaves it behind", async (t) => {
  const { dir, run, arm64, ofArm64, image } = await sparse(t);
  const { layers } = JSON.parse(`${blobOf(join(dir, "layout"), ofArm64.digest)}`);
  rmSync(join(dir, "layout/blobs/sha256", layers[0].digest.slice(7)));
  const hint = /hint: it belongs to a referrer of the image .*--no-referrers\n/;
  const from = `docker://${image}`;
  for (const words of [
    ["pull", image],
    ["copy", from, `oci-archive:${join(dir, "a.tar")}`, "--platform", "linux/arm64"],
  ]) {
    const { code, err } = await run(...words);
    assert.deepEqual([code, hint.test(err)], [2, true], err);
  }
  const { document } = await run("pull", image, "--platform", "linux/arm64", "--no-referrers");
  assert.deepEqual(digests(document.images), [arm64.digest]);
});
