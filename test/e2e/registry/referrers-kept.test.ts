/** No link between an image and its referrers is lost on the way, and what is left behind is said. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Blob, putContainer } from "../../support/images/platforms.ts";
import { ask, HELLO, say, stocked } from "../../support/process/say.ts";
import { tempDir } from "../../support/process/temp.ts";
import { serveLayout } from "../../support/registries/layout-registry.ts";
import {
  cosignTag,
  DSSE,
  digests,
  named,
  putAttestation,
  putIndex,
  putReferrer,
  putTagged,
  REF_NAME,
  refersTo,
  SPDX,
  writeIndex,
} from "../../support/registries/referrers.ts";

test("an attestation that is part of one image and a referrer of another keeps its entry", async (t) => {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const [amd64, arm64] = putContainer(layout, "app").platforms;
  const attestation = putAttestation(layout, amd64!);
  const whole = named(putIndex(layout, [amd64!, arm64!, attestation]), "r.test/app:v1");
  const part = named(amd64!, "r.test/app:amd64");
  const exported = async (entries: Parameters<typeof writeIndex>[1], name: string) => {
    writeIndex(layout, entries);
    const file = join(dir, name);
    const { code, document, err } = await ask(["export", layout, "--referrers", "-o", file]);
    assert.equal(code, 0, err);
    assert.equal((await say(["verify", "--canonical", file])).code, 0);
    return { file, referrers: digests(document.referrers) };
  };
  // Every image that has the subject contains it: it is part of them, and has no entry.
  const one = await exported([whole, refersTo(attestation, amd64!)], "one.tar");
  assert.deepEqual(one.referrers, []);
  const both = await exported([part, whole, refersTo(attestation, amd64!)], "both.tar");
  assert.deepEqual(both.referrers, [attestation.digest]);
  // So it is still there when the other image goes.
  const store = ["--store", join(dir, "store")];
  assert.equal((await say(["import", both.file, ...store])).code, 0);
  assert.equal((await say(["remove", "r.test/app:v1", ...store])).code, 0);
  const alone = join(dir, "alone.tar");
  const words = ["export", "r.test/app:amd64", "--referrers", "-o", alone, ...store];
  const { document } = await ask(words);
  assert.deepEqual(digests(document.referrers), [attestation.digest]);
});

test("an attestation that is part of its image is no referrer beside it", async (t) => {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const [amd64, arm64] = putContainer(layout, "app").platforms as [Blob, Blob];
  const attestation = putAttestation(layout, amd64);
  const image = named(putIndex(layout, [amd64, arm64, attestation]), "r.test/app:v1");
  const list = putIndex(layout, [attestation]);
  const part = named(amd64, "r.test/app:amd64");
  const tag = amd64.digest.replace(":", "-");
  for (const [entry, ...more] of [
    [refersTo(attestation, amd64)],
    [named(list, tag)],
    [named(list, `r.test/app:${tag}`)],
    [refersTo(attestation, amd64), part],
  ] as const) {
    writeIndex(layout, [image, ...more, entry]);
    const expected = more.length > 0 ? [attestation.digest] : [];
    const { document } = await ask(["verify", layout]);
    assert.deepEqual(digests(document.sources[0].referrers), expected);
    const store = ["--store", tempDir(t)];
    const file = join(dir, "out.tar");
    const exported = await ask(["export", layout, "--referrers", "-o", file]);
    assert.deepEqual(digests(exported.document.referrers), expected);
    const imported = await ask(["import", file, ...store]);
    assert.deepEqual(digests(imported.document.referrers), expected);
  }
  // What the entry alone says is judged.
  writeIndex(layout, [image, refersTo({ ...attestation, size: attestation.size + 1 }, amd64)]);
  const wrong = await ask(["verify", layout]);
  assert.equal(wrong.code, 1);
  assert.match(JSON.stringify(wrong.document), /"size-differs"/);
  // A registry that keeps no lists itself, and one that does: the tag names what is part of the image.
  writeIndex(layout, [image]);
  for (const lists of [false, true]) {
    const tags = { v1: image[0].digest, [tag]: list.digest };
    const host = await serveLayout(t, { layout, tags, lists });
    const copied = async (...words: string[]) => {
      const to = `oci-archive:${join(dir, `${lists}${words.length}.tar`)}`;
      return ask(["copy", `docker://${host}/app:v1`, to, "--referrers", ...words]);
    };
    assert.deepEqual(digests((await copied()).document.referrers), []);
    const { document } = await copied("--platform", "linux/amd64");
    assert.deepEqual(digests(document.referrers), [attestation.digest]);
  }
});

test("a signature that has an image's name of its own travels with its image as well", async (t) => {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const app = putContainer(layout, "app");
  const signature = putReferrer(layout, app);
  const sbom = putReferrer(layout, app, SPDX);
  writeIndex(layout, [
    named(app, "r.test/app:v1"),
    named(signature, "r.test/app:the-signature"),
    named(sbom, "r.test/app:the-sbom"),
  ]);
  const store = ["--store", layout];
  const file = join(dir, "app.tar");
  const { document, err } = await ask(["export", "r.test/app:v1", "-o", file, ...store]);
  assert.deepEqual(digests(document.images), [app.digest]);
  assert.deepEqual(digests(document.referrers), [signature.digest]);
  assert.deepEqual(digests(document.left), [sbom.digest]);
  assert.match(err, /left behind: 1 SBOM/);
  assert.equal((await say(["verify", "--canonical", file])).code, 0);
  // Both: an image under its name, and what refers to the other.
  const all = await ask(["export", layout, "-o", join(dir, "all.tar")]);
  assert.equal(all.document.images.length, 3);
  assert.deepEqual(digests(all.document.referrers), [signature.digest]);
  const into = ["--store", join(dir, "store")];
  assert.equal((await say(["import", join(dir, "all.tar"), ...into])).code, 0);
  const listed = (await ask(["list", ...into])).document;
  assert.deepEqual([listed.images.length, listed.referrers.length], [3, 1]);
  const dry = await say(["push", "r.test/app:v1", "localhost:1/x", "--dry-run", ...store]);
  assert.match(dry.out, new RegExp(`localhost:1/x@${signature.digest}`));
});

test("cosign's tags of attestations and SBOMs on platforms are taken or named, for two requests each", async (t) => {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const [amd64, arm64] = putContainer(layout, "app").platforms as [Blob, Blob];
  const attestation = putAttestation(layout, amd64);
  const image = putIndex(layout, [amd64, arm64, attestation]);
  const found = {
    [cosignTag(amd64, ".att")]: putTagged(layout, amd64, DSSE).digest,
    [cosignTag(arm64, ".sbom")]: putTagged(layout, arm64, SPDX).digest,
    [cosignTag(arm64, ".sig")]: putTagged(layout, arm64).digest,
  };
  const asked: string[] = [];
  const tags = { v1: image.digest, ...found };
  const host = await serveLayout(t, { layout, tags, lists: true, asked });
  const copied = async (...flags: string[]) => {
    asked.length = 0;
    const to = `oci-archive:${join(dir, `${flags.length}.tar`)}:r.test/app:v1`;
    const { code, document, err } = await ask(["copy", `docker://${host}/app:v1`, to, ...flags]);
    assert.equal(code, 0, err);
    assert.equal((await say(["verify", "--canonical", join(dir, `${flags.length}.tar`)])).code, 0);
    const tagged = asked.filter((url) => /\/sha256-[0-9a-f]{64}\.\w+$/.test(url));
    return { document, err, requests: new Set(tagged).size };
  };
  const some = await copied();
  assert.equal(some.document.referrers.length, 1);
  assert.deepEqual(some.document.left.map(({ kind }: { kind: string }) => kind).sort(), [
    "SBOM",
    "attestation",
  ]);
  assert.match(some.err, /left behind: 1 attestation, 1 SBOM \(--referrers takes everything\)/);
  // Three for the image and each platform, one for the attestation manifest and one for the signature.
  assert.equal(some.requests, 3 * 3 + 1 + 1);
  const all = await copied("--referrers");
  assert.deepEqual(digests(all.document.referrers), Object.values(found).sort());
  assert.deepEqual(all.document.left, []);
});

test("one platform by way of the store is the archive of copy --platform", async (t) => {
  for (const hasSubject of [true, false]) {
    const dir = tempDir(t);
    const layout = join(dir, "layout");
    const [amd64, arm64] = putContainer(layout, "app").platforms as [Blob, Blob];
    const attestation = putAttestation(layout, amd64, hasSubject);
    const image = putIndex(layout, [amd64, arm64, attestation]);
    for (const subject of [image, amd64, attestation]) putReferrer(layout, subject);
    putReferrer(layout, amd64, SPDX);
    const host = await serveLayout(t, { layout, tags: { v1: image.digest }, lists: true });
    const name = `${host}/app:v1`;
    const one = ["--platform", "linux/amd64"];
    const make = async (file: string, ...words: string[]) => {
      const path = join(dir, file);
      const { code, err } = await say([...words.map((word) => word.replace("FILE", path))]);
      assert.equal(code, 0, err);
      return path;
    };
    const [pulled, imported] = ["pulled", "imported"].map((at) => ["--store", join(dir, at)]);
    const direct = await make("direct.tar", "copy", `docker://${name}`, "oci-archive:FILE", ...one);
    await make("", "pull", name, ...one, ...pulled!);
    await make("", "import", direct, ...imported!);
    for (const store of [pulled!, imported!]) {
      const again = await make("again.tar", "export", name, "-o", "FILE", ...store);
      assert.deepEqual(readFileSync(again), readFileSync(direct), store[1]);
    }
    const { document } = await ask(["list", ...imported!]);
    assert.ok(digests(document.referrers).includes(attestation.digest));
  }
});

test("what refers to an image that is not here is not taken for a signature of one that is", async (t) => {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const app = putContainer(layout, "app");
  const elsewhere: Blob = { ...app, digest: `sha256:${"ab".repeat(32)}` };
  const own = putReferrer(layout, app);
  const ofOwn = putReferrer(layout, own);
  const [bundle, tagged] = [putReferrer(layout, elsewhere), putTagged(layout, elsewhere)];
  writeIndex(layout, [
    named(app, "r.test/app:v1"),
    refersTo(own, app),
    refersTo(ofOwn, own),
    refersTo(bundle, elsewhere),
    [tagged, { [REF_NAME]: cosignTag(elsewhere, ".sig") }],
  ]);
  const { code, document } = await ask(["verify", layout]);
  assert.equal(code, 0);
  const [{ findings }] = document.sources;
  const about = findings.filter((it: { message: string }) => it.message.includes("no image here"));
  assert.deepEqual(
    about.map(({ at }: { at: string }) => at).sort(),
    [bundle.digest, tagged.digest].sort(),
  );
  assert.deepEqual(new Set(about.map(({ level }: { level: string }) => level)), new Set(["note"]));
});

test("verify of a stored image proves its referrers, too", async (t) => {
  const make = () => {
    const store = join(tempDir(t), "store");
    const app = putContainer(store, "app");
    const [amd64] = app.platforms as [Blob];
    const other = putContainer(store, "other");
    const bundle = putReferrer(store, amd64);
    const ofBundle = putReferrer(store, bundle);
    const tagged = putTagged(store, app);
    const names = [named(app, "r.test/app:v1"), named(other, "r.test/other:v1")] as const;
    const referring = [
      refersTo(bundle, amd64),
      refersTo(ofBundle, bundle),
      [tagged, { [REF_NAME]: cosignTag(app, ".sig") }],
      refersTo(putReferrer(store, other), other),
    ] as const;
    writeIndex(store, [...names, ...referring]);
    const fileOf = ({ digest }: Blob) => join(store, "blobs/sha256", digest.slice(7));
    const verify = () => ask(["verify", "r.test/app:v1", "--store", store]);
    return { store, verify, names, fileOf, app, bundle, ofBundle, tagged };
  };
  const fine = make();
  const { code, document } = await fine.verify();
  assert.equal(code, 0);
  assert.deepEqual(
    digests(document.sources[0].referrers),
    digests([fine.bundle, fine.ofBundle, fine.tagged]),
  );
  const found = async ({ verify }: ReturnType<typeof make>) => {
    const { code, document } = await verify();
    assert.equal(code, 1);
    return document.sources[0].findings.map(({ code }: { code: string }) => code);
  };
  const missing = make();
  rmSync(missing.fileOf(missing.ofBundle));
  assert.deepEqual(await found(missing), ["blob-missing"]);
  const damaged = make();
  writeFileSync(damaged.fileOf(damaged.tagged), "{}");
  assert.ok((await found(damaged)).includes("size-differs"));
  const layer = make();
  const manifest = JSON.parse(`${readFileSync(layer.fileOf(layer.bundle))}`);
  writeFileSync(layer.fileOf(manifest.layers[0]), Buffer.alloc(manifest.layers[0].size));
  assert.deepEqual(await found(layer), ["digest-differs"]);
  // The entry names the image, the manifest one of its platforms.
  const astray = make();
  writeIndex(astray.store, [...astray.names, refersTo(astray.bundle, astray.app)]);
  assert.deepEqual(await found(astray), ["subject-differs"]);
});

test("what refers to a platform that is missing is named by export and push", async (t) => {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const app = putContainer(layout, "app");
  const [amd64, arm64] = app.platforms as [Blob, Blob];
  const [here, away] = [putReferrer(layout, amd64), putReferrer(layout, arm64)];
  const ofAway = putReferrer(layout, away, SPDX);
  rmSync(join(layout, "blobs/sha256", arm64.digest.slice(7)));
  writeIndex(layout, [
    named(app, "r.test/app:v1"),
    refersTo(here, amd64),
    refersTo(away, arm64),
    refersTo(ofAway, away),
  ]);
  const store = ["--store", join(dir, "store")];
  assert.equal((await say(["import", layout, ...store])).code, 0);
  for (const words of [
    ["export", "r.test/app:v1", "-o", join(dir, "a.tar")],
    ["push", "r.test/app:v1", "localhost:1/x", "--dry-run"],
  ]) {
    const { code, document, err } = await ask([...words, ...store]);
    assert.equal(code, 0, err);
    assert.deepEqual(digests(document.referrers), [here.digest]);
    assert.deepEqual(digests(document.left), digests([away, ofAway]));
    assert.match(err, /left behind: 1 signature, 1 SBOM of platforms that are missing here/);
  }
  assert.equal((await say(["verify", "--platform", "linux/amd64", join(dir, "a.tar")])).code, 0);
});

test("where a signature is damaged or incomplete, the hint names --no-referrers; where the image is, it does not", async (t) => {
  const dir = tempDir(t);
  const fileOf = (store: string, digest: string) => join(store, "blobs/sha256", digest.slice(7));
  const make = (name: string) => {
    const store = join(dir, name);
    const app = putContainer(store, "app");
    const signature = putReferrer(store, app);
    writeIndex(store, [named(app, "r.test/app:v1"), refersTo(signature, app)]);
    const manifest = JSON.parse(`${readFileSync(fileOf(store, signature.digest))}`);
    const [layer] = manifest.layers as [Blob];
    return { store, signature, layer, app };
  };
  const damage: Readonly<Record<string, (it: ReturnType<typeof make>) => void>> = {
    "manifest missing": ({ store, signature }) => rmSync(fileOf(store, signature.digest)),
    "manifest damaged": ({ store, signature: { digest, size } }) =>
      writeFileSync(fileOf(store, digest), Buffer.alloc(size)),
    "blob missing": ({ store, layer }) => rmSync(fileOf(store, layer.digest)),
    "blob cut": ({ store, layer }) => writeFileSync(fileOf(store, layer.digest), "x"),
    "blob damaged": ({ store, layer: { digest, size } }) =>
      writeFileSync(fileOf(store, digest), Buffer.alloc(size)),
  };
  const hint = /hint: it belongs to a referrer of the image .*--no-referrers\n/;
  for (const [name, act] of Object.entries(damage)) {
    const it = make(name);
    act(it);
    const words = ["export", "r.test/app:v1", "-o", join(dir, "a.tar"), "--store", it.store];
    const { code, err } = await say(words);
    assert.equal(code, 2, name);
    assert.match(err, hint, name);
    if (name === "manifest missing")
      assert.equal((await say([...words, "--no-referrers"])).code, 0, name);
  }
  const other = make("image");
  const [amd64] = JSON.parse(`${readFileSync(fileOf(other.store, other.app.digest))}`).manifests;
  const { config } = JSON.parse(`${readFileSync(fileOf(other.store, amd64.digest))}`);
  rmSync(fileOf(other.store, config.digest));
  const copy = ["copy", "r.test/app:v1", `oci:${join(dir, "out")}:v1`, "--store", other.store];
  const { code, err } = await say(copy);
  assert.deepEqual([code, hint.test(err)], [2, false], err);
});

test("push --dry-run counts images and their signatures apart", async (t) => {
  const layout = join(tempDir(t), "layout");
  const [app, other] = [putContainer(layout, "app"), putContainer(layout, "other")];
  const [one, two] = [putReferrer(layout, app), putReferrer(layout, other)];
  writeIndex(layout, [
    named(app, "r.test/app:v1"),
    named(other, "r.test/other:v1"),
    refersTo(one, app),
    refersTo(two, other),
  ]);
  const push = async (...flags: string[]) => {
    const words = ["push", "--all", "--to", "localhost:1", ...flags, "--dry-run"];
    return (await say([...words, "--store", layout])).err;
  };
  assert.match(await push(), /: 2 images, with 2 signatures, .* at most: nothing is sent/);
  assert.match(await push("--no-referrers"), /: 2 images, [^w].* at most: nothing is sent/);
});

test("a referrer without a subject is left behind by push, with the hint that fits", async (t) => {
  const layout = join(tempDir(t), "layout");
  const [amd64, arm64] = putContainer(layout, "app").platforms as [Blob, Blob];
  const attestation = putAttestation(layout, amd64, false);
  writeIndex(layout, [
    named(putIndex(layout, [amd64, arm64, attestation]), "r.test/app:v1"),
    named(amd64, "r.test/app:amd64"),
    refersTo(attestation, amd64),
  ]);
  const push = async (...words: string[]) => {
    const { code, err } = await say(["push", ...words, "--dry-run", "--store", layout]);
    assert.equal(code, 0, err);
    return err;
  };
  const to = "localhost:1/x";
  const part = await push("r.test/app:v1", to, "--platform", "linux/amd64");
  assert.match(part, /whose manifest has no subject.*\nhint: without --platform they travel/);
  const alone = await push("r.test/app:amd64", to, "--referrers");
  assert.match(alone, /whose manifest has no subject.*\nhint: an archive keeps them: ingot export/);
  assert.doesNotMatch(alone, /--platform/);
  assert.doesNotMatch(await push("r.test/app:v1", to, "--referrers"), /no subject/);
});

test("an image gets no name with a tag of cosign's: it would count as a signature", async (t) => {
  const { layout, digest, in_ } = await stocked(t);
  const tag = `sha256-${digest.slice(7)}`;
  const refused =
    /cosign's form: the image would count as the (?:signature|attestation|SBOM) of sha256:/;
  for (const words of [
    in_("tag", HELLO, `r.test/x:${tag}.sig`),
    in_("copy", HELLO, `oci:${layout}-2:${tag}.att`),
    in_("copy", HELLO, `r.test/x:${tag}.sbom`),
  ]) {
    const { code, err } = await say(words);
    assert.equal(code, 2, words.join(" "));
    assert.match(err, refused);
  }
  const { document } = await ask(in_("list"));
  assert.deepEqual([document.images.length, document.referrers], [1, []]);
  // Lists of referrers have such a tag, and so has an image of some mirrors.
  assert.equal((await say(in_("tag", HELLO, `r.test/x:${tag}`))).code, 0);
});
