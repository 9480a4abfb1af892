/** verify --layers: what a layer is, uncompressed, against what its config says. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { openSources } from "../../../src/source/source.ts";
import { verifyArchive, verifyImage, verifyLayout } from "../../../src/verify/verify.ts";
import {
  alone,
  Blobs,
  layoutMembers,
  named,
  noise,
  pieces,
  rawTar,
  sha256,
  types,
} from "../../support/images/archive.ts";
import { fixture } from "../../support/images/docker-archive.ts";
import { ingot } from "../../support/process/ingot.ts";
import { measured } from "../../support/process/measured.ts";
import { testWith } from "../../support/process/needs.ts";
import { ask } from "../../support/process/say.ts";
import { tempDir } from "../../support/process/temp.ts";

const NAME = "example.org/box:v1";

const compressionOf = ([first, second]: Uint8Array) =>
  first === 0x1f && second === 0x8b ? "+gzip" : first === 0x28 && second === 0xb5 ? "+zstd" : "";

/** An image with these layers, of which its config says this. */
function image(layers: readonly Uint8Array[], diffIDs: readonly string[]) {
  const blobs = new Blobs();
  const rootfs = { type: "layers", diff_ids: diffIDs };
  const config = blobs.add(types.config, { architecture: "amd64", os: "linux", rootfs });
  const root = blobs.manifest(
    config,
    layers.map((bytes) => blobs.add(types.layer + compressionOf(bytes), bytes)),
  );
  return { bytes: rawTar(layoutMembers(blobs, [named(root, NAME)])), config };
}

/** What is found: in the file, in the stream, in a compressed one, of the image alone; and without --layers. */
async function found(t: TestContext, bytes: Uint8Array) {
  const path = join(tempDir(t), "a.tar");
  writeFileSync(path, bytes);
  const packed = zstdCompressSync(bytes);
  const sources = [
    { path },
    { bytes: pieces(bytes), at: path },
    { bytes: pieces(packed), at: path },
  ];
  const exactly = { canonical: false, layers: true };
  const reports = [];
  for (const source of sources) reports.push(await verifyArchive(source, exactly, alone()));
  const [selected] = await openSources(`oci-archive:${path}:${NAME}`, () => assert.fail());
  reports.push(await verifyImage(selected!, alone(), { layers: true }));
  const [first, ...others] = reports.map(({ findings, blobs, bytes }) => ({
    blobs,
    bytes,
    findings: findings.map(({ code, at }) => `${code} ${at}`),
  }));
  for (const other of others) assert.deepEqual(other, first);
  const plain = await verifyArchive({ path }, { canonical: false }, alone());
  assert.deepEqual([plain.findings, plain.bytes], [[], first!.bytes]);
  return { path, findings: first!.findings, report: reports[0]! };
}

const a = noise(5000, 1);
const b = noise(100_000, 2);

test("yes: plain, gzip of two members, zstd, an empty one, and one that is not there twice", async (t) => {
  const twice = Buffer.concat([gzipSync(b.subarray(0, 500)), gzipSync(b.subarray(500))]);
  const layers = [a, gzipSync(a), twice, zstdCompressSync(b), gzipSync(new Uint8Array(0)), a];
  const ids = [a, a, b, b, new Uint8Array(0), a].map(sha256);
  assert.deepEqual((await found(t, image(layers, ids).bytes)).findings, []);
});

test("no: another diffID, of each kind of layer", async (t) => {
  for (const layer of [a, gzipSync(a), zstdCompressSync(a)]) {
    const { bytes, config } = image([layer], [sha256(b)]);
    const { findings, report } = await found(t, bytes);
    assert.deepEqual(findings, [`diff-id-differs ${sha256(layer)}`]);
    const [one] = report.findings;
    const says = `it is ${sha256(a)} uncompressed, its config ${config.digest} says ${sha256(b)}`;
    assert.equal(one?.message, says);
  }
});

test("no: layers in another order, each once", async (t) => {
  const layers = [gzipSync(a), gzipSync(b)];
  const { findings } = await found(t, image(layers, [sha256(b), sha256(a)]).bytes);
  assert.deepEqual(findings.sort(), layers.map((one) => `diff-id-differs ${sha256(one)}`).sort());
});

test("no: a layer that cannot be decompressed, or has something behind its end", async (t) => {
  for (const layer of [gzipSync(a).subarray(0, -5), Buffer.concat([gzipSync(a), a])]) {
    const { findings } = await found(t, image([layer], [sha256(a)]).bytes);
    assert.deepEqual(findings, [`malformed ${sha256(layer)}`]);
  }
});

test("what is no container's layer is not looked at", async (t) => {
  const blobs = new Blobs();
  const config = blobs.add(types.gadgetConfig, Buffer.from("name: x\n"));
  const program = blobs.add(types.program, gzipSync(a).subarray(0, -5));
  const root = blobs.manifest(config, [program]);
  assert.deepEqual(
    (await found(t, rawTar(layoutMembers(blobs, [named(root, NAME)])))).findings,
    [],
  );
});

testWith(["time"], "of 1 GiB that is 1 MiB, nothing is kept", async (t) => {
  const zeros = Buffer.alloc(256 << 20);
  const bomb = Buffer.concat(Array(4).fill(gzipSync(zeros, { level: 9 })));
  const diff = createHash("sha256");
  for (let i = 0; i < 4; i++) diff.update(zeros);
  const path = join(tempDir(t), "a.tar");
  writeFileSync(path, image([bomb], [`sha256:${diff.digest("hex")}`]).bytes);
  const { code, said, peak } = await measured(["verify", "--layers", path]);
  assert.equal(code, 0, said);
  assert.ok(peak < 250, `${peak} MiB`);
});

test("the command: an archive, a layout, a stored image, and standard input", async (t) => {
  const dir = tempDir(t);
  const { bytes } = image([gzipSync(a)], [sha256(b)]);
  const file = join(dir, "a.tar");
  writeFileSync(file, bytes);
  const store = join(dir, "store");
  assert.equal((await ingot(["import", file, "--store", store])).code, 0);
  const sources = [file, `oci:${store}`, NAME, `oci-archive:${file}:${NAME}`, "-"];
  const no = await ask(["verify", "--layers", ...sources, "--store", store], { input: bytes });
  assert.equal(no.code, 1);
  for (const { findings } of no.document.sources)
    assert.deepEqual(
      findings.map(({ code }: { code: string }) => code),
      ["diff-id-differs"],
    );
  assert.equal((await ask(["verify", ...sources, "--store", store], { input: bytes })).code, 0);
  const { findings } = await verifyLayout(store, alone(), { layers: true });
  assert.equal(findings.length, 1);
  const foreign = ["docker-20.tar", "docker-29.tar", "podman-oci.tar", "ctr.tar"].map(fixture);
  assert.equal((await ask(["verify", "--layers", ...foreign])).code, 0);
});
