/** A command in which one blob fails ends at once, with that fault, whatever becomes of the others. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { writeArchive } from "../../../src/archive/write.ts";
import { Progress } from "../../../src/base/workers/pool.ts";
import { Registry } from "../../../src/registry/registry.ts";
import { planImages } from "../../../src/transfer/plan-images.ts";
import { findRemote } from "../../../src/transfer/remote-image.ts";
import { halves } from "../../support/images/broken-export.ts";
import { noise, putBlob } from "../../support/images/layout.ts";
import { blobOf, nameAll, OCI, put, putContainer } from "../../support/images/platforms.ts";
import { until } from "../../support/process/child.ts";
import { ingot } from "../../support/process/ingot.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { type Stalling, startStalling } from "../../support/registries/stalling.ts";

/** Half of what the program waits for a silent server, once. Milliseconds. */
const AT_ONCE = 30_000;
/** Blobs of that size are for threads. */
const LARGE = 6_000_000;

/** An image of two small blobs and two large ones, in a layout and in a registry. */
async function prepare(t: Ends) {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const sizes = [1000, 1001, LARGE, LARGE + 1];
  const layers = sizes.map((size) => putBlob(layout, noise(`of ${size}`, size)));
  const config = putBlob(layout, Buffer.from("{}"), "application/vnd.oci.empty.v1+json");
  const manifest = { schemaVersion: 2, mediaType: OCI.manifest, artifactType: "x/y" };
  const image = put(layout, OCI.manifest, { ...manifest, config, layers });
  nameAll(layout, { "r.example/x:v1": image });
  const [a, b, c, d] = layers.map(({ digest }) => digest) as [string, string, string, string];
  const registry = await startStalling(t, layout, image.digest);
  return { dir, layout, image, registry, a, b, c, d };
}

/** Runs a command until all stalls that is to stall, and `ready`; then something fails. What the command says of it. */
async function failing(
  words: readonly string[],
  registries: readonly Stalling[],
  ready = () => true,
) {
  const ran = ingot([...words, "--jobs", "8", "--json"], { timeout: AT_ONCE });
  await Promise.race([
    ran,
    Promise.all(registries.map((it) => it.stalled())).then(() => until(ready, "it is ready")),
  ]);
  for (const registry of registries) registry.fail();
  const { code, stdout } = await ran;
  assert.equal(code, 2);
  const { error } = JSON.parse(`${stdout}`);
  return [error.code, error.facts.code ?? error.facts.digest ?? error.facts.expected];
}

/** The same, where nothing fails. */
async function done(words: readonly string[]) {
  const { code, stderr } = await ingot([...words, "--json"], { timeout: AT_ONCE });
  assert.equal(code, 0, stderr);
}

/** Whether a file below the folder has the first bytes of the blob. */
const hasCome = (folder: string, blob: Buffer): boolean =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
    .some((file) => readFileSync(file).includes(blob.subarray(0, 100_000)));

test("pull: in threads and beside them, and what came is there for the next one", async (t) => {
  const { dir, layout, registry, a, b, c, d } = await prepare(t);
  const store = join(dir, "store");
  mkdirSync(store);
  const pull = ["pull", `${registry.host}/x:v1`, "--store", store];
  registry.set({ [a]: 404, [b]: "silent", [c]: "half", [d]: "silent" });
  const come = () => hasCome(store, blobOf(layout, c));
  assert.deepEqual(await failing(pull, [registry], come), ["blob-missing", a]);
  // A thread has the fault, this one waits for a part of a blob, and another for its next try.
  registry.set({ [d]: "wrong", [b]: "busy", [c]: "silent" });
  assert.deepEqual(await failing(pull, [registry]), ["digest-differs", d]);
  registry.set({});
  await done(pull);
  assert.equal(registry.ranges.length, 1);
  await done(["verify", store]);
});

test("pull: one manifest of an index is refused", async (t) => {
  const layout = join(tempDir(t), "layout");
  const image = putContainer(layout, "x");
  const [one, two] = image.platforms.map(({ digest }) => digest) as [string, string];
  const registry = await startStalling(t, layout, image.digest);
  registry.set({ [one]: "silent", [two]: 403 });
  const pull = ["pull", `${registry.host}/x:v1`, "--store", join(layout, "..", "store")];
  assert.deepEqual(await failing(pull, [registry]), ["registry", "403"]);
});

test("export: what came stays where the registry failed, and nothing else does", async (t) => {
  const { dir, layout, registry, a, b, c, d } = await prepare(t);
  const out = join(dir, "out");
  mkdirSync(out);
  const output = join(out, "image.tar");
  const words = ["export", `docker://${registry.host}/x:v1`, "-o", output];
  const come = () => hasCome(out, blobOf(layout, c));
  registry.set({ [a]: 404, [b]: "silent", [c]: "half", [d]: "busy" });
  assert.deepEqual(await failing(words, [registry], come), ["blob-missing", a]);
  assert.deepEqual(readdirSync(out), []);
  registry.set({ [a]: 403, [b]: "busy", [c]: "half", [d]: "silent" });
  assert.deepEqual(await failing(words, [registry], come), ["registry", "403"]);
  assert.deepEqual([readdirSync(out).length, halves(out).length], [1, 1]);
  registry.set({});
  await done(words);
  assert.equal(registry.ranges.length, 1);
  const whole = join(dir, "whole.tar");
  await done(["export", `oci:${layout}`, "-o", join(dir, "other.tar")]);
  await done(["export", `docker://${registry.host}/x:v1`, "-o", whole]);
  assert.ok(readFileSync(output).equals(readFileSync(whole)));
});

test("export: told to stop where all threads look, in threads and beside them", async (t) => {
  const { dir, registry, a, c } = await prepare(t);
  registry.set({ [a]: "silent", [c]: "half" });
  const client = new Registry(registry.host);
  t.after(() => client.close());
  const images = [await findRemote(client.repository("x"), "v1", { reference: "r.example/x:v1" })];
  const plan = await planImages(images);
  const out = join(dir, "out");
  mkdirSync(out);
  for (const entry of [undefined, new URL("../../../src/main.ts", import.meta.url)]) {
    const tally = new Progress();
    const working = { entry, threads: 8, tally };
    const written = writeArchive(plan, join(out, "image.tar"), working);
    const stopped = assert.rejects(written, { name: "AbortError" });
    await registry.stalled();
    tally.stop();
    await stopped;
    assert.deepEqual(readdirSync(out), []);
    registry.set({ [a]: "silent", [c]: "half" });
  }
});

test("push: refused, while others are not answered, not read, and to be sent later", async (t) => {
  const { layout, registry, a, b, c, d } = await prepare(t);
  registry.set({ [a]: 403, [b]: "silent", [c]: "stuck", [d]: "busy" });
  const words = ["push", `oci:${layout}`, `${registry.host}/x:v1`];
  assert.deepEqual(await failing(words, [registry]), ["registry", "403"]);
});

test("copy: to a folder, to an archive and to another registry", async (t) => {
  const { dir, layout, image, registry, a, b, c, d } = await prepare(t);
  const other = await startStalling(t, layout, image.digest);
  const from = `docker://${registry.host}/x:v1`;
  registry.set({ [a]: "silent", [b]: "wrong", [c]: "silent", [d]: "half" });
  for (const kind of ["oci", "oci-archive"]) {
    const copy = ["copy", from, `${kind}:${join(dir, kind)}:r.example/x:v1`];
    registry.set({ [a]: "silent", [b]: "wrong", [c]: "silent", [d]: "half" });
    assert.deepEqual(await failing(copy, [registry]), ["digest-differs", b]);
  }
  const copy = ["copy", from, `docker://${other.host}/x:v1`];
  registry.set({ [b]: "half", [c]: "half" });
  other.set({ [a]: 403, [d]: "stuck" });
  assert.deepEqual(await failing(copy, [registry, other]), ["registry", "403"]);
  registry.set({ [a]: "busy", [b]: 404, [c]: "silent" });
  other.set({ [d]: "silent" });
  assert.deepEqual(await failing(copy, [registry, other]), ["blob-missing", b]);
});
