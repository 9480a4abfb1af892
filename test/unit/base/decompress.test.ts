import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as zlib from "node:zlib";
import fc from "fast-check";
import type { Bytes } from "../../../src/base/bytes.ts";
import { decompressed } from "../../../src/base/compression/decompress.ts";
import { faultOf } from "../../support/fault.ts";
import { noise, pieces } from "../../support/images/archive.ts";
import { testWith } from "../../support/process/needs.ts";
import { succeed } from "../../support/process/run.ts";

async function all(bytes: Bytes): Promise<Buffer> {
  const got: Uint8Array[] = [];
  for await (const piece of bytes) got.push(piece.slice());
  return Buffer.concat(got);
}

/** What comes out of `bytes`, put in in pieces of `length`, each overwritten when the next is asked for. */
const out = (bytes: Uint8Array, length = 1000) => all(decompressed(pieces(bytes, length), "x"));

const mixed = Buffer.concat([noise(5000, 1), Buffer.alloc(70_000, "abc "), noise(300, 2)]);
const gzipped = zlib.gzipSync(mixed);
const zstandard = (bytes: Uint8Array, checksum = 1) =>
  zlib.zstdCompressSync(bytes, { params: { [zlib.constants.ZSTD_c_checksumFlag]: checksum } });
const zstd = zstandard(mixed);
const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

describe("uncompressed is", () => {
  const cases: readonly (readonly [name: string, bytes: Uint8Array, expected: Uint8Array])[] = [
    ["nothing", Buffer.alloc(0), Buffer.alloc(0)],
    ["a byte", Buffer.from([0x1f]), Buffer.from([0x1f])],
    ["a few bytes", Buffer.from("tar"), Buffer.from("tar")],
    ["what is not compressed", mixed, mixed],
    ["gzip", gzipped, mixed],
    ["gzip of nothing", zlib.gzipSync(""), Buffer.alloc(0)],
    [
      "gzip of several members",
      Buffer.concat([gzipped, zlib.gzipSync("b"), gzipped]),
      Buffer.concat([mixed, Buffer.from("b"), mixed]),
    ],
    ["zstd", zstd, mixed],
    ["zstd without checksum", zstandard(mixed, 0), mixed],
    ["zstd of nothing", zstandard(Buffer.alloc(0)), Buffer.alloc(0)],
    [
      "zstd of several frames",
      Buffer.concat([zstd, zstandard(Buffer.from("b")), zstd]),
      Buffer.concat([mixed, Buffer.from("b"), mixed]),
    ],
    ["zstd between frames to skip", Buffer.concat([skippable, zstd, skippable]), mixed],
    [
      "zstd of one byte again and again",
      zstandard(Buffer.alloc(1 << 20, "z")),
      Buffer.alloc(1 << 20, "z"),
    ],
  ];
  for (const [name, bytes, expected] of cases) {
    test(name, async () => {
      for (const length of [1, 7, 1000, 1 << 20]) {
        const got = await out(bytes, length);
        assert.ok(got.equals(expected), `in pieces of ${length}: ${got.length} bytes`);
      }
    });
  }

  test("anything, however it is compressed and cut", async () => {
    const any = fc.array(fc.uint8Array({ maxLength: 3000 }), { minLength: 1, maxLength: 3 });
    const kind = fc.constantFrom(
      (bytes: Uint8Array) => zlib.gzipSync(bytes),
      (bytes: Uint8Array) => zstandard(bytes),
    );
    await fc.assert(
      fc.asyncProperty(
        any,
        kind,
        fc.integer({ min: 1, max: 4000 }),
        async (parts, pack, length) => {
          const got = await out(Buffer.concat(parts.map(pack)), length);
          assert.deepEqual(got, Buffer.concat(parts));
        },
      ),
    );
  });

  for (const [program, ...args] of [
    ["gzip", "-9c"],
    ["pigz", "-c", "-b", "128"],
    ["zstd", "-c", "-q", "-T2"],
    ["zstd", "-c", "-q", "-19", "--long=27"],
  ] as const) {
    testWith([program], `what ${[program, ...args].join(" ")} made`, async () => {
      const input = Buffer.concat([mixed, noise(300_000, 3), mixed]);
      const { stdout } = await succeed([program, ...args], { input });
      assert.ok((await out(stdout)).equals(input));
    });
  }
});

describe("refused is", () => {
  for (const [name, magic] of [
    ["bzip2", "BZh91AY"],
    ["xz", "\xfd7zXZ\0\0"],
    ["lzip", "LZIP\x01"],
  ] as const) {
    test(name, async () => {
      const { found, hint } = await faultOf("unsupported", () =>
        out(Buffer.from(magic, "latin1"), 1),
      );
      assert.equal(found, `${name} compression`);
      assert.match(hint ?? "", /unpack it first/);
    });
  }

  for (const [name, whole] of [
    ["gzip", zlib.gzipSync(mixed.subarray(0, 6000))],
    ["zstd", zstandard(mixed.subarray(0, 6000))],
  ] as const) {
    test(`${name} that is cut anywhere`, async () => {
      for (let end = 4; end < whole.length; end += end < 40 || end > whole.length - 40 ? 1 : 97) {
        const { at, why } = await faultOf("malformed", () => out(whole.subarray(0, end)));
        assert.equal(at, "x");
        assert.match(why, /cut off|damaged/, `at ${end}`);
      }
    });

    test(`${name} with a second part that is cut`, async () => {
      for (let end = 1; end < whole.length; end += end < 40 ? 1 : 97)
        await faultOf("malformed", () => out(Buffer.concat([whole, whole.subarray(0, end)])));
    });

    for (const [what, behind] of [
      ["garbage", Buffer.from("garbage")],
      ["zeros", Buffer.alloc(512)],
      ["one zero", Buffer.alloc(1)],
      ["zeros and another", Buffer.concat([Buffer.alloc(20), whole])],
      ["zeros and garbage", Buffer.concat([Buffer.alloc(20), Buffer.from("garbage")])],
    ] as const) {
      test(`${name} with ${what} behind`, async () => {
        for (const length of [1, 10, 100_000])
          await faultOf("malformed", () => out(Buffer.concat([whole, behind]), length));
        await faultOf("malformed", () => all(decompressed(inTwo(whole, behind), "x")));
      });
    }

    test(`${name} in which a bit is wrong, or it means what it meant`, async () => {
      for (let at = 0; at < whole.length; at += at < 30 || at > whole.length - 12 ? 1 : 61) {
        const bad = Buffer.from(whole);
        bad[at]! ^= 1 << (at % 8);
        let got: Buffer;
        try {
          got = await out(bad);
        } catch (error) {
          assert.equal((error as { code?: string }).code, "malformed", `at ${at}: ${error}`);
          continue;
        }
        // A bit of the magic: then it is no longer compressed at all.
        assert.ok(got.equals(mixed.subarray(0, 6000)) || got.equals(bad), `at ${at}`);
      }
    });
  }
});

async function* inTwo(first: Uint8Array, second: Uint8Array): Bytes {
  yield first;
  yield second;
}

describe("whoever reads", () => {
  const bombs = [
    ["gzip", zlib.gzipSync(Buffer.alloc(1 << 28))],
    ["zstd", zstandard(Buffer.concat([Buffer.alloc(1 << 28), noise(100_000, 4)]))],
  ] as const;

  /** Bytes in pieces of 4 KiB, and how often somebody asked. */
  function counted(bytes: Uint8Array) {
    const seen = { asked: 0, closed: false };
    async function* source(): Bytes {
      try {
        for await (const piece of pieces(bytes, 4096)) {
          seen.asked++;
          yield piece;
        }
      } finally {
        seen.closed = true;
      }
    }
    return { seen, source: source() };
  }

  for (const [name, bomb] of bombs) {
    test(`slowly gets ${name} decoded no faster`, async () => {
      const { seen, source } = counted(bomb);
      const stream = decompressed(source, "x")[Symbol.asyncIterator]();
      let got = 0;
      for (let i = 0; i < 4; i++) {
        got += (await stream.next()).value?.length ?? 0;
        await new Promise((done) => setTimeout(done, 20));
      }
      assert.ok(got <= 4 << 20, `${got} bytes`);
      assert.ok(seen.asked < 8, `${seen.asked} pieces were taken`);
      await stream.return?.(undefined);
      assert.ok(seen.closed);
    });

    test(`to the end of ${name} has read all there is`, async () => {
      const { seen, source } = counted(bomb);
      let got = 0;
      for await (const piece of decompressed(source, "x")) got += piece.length;
      assert.ok(got >= 1 << 28);
      assert.ok(seen.closed);
    });
  }

  for (const [name, bytes] of [
    ["plain", mixed],
    ["gzip", gzipped],
    ["zstd", zstd],
  ] as const) {
    test(`${name} and stops lets go of it`, async () => {
      const { seen, source } = counted(bytes);
      for await (const piece of decompressed(source, "x")) {
        assert.ok(piece.length > 0);
        break;
      }
      assert.ok(seen.closed);
    });

    test(`${name} is told what its source fails with`, async () => {
      const wrong = new Error("the disk");
      async function* source(): Bytes {
        yield bytes.subarray(0, 1000);
        throw wrong;
      }
      await assert.rejects(all(decompressed(source(), "x")), wrong);
    });
  }

  test("nothing is not told of anything", async () => {
    const { seen, source } = counted(gzipped);
    const stream = decompressed(source, "x")[Symbol.asyncIterator]();
    await stream.return?.(undefined);
    assert.equal(seen.asked, 0);
  });
});
