import assert from "node:assert/strict";
import { test } from "node:test";
import { gadgetImage } from "../../../src/gadget/image.ts";
import { platformOf, select } from "../../../src/image/select.ts";
import { walk } from "../../../src/image/walk.ts";
import { CONFIG, INDEX, MANIFEST } from "../../../src/oci/media-types.ts";
import { formatPlatform, parsePlatforms } from "../../../src/oci/platform.ts";
import { MemoryStore } from "../../../src/store/memory-store.ts";
import { faultOf } from "../../support/fault.ts";

/** A gadget whose two architectures have one and the same manifest, as one without eBPF has. */
function gadget() {
  const parts = {
    metadata: undefined,
    ebpf: new Map(),
    wasm: Buffer.from("not looked at"),
    architectures: ["amd64", "arm64"],
    created: "1970-01-01T00:00:00Z",
    builderVersion: "test",
  };
  const { descriptor, blobs } = gadgetImage(parts);
  const store = new MemoryStore("memory");
  for (const bytes of blobs.values()) store.put(bytes);
  return { reference: "example.com/gadget:1", descriptor, store };
}

const PLATFORMS = ["linux/amd64", "linux/arm/v7", "linux/arm64"];

/** A container for these platforms, each with a config of its own, in an index with a member nobody knows. */
function container(names = PLATFORMS) {
  const store = new MemoryStore("memory");
  const put = (mediaType: string, value: unknown) => {
    const bytes = Buffer.from(JSON.stringify(value));
    return { mediaType, digest: store.put(bytes), size: bytes.length };
  };
  const manifests = names.map((name) => {
    const [os, architecture, variant] = name.split("/");
    const platform = { architecture, os, variant };
    const config = put(CONFIG, { ...platform, rootfs: { type: "layers", diff_ids: [] } });
    return {
      ...put(MANIFEST, { schemaVersion: 2, mediaType: MANIFEST, config, layers: [] }),
      platform,
    };
  });
  const descriptor = put(INDEX, {
    schemaVersion: 2,
    mediaType: INDEX,
    manifests,
    "com.example": ["kept"],
  });
  return { reference: "example.com/container:1", descriptor, store };
}

const platformsOf = (image: ReturnType<typeof select>) =>
  [
    ...(walk(image.descriptor, image.store).get(image.descriptor.digest)?.index?.manifests ?? []),
  ].map(({ platform }) => platform && formatPlatform(platform));

test("without a choice, or with all of it chosen, the image stays what it is", () => {
  for (const image of [gadget(), container()]) {
    assert.equal(select(image, []).descriptor, image.descriptor);
  }
  const all = select(container(), parsePlatforms("linux/arm64,linux/amd64,linux/arm/v7"));
  assert.equal(all.descriptor.digest, container().descriptor.digest);
});

test("a gadget stays an index, also when both architectures have one manifest", () => {
  const image = select(gadget(), parsePlatforms("linux/arm64"));
  assert.equal(image.descriptor.mediaType, INDEX);
  assert.deepEqual(platformsOf(image), ["linux/arm64"]);
  assert.equal(
    walk(image.descriptor, image.store).size,
    walk(gadget().descriptor, gadget().store).size,
  );
});

test("one platform of a container is its manifest, two are an index that keeps all else", () => {
  const one = select(container(), parsePlatforms("linux/arm64"));
  assert.equal(one.descriptor.mediaType, MANIFEST);
  const two = select(container(), parsePlatforms("linux/arm64,linux/arm"));
  assert.deepEqual(platformsOf(two), ["linux/arm/v7", "linux/arm64"]);
  const content = two.store.find(two.descriptor.digest);
  assert.ok(content instanceof Uint8Array);
  assert.deepEqual(JSON.parse(Buffer.from(content).toString())["com.example"], ["kept"]);
});

test("of one platform there is one image, under whatever name it is asked for", async () => {
  const image = container(["linux/amd64", "linux/arm64/v9", "linux/arm64/v8", "linux/arm/v6"]);
  const one = (text: string) => {
    const { descriptor, store } = select(image, parsePlatforms(text));
    return formatPlatform(platformOf(descriptor, store)!);
  };
  for (const name of ["linux/arm64", "linux/arm64/v8", "aarch64"])
    assert.equal(one(name), "linux/arm64/v8");
  assert.equal(one("linux/arm64/v9"), "linux/arm64/v9");
  assert.equal(one("linux/arm"), "linux/arm/v6");
  const two = select(image, parsePlatforms("linux/arm64/v9,linux/arm64/v8"));
  assert.deepEqual(platformsOf(two), ["linux/arm64/v9", "linux/arm64/v8"]);
  const twins = container(["linux/arm64", "linux/arm64/v8"]);
  const [first] = walk(twins.descriptor, twins.store).get(twins.descriptor.digest)!.index!
    .manifests;
  const { descriptor } = select(twins, parsePlatforms("linux/arm64/v8"));
  assert.equal(descriptor.digest, first!.digest);
  const lone = select(container(["linux/arm64/v8", "linux/amd64"]), parsePlatforms("arm64"));
  assert.equal(select(lone, parsePlatforms("linux/arm64/v8")), lone);
  await faultOf("not-found", () => select(lone, parsePlatforms("linux/arm64/v9")));
});

test("a platform that is not there is a fault that says which are", async () => {
  const wanted = parsePlatforms("linux/amd64,linux/s390x");
  const facts = await faultOf("not-found", () => select(container(), wanted));
  assert.match(facts.at, /linux\/s390x in example.com\/container:1/);
  assert.equal(facts.hint, "there is linux/amd64, linux/arm/v7, linux/arm64");
});

test("of an index with a number that tools write differently, no part is made, and all of it is taken", async () => {
  const store = new MemoryStore("memory");
  const put = (mediaType: string, value: unknown) => {
    const bytes = Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
    return { mediaType, digest: store.put(bytes), size: bytes.length };
  };
  const config = put("application/x.config", "{}");
  const manifests = ["amd64", "arm64", "s390x"].map((architecture) => ({
    ...put(MANIFEST, { schemaVersion: 2, mediaType: MANIFEST, config, layers: [] }),
    platform: { os: "linux", architecture },
  }));
  for (const odd of ["1.5", "-0", "1e20"]) {
    const list = JSON.stringify(manifests);
    const descriptor = put(INDEX, `{"schemaVersion":2,"x":{"y":[${odd}]},"manifests":${list}}`);
    const image = { reference: "example.com/odd:1", descriptor, store };
    assert.equal(select(image, []).descriptor.digest, descriptor.digest);
    await faultOf("unsupported", () => select(image, parsePlatforms("linux/amd64,linux/arm64")));
  }
});
