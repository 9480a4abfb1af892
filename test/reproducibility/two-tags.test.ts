/** Names, their order, how often they are given and where the images come from: none of it is in the bytes, except the names. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import type { StoredImage } from "../../src/image/select.ts";
import { imageNameOf } from "../../src/oci/layout.ts";
import { Archive } from "../../src/store/archive.ts";
import { FolderStore } from "../../src/store/folder-store.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import type { ReadStore } from "../../src/store/store.ts";
import { exported } from "../support/images/exported.ts";
import { ingot, root } from "../support/process/ingot.ts";
import { tempDir } from "../support/process/temp.ts";

const GOLDEN = join(root, "test/reproducibility/golden/archive-v1.tar");
const A = "ghcr.io/inspektor-gadget/gadget/hello:v1";
const B = "example.org/greeting:v2";

/** Runs ingot, which must succeed; its answer. */
async function ok(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await ingot(args, { cwd: root });
  assert.equal(code, 0, `ingot ${args.join(" ")}: ${stderr}`);
  return `${stdout}`;
}

describe("one image under two tags", () => {
  const ends: (() => void)[] = [];
  const dir = tempDir({ after: (clean) => void ends.push(clean) });
  after(() => ends.forEach((end) => void end()));
  const at = (name: string) => join(dir, name);
  const hello = "examples/gadget/hello";
  let expected: Buffer;

  before(async () => {
    await ok(["build", hello, "-t", A, "-t", B, "-o", at("direct.tar")]);
    expected = readFileSync(at("direct.tar"));
  });

  /** Every order in which the two can be asked for, from this store. */
  async function everyOrder(store: string): Promise<void> {
    const orders = [
      [A, B],
      [B, A],
      [A, B, A],
      [B, B, A],
      ["hello:v1", A, B],
    ];
    for (const [i, names] of orders.entries()) {
      const file = `${store}-${i}.tar`;
      const said = await ok(["export", ...names, "-o", file, "--store", store]);
      assert.ok(readFileSync(file).equals(expected), names.join(" "));
      assert.deepEqual(
        said
          .trim()
          .split("\n")
          .map((line) => line.split(" ")[0]),
        [B, A],
      );
    }
  }

  test("from a store that got it by build, in one go", async () => {
    await ok(["build", hello, "-t", B, "-t", A, "--store", at("built")]);
    await everyOrder(at("built"));
  });

  test("from a store that got it by two builds", async () => {
    await ok(["build", hello, "-t", B, "--store", at("twice")]);
    await ok(["build", hello, "-t", A, "--store", at("twice")]);
    await everyOrder(at("twice"));
  });

  test("from a store where it was tagged again", async () => {
    await ok(["build", hello, "-t", A, "--store", at("tagged")]);
    await ok(["tag", A, B, "--store", at("tagged")]);
    await everyOrder(at("tagged"));
  });

  test("from a store that got it by import, of one archive or of two", async () => {
    await ok(["import", at("direct.tar"), "--store", at("imported")]);
    await everyOrder(at("imported"));
    for (const [name, tag] of [
      ["b.tar", B],
      ["a.tar", A],
    ] as const) {
      await ok(["export", tag, "-o", at(name), "--store", at("imported")]);
      await ok(["import", at(name), "--store", at("parts")]);
    }
    await everyOrder(at("parts"));
  });

  test("from archives and layouts that are named twice", async () => {
    await ok(["import", at("direct.tar"), "--store", at("layout")]);
    const sources = [
      `oci:${at("layout")}`,
      at("direct.tar"),
      `oci-archive:${at("direct.tar")}:${A}`,
    ];
    for (const given of [sources, sources.toReversed()]) {
      await ok(["export", ...given, "-o", at("sources.tar"), "--store", at("none")]);
      assert.ok(readFileSync(at("sources.tar")).equals(expected));
    }
  });

  test("one name for two images is refused, and no file is left", async () => {
    await ok(["build", hello, "-t", A, "--source-date-epoch", "1", "--store", at("other")]);
    const args = ["export", `oci:${at("other")}`, at("direct.tar"), "-o", at("refused.tar")];
    const { code, stderr } = await ingot([...args, "--store", at("none")], { cwd: root });
    assert.equal(code, 2, stderr);
    assert.match(
      stderr,
      new RegExp(`two images have the name ${A}: sha256:[0-9a-f]{64} and sha256:`),
    );
    assert.throws(() => readFileSync(at("refused.tar")), /ENOENT/);
  });

  test("any selection of images, in any order, as often as you like, from any store", async () => {
    await ok(["import", GOLDEN, "--store", at("golden")]);
    const archive = await Archive.open(GOLDEN);
    const stores: readonly ReadStore[] = [
      archive,
      new FolderStore(at("golden")),
      new MemoryStore("memory", archive),
    ];
    const images = archive
      .images()
      .map((descriptor) => ({ reference: imageNameOf(descriptor) ?? "", descriptor }));
    assert.equal(images.length, 7);
    const place = fc.record({ image: fc.nat(images.length - 1), store: fc.nat(stores.length - 1) });
    const selected = ({ image, store }: { image: number; store: number }): StoredImage => ({
      ...images[image]!,
      store: stores[store]!,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(place, { minLength: 1, maxLength: 12 }), async (places) => {
        const once = [...new Set(places.map(({ image }) => image))].sort((a, b) => a - b);
        const plain = await exported(once.map((image) => selected({ image, store: 0 })));
        assert.ok((await exported(places.map(selected))).equals(plain));
      }),
      { numRuns: 100 },
    );
    const all = fc.shuffledSubarray([...images.keys()], { minLength: images.length });
    const golden = readFileSync(GOLDEN);
    await fc.assert(
      fc.asyncProperty(all, async (order) => {
        assert.ok(
          (await exported(order.map((image) => selected({ image, store: 1 })))).equals(golden),
        );
      }),
      { numRuns: 50 },
    );
  });
});
