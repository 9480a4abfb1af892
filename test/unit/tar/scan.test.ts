import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import fc from "fast-check";
import { openRead } from "../../../src/base/fs/file.ts";
import { type ArchiveEnd, scanTar, type TarMember } from "../../../src/tar/canonical/scan.ts";
import { headerWriter } from "../../../src/tar/header.ts";
import { FileInput, type Input, StreamInput } from "../../../src/tar/input.ts";
import { cleanName } from "../../../src/tar/member-name.ts";
import { faultOf } from "../../support/fault.ts";
import {
  ascii,
  canonical,
  container,
  gadget,
  noise,
  pieces,
  type RawMember,
  rawMember,
  rawPax,
  rawTar,
} from "../../support/images/archive.ts";
import { root } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { succeed } from "../../support/process/run.ts";
import { tempDir } from "../../support/process/temp.ts";
import { readUstar } from "../../support/tar/ustar.ts";

const writer = await headerWriter();

interface Scanned {
  readonly members: readonly (TarMember & { readonly body: string })[];
  readonly end: ArchiveEnd;
}

/** Everything that is in an archive, the bodies as text. */
async function all(input: Input): Promise<Scanned> {
  const members: (TarMember & { body: string })[] = [];
  const scanned = scanTar(input, writer);
  for (;;) {
    const next = await scanned.next();
    if (next.done === true) return { members, end: next.value };
    const body = Buffer.from(await input.take(next.value.size)).toString("latin1");
    members.push({ ...next.value, body });
  }
}

const fromStream = (bytes: Uint8Array, length?: number) =>
  all(new StreamInput(pieces(bytes, length), "x"));

async function fromFile(t: TestContext, bytes: Uint8Array): Promise<Scanned> {
  const path = join(tempDir(t), "a.tar");
  writeFileSync(path, bytes);
  const file = openRead(path);
  t.after(() => file.close());
  return all(new FileInput(file, "x"));
}

/** As read from a file, which is as read from a stream, whatever its pieces. */
async function read(t: TestContext, bytes: Uint8Array): Promise<Scanned> {
  const expected = await fromFile(t, bytes);
  for (const length of [1, 511, 512, 513, 65_536]) {
    assert.deepEqual(await fromStream(bytes, length), expected);
  }
  return expected;
}

const fails = (bytes: Uint8Array) => faultOf("malformed", () => fromStream(bytes));
const why = async (...members: RawMember[]) => (await fails(rawTar(members))).why;

describe("scan of canonical archives", () => {
  test("finds what a strict reader of another make finds, and no deviation", async (t) => {
    for (const images of [
      [gadget("ghcr.io/example/a:v1", noise(5000, 1))],
      [
        container("docker.io/library/b:v1", noise(512, 2)),
        gadget("ghcr.io/example/a:v1", ascii("")),
      ],
    ]) {
      const archive = await canonical(images);
      const { members, end } = await read(t, archive);
      const expected = readUstar(archive);
      const plain = members.map(({ name, start, offset, body }) => ({ name, start, offset, body }));
      assert.deepEqual(
        plain,
        expected.map(({ name, header, offset, content }) => ({
          name,
          start: header,
          offset,
          body: content.toString("latin1"),
        })),
      );
      assert.deepEqual(new Set(members.map(({ deviation }) => deviation)), new Set([undefined]));
      assert.deepEqual(end, {
        start: archive.length - 1024,
        zeroBlocks: 2,
        fill: 0,
        trailing: false,
        dirty: [],
      });
    }
  });

  for (const [program, list] of [
    ["tar", ["tar", "-xf"]],
    ["bsdtar", ["bsdtar", "-xf"]],
    ["busybox", ["busybox", "tar", "-xf"]],
  ] as const) {
    testWith([program], `are unpacked by ${program}`, async (t) => {
      const archive = await canonical([
        gadget("ghcr.io/example/a:v1", noise(5000, 1)),
        container("docker.io/library/b:v1", noise(512, 2)),
      ]);
      const folder = tempDir(t);
      writeFileSync(join(folder, "a.tar"), archive);
      const { stderr } = await succeed([...list, "a.tar"], { cwd: folder });
      assert.equal(stderr, "");
      for (const { name, content } of readUstar(archive)) {
        if (name.endsWith("/")) continue;
        assert.deepEqual(readFileSync(join(folder, name)), Buffer.from(content), name);
      }
    });
  }
});

/** A tree as tools pack it: a blob, an empty file, a full block, names that need more than a header. */
const hex = "0123456789abcdef".repeat(4);
const long = `${"d".repeat(90)}/${"f".repeat(80)}`;
const longest = `${"e".repeat(60)}/${"g".repeat(120)}`;
const tree: Readonly<Record<string, string>> = {
  [`blobs/sha256/${hex}`]: "a blob",
  empty: "",
  "full-block": "b".repeat(512),
  [long]: "long",
};

function plant(folder: string, files: Readonly<Record<string, string>>): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

describe("scan reads archives of", () => {
  const cases: readonly (readonly [name: string, argv: readonly string[], more?: boolean])[] = [
    ["GNU tar, its own format", ["tar", "--format=gnu"], true],
    ["GNU tar, its old format", ["tar", "--format=oldgnu"], true],
    ["GNU tar, PAX", ["tar", "--format=pax"], true],
    ["GNU tar, ustar", ["tar", "--format=ustar"]],
    ["GNU tar, no blocking", ["tar", "-b1", "--sort=name", "--owner=0", "--mtime=@0"], true],
    ["bsdtar, its own choice", ["bsdtar"], true],
    ["bsdtar, PAX", ["bsdtar", "--format=pax"], true],
    ["bsdtar, GNU", ["bsdtar", "--format=gnutar"], true],
    ["bsdtar, ustar", ["bsdtar", "--format=ustar"]],
    ["busybox", ["busybox", "tar"], true],
  ];
  for (const [name, argv, more = false] of cases) {
    const files = more ? { ...tree, [longest]: "longest", "naïve €": "not ASCII" } : tree;
    for (const what of [".", "*"]) {
      testWith([argv[0] as string], `${name}, packing ${what}`, async (t) => {
        const folder = plant(tempDir(t), files);
        const archive = join(tempDir(t), "a.tar");
        const script = `archive=$1; shift; exec "$@" -cf "$archive" ${what}`;
        await succeed(["sh", "-c", script, "sh", archive, ...argv], { cwd: folder });
        const { members, end } = await read(t, readFileSync(archive));
        const found = members.filter(({ type }) => type === "file");
        const bodies = found.map(({ name, body }) => [cleanName(name), body] as const);
        assert.deepEqual(
          bodies.sort(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
          Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)),
        );
        const folders = members.filter(({ type }) => type === "directory").map((one) => one.name);
        assert.deepEqual(
          new Set(folders.map(cleanName)),
          new Set([...(what === "." ? ["."] : []), ...foldersOf(files)]),
        );
        assert.equal(found.length + folders.length, members.length);
        assert.deepEqual([end.zeroBlocks, end.trailing, end.dirty], [2, false, []]);
        assert.ok(members.every(({ deviation }) => deviation !== undefined));
      });
    }
  }

  testWith(["tar"], "GNU tar with links, a fifo and a sparse file, each by its type", async (t) => {
    const folder = tempDir(t);
    const script = `printf x >a; ln a b; ln -s a c; mkfifo d; truncate -s 1M e; printf x >>e
      exec tar --format=$1 --sort=name -Scf "$2" a b c d e`;
    for (const format of ["gnu", "pax"]) {
      const archive = join(tempDir(t), "a.tar");
      await succeed(["sh", "-c", script, "sh", format, archive], { cwd: folder });
      const { members } = await read(t, readFileSync(archive));
      const types = ["file", "hard link", "symbolic link", "fifo", "sparse file"];
      assert.deepEqual(
        members.map(({ type }) => type),
        types,
      );
      await succeed(["sh", "-c", "rm a b c d e"], { cwd: folder });
    }
  });

  test("Go: what Inspektor Gadget's tools exported", async (t) => {
    const archive = readFileSync(join(root, "test/fixtures/ig-export-hello.tar"));
    const { members, end } = await read(t, archive);
    const names = members.filter(({ type }) => type === "file").map(({ name }) => cleanName(name));
    assert.ok(names.includes("index.json") && names.includes("oci-layout"));
    assert.deepEqual([end.trailing, end.dirty], [false, []]);
  });
});

function foldersOf(files: Readonly<Record<string, string>>): string[] {
  return Object.keys(files).flatMap((name) => {
    const parts = name.split("/").slice(0, -1);
    return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
  });
}

describe("scan", () => {
  test("gives every archive's members whole, whatever is taken of their bodies", async () => {
    const member = fc.record({
      size: fc.integer({ min: 0, max: 1500 }),
      taken: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(member, { maxLength: 6 }),
        fc.integer({ min: 1, max: 2000 }),
        async (list, length) => {
          const bodies = list.map(({ size }, i) => ({ name: `m${i}`, body: noise(size, i) }));
          const input = new StreamInput(pieces(rawTar(bodies), length), "x");
          let i = 0;
          for await (const { name, size } of scanTar(input, writer)) {
            assert.equal(name, `m${i}`);
            const taken = Math.floor(size * (list[i]?.taken ?? 0));
            const part = Buffer.from(await input.take(taken));
            assert.ok(part.equals(bodies[i]?.body.subarray(0, taken) ?? part));
            i++;
          }
          assert.equal(i, list.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("takes a name and a size from PAX, and a name from a GNU header", async (t) => {
    const body = ascii("12345");
    const records = { path: "pax/name", size: "5", mtime: "1.5", comment: "x" };
    const { members } = await read(
      t,
      Buffer.concat([
        rawMember(rawPax(records)),
        rawMember({ name: "short", body, size: 0 }),
        rawMember({ name: "././@LongLink", type: "L", body: ascii("gnu/name\0") }),
        rawMember({ name: "././@LongLink", type: "K", body: ascii("nowhere\0") }),
        rawMember({ name: "short", body }),
        rawMember(rawPax({ comment: "for all" }, "g")),
        rawMember({ name: "plain", body }),
        new Uint8Array(1024),
      ]),
    );
    const found = members.map(({ name, size, body }) => `${name} ${size} ${body}`);
    assert.deepEqual(found, ["pax/name 5 12345", "gnu/name 5 12345", "plain 5 12345"]);
  });

  test("knows a sparse file of PAX", async (t) => {
    const records = { "GNU.sparse.major": "1", "GNU.sparse.name": "x" };
    const { members } = await read(t, rawTar([rawPax(records), { name: "a" }]));
    assert.deepEqual(
      members.map(({ type }) => type),
      ["sparse file"],
    );
  });

  test("refuses what one reader takes this way and another that way", async () => {
    const body = ascii("x");
    const file = { name: "a", body };
    const gnu = { name: "L", type: "L", body: ascii("name\0") };
    assert.match(await why({ name: "d/", type: "5", body }), /directory, and has a size/);
    assert.match(await why({ name: "d/", type: "\0", body }), /directory, and has a size/);
    assert.match(await why({ name: "d/", body }), /of a file, and the name is that of a folder/);
    assert.match(await why({ name: "l", type: "1", linkname: "a", body }), /hard link, and has/);
    assert.match(await why(rawPax({ path: "b" }), gnu, file), /two headers name one member/);
    const comment = rawPax({ comment: "x" });
    const link = { ...gnu, type: "K" };
    for (const twice of [gnu, link, comment, rawPax({ size: "1" })]) {
      assert.match(await why(twice, twice, file), /two headers of one kind extend one member/);
      assert.match(await why(twice, comment, twice, file), /two headers of one kind/);
      assert.match(
        await why(twice, rawPax({ comment: "x" }, "g"), file),
        /between another extended header and the member/,
      );
    }
    const { members } = await fromStream(rawTar([rawPax({ a: "b" }, "g"), comment, gnu, file]));
    assert.deepEqual([members.length, members[0]?.name], [1, "name"]);
    for (const records of [{ path: "b" }, { size: "1" }, { "GNU.sparse.map": "0,1" }]) {
      assert.match(await why(rawPax(records, "g"), file), /all members one name or size/);
    }
  });

  test("takes a file whose name ends in a slash for a folder, whichever header has the name", async () => {
    const folder = { name: "a/", type: "\0" };
    const file = { name: "a", type: "\0" };
    const long = { name: "L", type: "L", body: ascii("b/\0") };
    for (const [members, type] of [
      [[folder], "directory"],
      [[rawPax({ path: "b/" }), file], "directory"],
      [[long, file], "directory"],
      [[rawPax({ path: "b" }), folder], "file"],
    ] as const) {
      const { members: found } = await fromStream(rawTar(members));
      assert.deepEqual(
        found.map((member) => member.type),
        [type],
      );
    }
    assert.match(
      await why(rawPax({ path: "b/" }), { ...file, body: ascii("x") }),
      /directory, and has a size/,
    );
  });

  test("refuses a header that extends nothing, and many that extend one", async () => {
    assert.match(await why(rawPax({ a: "b" })), /ends after a header that announces another/);
    const five = Array.from({ length: 5 }, () => rawPax({ comment: "x" }, "g"));
    assert.match(await why(...five, { name: "a" }), /more than four headers/);
    const whole = rawTar([rawPax({ a: "b" })], new Uint8Array(0));
    assert.match((await fails(whole)).why, /cut off/);
  });

  test("refuses names and extended headers beyond their bounds", async () => {
    const named = (length: number) => rawTar([rawPax({ path: "n".repeat(length) }), { name: "a" }]);
    assert.equal((await fromStream(named(255))).members[0]?.name.length, 255);
    const facts = await faultOf("too-large", () => fromStream(named(256)));
    assert.deepEqual([facts.actual, facts.limit], [256, 255]);
    const huge = rawTar([{ name: "x", type: "x", size: 2 ** 31 }]);
    const claimed = await faultOf("too-large", () => fromStream(huge));
    assert.deepEqual([claimed.actual, claimed.limit], [2 ** 31, 2 ** 20]);
  });

  test("a cut is noticed at every byte", async () => {
    const whole = rawTar([
      rawPax({ path: "b" }),
      { name: "a", body: noise(700, 1) },
      { name: "c" },
    ]);
    for (let length = 0; length < whole.length; length += 7) {
      const bytes = whole.subarray(0, length);
      try {
        const { end } = await fromStream(bytes);
        assert.notEqual(end.zeroBlocks, 2, `${length}`);
      } catch (error) {
        const { code } = error as { code?: string };
        assert.ok(code === "malformed" || code === "size-differs", `${length}: ${error}`);
      }
    }
  });

  test("tells of the end: how many zero blocks, what fills up, what follows", async (t) => {
    const behind = async (...parts: (number | string)[]) => {
      const end = parts.map((part) =>
        typeof part === "number" ? new Uint8Array(part) : ascii(part),
      );
      const found = (await read(t, rawTar([{ name: "a" }], Buffer.concat(end)))).end;
      assert.equal(found.start, 512);
      return [found.zeroBlocks, found.fill, found.trailing];
    };
    assert.deepEqual(await behind(), [0, 0, false]);
    assert.deepEqual(await behind(512), [1, 0, false]);
    assert.deepEqual(await behind(1024), [2, 0, false]);
    assert.deepEqual(await behind(1024, 9216), [2, 9216, false]);
    assert.deepEqual(await behind(1024, 100, "x"), [2, 101, true]);
    assert.deepEqual(await behind(512, "x"), [1, 0, true]);
    assert.deepEqual((await behind(1024, 17 << 20)).at(2), true);
  });

  test("names the members whose padding is not zero, a few of them", async (t) => {
    const members = Array.from({ length: 40 }, (_, i) => {
      const bytes = Buffer.from(rawMember({ name: `m${i}`, body: ascii("x") }));
      bytes[1023] = 1;
      return bytes;
    });
    const { end } = await read(t, Buffer.concat([...members, new Uint8Array(1024)]));
    assert.deepEqual(end.dirty.slice(0, 2), ["m0", "m1"]);
    assert.equal(end.dirty.length, 16);
  });
});

describe("cleanName", () => {
  for (const [name, expected] of [
    ["a", "a"],
    ["./a/b", "a/b"],
    ["././a/", "a"],
    ["./", "."],
    [".", "."],
    ["..a", "..a"],
    ["a..", "a.."],
    ["", undefined],
    ["/", undefined],
    ["/a", undefined],
    ["./.././a", undefined],
    ["..", undefined],
    ["../a", undefined],
    ["a/..", undefined],
    ["a/./b", undefined],
    ["a//b", undefined],
    [".//a", undefined],
    ["a\\b", undefined],
    ["a\0b", undefined],
    ["a\x7f", undefined],
  ] as const) {
    test(`${JSON.stringify(name)} is ${JSON.stringify(expected)}`, () => {
      assert.equal(cleanName(name), expected);
    });
  }
});
