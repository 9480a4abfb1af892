import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Plan } from "../../../src/archive/plan.ts";
import { planArchive, streamArchive, writeArchive } from "../../../src/archive/write.ts";
import { Progress } from "../../../src/base/workers/pool.ts";
import { IO_CHUNK } from "../../../src/jobs/render.ts";
import type { Descriptor } from "../../../src/oci/manifest.ts";
import { CONFIG, INDEX, LAYER, MANIFEST } from "../../../src/oci/media-types.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { MemoryStore } from "../../../src/store/memory-store.ts";
import { faultOf } from "../../support/fault.ts";
import { tempDir } from "../../support/process/temp.ts";

const entry = new URL("../../../src/main.ts", import.meta.url);
const SIZES = [
  0,
  1,
  511,
  512,
  513,
  IO_CHUNK - 1,
  IO_CHUNK,
  IO_CHUNK + 1,
  IO_CHUNK * 2 - 512,
  9 * 1024 * 1024,
  8 * 1024 * 1024 + 7,
];

/** A container image with one layer of each size. */
function image() {
  const store = new MemoryStore("memory");
  const put = (mediaType: string, bytes: Uint8Array) => ({
    mediaType,
    digest: store.put(bytes),
    size: bytes.length,
  });
  const layers = SIZES.map((size, i) =>
    put("application/vnd.oci.image.layer.v1.tar", Buffer.alloc(size, `layer ${i} `)),
  );
  const diff_ids = layers.map(({ digest }) => digest);
  const config = put(
    CONFIG,
    Buffer.from(
      JSON.stringify({ architecture: "arm64", os: "linux", rootfs: { type: "layers", diff_ids } }),
    ),
  );
  const manifest = { schemaVersion: 2, mediaType: MANIFEST, config, layers };
  return {
    reference: "example.com/sizes:1",
    descriptor: put(MANIFEST, Buffer.from(JSON.stringify(manifest))),
    store,
  };
}

async function streamed(plan: Plan): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const sink = { write: async (piece: Uint8Array) => void pieces.push(Buffer.from(piece)) };
  const tally = new Progress();
  await streamArchive(plan, sink, { entry: undefined, threads: 1, tally });
  assert.equal(tally.bytes, plan.size, "progress ends at the planned size");
  return Buffer.concat(pieces);
}

test("a stream, one thread and several threads write the same bytes, from memory and from a store", async (t) => {
  const dir = tempDir(t);
  const made = image();
  const plan = await planArchive([made]);
  const expected = await streamed(plan);
  assert.equal(expected.length, plan.size);

  const store = new FolderStore(join(dir, "store"));
  const session = await store.begin();
  for (const [digest, bytes] of made.store.blobs()) session.put(digest, bytes);
  await session.commit(new Set([...made.store.blobs()].map(([digest]) => digest)), [made]);
  const stored = await planArchive([{ ...made, store }]);
  assert.ok((await streamed(stored)).equals(expected));
  for (const threads of [1, 2, 5]) {
    const at = join(dir, `${threads}.tar`);
    await writeArchive(stored, at, { entry, threads, tally: new Progress() });
    assert.ok(readFileSync(at).equals(expected), `${threads} threads`);
  }
});

test("every member stands where the plan has it", async () => {
  const plan = await planArchive([image()]);
  const bytes = await streamed(plan);
  let end = 0;
  for (const { name, start, header, size } of plan.members) {
    assert.equal(start, end, name);
    assert.ok(bytes.subarray(start, start + header.length).equals(header));
    end = start + header.length + Math.ceil(size / 512) * 512;
  }
  assert.equal(plan.size, end + 1024);
  assert.deepEqual(
    plan.members.map(({ name }) => name),
    plan.members
      .map(({ name }) => name)
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
  );
  assert.deepEqual(
    plan.members.slice(-3).map(({ name }) => name),
    ["index.json", "manifest.json", "oci-layout"],
  );
});

test("what looks like a container and runs nowhere is not for Docker", async () => {
  const seen = [];
  const SIGNED = "application/vnd.dev.cosign.simplesigning.v1+json";
  for (const [os, architecture, type] of [
    ["", "", LAYER],
    ["linux", "", LAYER],
    ["unknown", "unknown", LAYER],
    ["linux", "riscv64", SIGNED],
    ["linux", "riscv64", LAYER],
  ] as const) {
    const store = new MemoryStore("memory");
    const put = (mediaType: string, bytes: Uint8Array) => ({
      mediaType,
      digest: store.put(bytes),
      size: bytes.length,
    });
    const json = (mediaType: string, value: unknown) =>
      put(mediaType, Buffer.from(JSON.stringify(value)));
    const layer = put(type, Buffer.from("signed"));
    const rootfs = { type: "layers", diff_ids: [layer.digest] };
    const config = json(CONFIG, { architecture, os, rootfs });
    const manifest = { schemaVersion: 2, mediaType: MANIFEST, config, layers: [layer] };
    const descriptor = json(MANIFEST, manifest);
    const plan = await planArchive([{ reference: "r.example/x:v1.sig", descriptor, store }]);
    const content = plan.members.find(({ name }) => name === "index.json")?.content as Uint8Array;
    const [root] = JSON.parse(`${Buffer.from(content)}`).manifests;
    seen.push([plan.members.some(({ name }) => name === "manifest.json"), root.platform]);
  }
  assert.deepEqual(seen, [
    [false, undefined],
    [false, undefined],
    [false, { architecture: "unknown", os: "unknown" }],
    [false, { architecture: "riscv64", os: "linux" }],
    [true, { architecture: "riscv64", os: "linux" }],
  ]);
});

test("one name for two images is refused", async () => {
  const one = image();
  const other = {
    ...one,
    descriptor: { ...one.descriptor, digest: one.store.put(Buffer.from("{}")), size: 2 },
  };
  await assert.rejects(planArchive([one, other]), { code: "usage" });
});

test("one image under one name in two ways is refused, in either order", async () => {
  const one = image();
  for (const odd of [{ size: 7 }, { mediaType: INDEX }]) {
    const other = { ...one, descriptor: { ...one.descriptor, ...odd } };
    for (const images of [
      [one, other],
      [other, one],
    ])
      await assert.rejects(planArchive(images), { code: "usage" });
  }
});

test("a descriptor that lies about a size makes no archive, also when another one does not", async () => {
  const store = new MemoryStore("memory");
  const put = (mediaType: string, value: unknown) => {
    const bytes = Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
    return { mediaType, digest: store.put(bytes), size: bytes.length };
  };
  const config = put("application/x.config", "{}");
  const layer = put("application/x.layer", "layer");
  const manifest = (size: number) => ({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config,
    layers: [layer, { ...layer, size }],
  });
  const at = (name: string, descriptor: Descriptor) => ({
    reference: `example.com/${name}:1`,
    descriptor,
    store,
  });
  const right = put(MANIFEST, manifest(layer.size));
  assert.equal((await planArchive([at("a", right)])).blobs, 3);
  for (const size of [0, 99])
    await faultOf("size-differs", () => planArchive([at("a", put(MANIFEST, manifest(size)))]));
  const index = put(INDEX, { schemaVersion: 2, mediaType: INDEX, manifests: [right] });
  await faultOf("size-differs", () =>
    planArchive([at("a", index), at("b", { ...index, size: index.size + 1 })]),
  );
});

test("what is no image is not exported", async () => {
  const one = image();
  const descriptor = { ...one.descriptor, mediaType: "application/x.y" };
  await faultOf("unsupported", () => planArchive([{ ...one, descriptor }]));
});

test("an archive that nobody would read back is not written", async () => {
  const store = new MemoryStore("memory");
  const put = (mediaType: string, bytes: Uint8Array) => ({
    mediaType,
    digest: store.put(bytes),
    size: bytes.length,
  });
  const layer = put(LAYER, Buffer.from("layer"));
  const config = put(
    CONFIG,
    Buffer.from('{"architecture":"arm64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'),
  );
  const layers = Array.from({ length: 125 }, () => layer);
  const manifest = { schemaVersion: 2, mediaType: MANIFEST, config, layers };
  const descriptor = put(MANIFEST, Buffer.from(JSON.stringify(manifest)));
  const images = Array.from({ length: 1000 }, (_, i) => ({
    reference: `example.com/a:${i}`,
    descriptor,
    store,
  }));
  assert.equal((await planArchive(images.slice(0, 2))).images.length, 2);
  assert.equal((await faultOf("too-large", () => planArchive(images))).at, "manifest.json");
});
