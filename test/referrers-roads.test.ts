/** Referrers on roads where they were lost: volumes, two subjects, long chains, lists of earlier versions, names that look like lists. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { serveLayout } from "./support/layout-registry.ts";
import { type Blob, OCI, put, putContainer } from "./support/platforms.ts";
import { ask, say } from "./support/say.ts";
import { type Ends, tempDir } from "./support/temp.ts";

const REF = "org.opencontainers.image.ref.name";
const SUBJECT = "io.containerd.manifest.subject";
const EMPTY = "application/vnd.oci.empty.v1+json";
const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SPDX = "application/spdx+json";
const APP = "r.test/app:v1";

const plain = ({ mediaType, digest, size }: Blob): Blob => ({ mediaType, digest, size });
const hexOf = ({ digest }: Blob) => digest.slice("sha256:".length);

/** A manifest of that type; without a subject it is as cosign attaches SBOMs. */
const putReferrer = (layout: string, type: string, subject?: Blob, text = "") =>
  put(layout, OCI.manifest, {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    config: put(layout, EMPTY, {}),
    layers: [put(layout, type, Buffer.from(`${type} ${text}`))],
    ...(subject && { artifactType: type, subject: plain(subject) }),
  });

const putIndex = (layout: string, manifests: readonly Blob[]) =>
  put(layout, OCI.index, { schemaVersion: 2, mediaType: OCI.index, manifests });

type Entry = readonly [blob: Blob, annotations: Record<string, string>];

function writeIndex(layout: string, entries: readonly Entry[]): void {
  const manifests = entries.map(([blob, annotations]) => ({ ...plain(blob), annotations }));
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}

/** A layout with an image of two platforms, and room for an archive. */
function stage(t: Ends) {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const image = putContainer(layout, "app");
  const named = [image, { [REF]: APP }] as const;
  const archive = join(dir, "app.tar");
  const store = join(dir, "store");
  return { dir, layout, image, named, archive, store };
}

async function done(...words: string[]) {
  const { code, document, err } = await ask(words);
  assert.equal(code, 0, `${words.join(" ")}\n${err}${JSON.stringify(document)}`);
  return document;
}

const subjects = (list: readonly { readonly subject: string }[]) =>
  list.map(({ subject }) => subject).sort();
const digests = (list: readonly { readonly digest: string }[]) =>
  list.map(({ digest }) => digest).sort();

test("volumes of a signed image verify, and can be imported", async (t) => {
  const { layout, image, named, archive, store } = stage(t);
  const signature = putReferrer(layout, BUNDLE, image);
  writeIndex(layout, [named, [signature, { [SUBJECT]: image.digest }]]);
  await done("export", layout, "-o", archive, "--split", "1MiB");
  const { sources } = await done("verify", "--canonical", `${archive}.volumes.json`);
  assert.deepEqual(digests(sources[0].referrers), [signature.digest]);
  const { referrers } = await done("import", `${archive}.volumes.json`, "--store", store);
  assert.deepEqual(digests(referrers), [signature.digest]);
});

test("a list of referrers that lacks one of them is not whole", async (t) => {
  const { layout, image, named, store } = stage(t);
  const there = putReferrer(layout, BUNDLE, image);
  const absent = putReferrer(layout, BUNDLE, image, "absent");
  const list = putIndex(layout, [there, absent]);
  writeIndex(layout, [named, [list, { [REF]: `r.test/app:sha256-${hexOf(image)}` }]]);
  await done("verify", layout);
  rmSync(join(layout, "blobs/sha256", hexOf(absent)));
  const { code, document } = await ask(["verify", layout]);
  assert.equal(code, 1);
  const { findings } = document.sources[0];
  assert.ok(
    findings.some(
      ({ at, code }: { at: string; code: string }) =>
        at === absent.digest && code === "blob-missing",
    ),
  );
  assert.equal((await say(["import", layout, "--store", store])).code, 2);
});

test("an image whose tag looks like that of a list is an image", async (t) => {
  const { layout, image, archive, store } = stage(t);
  const name = `r.test/app:sha256-${hexOf(image)}`;
  writeIndex(layout, [[image, { [REF]: name }]]);
  await done("export", layout, "-o", archive);
  const { sources } = await done("verify", archive);
  assert.deepEqual(sources[0].images, [{ reference: name, digest: image.digest }]);
  await done("import", archive, "--store", store);
  const { images, referrers } = await done("list", "--store", store);
  assert.deepEqual(digests(images), [image.digest]);
  assert.deepEqual(referrers, []);
  const { images: pushed } = await done(
    "push",
    "--all",
    "--to",
    "h.test",
    "--dry-run",
    "--store",
    store,
  );
  assert.equal(pushed.length, 1);
});

test("remove takes a referrer out of a list that an earlier version wrote", async (t) => {
  const { layout: store, image, named } = stage(t);
  const one = putReferrer(store, BUNDLE, image);
  const other = putReferrer(store, BUNDLE, image, "other");
  const nameless = putReferrer(store, BUNDLE, image, "nameless");
  const list = putIndex(store, [one, other]);
  writeIndex(store, [
    named,
    [list, { [REF]: `r.test/app:sha256-${hexOf(image)}` }],
    [nameless, {}],
  ]);
  const there = async () => digests((await done("list", "--store", store)).referrers);
  assert.deepEqual(await there(), digests([one, other, nameless]));
  const removed = await say(["remove", one.digest, "--store", store]);
  assert.equal(removed.err, "ingot remove: removed: 1 signature\n");
  assert.deepEqual(await there(), digests([other, nameless]));
  await done("remove", nameless.digest, "--store", store);
  assert.deepEqual(await there(), [other.digest]);
  await done("remove", APP, "--store", store);
  assert.deepEqual(await there(), []);
  await done("prune", "--store", store);
  assert.deepEqual(JSON.parse(readFileSync(join(store, "index.json"), "utf8")).manifests, []);
});

test("prune takes the referrers of images that are gone out of such lists, once", async (t) => {
  const { layout: store, image } = stage(t);
  const signature = putReferrer(store, BUNDLE, image);
  const list = putIndex(store, [signature]);
  writeIndex(store, [[list, { [REF]: `r.test/app:sha256-${hexOf(image)}` }]]);
  assert.deepEqual(digests((await done("prune", "--store", store)).orphans), [signature.digest]);
  assert.deepEqual((await done("prune", "--store", store)).orphans, []);
});

test("a delta whose base is in the store is imported without warnings", async (t) => {
  const { dir, layout, named, archive, store } = stage(t);
  writeIndex(layout, [named]);
  await done("export", layout, "-o", archive);
  const delta = join(dir, "delta.tar");
  await done("export", layout, "--base", archive, "-o", delta);
  await done("import", archive, "--store", store);
  assert.deepEqual((await done("import", delta, "--store", store)).warnings, []);
});
