/** Indexes in registries that do not have all platforms, repositories given to verify, and layers that are elsewhere. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { serveLayout } from "./support/layout-registry.ts";
import { type Blob, putContainer } from "./support/platforms.ts";
import { digests, putReferrer } from "./support/referrers.ts";
import { ask } from "./support/say.ts";
import { type Ends, tempDir } from "./support/temp.ts";

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
