/** containerd and ingot take from a registry what the other one brought there. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { startContainerd } from "../support/clients/containerd.ts";
import { DOCKER, nameAll, putContainer } from "../support/images/platforms.ts";
import { ingot } from "../support/process/ingot.ts";
import { testUnless, testWith } from "../support/process/needs.ts";
import { tempDir } from "../support/process/temp.ts";
import { startRegistry } from "../support/registries/registry.ts";

const name = "ctr pulls what ingot pushed, ingot pulls what ctr pushed";

const body = async (t: TestContext) => {
  const { host } = await startRegistry(t);
  const ctr = await startContainerd(t);
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const images = { oci: putContainer(layout, "one"), docker: putContainer(layout, "two", DOCKER) };
  nameAll(layout, { "r.example/oci:v1": images.oci, "r.example/docker:v1": images.docker });
  const store = join(dir, "store");
  const done = async (...words: readonly string[]) => {
    const env = { INGOT_STORE: store, REGISTRY_AUTH_FILE: "/dev/null" };
    const { code, stdout, stderr } = await ingot(words, { env });
    assert.equal(code, 0, `${words.join(" ")}\n${stderr}`);
    return `${stdout}`.trim();
  };
  const plain = ["--plain-http"];
  await done("push", "--all", layout, "--to", `${host}/ours`);
  for (const [name, image] of Object.entries(images)) {
    const [ours, theirs] = [`${host}/ours/${name}:v1`, `${host}/theirs/${name}:v1`];
    await ctr("content", "fetch", ...plain, "--all-platforms", ours);
    const [, , digest] = (await ctr("images", "ls", `name==${ours}`)).split("\n")[1]!.split(/\s+/);
    assert.equal(digest, image.digest);
    await ctr("images", "push", ...plain, theirs, ours);
    assert.equal(await done("pull", theirs), `${theirs} ${image.digest}`);
  }
  // Every blob of both, and nothing else: containerd has hashed them all.
  const blobs = readdirSync(join(layout, "blobs/sha256")).map((hex) => `sha256:${hex}`);
  const there = (await ctr("content", "ls", "-q")).trim().split("\n");
  assert.deepEqual(there.sort(), blobs.sort());
  await done("verify", store);
};

if (process.getuid?.() === 0) testWith(["containerd", "ctr", "docker-registry"], name, body);
else testUnless("only root can run containerd", name, body);
