import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Bytes } from "../../../src/base/bytes.ts";
import { readRanges } from "../../../src/base/fs/read-ranges.ts";
import { snapshotOf } from "../../../src/base/fs/unchanged-file.ts";
import { sortedBy } from "../../../src/base/order.ts";
import { WorkerPool } from "../../../src/base/workers/worker-pool.ts";
import { Fingerprint, fingerprintOf } from "../../../src/layer/pack/fingerprint.ts";
import { headerBytes, pack, packedSize } from "../../../src/layer/pack/pack.ts";
import { FileReaders, readNode } from "../../../src/layer/tree/contents.ts";
import type { Entry, FileNode, Meta, Packed } from "../../../src/layer/tree/entry.ts";
import { unpack } from "../../../src/layer/unpack/unpack.ts";
import { faultOf } from "../../support/fault.ts";
import { ascii, noise, pieces, sha256 } from "../../support/images/archive.ts";
import { testUnless, testWith } from "../../support/process/needs.ts";
import { run, succeed } from "../../support/process/run.ts";
import { type Ends, tempDir, tidily } from "../../support/process/temp.ts";
import { octal, readUstar } from "../../support/tar/ustar.ts";

const meta = (more: Partial<Meta> = {}): Meta => ({
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 0,
  ...more,
});
const fileNode = (bytes: Uint8Array, more: Partial<Meta> = {}): FileNode => ({
  kind: "file",
  meta: meta(more),
  size: bytes.length,
  source: { kind: "bytes", bytes },
});
const file = (path: string, text: string | Uint8Array, more: Partial<Meta> = {}): Entry => ({
  path,
  node: fileNode(typeof text === "string" ? ascii(text) : text, more),
});
const folder = (path: string, more: Partial<Meta> = {}): Entry => ({
  path,
  node: { kind: "directory", meta: meta({ mode: 0o755, ...more }) },
});
const symlink = (path: string, target: string, more: Partial<Meta> = {}): Entry => ({
  path,
  node: { kind: "symlink", meta: meta(more), target },
});

async function bytesOf(stream: Bytes): Promise<Buffer> {
  const got: Uint8Array[] = [];
  for await (const piece of stream) {
    assert.ok(piece.length > 0, "an empty piece");
    got.push(piece.slice());
  }
  return Buffer.concat(got);
}
const packed = (entries: readonly Entry[]) => bytesOf(pack(entries));

/** What a file on the disk is to a layer. */
function onDisk(path: string): FileNode {
  const stat = fs.lstatSync(path);
  return {
    kind: "file",
    meta: meta(),
    size: stat.size,
    source: { kind: "disk", path, stamp: snapshotOf(stat) },
  };
}

/** An archive in memory; `opened` counts how often, `ended` how often it was read to its end. */
function archiveOf(bytes: Uint8Array) {
  const seen = { opened: 0, ended: 0 };
  async function* open(): Bytes {
    seen.opened++;
    yield* pieces(bytes, 700);
    seen.ended++;
  }
  const archive: Packed = { at: "x.tar", open };
  return { archive, seen };
}

/** The tree of the golden layer: every kind, and what makes headers long. */
const golden: readonly Entry[] = [
  folder(""),
  folder("bin"),
  file("bin/sh", "#!", { mode: 0o4755 }),
  { path: "bin/sh2", link: "bin/sh", meta: meta({ mode: 0o4755 }) },
  folder("dev"),
  {
    path: "dev/null",
    node: { kind: "character", meta: meta({ mode: 0o666 }), major: 1, minor: 3 },
  },
  {
    path: "dev/sda",
    node: { kind: "block", meta: meta({ mode: 0o660, gid: 6 }), major: 8, minor: 0 },
  },
  folder("etc", { mtime: 1_700_000_000 }),
  file("etc/.wh.motd", ""),
  file("etc/empty", "", { mode: 0 }),
  folder("home", { uid: 3_000_000, gid: 3_000_000 }),
  file("home/é", "accent", { mtime: -1 }),
  symlink("lib", "usr/lib", { mode: 0o123 }),
  file("ping", "p", {
    xattrs: new Map([["security.capability", Uint8Array.of(1, 0, 0, 2, 0, 0x20)]]),
  }),
  { path: "pipe", node: { kind: "fifo", meta: meta({ mode: 0o600 }) } },
  folder("tmp", { mode: 0o1777 }),
  file(`tmp/${"n".repeat(120)}`, "long"),
  file("z", noise(1000, 1)),
];

describe("packed", () => {
  const digests: readonly (readonly [name: string, entries: readonly Entry[], digest: string])[] = [
    ["nothing", [], "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"],
    [
      "one file",
      [file("a", "a\n")],
      "sha256:2297c9273ee93cde3e5926734a7816fc33af00b50e936d1c37deafe814ba2e73",
    ],
    [
      "a tree of every kind",
      golden,
      "sha256:45e7b7004968371c35d100b4cc73c97f24755fd672f5585220b7bca072eb273c",
    ],
    [
      "a file of three pieces",
      [file("a", noise(3 << 20, 7)), file("b", noise(70_000, 8))],
      "sha256:bd2c89ff9793879f6d302e096e6be8c8c8e1ec7e8b57d4c0b062ce4618d869e4",
    ],
  ];
  for (const [name, entries, digest] of digests) {
    test(`golden: ${name}`, async () => assert.equal(sha256(await packed(entries)), digest));
  }

  test("is header, content, zeros, for each; and two zero blocks", async () => {
    const sizes = [
      0, 1, 511, 512, 513, 65_535, 65_536, 65_537, 983_040, 1_047_551, 1_048_576, 1_048_577,
    ];
    const any = fc.array(fc.oneof(fc.constantFrom(...sizes), fc.nat(200_000)), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(any, async (sizes) => {
        const entries = sizes.map((size, i) =>
          file(`f${String(i).padStart(3, "0")}`, noise(size, i)),
        );
        const expected = entries.flatMap((entry) => {
          const { source } = entry.node as FileNode & { source: { kind: "bytes" } };
          const fill = Buffer.alloc(-source.bytes.length & 511);
          return [headerBytes(entry), source.bytes, fill];
        });
        const got = await packed(entries);
        assert.ok(got.equals(Buffer.concat([...expected, Buffer.alloc(1024)])));
        assert.equal(packedSize(entries), got.length);
        const read = readUstar(got);
        assert.deepEqual(
          read.map(({ name, content }) => [name, content.length]),
          sizes.map((size, i) => [`f${String(i).padStart(3, "0")}`, size]),
        );
      }),
      { numRuns: 20 },
    );
  });

  test("its size is known before", async () => {
    assert.equal(packedSize(golden), (await packed(golden)).length);
    const odd = ["a".repeat(99), "a".repeat(100), "é", `${"d".repeat(90)}/${"f".repeat(90)}`];
    for (const [i, entry] of odd
      .flatMap((path) => [
        folder(path),
        file(path, "x"),
        symlink(path, "t".repeat(101)),
        { path: `${path}~`, link: path, meta: meta() },
        file(path, "x", { uid: 2_097_151 }),
        file(path, "x", { gid: 2_097_152 }),
        file(path, "x", { mtime: -1 }),
        file(path, "x", { mtime: 8 ** 11 - 1 }),
        file(path, "x", { xattrs: new Map([["user.a", ascii("b")]]) }),
      ])
      .entries())
      assert.equal(packedSize([entry]), (await packed([entry])).length, `${i}`);
    const huge: Entry = { path: "a", node: { ...onDisk(import.meta.filename), size: 2 ** 33 } };
    assert.equal(packedSize([huge]), 512 + 512 + 512 + 2 ** 33 + 1024);
  });

  test("comes in large pieces", async () => {
    const entries = Array.from({ length: 2000 }, (_, i) => file(`${1000 + i}`, noise(1500, i)));
    const lengths: number[] = [];
    for await (const piece of pack([...entries, file("a", noise(3 << 20, 1))]))
      lengths.push(piece.length);
    assert.ok(
      lengths.slice(0, -1).every((length) => length > 900_000 && length <= 1 << 20),
      `${lengths}`,
    );
  });

  test("with headers larger than a piece is the same", async () => {
    const xattrs = new Map([["user.k", noise(3 << 20, 5)]]);
    const odd = file("a", noise(60_000, 6), { xattrs });
    const expected = [headerBytes(odd), noise(60_000, 6), Buffer.alloc(-60_000 & 511)];
    for (const before of [0, 1000, 1_048_000]) {
      const first = file("0", noise(before, 7));
      const got = await packed([first, odd]);
      const rest = got.subarray(512 + before + (-before & 511));
      assert.ok(rest.equals(Buffer.concat([...expected, Buffer.alloc(1024)])));
    }
  });

  test("in another order than that of the bytes of names is refused", async () => {
    for (const paths of [
      ["b", "a"],
      ["a", "a"],
      ["a/b", "a-b"],
      ["\u{1f600}", "\uffff"],
    ] as const)
      await faultOf("internal", () => packed(paths.map((path) => file(path, ""))));
    await packed(["a-b", "a/b", "\uffff", "\u{1f600}"].map((path) => file(path, "")));
    const link: Entry = { path: "a", link: "b", meta: meta() };
    await faultOf("internal", () => packed([link, file("b", "")]));
  });

  test(
    "with files of the disk, of archives and in memory is the same, whoever reads",
    tidily(async (t) => {
      const { entries, expected } = await everySource(t);
      assert.ok((await packed(entries)).equals(expected));
      for (const threads of [1, 3]) {
        const entry = new URL("../../support/workers/gather-worker.ts", import.meta.url);
        const readers = new WorkerPool({ handler: readRanges, entry, threads });
        try {
          assert.ok((await bytesOf(pack(entries, { readers }))).equals(expected));
          const gone: Entry = { path: "z", node: { ...onDisk(import.meta.filename), size: 5 } };
          await faultOf("changed", () => bytesOf(pack([...entries, gone], { readers })));
        } finally {
          await readers.end();
        }
      }
    }),
  );

  test(
    "may be read one piece ahead",
    tidily(async (t) => {
      const { entries, expected } = await everySource(t);
      const got: Uint8Array[] = [];
      let before: Uint8Array = new Uint8Array();
      for await (const piece of pack(entries)) {
        got.push(before.slice());
        before = piece;
      }
      assert.ok(Buffer.concat([...got, before]).equals(expected));
    }),
  );
});

describe("the fingerprint of a layer", () => {
  const printOf = (entries: readonly Entry[]) => fingerprintOf(entries, undefined, () => {});

  test(
    "is that of its tar where nothing comes from archives",
    tidily(async (t) => {
      const path = join(tempDir(t), "f");
      fs.writeFileSync(path, noise(2_500_000, 1));
      const entries = [file("a", "a"), { path: "b", node: onDisk(path) }, folder("c")];
      assert.equal(await printOf(entries), sha256(await packed(entries)).slice(7));
      fs.appendFileSync(path, "x");
      assert.equal(await printOf(entries), undefined);
    }),
  );

  test(
    "takes archives by their names, and does not read them",
    tidily(async (t) => {
      const { entries, archive, seen } = await everySource(t);
      assert.equal(await printOf(entries), undefined);
      Object.assign(archive, { id: "sha256:1" });
      const opened = seen.opened;
      const one = await printOf(entries);
      assert.equal(seen.opened, opened);
      const print = new Fingerprint(entries);
      for await (const _ of pack(entries, { print }));
      assert.equal(print.hex(), one);
      Object.assign(archive, { id: "sha256:2" });
      assert.notEqual(await printOf(entries), one);
    }),
  );

  test(
    "differs where anything that goes in does",
    tidily(async (t) => {
      const { entries, archive } = await everySource(t);
      Object.assign(archive, { id: "sha256:1" });
      const prints = new Set([await printOf(entries)]);
      const files = entries.flatMap((entry, i) => (entry.node?.kind === "file" ? [i] : []));
      for (const i of files) {
        const { path, node } = entries[i] as { path: string; node: FileNode };
        const others = entries.with(i, file(path, noise(node.size, 99)));
        if (node.size > 0) prints.add(await printOf(others));
      }
      assert.equal(prints.size, 6);
    }),
  );
});

/** Files of every kind of source, and the tar that they are. */
async function everySource(t: Ends) {
  const path = join(tempDir(t), "f");
  const bytes = noise(2_300_000, 3);
  fs.writeFileSync(path, bytes);
  const small = noise(1000, 4);
  const { archive, seen } = archiveOf(await packed([file("a", small), file("b", bytes)]));
  const inArchive = await members(archive);
  const entries: Entry[] = [
    file("a", small),
    file("b", bytes),
    { path: "c", node: onDisk(path) },
    { path: "d", node: inArchive.get("a")! },
    { path: "e", node: inArchive.get("b")! },
    file("f", ""),
    folder("g"),
  ];
  const contents = [small, bytes, bytes, small, bytes, "", undefined];
  const expected = await packed(
    entries.map((entry, i) => (contents[i] === undefined ? entry : file(entry.path, contents[i]))),
  );
  return { entries, expected, archive, seen };
}

/** The files of an archive by their paths. */
async function members(archive: Packed): Promise<Map<string, FileNode>> {
  const found = new Map<string, FileNode>();
  for await (const { path, node } of unpack(archive))
    if (node?.kind === "file") found.set(path, node);
  return found;
}

describe("a file of the disk", () => {
  for (const size of [0, 1, 65_536, 65_537, 1 << 20, (3 << 20) + 1]) {
    test(
      `of ${size} bytes is packed as one in memory`,
      tidily(async (t) => {
        const path = join(tempDir(t), "f");
        const bytes = noise(size, size);
        fs.writeFileSync(path, bytes);
        const node = onDisk(path);
        assert.ok((await packed([{ path: "a", node }])).equals(await packed([file("a", bytes)])));
        assert.deepEqual(Buffer.from(await readNode(node, size)), Buffer.from(bytes));
      }),
    );
  }

  test(
    "with holes is packed whole",
    tidily(async (t) => {
      const path = join(tempDir(t), "f");
      fs.writeFileSync(path, "begin");
      fs.truncateSync(path, 5 << 20);
      fs.appendFileSync(path, "end");
      const dense = Buffer.alloc((5 << 20) + 3);
      dense.write("begin");
      dense.write("end", 5 << 20);
      assert.ok(
        (await packed([{ path: "a", node: onDisk(path) }])).equals(
          await packed([file("a", dense)]),
        ),
      );
    }),
  );

  const changes: readonly (readonly [name: string, change: (path: string) => void, why: RegExp])[] =
    [
      ["grew", (path) => fs.appendFileSync(path, "x"), /bytes, and had/],
      ["shrank", (path) => fs.truncateSync(path, 1), /bytes, and had/],
      ["is empty", (path) => fs.truncateSync(path, 0), /bytes, and had/],
      ["has another time", (path) => fs.utimesSync(path, 1, 1), /was written to/],
      ["has another mode", (path) => fs.chmodSync(path, 0o600), /mode was changed/],
      ["is gone", (path) => fs.rmSync(path), /is gone/],
      [
        "was replaced",
        (path) => {
          fs.copyFileSync(path, `${path}.new`);
          fs.renameSync(`${path}.new`, path);
        },
        /another file/,
      ],
      [
        "is a folder",
        (path) => {
          fs.rmSync(path);
          fs.mkdirSync(path);
        },
        /another file/,
      ],
      [
        "is a link",
        (path) => {
          fs.renameSync(path, `${path}.old`);
          fs.symlinkSync(`${path}.old`, path);
        },
        /is a link/,
      ],
      [
        "has a file above it",
        (path) => {
          fs.rmSync(join(path, ".."), { recursive: true });
          fs.writeFileSync(join(path, ".."), "");
        },
        /a directory above it/,
      ],
    ];
  for (const size of [2000, 100_000]) {
    for (const [name, change, expected] of changes) {
      test(
        `of ${size} bytes that ${name} is an error`,
        tidily(async (t) => {
          const path = join(tempDir(t), "d", "f");
          fs.mkdirSync(join(path, ".."));
          fs.writeFileSync(path, noise(size, 1));
          const node = onDisk(path);
          // Below the steps of the clock nothing is seen: those of the system, and Deno's of a second for what is no content.
          await new Promise((done) => setTimeout(done, name.includes("mode") ? 1100 : 20));
          change(path);
          const { at, why } = await faultOf("changed", () => packed([{ path: "a", node }]));
          assert.equal(at, path);
          assert.match(why, expected);
          await faultOf("changed", () => readNode(node, size));
        }),
      );
    }
  }

  testWith(["mkfifo"], "that is a pipe by now is an error, and nobody waits", async (t) => {
    const path = join(tempDir(t), "f");
    fs.writeFileSync(path, "content");
    const node = onDisk(path);
    fs.rmSync(path);
    await succeed(["mkfifo", path]);
    const { at } = await faultOf("changed", () => packed([{ path: "a", node }]));
    assert.equal(at, path);
  });

  for (const [name, change] of [
    ["grows", (path: string) => fs.appendFileSync(path, "x")],
    ["shrinks", (path: string) => fs.truncateSync(path, 100)],
    [
      "is written to",
      (path: string) => {
        const fd = fs.openSync(path, "r+");
        fs.writeSync(fd, "other", 0);
        fs.closeSync(fd);
      },
    ],
  ] as const) {
    test(
      `that ${name} while it is read is an error`,
      tidily(async (t) => {
        const path = join(tempDir(t), "f");
        fs.writeFileSync(path, noise(1 << 20, 1));
        fs.appendFileSync(path, noise(1 << 20, 2));
        const node = onDisk(path);
        await new Promise((done) => setTimeout(done, 20));
        const stream = pack([{ path: "a", node }])[Symbol.asyncIterator]();
        assert.ok((await stream.next()).value.length > 900_000);
        change(path);
        await faultOf("changed", async () => {
          while ((await stream.next()).done !== true);
        });
      }),
    );
  }

  // The first page of a process is never there.
  const odd = "/proc/self/mem";
  testUnless(
    fs.existsSync(odd) ? undefined : `there is no ${odd}`,
    "that the system fails to read is told as it says it",
    async () => {
      const { ino, mtimeMs, ctimeMs } = fs.lstatSync(odd);
      const stamp = { ino, mtimeMs, ctimeMs };
      const source = { kind: "disk", path: odd, stamp } as const;
      const { code } = await faultOf("io", () =>
        packed([{ path: "a", node: { kind: "file", meta: meta(), size: 5, source } }]),
      );
      assert.equal(code, "EIO");
    },
  );

  test("in memory that has another size than its node says is a mistake of ours", async () => {
    for (const size of [2, 4, 100_000]) {
      const node = { ...fileNode(ascii("abc")), size };
      await faultOf("internal", () => packed([{ path: "a", node }]));
    }
  });
});

describe("files of an archive", () => {
  const contents = Array.from({ length: 40 }, (_, i) => noise(100 + 97 * i, i));
  const whole = contents.map((bytes, i) => file(`f${100 + i}`, bytes));

  /** The files in the order of `turn`, asked for with a window of so many bytes; how often the archive was opened. */
  async function passes(turn: readonly number[], window: number): Promise<number> {
    const { archive, seen } = archiveOf(await packed(whole));
    const nodes = [...(await members(archive)).values()];
    seen.opened = 0;
    seen.ended = 0;
    const wanted = turn.map((i) => nodes[i]!);
    const reader = new FileReaders(wanted, window);
    for (const [k, node] of wanted.entries()) {
      const body = await reader.next(archive);
      const got: Uint8Array[] = [];
      for (let left = node.size; left > 0; left -= got.at(-1)!.length)
        got.push((await body.some(left)).slice());
      assert.ok(Buffer.concat(got).equals(contents[turn[k]!]!), `the file ${turn[k]}`);
    }
    await reader.finish();
    assert.equal(seen.ended, seen.opened, "an archive was not read to its end");
    return seen.opened;
  }

  const inOrder = contents.map((_, i) => i);
  test("in its order need one pass, whatever the window", async () => {
    for (const window of [1, 2000, 1 << 20]) assert.equal(await passes(inOrder, window), 1);
    assert.equal(await passes([3, 7, 8, 20], 1), 1);
  });

  test("in another order need one pass as far as the window goes", async () => {
    const reversed = inOrder.toReversed();
    assert.equal(await passes(reversed, 1 << 20), 1);
    assert.equal(await passes(reversed, 1), contents.length);
    const half = await passes(reversed, 45_000);
    assert.ok(half >= 2 && half <= 4, `${half}`);
  });

  test("are what they are in any order, one of them twice", async () => {
    const any = fc.tuple(
      fc.shuffledSubarray(inOrder),
      fc.array(fc.constantFrom(...inOrder), { maxLength: 5 }),
      fc.integer({ min: 1, max: 30_000 }),
    );
    await fc.assert(
      fc.asyncProperty(any, async ([turn, again, window]) => {
        await passes([...turn, ...again], window);
      }),
      { numRuns: 60 },
    );
  });

  test("are packed as others", async () => {
    const { archive } = archiveOf(await packed(whole));
    const found = await members(archive);
    const entries = sortedBy(
      [...found].map(([path, node], i): Entry => ({ path: `${i % 7}/${path}`, node })),
      ({ path }) => path,
    );
    const expected = entries.map(({ path }) => file(path, contents[Number(path.slice(3)) - 100]!));
    assert.ok((await packed(entries)).equals(await packed(expected)));
    for (const [i, node] of [...found.values()].entries())
      assert.ok(Buffer.from(await readNode(node, 1 << 20)).equals(contents[i]!));
  });

  test("are packed from two archives by turns, each gone over once", async () => {
    const halves = [whole.slice(0, 20), whole.slice(20)];
    const archives = await Promise.all(halves.map(async (half) => archiveOf(await packed(half))));
    const found = await Promise.all(archives.map(({ archive }) => members(archive)));
    for (const { seen } of archives) seen.opened = 0;
    const turns = inOrder.map((i) => 20 * (i % 2) + (i >> 1));
    const entries = turns.map((turn, i): Entry => {
      const node = found[i % 2]!.get(`f${100 + turn}`)!;
      return { path: `${100 + i}`, node };
    });
    const expected = turns.map((turn, i) => file(`${100 + i}`, contents[turn]!));
    assert.ok((await packed(entries)).equals(await packed(expected)));
    assert.deepEqual(
      archives.map(({ seen }) => seen.opened),
      [1, 1],
    );
  });

  test("are missed where the archive is cut", async () => {
    const bytes = await packed(whole);
    const nodes = await members(archiveOf(bytes).archive);
    const cut = archiveOf(bytes.subarray(0, bytes.length / 2)).archive;
    const last = [...nodes.values()].at(-1)!;
    const node = { ...last, source: { ...last.source, archive: cut } } as FileNode;
    await faultOf("size-differs", () => packed([{ path: "a", node }]));
    await faultOf("size-differs", () => readNode(node, 1 << 20));
  });

  test("are let go when nobody wants more", async () => {
    let closed = 0;
    const bytes = await packed([file("a", noise(5 << 20, 1))]);
    async function* open(): Bytes {
      try {
        yield* pieces(bytes, 100_000);
      } finally {
        closed++;
      }
    }
    const found = await members({ at: "x", open });
    closed = 0;
    for await (const _ of pack([{ path: "a", node: found.get("a")! }])) break;
    assert.equal(closed, 1);
  });

  test("larger than somebody's limit are refused", async () => {
    const { limit, actual } = await faultOf("too-large", () => readNode(fileNode(ascii("abc")), 2));
    assert.deepEqual([limit, actual], [2, 3]);
  });
});

/** What a program lists: mode, owner, size or device, seconds, path with what it leads to. */
const expectedList = [
  "drwxr-xr-x 0/0 0 0 ./",
  "drwxr-xr-x 0/0 0 0 bin/",
  "-rwsr-xr-x 0/0 2 0 bin/sh",
  "hrwsr-xr-x 0/0 0 0 bin/sh2 link to bin/sh",
  "drwxr-xr-x 0/0 0 0 dev/",
  "crw-rw-rw- 0/0 1,3 0 dev/null",
  "brw-rw---- 0/6 8,0 0 dev/sda",
  "drwxr-xr-x 0/0 0 1700000000 etc/",
  "-rw-r--r-- 0/0 0 0 etc/.wh.motd",
  "---------- 0/0 0 0 etc/empty",
  "drwxr-xr-x 3000000/3000000 0 0 home/",
  "-rw-r--r-- 0/0 6 -1 home/é",
  "lrwxrwxrwx 0/0 0 0 lib -> usr/lib",
  "-rw-r--r-- 0/0 1 0 ping",
  "prw------- 0/0 0 0 pipe",
  "drwxrwxrwt 0/0 0 0 tmp/",
  `-rw-r--r-- 0/0 4 0 tmp/${"n".repeat(120)}`,
  "-rw-r--r-- 0/0 1000 0 z",
];

/** Lists an archive, one line a member, and reads every content. */
const goList = `package main

import ("archive/tar"; "fmt"; "io"; "os"; "strings")

func main() {
	for r := tar.NewReader(os.Stdin); ; {
		h, err := r.Next()
		if err == io.EOF { return }
		if err != nil { panic(err) }
		n, err := io.Copy(io.Discard, r)
		if err != nil || n != h.Size { panic(h.Name) }
		fmt.Printf("%04o %d:%d %d %d %d:%d %q %q %q %q", h.Mode, h.Uid, h.Gid, n, h.ModTime.Unix(),
			h.Devmajor, h.Devminor, h.Name, h.Linkname, h.Uname, h.Gname)
		for key, value := range h.PAXRecords {
			if name, is := strings.CutPrefix(key, "SCHILY.xattr."); is { fmt.Printf(" %s=%x", name, value) }
		}
		fmt.Println()
	}
}
`;

describe("the golden layer is read by", () => {
  const time = (text: string) => Date.parse(`${text}Z`) / 1000;

  testWith(["tar"], "GNU tar", async () => {
    const input = await packed(golden);
    const env = { TZ: "UTC", LC_ALL: "C.UTF-8" };
    const flags = [
      "--numeric-owner",
      "--full-time",
      "--quoting-style=literal",
      "--xattrs-include=*",
    ];
    const { stdout, stderr } = await succeed(["tar", "-tvv", ...flags], { input, env });
    assert.equal(stderr, "");
    const lines = `${stdout}`
      .trim()
      .split("\n")
      .filter((line) => !/^ +x: /.test(line));
    const list = lines.map((line) => {
      const [, mode = "", owner, size, day, clock, name] =
        /^(\S+) +(\S+) +(\S+) (\S+) (\S+) (.*)$/.exec(line) ?? assert.fail(line);
      return `${mode.slice(0, 10)} ${owner} ${size} ${time(`${day}T${clock}`)} ${name}`;
    });
    assert.deepEqual(list, expectedList);
    assert.match(`${stdout}`, / x: +6 security\.capability/);
  });

  testWith(["bsdtar"], "bsdtar", async () => {
    const input = await packed(golden);
    const env = { TZ: "UTC", LC_ALL: "C.UTF-8" };
    const { stdout } = await succeed(["bsdtar", "-tvf", "-", "--numeric-owner"], { input, env });
    const list = `${stdout}`
      .trim()
      .split("\n")
      .map((line) => {
        const [, mode, , uid, gid, size, name] =
          /^(\S+) +(\S+) +(\S+) +(\S+) +(\S+) +\S+ +\S+ +\S+ (.*)$/.exec(line) ?? assert.fail(line);
        return `${mode} ${uid}/${gid} ${size} ${name}`;
      });
    const untimed = expectedList.map((line) => line.replace(/^(\S+ \S+ \S+) \S+/, "$1"));
    assert.deepEqual(list, untimed);
  });

  testWith(["python3"], "Python, with every attribute and time", async () => {
    const script = `
import sys, tarfile, io
for m in tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read())):
    print(m.type.decode(), oct(m.mode), m.uid, m.gid, m.size, int(m.mtime), m.name, m.linkname, repr(m.uname), repr(m.gname),
      m.devmajor, m.devminor, *[k + "=" + v.encode("utf-8", "surrogateescape").hex() for k, v in m.pax_headers.items() if k.startswith("SCHILY")])`;
    const env = { PYTHONIOENCODING: "utf-8" };
    const { stdout } = await succeed(["python3", "-c", script], {
      input: await packed(golden),
      env,
    });
    const lines = `${stdout}`.trim().split("\n");
    assert.equal(lines.length, golden.length);
    assert.equal(lines[0], "5 0o755 0 0 0 0 .  '' '' 0 0");
    assert.equal(lines[3], "1 0o4755 0 0 0 0 bin/sh2 bin/sh '' '' 0 0");
    assert.equal(lines[6], "4 0o660 0 6 0 0 dev/sda  '' '' 8 0");
    assert.equal(lines[11], "0 0o644 0 0 6 -1 home/é  '' '' 0 0");
    assert.equal(lines[12], "2 0o777 0 0 0 0 lib usr/lib '' '' 0 0");
    assert.equal(
      lines[13],
      "0 0o644 0 0 1 0 ping  '' '' 0 0 SCHILY.xattr.security.capability=010000020020",
    );
  });

  testWith(["go"], "Go, which docker, containerd and umoci are written in", async (t) => {
    const folder = tempDir(t);
    fs.writeFileSync(join(folder, "list.go"), goList);
    const env = {
      GOFLAGS: "",
      GO111MODULE: "off",
      GOTOOLCHAIN: "local",
    };
    await succeed(["go", "build", "-o", "list", "list.go"], { cwd: folder, env });
    const { stdout } = await succeed([join(folder, "list")], { input: await packed(golden) });
    const time = (path: string) => ({ etc: 1_700_000_000, "home/é": -1 })[path] ?? 0;
    const expected = golden.map((entry) => {
      const { path, node } = entry;
      const { mode, uid, gid, xattrs } = entry.node === undefined ? entry.meta : entry.node.meta;
      const name = node?.kind === "directory" ? `${path === "" ? "." : path}/` : path;
      const target = node?.kind === "symlink" ? node.target : (entry.link ?? "");
      const size = node?.kind === "file" ? node.size : 0;
      const [major, minor] =
        node?.kind === "character" || node?.kind === "block" ? [node.major, node.minor] : [0, 0];
      const attributes = [...(xattrs ?? [])].map(
        ([key, value]) => ` ${key}=${Buffer.from(value).toString("hex")}`,
      );
      return `${octal(node?.kind === "symlink" ? 0o777 : mode, 4)} ${uid}:${gid} ${size} ${time(path)} ${major}:${minor} "${name}" "${target}" "" ""${attributes.join("")}`;
    });
    assert.deepEqual(`${stdout}`.trim().split("\n"), expected);
  });

  const files = golden.filter(({ node }) => node?.kind !== "character" && node?.kind !== "block");
  for (const argv of [
    ["tar", "-xf", "-", "--no-same-owner"],
    ["bsdtar", "-xf", "-", "--no-same-owner"],
    ["busybox", "tar", "-xf", "-", "-o"],
  ]) {
    testWith([argv[0]!], `${argv[0]}, which unpacks it`, async (t) => {
      const into = tempDir(t);
      const env = { TZ: "UTC", LC_ALL: "C.UTF-8" };
      // A capability may be set by root alone, and is no matter of the files.
      const some = files.filter(({ path, node }) => path !== "ping" && node?.meta.mtime !== -1);
      const input = await packed(
        argv[0] === "busybox" ? some.filter(({ path }) => path.length < 100) : some,
      );
      const { code, stderr } = await run(argv, { cwd: into, input, env });
      assert.equal(code, 0, stderr);
      assert.equal(fs.readFileSync(join(into, "bin/sh2"), "utf8"), "#!");
      assert.equal(fs.statSync(join(into, "bin/sh")).ino, fs.statSync(join(into, "bin/sh2")).ino);
      assert.equal(fs.readlinkSync(join(into, "lib")), "usr/lib");
      assert.ok(fs.readFileSync(join(into, "z")).equals(noise(1000, 1)));
      assert.ok(fs.lstatSync(join(into, "pipe")).isFIFO());
      // busybox sets the times of folders before it fills them.
      if (argv[0] !== "busybox")
        assert.equal(fs.statSync(join(into, "etc")).mtimeMs, 1_700_000_000_000);
      const names = fs.readdirSync(join(into, "tmp"));
      assert.deepEqual(names, argv[0] === "busybox" ? [] : ["n".repeat(120)]);
    });
  }
});
