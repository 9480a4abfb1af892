/** Compressed blobs that end where a buffer does, and layers whose files do. */
import assert from "node:assert/strict";
import { lstatSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as zlib from "node:zlib";
import fc from "fast-check";
import type { Bytes } from "../../src/base/bytes.ts";
import { decompressed } from "../../src/base/compression/decompress.ts";
import { NO_OTHERS } from "../../src/base/compression/zstd-windows.ts";
import { snapshotOf } from "../../src/base/fs/unchanged-file.ts";
import { Progress } from "../../src/base/workers/pool.ts";
import { Inflater, inflate } from "../../src/jobs/diff-id.ts";
import { IO_CHUNK } from "../../src/jobs/render.ts";
import { headerBytes, pack, packedSize } from "../../src/layer/pack/pack.ts";
import type { Entry } from "../../src/layer/tree/entry.ts";
import { withOpenFiles } from "../../src/store/extent-reader.ts";
import { noise, pieces, sha256 } from "../support/images/archive.ts";
import { around } from "../support/images/boundaries.ts";
import { tempDir } from "../support/process/temp.ts";

async function all(bytes: Bytes): Promise<Buffer> {
  const got: Uint8Array[] = [];
  for await (const piece of bytes) got.push(piece.slice());
  return Buffer.concat(got);
}

/** `content` compressed with gzip, and made `size` bytes long by a name in its header (RFC 1952, FNAME). */
function gzipOf(content: Uint8Array, size: number): Uint8Array {
  const plain = zlib.gzipSync(content);
  const head = Buffer.from(plain.subarray(0, 10));
  if (size <= plain.length) return plain;
  head[3] = 8;
  const name = Buffer.alloc(size - plain.length, "n");
  name[name.length - 1] = 0;
  return Buffer.concat([head, name, plain.subarray(10)]);
}

/** `content` compressed with zstd, and made `size` bytes long by a frame to be skipped (RFC 8878, 3.1.2), before or behind it. */
function zstdOf(content: Uint8Array, size: number, isBehind: boolean): Uint8Array {
  const frame = zlib.zstdCompressSync(content);
  if (size < frame.length + 8) return frame;
  const skipped = Buffer.alloc(size - frame.length);
  skipped.writeUInt32LE(0x184d2a50, 0);
  skipped.writeUInt32LE(skipped.length - 8, 4);
  return Buffer.concat(isBehind ? [frame, skipped] : [skipped, frame]);
}

const forms: readonly (readonly [string, (content: Uint8Array, size: number) => Uint8Array])[] = [
  ["gzip", gzipOf],
  ["zstd", (content, size) => zstdOf(content, size, false)],
  ["zstd with a frame to be skipped at its end", (content, size) => zstdOf(content, size, true)],
];

for (const [name, pack] of forms) {
  test(`${name} that ends where a piece of it does`, async (t) => {
    const content = Buffer.from(noise(3000, 1));
    const path = join(tempDir(t), "blob");
    for (const size of [...around(IO_CHUNK), 2 * IO_CHUNK]) {
      const blob = pack(content, size);
      assert.equal(blob.length, size);
      assert.ok((await all(decompressed(pieces(blob, IO_CHUNK), "x"))).equals(content));
      writeFileSync(path, blob);
      const looked = await withOpenFiles((files) =>
        inflate({ path, offset: 0, size }, files, new Progress()),
      );
      assert.ok("inside" in looked, JSON.stringify(looked));
      assert.equal(looked.digest, sha256(blob));
      assert.deepEqual(looked.inside.inflated, { diffID: sha256(content) });
    }
  });

  test(`${name} whose content ends where a piece of it does`, async () => {
    for (const size of [0, 1, ...around(65_536), ...around(131_072), ...around(IO_CHUNK)]) {
      const content = noise(size, size);
      const got = await all(decompressed(pieces(pack(content, 0), IO_CHUNK), "x"));
      assert.ok(got.equals(content), `${size}`);
    }
  });

  test(`${name}, one after the other, each ending where a piece does`, async () => {
    const parts = [5, 0, 4000].map((size) => Buffer.from(noise(size, size)));
    const blob = Buffer.concat(parts.map((part) => pack(part, 8192)));
    for (const length of [4096, 8192, 8191, 16_384, 3 * 8192])
      assert.ok((await all(decompressed(pieces(blob, length), "x"))).equals(Buffer.concat(parts)));
  });
}

test("a layer in pieces as short as what tells its compression", async () => {
  const content = Buffer.from(noise(600, 2));
  for (const [blob, diffID] of [
    [zlib.gzipSync(content), sha256(content)],
    [zlib.zstdCompressSync(content), sha256(content)],
    [content, sha256(content)],
    ...[0, 1, 7, 8, 9].map((size) => [noise(size, 3), sha256(noise(size, 3))] as const),
  ] as const) {
    for (const length of [1, 7, 8, 9, 16]) {
      const inflater = new Inflater("x", NO_OTHERS);
      for await (const piece of pieces(blob, length)) await inflater.write(piece);
      const { inflated } = await inflater.end();
      const isPlain = sha256(blob) === diffID;
      assert.deepEqual(inflated, isPlain ? "same" : { diffID });
    }
  }
});

test("many short frames of zstd are read in time that goes with their number", async () => {
  const skipped = Buffer.alloc(8);
  skipped.writeUInt32LE(0x184d2a50, 0);
  const blob = Buffer.concat([
    ...Array.from({ length: 200_000 }, () => skipped),
    zlib.zstdCompressSync(Buffer.from("end")),
  ]);
  assert.equal(`${await all(decompressed(pieces(blob, IO_CHUNK), "x"))}`, "end");
});

const PIECE = 1 << 20;
const SMALL = 1 << 16;
const meta = { mode: 0o644, uid: 0, gid: 0, mtime: 0 };

test("layers of files of any size, of the disk and of memory, with names of any length", async (t) => {
  const dir = tempDir(t);
  const bytes = Buffer.from(noise(PIECE + 2048, 4));
  let count = 0;
  const entryOf = (size: number, how: "disk" | "memory", long: boolean): Entry => {
    const name = `${String(++count).padStart(6, "0")}${long ? "n".repeat(240) : ""}`;
    const content = bytes.subarray(0, size);
    const path = join(dir, name);
    if (how === "disk") writeFileSync(path, content);
    const source =
      how === "disk"
        ? ({ kind: "disk", path, stamp: snapshotOf(lstatSync(path)) } as const)
        : ({ kind: "bytes", bytes: content } as const);
    return { path: name, node: { kind: "file", meta, size, source } };
  };
  const check = async (list: readonly (readonly [number, "disk" | "memory", boolean])[]) => {
    const entries = list.map((one) => entryOf(...one));
    const packed = await all(pack(entries));
    assert.equal(packed.length, packedSize(entries));
    const expected = entries.flatMap((entry, i) => {
      const [size] = list[i]!;
      const fill = new Uint8Array((512 - (size % 512)) % 512);
      return [headerBytes(entry), bytes.subarray(0, size), fill];
    });
    const whole = Buffer.concat([...expected, new Uint8Array(1024)]);
    assert.ok(packed.equals(whole), JSON.stringify(list));
  };
  for (const size of [...around(PIECE - 512), ...around(SMALL)])
    for (const how of ["disk", "memory"] as const)
      await check([
        [size, how, false],
        [size, how, true],
        [0, how, false],
      ]);
  // What is left of the piece is a block, less or nothing when the next file comes.
  for (const first of around(PIECE - 1024))
    for (const next of [0, 1, 512, SMALL, SMALL + 1])
      await check([
        [first, "memory", false],
        [next, "disk", next === 512],
      ]);
  const size = fc.oneof(fc.constantFrom(0, 1, 512, ...around(SMALL), PIECE - 1024), fc.nat(2000));
  const file = fc.tuple(size, fc.constantFrom<"disk" | "memory">("disk", "memory"), fc.boolean());
  await fc.assert(fc.asyncProperty(fc.array(file, { maxLength: 8 }), check), { numRuns: 20 });
});
