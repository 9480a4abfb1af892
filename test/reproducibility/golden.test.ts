/** The golden files: what went in and what must come out, byte by byte, for this and every other implementation. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { planArchive } from "../../src/archive/write.ts";
import { gadgetImage } from "../../src/gadget/image.ts";
import type { StoredImage } from "../../src/image/select.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { imageNameOf } from "../../src/oci/layout.ts";
import { Archive } from "../../src/store/archive.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { headerWriter } from "../../src/tar/header.ts";
import { exported } from "../support/images/exported.ts";
import { ingot, root } from "../support/process/ingot.ts";
import { tempDir } from "../support/process/temp.ts";
import { readUstar } from "../support/tar/ustar.ts";
import { make } from "./golden/make.ts";

const FOLDER = join(root, "test/reproducibility/golden");

/** The SHA-256 of every golden file. Lines are only ever added: whoever changes one changes the format. */
const SUMS: Readonly<Record<string, string>> = {
  "archive-v1.json": "e9aae17e3b3cd4641a418b239a6763be9dd423c15ee55b2366277a490d195776",
  "archive-v1.tar": "a3e0e248b776a5d24281161bcc3e5f4ddc062b0d32c8f861fa3757c710a26f02",
  "deflate-v1.json": "13da344cbb5448f3cff5be68554e26e6e55a8989a8c4b895c54d3f8d2a5bf749",
  "gadget-v1.index.json": "f34a362f177727ed3f12eadc1f255ffe6a19190ab82d48df98c19f1bddc3b86a",
  "gadget-v1.json": "74f2a153baad2b7c2f24c09ed2c1033a5e7eaae27e0e16966e70933514ebe9f7",
  "gadget-v1.manifest.json": "f04a4a04a15fef85a1438a2b7079c2bbc81a822acee2fb9c4827ae1709f3101f",
  "hello-v1.json": "c3246a149891ec9daae0fa1a3389beca8540b3a76818bf8bbb9cf4e175993760",
  "layers-v1.json": "f4e8f7282fd68d0abcb4e0cd5837b0395b6e8e52abfbd03ebfa41f1a48aeda0b",
  "pax-v1.json": "22e65a8c50a82310cdea7ea88d9d05c3ecde7ac6e955d4095f012bcbe40989d3",
  "referrers-v1.json": "a66449de863ddcc7f148b622978fc1f65cc3bdfc94ffeaaf2eb7c54154aa2b8f",
  "referrers-v1.tar": "6dedacbd36fe3fce77f451b67b0e57927f8bf400eaec985254c5dfb17f7d0e9a",
};

interface Described {
  readonly size: number;
  readonly sha256: string;
  readonly images: readonly {
    reference: string;
    mediaType: string;
    digest: Digest;
    size: number;
  }[];
  readonly members: readonly { name: string; offset: number; size: number }[];
}

const golden = (name: string) => readFileSync(join(FOLDER, name));
const described = (name: string): Described => JSON.parse(`${golden(name)}`);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const ARCHIVE = join(FOLDER, "archive-v1.tar");

/** Images of the golden archive, by their names, in this order. */
async function chosen(references: readonly string[]): Promise<StoredImage[]> {
  const archive = await Archive.open(ARCHIVE);
  return references.map((reference) => {
    const descriptor = archive.images().find((image) => imageNameOf(image) === reference);
    assert.ok(descriptor, reference);
    return { reference, descriptor, store: archive };
  });
}

test("no golden file was edited, and none is unknown", () => {
  const files = readdirSync(FOLDER).filter((name) => !name.endsWith(".ts"));
  assert.deepEqual(Object.fromEntries(files.map((name) => [name, sha256(golden(name))])), SUMS);
});

test("the recipe makes exactly the golden files, but for the compressor's and the layers', which have their own", () => {
  const made = make();
  const names = [...Object.keys(made), "deflate-v1.json", "layers-v1.json"];
  assert.deepEqual(names.sort(), Object.keys(SUMS).sort());
  for (const [name, bytes] of Object.entries(made)) assert.ok(bytes.equals(golden(name)), name);
});

test("a gadget image is, to the digest, what Inspektor Gadget's own builder made", () => {
  const { metadata, architectures, created, builderVersion, ...expected } = JSON.parse(
    `${golden("gadget-v1.json")}`,
  );
  const { descriptor, manifests, blobs } = gadgetImage({
    metadata: {
      bytes: Buffer.from(metadata),
      name: "unsigned",
      description: "",
      documentationURL: "",
      sourceURL: "",
      homepageURL: "",
      annotations: new Map(),
    },
    ebpf: new Map(),
    wasm: undefined,
    architectures,
    created,
    builderVersion,
  });
  assert.deepEqual(descriptor, expected.index);
  assert.equal(manifests.length, 2);
  for (const { mediaType, digest, size } of manifests)
    assert.deepEqual({ mediaType, digest, size }, expected.manifest);
  const blob = (digest: Digest) => Buffer.from(blobs.get(digest)!);
  assert.ok(blob(expected.index.digest).equals(golden("gadget-v1.index.json")));
  assert.ok(blob(expected.manifest.digest).equals(golden("gadget-v1.manifest.json")));
  assert.equal(`${blob(expected.config.digest)}`, metadata);
  // What `ig image build` printed.
  const told = (part: { digest: string; size: number }) => [part.digest, part.size];
  assert.deepEqual([expected.config, expected.manifest, expected.index].map(told), [
    ["sha256:6af71c416a18d670ca32e5d8685945df788d298de940088548597a81f8ea5897", 15],
    ["sha256:f04a4a04a15fef85a1438a2b7079c2bbc81a822acee2fb9c4827ae1709f3101f", 933],
    ["sha256:f34a362f177727ed3f12eadc1f255ffe6a19190ab82d48df98c19f1bddc3b86a", 1535],
  ]);
});

test("export makes the golden archive, byte by byte", async () => {
  const { images, members, size, sha256: expected } = described("archive-v1.json");
  const bytes = await exported(await chosen(images.map(({ reference }) => reference).reverse()));
  assert.ok(bytes.equals(golden("archive-v1.tar")));
  assert.deepEqual([bytes.length, sha256(bytes)], [size, expected]);
  const rows = readUstar(bytes).map(({ name, header, content }) => ({
    name,
    offset: header,
    size: content.length,
  }));
  assert.deepEqual(rows, members);
});

test("the golden archive names its images as its description says", async () => {
  const archive = await Archive.open(ARCHIVE);
  const { images } = described("archive-v1.json");
  assert.deepEqual(
    archive.images().map((image) => {
      const { mediaType, digest, size } = image;
      return { reference: imageNameOf(image), mediaType, digest, size };
    }),
    images,
  );
});

test("each image of the golden archive exported alone is canonical, and smaller", async (t) => {
  const dir = tempDir(t);
  const { images, size } = described("archive-v1.json");
  for (const [i, { reference }] of images.entries()) {
    const bytes = await exported(await chosen([reference]));
    assert.ok(bytes.length < size, reference);
    const file = join(dir, `${i}.tar`);
    writeFileSync(file, bytes);
  }
  const files = images.map((_, i) => join(dir, `${i}.tar`));
  const { code, stderr } = await ingot(["verify", "--canonical", ...files]);
  assert.equal(code, 0, stderr);
});

test("through a store the golden archive comes back as it is", async (t) => {
  const dir = tempDir(t);
  const [store, out] = [join(dir, "store"), join(dir, "out.tar")];
  const { images } = described("archive-v1.json");
  const verified = await ingot(["verify", "--canonical", ARCHIVE]);
  assert.equal(verified.code, 0, `${verified.stdout}${verified.stderr}`);
  const imported = await ingot(["import", ARCHIVE, "--store", store]);
  assert.equal(imported.code, 0, imported.stderr);
  const names = images.map(({ reference }) => reference);
  const done = await ingot(["export", ...names, "-o", out, "--store", store]);
  assert.equal(done.code, 0, done.stderr);
  assert.ok(readFileSync(out).equals(golden("archive-v1.tar")));
});

test("the golden archive of signed images is canonical, and comes back through a store", async (t) => {
  const dir = tempDir(t);
  const [store, out] = [join(dir, "store"), join(dir, "out.tar")];
  const file = join(FOLDER, "referrers-v1.tar");
  const { images, sha256: expected } = described("referrers-v1.json");
  const { referrers } = JSON.parse(`${golden("referrers-v1.json")}`);
  const verified = await ingot(["verify", "--canonical", "--json", file]);
  assert.equal(verified.code, 0, `${verified.stdout}${verified.stderr}`);
  const [said] = JSON.parse(`${verified.stdout}`).sources;
  assert.equal(said.images.length, 2);
  const subjects = (list: readonly { subject: string; digest: string }[]) =>
    list.map(({ subject, digest }) => `${digest} ${subject}`).sort();
  assert.deepEqual(subjects(said.referrers), subjects(referrers));
  const imported = await ingot(["import", file, "--store", store]);
  assert.equal(imported.code, 0, imported.stderr);
  const names = images.map(({ reference }) => reference);
  for (const sources of [names, [file], [`oci:${store}`]]) {
    const done = await ingot(["export", ...sources, "--referrers", "-o", out, "--store", store]);
    assert.equal(done.code, 0, done.stderr);
    assert.equal(sha256(readFileSync(out)), expected, sources.join(" "));
  }
});

test("the hello gadget builds into its golden archive", async (t) => {
  const out = join(tempDir(t), "hello.tar");
  const { size, sha256: expected, images, members } = described("hello-v1.json");
  const { code, stdout, stderr } = await ingot(
    ["build", "examples/gadget/hello", "-t", "hello", "-o", out],
    { cwd: root },
  );
  assert.equal(code, 0, stderr);
  const [image] = images;
  assert.equal(`${stdout}${stderr}`.trim(), `${image?.reference} ${image?.digest}`);
  const bytes = readFileSync(out);
  assert.deepEqual([bytes.length, sha256(bytes)], [size, expected]);
  const rows = readUstar(bytes).map(({ name, header, content }) => ({
    name,
    offset: header,
    size: content.length,
  }));
  assert.deepEqual(rows, members);
});

test("headers around 8 GiB are the golden ones", async () => {
  const writer = await headerWriter();
  const rows: { name: string; size: number; header: string[] }[] = JSON.parse(
    `${golden("pax-v1.json")}`,
  );
  assert.equal(rows.length, 6);
  for (const { name, size, header } of rows) {
    const hex = Buffer.from(writer(name, size)).toString("hex");
    assert.deepEqual(hex.match(/.{64}/g), header, `${size}`);
    assert.equal(header.join("").length, 2 * (size < 8 ** 11 ? 512 : 1536), `${size}`);
  }
});

test("nothing that a store knows of an image beside its name and digest comes into the archive", async () => {
  const archive = await Archive.open(ARCHIVE);
  const { images } = described("archive-v1.json");
  const bytes = async (more: object) => {
    const selected = images.map(({ reference, mediaType, digest, size }) => {
      const store = new MemoryStore("memory", archive);
      return { reference, descriptor: { ...more, mediaType, digest, size }, store };
    });
    const { members } = await planArchive(selected);
    return members.map(({ name, start, content, size }) => [
      name,
      start,
      content instanceof Uint8Array ? `${Buffer.from(content)}` : size,
    ]);
  };
  const more = {
    annotations: { a: "b" },
    artifactType: "x/y",
    urls: ["z"],
    data: "e30=",
    platform: { architecture: "mips", os: "plan9" },
  };
  assert.deepEqual(await bytes(more), await bytes({}));
});
