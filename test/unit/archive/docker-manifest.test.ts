/** What stands in manifest.json: the images that Docker loads, and no other, so that it takes all of the list. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { formatDocker } from "../../../src/archive/docker-manifest.ts";
import { walk } from "../../../src/image/walk.ts";
import { CONFIG, LAYER, MANIFEST } from "../../../src/oci/media-types.ts";
import { MemoryStore } from "../../../src/store/memory-store.ts";
import { ascii, Blobs, types } from "../../support/images/archive.ts";
import { say } from "../../support/process/say.ts";
import { tempDir } from "../../support/process/temp.ts";

interface Made {
  readonly os?: string;
  readonly layerType?: string;
  readonly layers?: number;
}

/** A container's manifest. */
function container(
  blobs: Blobs,
  { os = "linux", layerType = LAYER, layers = 1 }: Made,
  architecture = "amd64",
) {
  const rootfs = { type: "layers", diff_ids: [] };
  const config = blobs.add(CONFIG, { architecture, os, rootfs });
  const layer = blobs.add(layerType, ascii("layer"));
  const content = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config,
    layers: Array(layers).fill(layer),
  };
  return { ...blobs.add(MANIFEST, content), platform: { architecture, os } };
}

/** What the list has of an image, and what is said of it. */
function listed(blobs: Blobs, root: ReturnType<typeof container>, reference = "r.example/x:v1") {
  const store = new MemoryStore("memory");
  for (const bytes of blobs.values()) store.put(bytes);
  const { platform, ...descriptor } = root;
  const image = { reference, root: descriptor, platform, reached: walk(descriptor, store) };
  const { bytes, unloadable } = formatDocker([image]);
  return { list: bytes && JSON.parse(Buffer.from(bytes).toString()), unloadable };
}

describe("manifest.json", () => {
  const TAR = "application/vnd.oci.image.layer";
  for (const layerType of [
    LAYER,
    `${TAR}.v1.tar+gzip`,
    `${TAR}.v1.tar+zstd`,
    `${TAR}.nondistributable.v1.tar+gzip`,
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar",
  ])
    test(`has an image with layers of the type ${layerType}`, () => {
      const blobs = new Blobs();
      const { list, unloadable } = listed(blobs, container(blobs, { layerType }));
      assert.deepEqual([list.length, list[0].RepoTags, unloadable], [1, ["r.example/x:v1"], []]);
    });

  const refused: readonly (readonly [what: string, made: Made, why: RegExp])[] = [
    ["Windows", { os: "windows" }, /^it is for windows\/amd64, should be for linux$/],
    ["FreeBSD", { os: "freebsd" }, /^it is for freebsd\/amd64/],
    [
      "encrypted layers",
      { layerType: `${TAR}.v1.tar+gzip+encrypted` },
      /^its layers are encrypted$/,
    ],
    [
      "layers that are wasm",
      { layerType: "application/wasm" },
      /^a layer has the type application\/wasm/,
    ],
    ["126 layers", { layers: 126 }, /^it has 126 layers, should have at most 125$/],
  ];
  for (const [what, made, why] of refused)
    test(`has no image of ${what}`, () => {
      const blobs = new Blobs();
      const { list, unloadable } = listed(blobs, container(blobs, made));
      assert.deepEqual([list, unloadable.length], [undefined, 1]);
      assert.match(unloadable[0]!.why, why);
    });

  test("has the image of 125 layers", () => {
    const blobs = new Blobs();
    assert.equal(listed(blobs, container(blobs, { layers: 125 })).list[0].Layers.length, 125);
  });

  test("of several platforms has one that Docker loads, and says nothing of the others", () => {
    const blobs = new Blobs();
    const windows = container(blobs, { os: "windows" });
    const encrypted = container(blobs, { layerType: `${LAYER}+encrypted` });
    const arm = container(blobs, {}, "arm64");
    const index = { ...blobs.index([windows, encrypted, arm]), platform: arm.platform };
    const { list, unloadable } = listed(blobs, index);
    assert.equal(list.length, 1);
    const { config } = JSON.parse(Buffer.from(blobs.get(arm.digest)!).toString());
    assert.equal(list[0].Config, `blobs/sha256/${config.digest.slice(7)}`);
    assert.deepEqual(unloadable, []);
    const none = { ...blobs.index([windows, encrypted]), platform: windows.platform };
    assert.equal(listed(blobs, none).unloadable.length, 1);
  });

  test("says nothing of what is no container", () => {
    const blobs = new Blobs();
    const config = blobs.add(types.gadgetConfig, ascii("name: x\n"));
    const root = blobs.manifest(config, [blobs.add(types.program, ascii("x"))]);
    const platform = { architecture: "amd64", os: "linux" };
    assert.deepEqual(listed(blobs, { ...root, platform }), { list: undefined, unloadable: [] });
  });

  test("has no tag for a name by digest", () => {
    const blobs = new Blobs();
    const root = container(blobs, {});
    assert.equal(listed(blobs, root, `r.example/x@${root.digest}`).list[0].RepoTags, null);
  });
});

test("a build of more than 125 layers is warned of, and its archive has no manifest.json", async (t) => {
  const folder = tempDir(t);
  const at = (name: string) => join(folder, name);
  mkdirSync(at("c"));
  writeFileSync(at("c/f"), "x");
  const steps = Array.from({ length: 126 }, (_, i) => `COPY f /f${i}`);
  writeFileSync(at("c/Dockerfile"), ["FROM scratch", ...steps, ""].join("\n"));
  const words = ["build", at("c"), "-t", "deep:v1", "--store", at("store")];
  const built = await say(words);
  assert.equal(built.code, 0, built.err);
  assert.match(built.err, /warning: the image has 126 layers: Docker takes at most 125/);
  const exported = await say(["export", "deep:v1", "-o", at("b.tar"), "--store", at("store")]);
  assert.match(
    exported.err,
    /docker load cannot take docker\.io\/library\/deep:v1: it has 126 layers/,
  );
  assert.equal((await say(["verify", "--canonical", at("b.tar")])).code, 0);
});
