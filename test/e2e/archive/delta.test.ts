/** Deltas: archives without the layers that their base has (docs/delta-archive.md). */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { planArchive, streamArchive } from "../../../src/archive/write.ts";
import { IngotError } from "../../../src/base/error.ts";
import { isSound, isVerified } from "../../../src/image/findings.ts";
import { formatBaseLayers, parseBaseLayers } from "../../../src/image/layer-list.ts";
import { Archive } from "../../../src/store/archive.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { MemoryStore } from "../../../src/store/memory-store.ts";
import { baseLayersOf } from "../../../src/transfer/delta-bases.ts";
import { importArchive } from "../../../src/verify/import.ts";
import { verifyArchive } from "../../../src/verify/verify.ts";
import { faultOf } from "../../support/fault.ts";
import {
  alone,
  ascii,
  Blobs,
  canonical,
  type Image,
  layoutMembers,
  named,
  noise,
  pieces,
  places,
  rawTar,
  seeded,
  sha256,
  types,
} from "../../support/images/archive.ts";
import { testWith } from "../../support/process/needs.ts";
import { ask, plain, say } from "../../support/process/say.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { startRegistry } from "../../support/registries/registry.ts";

const linux = (architecture: string) => ({ platform: { architecture, os: "linux" } });

/** An index over one manifest with these layers. */
function app(reference: string, layers: readonly Uint8Array[]): Image {
  const blobs = new Blobs();
  const rootfs = { type: "layers", diff_ids: layers.map(sha256) };
  const config = blobs.add(types.config, { architecture: "amd64", os: "linux", rootfs });
  const descriptors = layers.map((layer) => blobs.add(types.layer, layer));
  const manifest = blobs.manifest(config, descriptors, linux("amd64"));
  return { reference, descriptor: blobs.index([manifest]), blobs };
}

/** A gadget with a program for each of two platforms. */
function probe(reference: string, amd64: Uint8Array, arm64: Uint8Array): Image {
  const blobs = new Blobs();
  const config = blobs.add(types.gadgetConfig, ascii("name: probe\n"));
  const manifests = Object.entries({ amd64, arm64 }).map(([architecture, program]) =>
    blobs.manifest(config, [blobs.add(types.program, program)], linux(architecture)),
  );
  return { reference, descriptor: blobs.index(manifests), blobs };
}

const layer = (seed: number) => noise(600 + seed, seed);
const layers = (...seeds: number[]) => seeds.map(layer);

const oldApp = app("docker.io/library/app:v1", layers(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
const newApp = app("docker.io/library/app:v2", layers(1, 2, 3, 4, 50, 6, 7, 8, 9, 10));
const oldProbe = probe("ghcr.io/example/probe:v1", layer(20), layer(21));
const newProbe = probe("ghcr.io/example/probe:v2", layer(20), layer(22));
const other = app("docker.io/library/other:v1", layers(31, 32));

const selected = ({ reference, descriptor, blobs }: Image) => {
  const store = new MemoryStore(reference);
  for (const bytes of blobs.values()) store.put(bytes);
  return { reference, descriptor, store };
};

/** The delta of `images` over `bases`, as export streams it. */
async function deltaOf(images: readonly Image[], bases: readonly Image[]): Promise<Buffer> {
  const plan = await planArchive(images.map(selected), baseLayersOf(bases.map(selected), true));
  const written: Uint8Array[] = [];
  await streamArchive(plan, { write: async (piece) => void written.push(piece.slice()) }, alone());
  return Buffer.concat(written);
}

const bodyOf = (archive: Uint8Array, wanted: string): Buffer => {
  const { start, size } = places(archive).find(({ name }) => name === wanted)!;
  return Buffer.from(archive.subarray(start + 512, start + 512 + size));
};

const blobName = (bytes: Uint8Array) => `blobs/sha256/${sha256(bytes).slice(7)}`;

/** Archives of images in a folder, the words that choose its store, and that store. */
async function stage(t: Ends, archives: Readonly<Record<string, readonly Image[]>>) {
  const dir = tempDir(t);
  const file = (name: string) => join(dir, name);
  for (const [name, images] of Object.entries(archives))
    writeFileSync(file(name), await canonical(images));
  const store = file("store");
  const in_ = (...words: string[]) => [...words, "--store", store];
  return { dir, file, store, in_ };
}

const fine = async (words: readonly string[], options: Parameters<typeof say>[1] = {}) => {
  const { code, out, err } = await say(words, options);
  assert.equal(code, 0, `${out}${err}`);
  return { out, err };
};

describe("a delta's bytes", () => {
  test("stay what they are", async () => {
    const delta = await deltaOf([newApp, newProbe], [oldApp, oldProbe]);
    assert.equal(
      sha256(delta),
      "sha256:0974910e7de8a652f8ccbfdb4239d408436adae0757bfc70d4ec049ed1e8f7df",
    );
  });

  test("of ten layers with one changed: that layer, config, manifest, index, and what says so", async () => {
    const delta = await deltaOf([newApp], [oldApp]);
    const [changed] = layers(50);
    const kept = [...newApp.blobs.values()].filter((bytes) => bytes[0] === 0x7b).map(blobName);
    assert.equal(kept.length, 3);
    const blobs = [...kept, blobName(changed!)].sort();
    const expected = ["base.json", "blobs/", "blobs/sha256/", ...blobs, "index.json"];
    assert.deepEqual(
      places(delta).map(({ name }) => name),
      [...expected, "manifest.json", "oci-layout"],
    );
    for (const name of ["index.json", "manifest.json", "oci-layout"])
      assert.ok(bodyOf(delta, name).equals(bodyOf(await canonical([newApp]), name)), name);
  });

  test("base.json, to the byte", async () => {
    const delta = await deltaOf([newApp, newProbe], [oldProbe, oldApp, other]);
    const left = layers(1, 2, 3, 4, 6, 7, 8, 9, 10).map((bytes) => ({ bytes, image: 0 }));
    left.push({ bytes: layer(20), image: 1 });
    const blobs = left
      .map(({ bytes, image }) => ({ digest: sha256(bytes), size: bytes.length, images: [image] }))
      .sort((a, b) => (a.digest < b.digest ? -1 : 1));
    const images = [oldApp, oldProbe].map(({ reference, descriptor: { digest } }) => ({
      reference,
      digest,
    }));
    const said = { mediaType: "application/vnd.ingot.inventory.v1+json", images, blobs };
    const digest = sha256(ascii(JSON.stringify(said)));
    assert.equal(`${bodyOf(delta, "base.json")}`, JSON.stringify({ ...said, digest }));
  });

  test("are the same in whatever order images and bases are named, and however often", async () => {
    const [images, bases] = [
      [newApp, newProbe],
      [oldApp, oldProbe, other],
    ];
    const delta = await deltaOf(images, bases);
    const turned = [oldProbe, other, oldApp, oldApp];
    for (const order of [images, images.toReversed()])
      for (const base of [bases, bases.toReversed(), turned])
        assert.ok((await deltaOf(order, base)).equals(delta));
  });

  test("a base that has nothing of them gives the whole archive; one that has everything, no layer", async () => {
    assert.ok((await deltaOf([newApp], [other])).equals(Buffer.from(await canonical([newApp]))));
    const none = await deltaOf([newApp, newProbe], [newProbe, newApp]);
    const bodies = places(none).filter(({ name }) => /^blobs\/sha256\/./.test(name));
    assert.equal(bodies.length, 3 + 4);
    for (const { start } of bodies.filter(({ size }) => size > 20))
      assert.equal(none[start + 512], 0x7b);
  });

  test("what is a layer of one image and the config of another is not left out", async () => {
    const blobs = new Blobs();
    const both = blobs.add(types.config, {
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [] },
    });
    const one = {
      reference: "docker.io/library/one:v1",
      descriptor: blobs.manifest(both, []),
      blobs,
    };
    const artifact = blobs.manifest(blobs.add(types.gadgetConfig, ascii("name: x\n")), [
      { ...both, mediaType: types.program },
    ]);
    const two = { reference: "docker.io/library/two:v1", descriptor: artifact, blobs };
    const has = async (images: Image[], bases: Image[]) =>
      places(await deltaOf(images, bases)).some(({ name }) => name.endsWith(both.digest.slice(7)));
    assert.equal(await has([two], [two]), false);
    assert.equal(await has([one, two], [two]), true);
    assert.equal(await has([two], [one]), true);
  });
});

describe("import of a delta", () => {
  test("on its base gives the images whole: from a file, from stdin, compressed", async (t) => {
    const { dir, file, in_ } = await stage(t, {
      "old.tar": [oldApp, oldProbe],
      "full.tar": [newApp, newProbe],
    });
    const words = ["export", file("full.tar"), "--base", file("old.tar"), "-o", file("d.tar")];
    const { out, err } = await fine(words);
    assert.equal(out.trim().split("\n").length, 2);
    assert.match(err, /10 layers, .* left out: the archive is whole only where the base is/);
    const delta = readFileSync(file("d.tar"));
    assert.ok(delta.equals(await deltaOf([newApp, newProbe], [oldApp, oldProbe])));
    writeFileSync(file("d.tar.gz"), gzipSync(delta));
    const full = readFileSync(file("full.tar"));
    for (const [i, [from, input]] of [
      [file("d.tar")],
      ["-", delta],
      [file("d.tar.gz")],
    ].entries()) {
      const store = ["--store", join(dir, `store-${i}`)];
      await fine(["import", file("old.tar"), ...store]);
      const said = await fine(["import", `${from}`, ...store], input ? { input: delta } : {});
      assert.match(said.err, /10 layers that the delta leaves out: in .*, and proven there/);
      const names = [newApp.reference, newProbe.reference];
      await fine(["export", ...names, ...store, "-o", file("again.tar")]);
      assert.ok(readFileSync(file("again.tar")).equals(full));
      await fine(["verify", ...names, ...store]);
    }
    const { code } = await say(in_("inspect", "app:v2"));
    assert.equal(code, 2);
  });

  test("without its base names every missing layer and the image that had it, and changes nothing", async (t) => {
    const { file, in_ } = await stage(t, { "some.tar": [other] });
    const delta = await deltaOf([newApp], [oldApp]);
    writeFileSync(file("d.tar"), delta);
    await fine(in_("import", file("some.tar")));
    for (const [from, input] of [[file("d.tar")], ["-", delta]] as const) {
      const { code, out, err } = await say(in_("import", from), input ? { input } : {});
      assert.deepEqual([code, out], [2, ""]);
      plain(err);
      assert.match(err, /it has 9 findings, should have none/);
      for (const bytes of layers(1, 2, 3, 4, 6, 7, 8, 9, 10))
        assert.match(
          err,
          new RegExp(
            `${sha256(bytes)}: the delta leaves it out, and it is not in the store; it is of docker.io/library/app:v1`,
          ),
        );
      assert.match(
        err,
        /hint: nothing was changed: import the delta's base first, .*app:v1 \(sha256:/,
      );
      const { document } = await ask(in_("list"));
      assert.deepEqual(
        document.images.map(({ reference }: { reference: string }) => reference),
        [other.reference],
      );
    }
  });

  test("without its base is not read to its end from a stream", async (t) => {
    const large = app("docker.io/library/large:v2", [layer(1), noise(1 << 20, 77)]);
    const delta = await deltaOf([large], [oldApp]);
    let passed = 0;
    async function* counted() {
      for await (const piece of pieces(delta)) {
        passed += piece.length;
        yield piece;
      }
    }
    const store = new FolderStore(join(tempDir(t), "store"));
    const { findings } = await faultOf("unproven", () =>
      importArchive({ bytes: counted(), at: "stream" }, store, alone()),
    );
    assert.deepEqual(
      findings.map(({ code, at }) => [code, at]),
      [["blob-missing", sha256(layer(1))]],
    );
    assert.ok(passed < 300_000, `${passed} bytes were read`);
  });

  test("refuses where the store has a layer damaged or cut, and takes it when that is whole again", async (t) => {
    const { file, store, in_ } = await stage(t, { "old.tar": [oldApp] });
    writeFileSync(file("d.tar"), await deltaOf([newApp], [oldApp]));
    await fine(in_("import", file("old.tar")));
    const at = join(store, blobName(layer(3)));
    for (const damage of [
      (bytes: Buffer) => bytes.fill(7, 100, 101),
      (bytes: Buffer) => bytes.subarray(1),
    ]) {
      writeFileSync(at, damage(Buffer.from(layer(3))));
      const { code, err } = await say(in_("import", file("d.tar")));
      assert.equal(code, 2);
      assert.match(err, /it has 1 finding.*\n.*in the store it is damaged: its bytes are sha256:/);
      assert.ok(err.includes(sha256(layer(3))));
    }
    await fine(in_("import", file("old.tar")));
    await fine(in_("import", file("d.tar")));
  });

  test("is not needed where both are unpacked into one folder: that is a layout", async (t) => {
    const { file } = await stage(t, { "full.tar": [newApp, newProbe] });
    const folder = file("layout");
    const old = await canonical([oldApp, oldProbe]);
    mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
    for (const archive of [old, await deltaOf([newApp, newProbe], [oldApp, oldProbe])])
      for (const { name } of places(archive))
        if (!name.endsWith("/")) writeFileSync(join(folder, name), bodyOf(archive, name));
    await fine(["verify", folder]);
    await fine(["export", folder, "-o", file("again.tar")]);
    assert.ok(readFileSync(file("again.tar")).equals(readFileSync(file("full.tar"))));
  });

  test("a chain: a delta is the base of the next one", async (t) => {
    const next = app("docker.io/library/app:v3", layers(1, 2, 3, 4, 50, 6, 7, 8, 9, 99));
    const { file, in_ } = await stage(t, { "1.tar": [oldApp], "2.tar": [newApp], "3.tar": [next] });
    await fine(["export", file("2.tar"), "--base", file("1.tar"), "-o", file("12.tar")]);
    await fine(["export", file("3.tar"), "--base", file("12.tar"), "-o", file("23.tar")]);
    await fine(["export", file("3.tar"), "--base", file("2.tar"), "-o", file("same.tar")]);
    assert.ok(readFileSync(file("23.tar")).equals(readFileSync(file("same.tar"))));
    const parts = ["--base", file("12.tar"), "--base", file("1.tar")];
    await fine(["verify", file("23.tar"), ...parts]);
    for (const name of ["1.tar", "12.tar", "23.tar"]) await fine(in_("import", file(name)));
    await fine(in_("export", "app:v3", "-o", file("again.tar")));
    assert.ok(readFileSync(file("again.tar")).equals(readFileSync(file("3.tar"))));
  });
});

describe("export --base", () => {
  test("an archive, a layout, the store, a saved list: the same bytes", async (t) => {
    const { file, store, in_ } = await stage(t, {
      "app.tar": [oldApp],
      "probe.tar": [oldProbe],
      "both.tar": [oldApp, oldProbe],
      "new.tar": [newApp, newProbe],
    });
    await fine(in_("import", file("both.tar")));
    const saved = ["--inventory", file("list.json")];
    await fine(["export", file("both.tar"), "-o", file("x.tar"), ...saved]);
    await fine(
      in_("export", oldProbe.reference, "app:v1", "-o", "/dev/null", "--inventory", file("l.json")),
    );
    assert.ok(readFileSync(file("l.json")).equals(readFileSync(file("list.json"))));
    const expected = await deltaOf([newApp, newProbe], [oldApp, oldProbe]);
    for (const bases of [
      [file("both.tar")],
      [file("probe.tar"), file("app.tar")],
      [`oci-archive:${file("app.tar")}`, `oci:${store}`],
      ["app:v1", oldProbe.reference],
      [file("list.json")],
      [file("list.json"), file("probe.tar")],
    ]) {
      const flags = bases.flatMap((base) => ["--base", base]);
      const { code, document, err } = await ask(
        in_("export", ...flags, file("new.tar"), "-o", file("d.tar")),
      );
      assert.equal(code, 0, err);
      assert.ok(readFileSync(file("d.tar")).equals(expected), bases.join());
      const keys = [
        "output",
        "size",
        "blobs",
        "resumed",
        "images",
        "referrers",
        "left",
        "absent",
        "base",
      ];
      assert.deepEqual(Object.keys(document), keys);
      const { images, layers: count, bytes } = document.base;
      assert.deepEqual(
        images,
        [oldApp, oldProbe].map(({ reference, descriptor: { digest } }) => ({ reference, digest })),
      );
      const sizes = [1, 2, 3, 4, 6, 7, 8, 9, 10, 20].map((seed) => 600 + seed);
      assert.deepEqual([count, bytes], [10, sizes.reduce((sum, size) => sum + size)]);
    }
  });

  test("a base that is not whole is none", async (t) => {
    const { file, store, in_ } = await stage(t, { "old.tar": [oldApp], "new.tar": [newApp] });
    await fine(in_("import", file("old.tar")));
    const words = in_("export", file("new.tar"), "--base", `oci:${store}`, "-o", file("d.tar"));
    const at = join(store, blobName(layer(3)));
    writeFileSync(at, layer(3).subarray(1));
    const cut = await say(words);
    assert.equal(cut.code, 2);
    assert.match(cut.err, /it has 602 bytes, should have 603 bytes/);
    rmSync(at);
    const gone = await say(words);
    assert.equal(gone.code, 2);
    assert.match(gone.err, /cannot find a blob: sha256:/);
    const manifest = [...oldApp.blobs].find(([, bytes]) =>
      `${Buffer.from(bytes)}`.includes('"layers":'),
    );
    writeFileSync(at, layer(3));
    writeFileSync(join(store, blobName(manifest![1])), Buffer.from(manifest![1]).fill(0x20, 1, 2));
    const changed = await say(words);
    assert.equal(changed.code, 2);
    assert.match(changed.err, /its bytes are sha256:.*, should be sha256:/);
    assert.deepEqual(readdirSync(join(store, "..")).sort(), ["new.tar", "old.tar", "store"]);
  });

  test("a list of which a byte changed is none", () => {
    const list = Buffer.from(
      formatBaseLayers(baseLayersOf([oldApp, oldProbe].map(selected)), "list"),
    );
    assert.equal(parseBaseLayers(list, "list").size, 12);
    for (let i = 0; i < list.length; i++) {
      const damaged = Buffer.from(list);
      damaged[i] = damaged[i]! ^ (1 << (i % 8));
      assert.throws(() => parseBaseLayers(damaged, "list"), IngotError);
    }
    assert.throws(() => parseBaseLayers(Buffer.concat([list, ascii("\n")]), "list"), IngotError);
  });

  test("the list and the archive are two files", async (t) => {
    const { file } = await stage(t, { "new.tar": [newApp] });
    const both = ["-o", file("x"), "--inventory", `${file("new.tar")}/../x`];
    const { code, err } = await say(["export", file("new.tar"), ...both]);
    assert.equal(code, 2);
    assert.match(err, /--inventory and --output are both ".*", should be two files/);
  });

  test("where nothing is left out, it says so", async (t) => {
    const { file } = await stage(t, { "other.tar": [other], "new.tar": [newApp] });
    const words = ["export", file("new.tar"), "--base", file("other.tar"), "-o", file("d.tar")];
    const { err } = await fine(words);
    assert.match(err, /warning: the base has none of the layers: nothing is left out/);
    assert.ok(readFileSync(file("d.tar")).equals(readFileSync(file("new.tar"))));
    await fine(["verify", "--canonical", file("d.tar"), "--base", file("other.tar")]);
  });

  testWith(
    ["docker-registry"],
    "from a registry: the bytes of a delta from the store",
    async (t) => {
      const { host } = await startRegistry(t);
      const { file, in_ } = await stage(t, { "old.tar": [oldApp], "new.tar": [newApp] });
      const there = `${host}/team/app:v2`;
      await fine(["copy", `oci-archive:${file("new.tar")}`, `docker://${there}`]);
      await fine(in_("pull", there));
      const base = ["--base", file("old.tar")];
      await fine(in_("export", there, ...base, "-o", file("stored.tar")));
      await fine(["export", `docker://${there}`, ...base, "-o", file("d.tar")]);
      assert.ok(readFileSync(file("d.tar")).equals(readFileSync(file("stored.tar"))));
      const names = places(readFileSync(file("d.tar"))).map(({ name }) => name);
      assert.deepEqual([names[0], names.includes(blobName(layer(1)))], ["base.json", false]);
      const saved = ["--inventory", file("l.json"), "-o", "/dev/null"];
      await fine(["export", `docker://${there}`, ...saved]);
      assert.equal(parseBaseLayers(readFileSync(file("l.json")), "l").size, 10);
    },
  );

  test("a delta is no source", async (t) => {
    const { file, in_ } = await stage(t, {});
    writeFileSync(file("d.tar"), await deltaOf([newApp], [oldApp]));
    for (const words of [
      ["export", file("d.tar"), "-o", file("x.tar")],
      ["inspect", file("d.tar")],
      ["copy", `oci-archive:${file("d.tar")}`, `oci:${file("x")}`],
      ["verify", `oci-archive:${file("d.tar")}:${newApp.reference}`],
    ]) {
      const { code, err } = await say(in_(...words));
      assert.equal(code, 2, words[0]);
      assert.match(err, /found a delta, which leaves out layers/);
      assert.match(err, /hint: import it on top of its base/);
    }
    assert.deepEqual(
      readdirSync(join(file("d.tar"), "..")).filter((name) => name !== "store"),
      ["d.tar"],
    );
  });
});

describe("verify of a delta", () => {
  test("alone could not say, and names what it relies on; with its base it is a yes", async (t) => {
    const { file, in_ } = await stage(t, { "old.tar": [oldApp], "other.tar": [other] });
    const delta = await deltaOf([newApp], [oldApp]);
    writeFileSync(file("d.tar"), delta);
    for (const [from, input] of [[file("d.tar")], ["-", delta]] as const) {
      const { code, out, err } = await say(["verify", "--canonical", from], input ? { input } : {});
      assert.equal(code, 2);
      assert.ok(out.includes(`\n  relies on ${oldApp.reference} ${oldApp.descriptor.digest}\n`));
      assert.match(out, /^COULD NOT SAY .*: 1 image, 4 blobs, .*, canonical\n/);
      assert.equal(
        out.match(/note: sha256:.* bytes of docker.io\/library\/app:v1 \[left-out\]/g)?.length,
        9,
      );
      assert.match(
        err,
        /it is a delta, what is in it is proven, and it relies on 9 layers of its base\nhint: /,
      );
      plain(err);
      const words = ["verify", "--canonical", "--layers", from, "--base", file("old.tar")];
      const whole = await say(words, input ? { input } : {});
      assert.equal(whole.code, 0, whole.out);
      assert.match(whole.out, /^OK .*: 1 image, 13 blobs, .*, canonical\n/);
    }
    const wrong = await say(["verify", file("d.tar"), "--base", file("other.tar")]);
    assert.equal(wrong.code, 1);
    assert.equal(
      wrong.out.match(/it is neither here nor in the base: .* bytes of .*app:v1 \[blob-missing\]/g)
        ?.length,
      9,
    );
    const damaged = readFileSync(file("old.tar"));
    const { start } = places(damaged).find(({ name }) => name === blobName(layer(3)))!;
    damaged[start + 600] = damaged[start + 600]! ^ 1;
    writeFileSync(file("bad.tar"), damaged);
    const bad = await say(["verify", file("d.tar"), "--base", file("bad.tar")]);
    assert.equal(bad.code, 1);
    assert.match(bad.out, /\[digest-differs\]/);
    await fine(in_("import", file("old.tar")));
    await fine(in_("verify", file("d.tar"), "--base", "app:v1"));
    const layout = await say(in_("verify", "app:v1", "--base", file("old.tar")));
    assert.equal(layout.code, 2);
    assert.match(layout.err, /--base is about archives/);
    writeFileSync(file("l.json"), formatBaseLayers(baseLayersOf([selected(oldApp)]), "l"));
    const list = await say(["verify", file("d.tar"), "--base", file("l.json")]);
    assert.equal(list.code, 2);
    assert.match(list.err, /the base .*l\.json is a list, should be what has the layers/);
  });

  test("of more layers than findings are listed", async (t) => {
    const seeds = Array.from({ length: 1200 }, (_, i) => ascii(`layer ${i}`));
    const old = app("docker.io/library/much:v1", seeds);
    const delta = await deltaOf([app("docker.io/library/much:v2", [...seeds, layer(1)])], [old]);
    const stream = { bytes: pieces(delta, 100_000), at: "stream" };
    const report = await verifyArchive(stream, { canonical: true }, alone());
    assert.deepEqual([isSound(report), isVerified(report), report.leftOut], [true, false, 1200]);
    assert.match(report.findings.at(-1)?.message ?? "", /^700 more are left out/);
    const path = join(tempDir(t), "d.tar");
    writeFileSync(path, delta);
    const bases = [selected(old).store];
    assert.ok(isVerified(await verifyArchive({ path }, { canonical: true, bases }, alone())));
  });

  test("--json, and the worst of several", async (t) => {
    const { file, in_ } = await stage(t, { "old.tar": [oldApp] });
    writeFileSync(file("d.tar"), await deltaOf([newApp], [oldApp]));
    const alone_ = await ask(["verify", file("old.tar"), file("d.tar")]);
    assert.deepEqual([alone_.code, alone_.document.ok], [2, false]);
    const [good, delta] = alone_.document.sources;
    const { reference, descriptor } = oldApp;
    const bytes = [1, 2, 3, 4, 6, 7, 8, 9, 10].reduce((sum, seed) => sum + 600 + seed, 0);
    const base = { images: [{ reference, digest: descriptor.digest }], layers: 9, bytes };
    assert.deepEqual([good.ok, good.base, delta.ok, delta.base], [true, undefined, false, base]);
    const { findings } = delta;
    assert.ok(
      findings.every(
        (one: { code: string; level: string }) => one.code === "left-out" && one.level === "note",
      ),
    );
    const both = await ask(["verify", file("d.tar"), "--base", file("old.tar")]);
    assert.deepEqual([both.code, both.document.sources[0].findings], [0, []]);
    await fine(in_("import", file("old.tar")));
    const { document } = await ask(in_("import", file("d.tar")));
    assert.deepEqual([document.blobs, document.added, document.base], [4, 4, base]);
    rmSync(join(file("store"), blobName(layer(1))));
    const refused = await ask(in_("import", file("d.tar")));
    assert.equal(refused.code, 2);
    assert.equal(refused.document.error.code, "unproven");
  });
});

/** Whether somebody says yes: of the delta alone that nothing is wrong, with its base that all is proven. */
async function yeses(bytes: Uint8Array, file: string, base: Archive): Promise<string[]> {
  writeFileSync(file, bytes);
  const found: string[] = [];
  const ask_ = async (what: string, act: () => Promise<boolean>) => {
    try {
      if (await act()) found.push(what);
    } catch (error) {
      assert.ok(error instanceof IngotError && error.code !== "internal", String(error));
    }
  };
  const ways = {
    file: () => ({ path: file }),
    stream: () => ({ bytes: pieces(bytes), at: "stream" }),
  };
  for (const [way, source] of Object.entries(ways)) {
    await ask_(`${way} alone`, async () =>
      isSound(await verifyArchive(source(), { canonical: false }, alone())),
    );
    await ask_(`${way} with its base`, async () =>
      isVerified(await verifyArchive(source(), { canonical: false, bases: [base] }, alone())),
    );
  }
  return found;
}

describe("a damaged delta is never a yes", () => {
  const prepared = async (t: Ends) => {
    const { dir, file } = await stage(t, { "old.tar": [oldApp, oldProbe] });
    const delta = await deltaOf([newApp, newProbe], [oldApp, oldProbe]);
    return { dir, file, delta, base: await Archive.open(file("old.tar")) };
  };

  test("undamaged, it is one in every way", async (t) => {
    const { file, delta, base } = await prepared(t);
    const ways = ["file alone", "file with its base", "stream alone", "stream with its base"];
    assert.deepEqual(await yeses(delta, file("x.tar"), base), ways);
  });

  test("200 random damages", async (t) => {
    const { dir, file, delta, base } = await prepared(t);
    const store = new FolderStore(join(dir, "store"));
    await importArchive({ path: file("old.tar") }, store, alone());
    const next = seeded(4711);
    const at = places(delta);
    const unnoticed: string[] = [];
    for (let i = 0; i < 200; i++) {
      const { name, start, end } = at[next(at.length)]!;
      const bit = next(delta.length * 8);
      const [what, damaged] = [
        () => {
          const flipped = Buffer.from(delta);
          flipped[bit >> 3] = flipped[bit >> 3]! ^ (1 << (bit & 7));
          return [`bit ${bit & 7} of byte ${bit >> 3}`, flipped] as const;
        },
        () => [`cut at ${bit >> 3}`, delta.subarray(0, bit >> 3)] as const,
        () =>
          [
            `without ${name}`,
            Buffer.concat([delta.subarray(0, start), delta.subarray(end)]),
          ] as const,
        () => {
          const to = at[next(at.length)]!.start;
          const twice = [delta.subarray(0, to), delta.subarray(start, end), delta.subarray(to)];
          return [`${name} again at ${to}`, Buffer.concat(twice)] as const;
        },
        () =>
          [`${1 + (bit & 7)} bytes more`, Buffer.concat([delta, noise(1 + (bit & 7), i)])] as const,
      ][i % 5]!();
      for (const yes of await yeses(damaged, file("x.tar"), base))
        unnoticed.push(`${what}: ${yes}`);
      try {
        await importArchive({ path: file("x.tar") }, store, alone());
        unnoticed.push(`${what}: import`);
      } catch (error) {
        assert.ok(error instanceof IngotError && error.code !== "internal", String(error));
      }
    }
    assert.deepEqual(unnoticed, []);
    assert.deepEqual(store.images().length, 2);
    await importArchive({ bytes: pieces(delta), at: "stream" }, store, alone());
    assert.deepEqual(store.images().length, 4);
  });

  test("each byte of base.json", async (t) => {
    const { file, delta, base } = await prepared(t);
    const { start, size } = places(delta)[0]!;
    for (let i = 0; i < size; i += 3) {
      const damaged = Buffer.from(delta);
      damaged[start + 512 + i] = damaged[start + 512 + i]! ^ (1 << (i % 7));
      assert.deepEqual(await yeses(damaged, file("x.tar"), base), [], `byte ${i}`);
    }
  });
});

describe("a list that lies", () => {
  const [one, two] = layers(41, 42) as [Uint8Array, Uint8Array];
  const image = app("docker.io/library/lie:v1", [one, two]);
  const owners = [{ reference: "docker.io/library/base:v1", digest: sha256(one) }];

  /** An archive of the image without `left`, whose headers are somebody else's, and whose list tells of `told`. */
  const lying = (
    left: readonly Uint8Array[],
    told: readonly { bytes: Uint8Array; size?: number }[],
  ) => {
    const gone = new Set(left.map(sha256));
    const list = told.map(
      ({ bytes, size = bytes.length }) => [sha256(bytes), { size, owners }] as const,
    );
    return rawTar([
      { name: "base.json", body: formatBaseLayers(new Map(list), "base.json") },
      ...[...image.blobs]
        .filter(([digest]) => !gone.has(digest))
        .map(([digest, body]) => ({ name: `blobs/sha256/${digest.slice(7)}`, body })),
      {
        name: "index.json",
        body: ascii(
          JSON.stringify({
            schemaVersion: 2,
            manifests: [named(image.descriptor, image.reference)],
          }),
        ),
      },
      { name: "oci-layout", body: ascii('{"imageLayoutVersion":"1.0.0"}') },
    ]);
  };

  test("is a no, from a file and from a stream, and import takes nothing", async (t) => {
    const file = join(tempDir(t), "x.tar");
    const [config] = [...image.blobs].find(([, bytes]) =>
      `${Buffer.from(bytes)}`.includes("rootfs"),
    )!;
    const isRight = async (archive: Uint8Array, said: RegExp) => {
      writeFileSync(file, archive);
      for (const source of [{ path: file }, { bytes: pieces(archive), at: "stream" }]) {
        const report = await verifyArchive(source, { canonical: false }, alone());
        assert.ok(!isSound(report), "a lie is believed");
        assert.match(report.findings.map(({ message }) => message).join("\n"), said);
      }
      const { findings } = await faultOf("unproven", () =>
        importArchive({ path: file }, new FolderStore(join(file, "../store")), alone()),
      );
      assert.match(findings.map(({ message }) => message).join("\n"), said);
    };
    await isRight(
      lying([one], [{ bytes: one, size: 5 }]),
      /it has 5 bytes, its descriptor says 641/,
    );
    await isRight(lying([], [{ bytes: one }]), /is listed as left out, and it is in the archive/);
    await isRight(lying([one], [{ bytes: one }, { bytes: layer(43) }]), /no image needs it/);
    await isRight(lying([one], [{ bytes: two }]), /it is here|it is not here/);
    await isRight(lying([], []), /it lists no layer that is left out/);
    const bytes = image.blobs.get(config)!;
    await isRight(lying([bytes], [{ bytes }]), /may leave out layers alone/);
    const manifest = [...image.blobs.values()].find((found) =>
      `${Buffer.from(found)}`.includes('"layers":['),
    )!;
    await isRight(lying([manifest], [{ bytes: manifest }]), /may leave out layers alone/);
  });

  test("of a size: a no also where the base has the layer, and import takes nothing", async (t) => {
    const dir = tempDir(t);
    const path = join(dir, "x.tar");
    const bases = [selected(app("docker.io/library/base:v1", [one])).store];
    const wrong = [`size-differs ${sha256(one)}`];
    const found = async (archive: Uint8Array) => {
      writeFileSync(path, archive);
      const briefs = [];
      for (const source of [{ path }, { bytes: pieces(archive), at: "stream" }]) {
        const report = await verifyArchive(source, { canonical: false, bases }, alone());
        assert.equal(isVerified(report), report.findings.length === 0);
        briefs.push(report.findings.map(({ code, at }) => `${code} ${at}`));
      }
      assert.deepEqual(briefs[1], briefs[0]);
      return briefs[0];
    };
    assert.deepEqual(await found(lying([one], [{ bytes: one }])), []);
    assert.deepEqual(await found(lying([one], [{ bytes: one, size: 5 }])), wrong);

    // Where the manifest tells the same lie, only the layer itself says another thing.
    const blobs = new Blobs();
    const rootfs = { type: "layers", diff_ids: [sha256(one)] };
    const config = blobs.add(types.config, { architecture: "amd64", os: "linux", rootfs });
    const descriptor = blobs.manifest(config, [
      { mediaType: types.layer, digest: sha256(one), size: 5 },
    ]);
    const list = new Map([[sha256(one), { size: 5, owners }]]);
    const archive = rawTar([
      { name: "base.json", body: formatBaseLayers(list, "base.json") },
      ...layoutMembers(blobs, [named(descriptor, image.reference)]),
    ]);
    assert.ok((await found(archive))!.includes(wrong[0]!));
    const store = new FolderStore(join(dir, "store"));
    const base = join(dir, "base.tar");
    writeFileSync(base, await canonical([app("docker.io/library/base:v1", [one])]));
    await importArchive({ path: base }, store, alone());
    for (const source of [{ path }, { bytes: pieces(archive), at: "stream" }]) {
      const { findings } = await faultOf("unproven", () => importArchive(source, store, alone()));
      assert.deepEqual(
        findings.map(({ code, at }) => `${code} ${at}`),
        wrong,
      );
    }
    assert.equal(store.images().length, 1);
  });

  test("one that does not is taken from any writer of archives", async (t) => {
    const dir = tempDir(t);
    const file = join(dir, "x.tar");
    const store = new FolderStore(join(dir, "store"));
    mkdirSync(join(dir, "base"));
    writeFileSync(file, lying([one], [{ bytes: one }]));
    const report = await verifyArchive({ path: file }, { canonical: false }, alone());
    assert.deepEqual([isSound(report), isVerified(report), report.leftOut], [true, false, 1]);
    await faultOf("unproven", () => importArchive({ path: file }, store, alone()));
    writeFileSync(
      join(dir, "base.tar"),
      await canonical([app("docker.io/library/base:v1", [one])]),
    );
    await importArchive({ path: join(dir, "base.tar") }, store, alone());
    const { blobs, base } = await importArchive({ path: file }, store, alone());
    assert.deepEqual([blobs, base?.layers], [4, 1]);
  });
});
