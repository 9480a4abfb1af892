import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it, test } from "node:test";
import { planArchive, writeArchive } from "../../../src/archive/write.ts";
import { Progress } from "../../../src/base/workers/pool.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { imageNameOf } from "../../../src/oci/layout.ts";
import { Archive } from "../../../src/store/archive.ts";
import { sizeOf } from "../../../src/store/content.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { Layout } from "../../../src/store/layout.ts";
import { MemoryStore } from "../../../src/store/memory-store.ts";
import { type ReadStore, readBlob, resolveName } from "../../../src/store/store.ts";
import { faultOf } from "../../support/fault.ts";
import { MANIFEST, noise, writeLayout } from "../../support/images/layout.ts";
import { type Ends, tempDir, tidily } from "../../support/process/temp.ts";

const NAMES = ["r.test/a:1", "r.test/b:1"] as const;
const NOWHERE: Digest = `sha256:${"0".repeat(64)}`;

/** The same two images in every kind of store. */
const kinds: Record<string, (folder: string) => Promise<ReadStore>> = {
  Layout: async (folder) => new Layout(folder).check(),
  FolderStore: async (folder) => new FolderStore(folder),
  Archive: async (folder) => {
    const store = new Layout(folder);
    const images = NAMES.map((name) => ({ ...resolveName(store, name), store }));
    const file = join(folder, "..", "archive.tar");
    await writeArchive(await planArchive(images), file, {
      entry: undefined,
      threads: 1,
      tally: new Progress(),
    });
    return Archive.open(file);
  },
  MemoryStore: async (folder) => new MemoryStore("memory", new Layout(folder)),
};

function sample(t: Ends): string {
  const folder = join(tempDir(t), "layout");
  writeLayout(
    folder,
    NAMES.map((name) => ({ name, layers: [1000, 0] })),
  );
  return folder;
}

for (const [kind, open] of Object.entries(kinds)) {
  describe(`every store, ${kind}`, () => {
    it(
      "names its images",
      tidily(async (t) => {
        const store = await open(sample(t));
        assert.deepEqual(store.images().map(imageNameOf), [...NAMES]);
        assert.ok(store.at.length > 0);
      }),
    );

    it(
      "gives the bytes of a blob as often as asked, and nothing for one that is not there",
      tidily(async (t) => {
        const store = await open(sample(t));
        const { descriptor } = resolveName(store, NAMES[1]);
        const first = readBlob(store, descriptor);
        assert.equal(JSON.parse(Buffer.from(first).toString()).mediaType, MANIFEST);
        assert.deepEqual(readBlob(store, descriptor), first);
        const [layer, empty] = JSON.parse(Buffer.from(first).toString()).layers;
        assert.ok(Buffer.from(readBlob(store, layer)).equals(noise(`${NAMES[1]} 0`, 1000)));
        assert.equal(sizeOf(store.find(layer.digest)!), 1000);
        assert.equal(readBlob(store, empty).length, 0);
        assert.equal(store.find(NOWHERE), undefined);
      }),
    );

    it(
      "says which blob is missing, and who needs it",
      tidily(async (t) => {
        const store = await open(sample(t));
        const facts = await faultOf("blob-missing", () =>
          readBlob(store, { mediaType: "x/y", digest: NOWHERE, size: 1 }, "a manifest"),
        );
        assert.deepEqual(facts, { digest: NOWHERE, at: store.at, neededBy: "a manifest" });
      }),
    );

    it(
      "does not hand out a blob of another size than its descriptor says",
      tidily(async (t) => {
        const store = await open(sample(t));
        const { descriptor } = resolveName(store, NAMES[0]);
        const facts = await faultOf("size-differs", () =>
          readBlob(store, { ...descriptor, size: descriptor.size + 1 }),
        );
        assert.equal(facts.actual, descriptor.size);
      }),
    );

    it(
      "finds an image by its name or its digest, and suggests names that look alike",
      tidily(async (t) => {
        const store = await open(sample(t));
        const { descriptor } = resolveName(store, NAMES[0]);
        assert.equal(resolveName(store, descriptor.digest).reference, NAMES[0]);
        assert.equal(resolveName(store, `${NAMES[0]}@${descriptor.digest}`).reference, NAMES[0]);
        const { near } = await faultOf("not-found", () => resolveName(store, "r.test/aa:1"));
        assert.ok(near?.includes(NAMES[0]), String(near));
        assert.deepEqual(
          (await faultOf("not-found", () => resolveName(store, "registry.test/quite/different:9")))
            .near,
          [],
        );
      }),
    );
  });
}

test("a name that two images have is ambiguous, an equal entry twice is not", async (t) => {
  const folder = join(tempDir(t), "layout");
  writeLayout(folder, [
    { name: "x:1", seed: "one" },
    { name: "x:1", seed: "two" },
    { name: "y:1", seed: "y" },
    { name: "y:1", seed: "y" },
  ]);
  const store = new FolderStore(folder);
  assert.equal((await faultOf("ambiguous", () => resolveName(store, "x:1"))).matches.length, 2);
  assert.equal(resolveName(store, "y:1").reference, "y:1");
});

test("a short name is a gadget's or a container's, or only what is asked for", async (t) => {
  const folder = join(tempDir(t), "layout");
  writeLayout(folder, [
    { name: "ghcr.io/inspektor-gadget/gadget/trace:latest" },
    { name: "docker.io/library/box:latest" },
  ]);
  const store = new FolderStore(folder);
  assert.equal(
    resolveName(store, "trace").reference,
    "ghcr.io/inspektor-gadget/gadget/trace:latest",
  );
  for (const kind of [undefined, "container"] as const)
    assert.equal(resolveName(store, "box", kind).reference, "docker.io/library/box:latest");
  await faultOf("not-found", () => resolveName(store, "trace", "container"));
});
