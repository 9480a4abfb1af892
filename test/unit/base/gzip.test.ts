import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gunzipSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { type Bytes, sameBytes } from "../../../src/base/bytes.ts";
import {
  ChunkEncoder,
  DEFLATE_CHUNK,
  WINDOW,
} from "../../../src/base/compression/deflate-chunk.ts";
import { encoders, GZIP_FORMAT, gzip } from "../../../src/base/compression/gzip.ts";
import { isIngotError } from "../../../src/base/error.ts";
import { Dice, type Kind, kindNames, make } from "../../support/deflate/corpus.ts";
import { deflateTwin, encodeTwin } from "../../support/deflate/twin.ts";
import { root } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { succeed } from "../../support/process/run.ts";
import { gzipMember } from "../../support/tar/gzip-member.ts";

const entry = new URL("../../support/workers/gzip-worker.ts", import.meta.url);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** assert.equal on megabytes prints megabytes. */
function same(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (!sameBytes(actual, expected)) {
    const at = expected.findIndex((byte, i) => actual[i] !== byte);
    assert.fail(
      `${what}: ${actual.length} bytes, should be ${expected.length}; they differ from ${at} on`,
    );
  }
}

/** `data` in pieces of `size`. */
async function* pieces(data: Uint8Array, size: number): Bytes {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

async function collect(bytes: Bytes): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of bytes) parts.push(part);
  return Buffer.concat(parts);
}

/** The member that holds `data`. */
const gzipped = (data: Uint8Array): Promise<Buffer> => collect(gzip(pieces(data, 1 << 20)));

const input = fc.record({
  kind: fc.constantFrom(...kindNames),
  size: fc.oneof(
    { weight: 6, arbitrary: fc.nat(400) },
    { weight: 6, arbitrary: fc.nat(20_000) },
    { weight: 1, arbitrary: fc.nat(200_000) },
  ),
  before: fc.oneof(fc.constant(0), fc.nat(300), fc.constant(WINDOW), fc.nat(WINDOW)),
  last: fc.boolean(),
  seed: fc.nat(),
});

describe("the encoder", () => {
  const encoder = new ChunkEncoder();

  test("gives what its twin gives, and zlib decodes it to what went in", () => {
    const property = fc.property(input, ({ kind, size, before, last, seed }) => {
      const data = make(kind, before + size, seed);
      const wasm = encoder.encode(data, before, last).slice();
      const twin = encodeTwin(data.subarray(0, before), data.subarray(before), last);
      same(wasm, twin, "wasm against twin");
      // What precedes it goes in front as a stored block: Deno's zlib takes no dictionary here.
      const size16 = [before & 255, before >> 8, ~before & 255, (~before >> 8) & 255];
      const front = [Uint8Array.of(0, ...size16), data.subarray(0, before)];
      const end = last ? [] : [Uint8Array.of(3, 0)];
      same(inflateRawSync(Buffer.concat([...front, wasm, ...end])), data, "decoded");
    });
    fc.assert(property, { numRuns: 2500 });
  });

  test("takes any bytes, not only those that we think of", () => {
    const property = fc.property(fc.uint8Array({ maxLength: 3000, size: "max" }), (data) => {
      const wasm = encoder.encode(data, 0, true).slice();
      same(wasm, encodeTwin(new Uint8Array(0), data, true), "wasm against twin");
      same(inflateRawSync(wasm), data, "decoded");
    });
    fc.assert(property, { numRuns: 500 });
  });

  test("does not remember: garbage in all of its tables changes nothing", () => {
    const dirty = new ChunkEncoder();
    const dice = new Dice(7);
    for (const kind of kindNames) {
      const size = 90_000 + dice.below(30_000);
      const data = make(kind, size, dice.next());
      const fresh = new ChunkEncoder().encode(data, 20_000, true).slice();
      // All from the hash tables to the codes (see the map in scripts/deflate/assembly/memory.ts), less what never
      // changes; then the chunk's own place and all after it.
      for (const [from, to] of [
        [0x10000, 0x92400],
        [0x92900, dirty.memory.length],
      ] as const) {
        for (let i = from; i < to; i++) dirty.memory[i] = dice.next() >>> 7;
      }
      same(dirty.encode(data, 20_000, true), fresh, kind);
      const used = encoder.encode(data, 20_000, true);
      same(used, fresh, `${kind}, an encoder that was used`);
    }
  });

  test("refuses what has no room", () => {
    assert.throws(
      () => encoder.encode(new Uint8Array(DEFLATE_CHUNK + 1), 0, true),
      /should be at most/,
    );
    assert.throws(
      () => encoder.encode(new Uint8Array(WINDOW + 1), WINDOW + 1, true),
      /should be at most/,
    );
    assert.throws(() => encoder.encode(new Uint8Array(1), 2, true), /should be at most/);
  });

  test("a full chunk of noise has room, with all that can precede it", () => {
    const data = make("random", WINDOW + DEFLATE_CHUNK, 3);
    const encoded = encoder.encode(data, WINDOW, false);
    assert.ok(encoded.length > DEFLATE_CHUNK && encoded.length <= DEFLATE_CHUNK + 4096);
  });
});

testWith(
  [join(root, "node_modules/.bin/asc")],
  "the embedded module is what its source gives",
  async () => {
    await succeed(["sh", join(root, "scripts/wasm.sh"), "--check"]);
  },
);

describe("gzip", () => {
  const long = make("mixed", 3 * DEFLATE_CHUNK + 12_345, 11);

  test("a member has the fixed header, the checksum, the size, and nothing else", async () => {
    const hex = async (data: Uint8Array) => (await gzipped(data)).toString("hex");
    const header = "1f8b08000000000000ff";
    assert.equal(await hex(new Uint8Array(0)), `${header}0300${"00000000"}${"00000000"}`);
    assert.equal(await hex(Buffer.from("a")), `${header}4a040c00${"43beb7e8"}${"01000000"}`);
  });

  test("is what the twin gives for several chunks", async () => {
    for (const [kind, size] of [
      ["mixed", 2 * DEFLATE_CHUNK + 70_000],
      ["farPeriod", DEFLATE_CHUNK + 1],
      ["text", 2 * DEFLATE_CHUNK],
      ["copies", DEFLATE_CHUNK - 1],
    ] as const) {
      const data = make(kind, size, size);
      const member = await gzipped(data);
      same(member.subarray(10, -8), deflateTwin(data), kind);
      same(gunzipSync(member), data, `${kind}, decoded`);
    }
  });

  test("finds in one chunk what the one before it ends with", async () => {
    const noise = make("random", 20_000, 5);
    const data = new Uint8Array(DEFLATE_CHUNK + 20_000);
    data.set(make("random", DEFLATE_CHUNK - 20_000, 6));
    data.set(noise, DEFLATE_CHUNK - 20_000);
    data.set(noise, DEFLATE_CHUNK);
    const member = await gzipped(data);
    assert.ok(member.length < DEFLATE_CHUNK + 1000, `${member.length} bytes`);
    same(gunzipSync(member), data, "decoded");
  });

  test("the same bytes come out however the input is cut", async () => {
    const short = long.subarray(DEFLATE_CHUNK - 50_000, 2 * DEFLATE_CHUNK + 50_000);
    const expected = gzipMember(short);
    for (const size of [1, 7, 65_536, DEFLATE_CHUNK, short.length]) {
      same(await collect(gzip(pieces(short, size))), expected, `pieces of ${size}`);
    }
    const empty = async function* (): Bytes {
      yield new Uint8Array(0);
      yield* pieces(short, 100_000);
      yield new Uint8Array(0);
    };
    same(await collect(gzip(empty())), expected, "with empty pieces");
    same(
      await collect(gzip(pieces(new Uint8Array(0), 1))),
      gzipMember(new Uint8Array(0)),
      "nothing",
    );
    for (const size of [DEFLATE_CHUNK - 1, DEFLATE_CHUNK, DEFLATE_CHUNK + 1, 2 * DEFLATE_CHUNK]) {
      const data = make("records", size, 9);
      same(await collect(gzip(pieces(data, 65_536))), gzipMember(data), `${size} bytes`);
    }
  });

  test("the same bytes come out of any number of threads, one after the other used for several", async () => {
    const inputs = [
      make("mixed", 9 * DEFLATE_CHUNK + 77, 21),
      make("text", 5 * DEFLATE_CHUNK, 22),
      make("random", 100, 23),
    ];
    const expected = inputs.map(gzipMember);
    for (const threads of [0, 1, 2, 3, 16]) {
      const pool = encoders({ threads, entry });
      try {
        for (const [i, data] of inputs.entries()) {
          const member = await collect(gzip(pieces(data, 300_000), { encoders: pool }));
          same(member, expected[i]!, `input ${i}, ${threads} threads`);
        }
        const both = await Promise.all(
          inputs.map((data) => collect(gzip(pieces(data, 300_000), { encoders: pool }))),
        );
        for (const [i, member] of both.entries()) same(member, expected[i]!, `input ${i}, at once`);
      } finally {
        await pool.end();
      }
    }
  });

  test("noise grows by no more than 0.02 %", async () => {
    const data = make("random", 4 * DEFLATE_CHUNK, 31);
    const member = await gzipped(data);
    assert.ok(member.length <= data.length * 1.0002, `${member.length} of ${data.length} bytes`);
  });

  test("a thread that fails, a source that fails, a reader that leaves", async () => {
    const pool = encoders({ threads: 2, entry });
    try {
      const data = make("text", 9 * DEFLATE_CHUNK, 41);
      const expected = gzipMember(data);
      const poisoned = data.slice();
      poisoned.set(Buffer.from("the thread is to fail"), 2 * DEFLATE_CHUNK);
      const failure = collect(gzip(pieces(poisoned, 500_000), { encoders: pool }));
      await assert.rejects(failure, (error) => isIngotError(error, "internal"));
      const breaking = async function* (): Bytes {
        yield* pieces(data.subarray(0, 7 * DEFLATE_CHUNK), 500_000);
        throw new Error("the source broke");
      };
      await assert.rejects(collect(gzip(breaking(), { encoders: pool })), /the source broke/);
      let taken = 0;
      for await (const part of gzip(pieces(data, 500_000), { encoders: pool })) {
        taken += part.length;
        if (taken > 1000) break;
      }
      same(await collect(gzip(pieces(data, 500_000), { encoders: pool })), expected, "afterwards");
    } finally {
      await pool.end();
    }
  });

  test("is the same in memory that is used again, read one piece behind", async () => {
    const data = make("mixed", 12 * DEFLATE_CHUNK + 5, 43);
    const pool = encoders({ threads: 2, entry });
    try {
      for (const encoders of [undefined, pool]) {
        const parts: Uint8Array[] = [];
        let before: Uint8Array = new Uint8Array();
        for await (const part of gzip(pieces(data, 500_000), { encoders, reuse: true })) {
          parts.push(before.slice());
          before = part;
        }
        same(Buffer.concat([...parts, before]), gzipMember(data), "with memory used again");
      }
    } finally {
      await pool.end();
    }
  });

  test("reads no further ahead than its threads need", async () => {
    const pool = encoders({ threads: 2, entry });
    let read = 0;
    const source = async function* (): Bytes {
      for (;;) {
        read++;
        yield new Uint8Array(DEFLATE_CHUNK);
      }
    };
    try {
      const member = gzip(source(), { encoders: pool })[Symbol.asyncIterator]();
      for (let i = 0; i < 5; i++) await member.next();
      assert.ok(read >= 5 && read <= 5 + 3 * 2 + 2, `${read} chunks read for 4 that came out`);
      await member.return?.();
    } finally {
      await pool.end();
    }
  });
});

describe("golden digests", () => {
  const file = join(root, "test/reproducibility/golden/deflate-v1.json");
  const golden = JSON.parse(readFileSync(file, "utf8")) as {
    readonly format: string;
    readonly members: readonly {
      readonly kind: Kind;
      readonly size: number;
      readonly seed: number;
      readonly input: string;
      readonly gzip: string;
      readonly gzipSize: number;
    }[];
  };

  test("are of this format, and of every kind", () => {
    assert.equal(golden.format, GZIP_FORMAT);
    assert.deepEqual(
      [...new Set(golden.members.map(({ kind }) => kind))].sort(),
      [...kindNames].sort(),
    );
  });

  for (const { kind, size, seed, input, gzip: digest, gzipSize } of golden.members) {
    test(`${kind}, ${size} bytes, seed ${seed}`, async () => {
      const data = make(kind, size, seed);
      assert.equal(sha256(data), input, "the generator gives something else");
      const member = await gzipped(data);
      assert.deepEqual({ size: member.length, digest: sha256(member) }, { size: gzipSize, digest });
    });
  }
});

describe("other decoders read it", () => {
  const data = make("mixed", 2 * DEFLATE_CHUNK + 999, 51);
  const decoders: readonly (readonly [program: string, ...args: string[]])[] = [
    ["gzip", "-dc"],
    ["pigz", "-dc"],
    [
      "python3",
      "-c",
      "import gzip,sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))",
    ],
  ];
  for (const argv of decoders) {
    testWith([argv[0]], argv[0], async () => {
      same((await succeed(argv, { input: await gzipped(data) })).stdout, data, argv[0]);
    });
  }
});
