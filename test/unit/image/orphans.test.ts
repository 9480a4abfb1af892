/** Signatures and other referrers when the names of their image are removed. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { type Blob, nameAll, OCI, put, putContainer } from "../../support/images/platforms.ts";
import { ask, say } from "../../support/process/say.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";

/** What refers to `subject`; it has a blob of its own. */
function putReferrer(store: string, subject: Blob): Blob {
  const layer = put(store, "text/plain", Buffer.from(`of ${subject.digest}`));
  const config = put(store, "application/vnd.oci.empty.v1+json", {});
  const manifest = { schemaVersion: 2, mediaType: OCI.manifest, config, layers: [layer], subject };
  return put(store, OCI.manifest, manifest);
}

const at = (store: string, digest: string) => join(store, "blobs/sha256", digest.slice(7));

/** Writes the index of a layout: images by their names, and referrers by their subjects. */
function writeIndex(
  store: string,
  names: Readonly<Record<string, Blob>>,
  referrers: readonly (readonly [subject: Blob, referrer: Blob])[],
  nameless: readonly Blob[] = [],
) {
  const entry = ({ mediaType, digest, size }: Blob, annotations?: Record<string, string>) => ({
    mediaType,
    digest,
    size,
    annotations,
  });
  const manifests = [
    ...Object.entries(names).map(([name, blob]) =>
      entry(blob, { "org.opencontainers.image.ref.name": name }),
    ),
    ...referrers.map(([subject, blob]) =>
      entry(blob, { "io.containerd.manifest.subject": subject.digest }),
    ),
    ...nameless.map((blob) => entry(blob)),
  ];
  writeFileSync(join(store, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(store, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}

/** A store with two signed images: one is signed as a whole, one of its platforms has a bundle, and that an attestation. */
function signed(t: Ends) {
  const store = join(tempDir(t), "store");
  const app = putContainer(store, "app");
  const other = putContainer(store, "other");
  const [platform] = app.platforms;
  const signature = putReferrer(store, app);
  const bundle = putReferrer(store, platform!);
  const attestation = putReferrer(store, bundle);
  const otherSignature = putReferrer(store, other);
  const names = { "r.test/app:v1": app, "r.test/other:v1": other };
  const referrers = [
    [app, signature],
    [platform!, bundle],
    [bundle, attestation],
    [other, otherSignature],
  ] as const;
  writeIndex(store, names, referrers);
  const there = async () => {
    const { document } = await ask(["list", "--store", store]);
    return digests(document.referrers);
  };
  const remove = async (...words: string[]) => {
    const { code, document } = await ask(["remove", ...words, "--store", store]);
    return { code, removed: document.removed, referrers: digests(document.referrers) };
  };
  const blobs = { app, other, platform: platform!, signature, bundle, attestation, otherSignature };
  return { store, names, referrers, there, remove, ...blobs };
}

const digests = (list: readonly { readonly digest: string }[]) =>
  list.map(({ digest }) => digest).sort();

test("remove takes them with the last name of their image, and says how many", async (t) => {
  const { store, app, there, otherSignature } = signed(t);
  const { code, out, err } = await say(["remove", "r.test/app:v1", "--store", store]);
  assert.equal(code, 0, err);
  assert.equal(out, `r.test/app:v1 ${app.digest}\n`);
  assert.equal(err, "ingot remove: removed with the images: 3 other referrers\n");
  assert.deepEqual(await there(), [otherSignature.digest]);
  const pruned = await ask(["prune", "--store", store]);
  assert.deepEqual([pruned.code, pruned.document.orphans], [0, []]);
  assert.equal((await say(["verify", `oci:${store}`])).code, 0);
});

test("with --json they are a list of their own", async (t) => {
  const { remove, app, signature, bundle, attestation } = signed(t);
  const { removed, referrers } = await remove(app.digest);
  assert.deepEqual(removed, [{ reference: "r.test/app:v1", digest: app.digest }]);
  assert.deepEqual(referrers, digests([signature, bundle, attestation]));
});

test("they stay as long as a name has the image, in any repository or as a part", async (t) => {
  const { store, names, referrers, app, platform, signature, bundle, attestation, there, ...it } =
    signed(t);
  writeIndex(store, { ...names, "r.test/copy:v1": app, "r.test/part:v1": platform }, referrers);
  assert.deepEqual((await it.remove("r.test/app:v1")).referrers, []);
  // The image of one platform is still there, and so is what refers to it.
  assert.deepEqual((await it.remove("r.test/copy:v1")).referrers, [signature.digest]);
  assert.deepEqual((await it.remove("r.test/part:v1")).referrers, digests([bundle, attestation]));
  assert.deepEqual(await there(), [it.otherSignature.digest]);
});

test("they stay as long as the index has the image, if under no name", async (t) => {
  const { store, names, referrers, app, remove, there } = signed(t);
  writeIndex(store, names, referrers, [app]);
  assert.deepEqual((await remove("r.test/app:v1")).referrers, []);
  assert.deepEqual((await ask(["prune", "--store", store])).document.orphans, []);
  assert.equal((await there()).length, 4);
});

test("one is removed by its digest, with what refers to it, and no image", async (t) => {
  const { remove, bundle, attestation, there } = signed(t);
  const { removed, referrers } = await remove(bundle.digest);
  assert.deepEqual(removed, []);
  assert.deepEqual(referrers, digests([bundle, attestation]));
  assert.equal((await there()).length, 2);
});

test("those of a damaged image go, too; beside a damaged one they stay", async (t) => {
  const first = signed(t);
  rmSync(at(first.store, first.app.digest));
  assert.deepEqual((await first.remove("r.test/app:v1")).referrers, [first.signature.digest]);
  const second = signed(t);
  rmSync(at(second.store, second.other.digest));
  const kept = await second.remove("r.test/app:v1");
  assert.deepEqual([kept.code, kept.referrers], [0, []]);
  assert.equal((await second.there()).length, 4);
});

test("prune removes those whose subject no image has, and says so", async (t) => {
  const { store, names, referrers, otherSignature, there } = signed(t);
  const { "r.test/other:v1": _, ...left } = names;
  writeIndex(store, left, referrers);
  const { code, out, err } = await say(["prune", "--store", store]);
  assert.equal(code, 0, err);
  assert.ok(out.includes(otherSignature.digest));
  assert.match(err, /removed 1 other referrer: no image in the store has what they refer to\n/);
  assert.equal((await there()).length, 3);
  const { document } = await ask(["prune", "--store", store]);
  assert.deepEqual([document.orphans, document.removed], [[], []]);
});

test("prune changes nothing where it refuses: a busy store, a damaged image", async (t) => {
  const { store, names, referrers, app, there } = signed(t);
  const { "r.test/other:v1": _, ...left } = names;
  writeIndex(store, left, referrers);
  const index = () => readFileSync(join(store, "index.json"), "latin1");
  const before = index();
  const session = await new FolderStore(store).begin();
  const busy = await say(["prune", "--store", store]);
  assert.deepEqual([busy.code, index()], [2, before]);
  assert.match(busy.err, /is using it/);
  assert.doesNotMatch(busy.err, /removed/);
  session.drop();
  const file = at(store, app.digest);
  const bytes = readFileSync(file);
  writeFileSync(file, "{}");
  assert.deepEqual([(await say(["prune", "--store", store])).code, index()], [2, before]);
  writeFileSync(file, bytes);
  assert.equal((await say(["prune", "--store", store])).code, 0);
  assert.equal((await there()).length, 3);
});

test("prune gives each referrer of a list an entry of its own", async (t) => {
  const store = join(tempDir(t), "store");
  const app = putContainer(store, "app");
  const here = putReferrer(store, app);
  const list = put(store, OCI.index, { schemaVersion: 2, mediaType: OCI.index, manifests: [here] });
  nameAll(store, {
    "r.test/app:v1": app,
    [`r.test/app:${app.digest.replace(":", "-")}`]: list,
  });
  const { document, code } = await ask(["prune", "--store", store]);
  assert.deepEqual([code, document.orphans], [0, []]);
  assert.deepEqual(digests(document.removed), [list.digest]);
  assert.deepEqual(digests((await ask(["list", "--store", store])).document.referrers), [
    here.digest,
  ]);
});

test("names of cosign's form are referrers as well, in whatever repository they stand", async (t) => {
  const { store, names, app, other } = signed(t);
  const tag = (blob: Blob) => `${blob.digest.replace(":", "-")}.sig`;
  const [one, two] = [putReferrer(store, app), putReferrer(store, other)];
  nameAll(store, {
    ...names,
    [`r.test/elsewhere:${tag(app)}`]: one,
    [`r.test/other:${tag(other)}`]: two,
  });
  const { document } = await ask(["list", "--store", store]);
  assert.equal(document.images.length, 2);
  assert.deepEqual(digests(document.referrers), digests([one, two]));
  const gone = await ask(["remove", "r.test/app:v1", "--store", store]);
  assert.deepEqual(digests(gone.document.referrers), [one.digest]);
});
