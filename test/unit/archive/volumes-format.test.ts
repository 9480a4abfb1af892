/** The list of an archive's volumes, and how it is cut (docs/volumes.md). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  formatVolumes,
  listName,
  parseVolumes,
  VOLUME_LIMIT,
  type Volumes,
  volumeName,
  volumeSizes,
} from "../../../src/archive/volumes/format.ts";
import { faultOf } from "../../support/fault.ts";
import { ascii, sha256 } from "../../support/images/archive.ts";

const A = sha256(ascii("a"));
const B = sha256(ascii("b"));
const small: Volumes = {
  images: [{ reference: "docker.io/library/app:v1", digest: A }],
  volumes: [
    { digest: B, size: 1024 },
    { digest: A, size: 512 },
  ],
};

describe("the list of volumes", () => {
  test("is, to the byte, what the page says", () => {
    const said = `{"mediaType":"application/vnd.ingot.volumes.v1+json","images":[{"reference":"docker.io/library/app:v1","digest":"${A}"}],"volumes":[{"digest":"${B}","size":1024},{"digest":"${A}","size":512}]`;
    const whole = `${said},"digest":"${sha256(ascii(`${said}}`))}"}`;
    const bytes = formatVolumes(small, "x");
    assert.equal(Buffer.from(bytes).toString(), whole);
    assert.equal(
      sha256(bytes),
      "sha256:1a2ca21e18047a59c7876f78365ad1e8367a03231b4ec5f5ffc6db8963885825",
    );
    const { images, volumes } = parseVolumes(bytes, "x");
    assert.deepEqual({ images, volumes }, small);
  });

  test("changed in any bit is not taken", async () => {
    const bytes = formatVolumes(small, "x");
    for (let i = 0; i < bytes.length; i++)
      for (const bit of [1, 2, 32, 128]) {
        const changed = bytes.slice();
        changed[i]! ^= bit;
        const { at } = await faultOf("malformed", () => parseVolumes(changed, "x"));
        assert.equal(at, "x");
      }
  });

  test("cut, with more behind it, or written otherwise, is not taken", async () => {
    const bytes = formatVolumes(small, "x");
    const spaced = ascii(Buffer.from(bytes).toString().replaceAll(",", ", "));
    for (const wrong of [bytes.subarray(0, -1), ascii(`${Buffer.from(bytes)}\n`), spaced])
      await faultOf("malformed", () => parseVolumes(wrong, "x"));
  });

  test("names no image, no volume, an empty volume, too many: not taken", async () => {
    const many = Array.from({ length: VOLUME_LIMIT + 1 }, () => ({ digest: A, size: 512 }));
    for (const more of [
      { images: [] },
      { volumes: [] },
      { volumes: [{ digest: A, size: 0 }] },
      { volumes: many },
    ])
      await faultOf("malformed", () =>
        parseVolumes(formatVolumes({ ...small, ...more }, "x"), "x"),
      );
    const most = { ...small, volumes: many.slice(1) };
    assert.equal(parseVolumes(formatVolumes(most, "x"), "x").volumes.length, VOLUME_LIMIT);
  });
});

describe("volumes", () => {
  test("are called by their numbers, which sort as they stand", () => {
    assert.equal(listName("big.tar"), "big.tar.volumes.json");
    assert.equal(volumeName("big.tar", 1, 2), "big.tar.001");
    assert.equal(volumeName("big.tar", 999, 999), "big.tar.999");
    assert.equal(volumeName("big.tar", 1, 1000), "big.tar.0001");
    assert.equal(volumeName("big.tar", 9999, 9999), "big.tar.9999");
  });

  test("of 4 GiB fit where no file may have 4 GiB", () => {
    const sizes = volumeSizes(10 * 1024 ** 3, 4 * 1024 ** 3);
    assert.deepEqual(sizes, [2 ** 32 - 512, 2 ** 32 - 512, 2 * 1024 ** 3 + 1024]);
    assert.deepEqual(volumeSizes(1024, 4096), [1024]);
    assert.deepEqual(volumeSizes(1024, 1024), [512, 512]);
  });

  test("are as long as the archive together, each full but the last, and smaller than was asked", () => {
    const blocks = fc.integer({ min: 1, max: 2 ** 30 });
    fc.assert(
      fc.property(blocks, fc.integer({ min: 2, max: 9999 }), (count, parts) => {
        const total = count * 512;
        const below = Math.ceil(total / parts) + 1024;
        const sizes = volumeSizes(total, below);
        assert.equal(
          sizes.reduce((sum, size) => sum + size, 0),
          total,
        );
        const [each = 0] = sizes;
        for (const [i, size] of sizes.entries()) {
          assert.ok(size > 0 && size < below && size % 512 === 0);
          assert.ok(i === sizes.length - 1 ? size <= each : size === each);
        }
      }),
      { numRuns: 500 },
    );
  });
});
