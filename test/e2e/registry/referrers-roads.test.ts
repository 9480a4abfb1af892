/** Referrers on roads where they were lost: volumes, two subjects, long chains, lists of earlier versions, names that look like lists. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readEntries } from "../../../src/image/entries.ts";
import { MemoryStore } from "../../../src/store/memory-store.ts";
import { type Blob, OCI, put, putContainer } from "../../support/images/platforms.ts";
import { ask, say } from "../../support/process/say.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { serveLayout } from "../../support/registries/layout-registry.ts";

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

test("one SBOM of two platforms stays with both", async (t) => {
  const { dir, layout, image, named, archive, store } = stage(t);
  const sbom = putReferrer(layout, "text/spdx+json");
  const both = image.platforms.map(({ digest }) => digest).sort();
  const tags = Object.fromEntries(
    image.platforms.map((platform) => [`sha256-${hexOf(platform)}.sbom`, sbom.digest]),
  );
  writeIndex(layout, [
    named,
    ...Object.keys(tags).map((tag): Entry => [sbom, { [REF]: `r.test/app:${tag}` }]),
  ]);
  await done("import", layout, "--store", store);
  const host = await serveLayout(t, { layout, tags: { v1: image.digest, ...tags }, lists: true });
  const pulled = join(dir, "pulled");
  await done("pull", `${host}/app:v1`, "--referrers", "--as", APP, "--store", pulled);
  for (const words of [[layout], [APP, "--store", store], [APP, "--store", pulled]]) {
    await done("export", ...words, "--referrers", "-o", archive);
    const { sources } = await done("verify", "--canonical", archive);
    assert.deepEqual(subjects(sources[0].referrers), both);
    const { err } = await say(["export", ...words, "--referrers", "-o", archive]);
    assert.match(err, /with 2 SBOMs/);
  }
  // The list of an archive has them without a name each.
  const { referrers } = await done("import", archive, "--store", join(dir, "again"));
  assert.deepEqual(subjects(referrers), both);
});

test("signatures of signatures are followed a long way, and never dropped in silence", async (t) => {
  const { layout, image, named, archive } = stage(t);
  const entries: Entry[] = [named];
  const extend = (length: number) => {
    for (let last = entries.at(-1)![0]; entries.length <= length; ) {
      const next = putReferrer(layout, BUNDLE, last);
      entries.push([next, { [SUBJECT]: last.digest }]);
      last = next;
    }
    writeIndex(layout, entries);
  };
  extend(7);
  const { referrers } = await done("export", layout, "-o", archive);
  assert.equal(referrers.length, 7);
  assert.equal(
    referrers.some(({ subject }: { subject: string }) => subject === image.digest),
    true,
  );
  extend(33);
  const { code, err } = await say(["export", layout, "-o", archive]);
  assert.equal(code, 2);
  assert.match(err, /chain of referrers/);
  await done("export", layout, "-o", archive, "--no-referrers");
});

test("with --platform what refers to the whole index is named, also what nobody asked for", async (t) => {
  const { layout, image, named, archive } = stage(t);
  const signature = putReferrer(layout, BUNDLE, image);
  const sbom = putReferrer(layout, SPDX, image);
  const of = { [SUBJECT]: image.digest };
  writeIndex(layout, [named, [signature, of], [sbom, of]]);
  const words = ["export", layout, "-o", archive, "--platform", "linux/amd64"];
  const why = (left: readonly { digest: string; why: string }[]) =>
    Object.fromEntries(left.map((one) => [one.digest, one.why]));
  const { left } = await done(...words);
  assert.deepEqual(why(left), { [signature.digest]: "platform", [sbom.digest]: "not asked for" });
  const { left: all } = await done(...words, "--referrers");
  assert.deepEqual(why(all), { [signature.digest]: "platform", [sbom.digest]: "platform" });
});

test("a signature that is both listed and under cosign's tag gives one archive in any order", async (t) => {
  const { dir, layout, image, named } = stage(t);
  const signature = putReferrer(layout, BUNDLE, image);
  const ways: readonly Entry[] = [
    [signature, { [SUBJECT]: image.digest }],
    [signature, { [REF]: `r.test/app:sha256-${hexOf(image)}.sig` }],
  ];
  const archives: Buffer[] = [];
  for (const [i, order] of [ways, [...ways].reverse()].entries()) {
    writeIndex(layout, [named, ...order]);
    const archive = join(dir, `${i}.tar`);
    await done("export", layout, "-o", archive);
    archives.push(readFileSync(archive));
  }
  const tags = { v1: image.digest, [`sha256-${hexOf(image)}.sig`]: signature.digest };
  const host = await serveLayout(t, { layout, tags, lists: true });
  const copied = join(dir, "copied.tar");
  await done("copy", `docker://${host}/app:v1`, `oci-archive:${copied}:${APP}`);
  archives.push(readFileSync(copied));
  for (const other of archives) assert.deepEqual(other, archives[0]);
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

test("a signature that the registry lists and cannot be read is named", async (t) => {
  const { dir, layout, image, archive } = stage(t);
  const there = putReferrer(layout, BUNDLE, image);
  const absent = { ...putReferrer(layout, BUNDLE, image, "absent"), artifactType: BUNDLE };
  const list = putIndex(layout, [there, absent]);
  rmSync(join(layout, "blobs/sha256", hexOf(absent)));
  const tags = { v1: image.digest, [`sha256-${hexOf(image)}`]: list.digest };
  const host = await serveLayout(t, { layout, tags, lists: false });
  const words = ["copy", `docker://${host}/app:v1`, `oci-archive:${archive}:${APP}`];
  const { referrers, left } = await done(...words);
  assert.deepEqual(digests(referrers), [there.digest]);
  assert.deepEqual(left, [
    { kind: "signature", subject: image.digest, digest: absent.digest, why: "not readable" },
  ]);
  const { err } = await say(["pull", `${host}/app:v1`, "--store", join(dir, "store")]);
  assert.match(err, /left behind: 1 signature that the registry lists/);
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

test("an entry that names another subject than its manifest is refused", async (t) => {
  const { dir, layout, image, named, archive, store } = stage(t);
  const other = putContainer(layout, "other");
  const signature = putReferrer(layout, BUNDLE, image);
  const names: readonly Entry[] = [named, [other, { [REF]: "r.test/other:v1" }]];
  writeIndex(layout, [...names, [signature, { [SUBJECT]: other.digest }]]);
  const { code, document } = await ask(["verify", layout]);
  assert.equal(code, 1);
  const codes = document.sources[0].findings.map(({ code }: { code: string }) => code);
  assert.deepEqual(codes, ["subject-differs"]);
  assert.equal((await say(["import", layout, "--store", store])).code, 2);
  const exported = await say(["export", layout, "-o", archive]);
  assert.equal(exported.code, 2);
  assert.match(exported.err, /its manifest refers to/);
  // A tag of cosign's says nothing of a subject.
  writeIndex(layout, [...names, [signature, { [REF]: `r.test/other:sha256-${hexOf(other)}.sig` }]]);
  await done("export", layout, "-o", join(dir, "tagged.tar"));
  await done("verify", "--canonical", join(dir, "tagged.tar"));
});

test("import of a platform that is absent names those that are complete", async (t) => {
  const { layout, image, named, store } = stage(t);
  writeIndex(layout, [named]);
  rmSync(join(layout, "blobs/sha256", hexOf(image.platforms[1]!)));
  const words = ["import", layout, "--store", store, "--platform"];
  const { code, err } = await say([...words, "linux/arm64"]);
  assert.equal(code, 2);
  assert.match(err, /--platform linux\/amd64\n/);
  await done(...words, "linux/amd64");
});

test("copy names the source that lacks a blob of a signature, and what needs it", async (t) => {
  const { dir, layout, image, named } = stage(t);
  const signature = putReferrer(layout, BUNDLE, image);
  writeIndex(layout, [named, [signature, { [SUBJECT]: image.digest }]]);
  const layer = put(layout, BUNDLE, Buffer.from(`${BUNDLE} `));
  rmSync(join(layout, "blobs/sha256", hexOf(layer)));
  const { code, err } = await say(["copy", layout, `oci:${join(dir, "copied")}`]);
  assert.equal(code, 2);
  assert.ok(err.includes(`${layer.digest} is not in "${layout}"`), err);
  assert.ok(err.includes(signature.digest), err);
});

test("entries of cosign save without an image are each looked at a few times", () => {
  let looked = 0;
  const many = 2000;
  const roots = Array.from({ length: many }, (_, i) => ({
    mediaType: OCI.manifest,
    digest: `sha256:${i.toString(16).padStart(64, "0")}` as const,
    size: 1,
    get annotations() {
      looked++;
      return { kind: "dev.cosignproject.cosign/sigs" };
    },
  }));
  assert.equal(readEntries(new MemoryStore("memory"), roots).images.length, many);
  assert.ok(looked < 20 * many, `${looked}`);
});
