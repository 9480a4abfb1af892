import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { extract, pack } from "tar-stream";
import { headerWriter, PAX_SIZE } from "../../../src/tar/header.ts";
import { StreamInput } from "../../../src/tar/input.ts";
import { entryHeader, type TarEntry, TYPE } from "../../../src/tar/layer/encode.ts";
import { type FoundEntry, scanEntries } from "../../../src/tar/layer/scan.ts";
import { faultOf } from "../../support/fault.ts";
import { ascii, pieces, sha256 } from "../../support/images/archive.ts";
import { octal, ustarHeader } from "../../support/tar/ustar.ts";

const plain = { mode: 0o644, uid: 0, gid: 0, mtime: 0 };
const file = (more: Partial<TarEntry> = {}): TarEntry => ({
  type: "file",
  path: "a",
  ...plain,
  ...more,
});

/** The PAX records of a header, read by the letter of POSIX and by nothing of the project; none where it is one block. */
function recordsOf(header: Uint8Array): [key: string, value: string][] {
  if (header.length === 512) return [];
  const bytes = Buffer.from(header);
  assert.equal(bytes.toString("latin1", 156, 157), "x");
  const size = Number.parseInt(bytes.toString("latin1", 124, 135), 8);
  const body = bytes.subarray(512, 512 + size);
  assert.ok(bytes.subarray(512 + size, bytes.length - 512).every((byte) => byte === 0));
  assert.equal(bytes.length, 1024 + Math.ceil(size / 512) * 512);
  const records: [string, string][] = [];
  for (let at = 0; at < body.length; ) {
    const [, digits = ""] = /^([1-9][0-9]*) /.exec(body.toString("latin1", at, at + 10)) ?? [];
    const record = body.toString("latin1", at + digits.length + 1, at + Number(digits));
    const [, key = "", value = ""] = /^([^=]+)=(.*)\n$/s.exec(record) ?? assert.fail(record);
    records.push([Buffer.from(key, "latin1").toString(), value]);
    at += Number(digits);
  }
  return records;
}

const keysOf = (entry: TarEntry) => recordsOf(entryHeader(entry)).map(([key]) => key);
const fieldOf = (entry: TarEntry, at: number, width: number) => {
  const header = Buffer.from(entryHeader(entry));
  const from = header.length - 512 + at;
  return header.toString("latin1", from, from + width);
};

/** The header that tar-stream writes. */
async function theirs({ path, target, size = 0, major = 0, minor = 0, ...entry }: TarEntry) {
  const type =
    ({ link: "link", character: "character-device", block: "block-device" } as const)[
      entry.type as "link"
    ] ?? entry.type;
  const archive = pack();
  archive.entry({
    name: entry.type === "directory" ? `${path}/` : path,
    type: type as "file",
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    uname: "",
    gname: "",
    size,
    mtime: new Date(entry.mtime * 1000),
    devmajor: major,
    devminor: minor,
    ...(target === undefined ? {} : { linkname: target }),
  });
  for await (const piece of archive) return Buffer.from(piece as Uint8Array);
  return assert.fail("tar-stream wrote nothing");
}

const part = (maxLength: number) =>
  fc
    .array(
      fc.integer({ min: 0x21, max: 0x7e }).filter((code) => code !== 0x2f),
      { minLength: 1, maxLength },
    )
    .map((codes) => String.fromCharCode(...codes))
    .filter((text) => text !== "." && text !== "..");
const anyPath = fc.array(part(40), { minLength: 1, maxLength: 8 }).map((parts) => parts.join("/"));
const anyMode = fc.integer({ min: 0, max: 0o7777 });
const small = { min: 0, max: 0o777777 };
/** What tar-stream can say, too. */
const anyUstar: fc.Arbitrary<TarEntry> = fc
  .record({
    type: fc.constantFrom(...(Object.keys(TYPE) as (keyof typeof TYPE)[])),
    path: anyPath.filter((path) => path.length <= 99 || path.lastIndexOf("/") > 0),
    // It takes 0 for no mode.
    mode: fc.integer({ min: 1, max: 0o7777 }),
    uid: fc.integer(small),
    gid: fc.integer(small),
    mtime: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    size: fc.integer({ min: 0, max: PAX_SIZE - 1 }),
    target: part(100),
    major: fc.integer(small),
    minor: fc.integer(small),
  })
  .map(({ size, target, major, minor, ...entry }) => ({
    ...entry,
    ...(entry.type === "file" ? { size } : {}),
    ...(entry.type === "link" || entry.type === "symlink" ? { target } : {}),
    ...(entry.type === "character" || entry.type === "block" ? { major, minor } : {}),
  }));

describe("a layer's header in ustar", () => {
  test("is what tar-stream writes", async () => {
    await fc.assert(
      fc.asyncProperty(anyUstar, async (entry) => {
        fc.pre(keysOf(entry).length === 0);
        assert.deepEqual(Buffer.from(entryHeader(entry)), await theirs(entry));
      }),
      { numRuns: 500 },
    );
  });

  test("is what its specification says, field by field", () => {
    const entry = file({ mode: 0o4755, uid: 1000, gid: 262144, size: 3, mtime: 2 ** 32 });
    const expected = ustarHeader({
      name: "a",
      mode: "004755 \0",
      uid: "001750 \0",
      gid: "1000000\0",
      size: "00000000003 ",
      mtime: "40000000000 ",
      checksum: (sum) => `${octal(sum, 6)} \0`,
      typeflag: "0",
      uname: "",
      gname: "",
      device: "000000 \0",
    });
    assert.deepEqual(Buffer.from(entryHeader(entry)), expected);
  });

  for (const [mode, field] of [
    [0o4755, "004755 \0"],
    [0o2755, "002755 \0"],
    [0o1777, "001777 \0"],
    [0, "000000 \0"],
  ] as const) {
    test(`has the mode ${octal(mode, 4)} and no bit of the file's type`, () => {
      for (const type of ["file", "directory"] as const)
        assert.equal(fieldOf(file({ type, mode }), 100, 8), field);
    });
  }

  test("ends the name of a folder in a slash, and calls the root ./", () => {
    assert.equal(fieldOf(file({ type: "directory", path: "a/b" }), 0, 5), "a/b/\0");
    assert.equal(fieldOf(file({ type: "directory", path: "" }), 0, 3), "./\0");
  });

  test("has no names of owners, whatever their numbers are", () => {
    for (const uid of [0, 1000, 2097151, 2097152, 2 ** 31 - 2])
      assert.equal(fieldOf(file({ uid, gid: uid }), 265, 64), "\0".repeat(64));
  });
});

const dirs = (length: number) => `${"d".repeat(length)}/`;

describe("a PAX header stands before it only for", () => {
  const cases: readonly (readonly [name: string, entry: TarEntry, keys: readonly string[]])[] = [
    ["a name of 99", file({ path: "n".repeat(99) }), []],
    ["a name of 100", file({ path: "n".repeat(100) }), []],
    ["a name of 101", file({ path: "n".repeat(101) }), ["path"]],
    ["a folder of 99", file({ type: "directory", path: "n".repeat(99) }), []],
    ["a folder of 100", file({ type: "directory", path: "n".repeat(100) }), ["path"]],
    [
      "a folder of 255 in a folder",
      file({ type: "directory", path: dirs(154) + "n".repeat(99) }),
      [],
    ],
    ["100 in 155", file({ path: dirs(155) + "n".repeat(100) }), []],
    ["99 in 155", file({ path: dirs(155) + "n".repeat(99) }), []],
    ["101 in 155", file({ path: dirs(155) + "n".repeat(101) }), ["path"]],
    ["100 in 156", file({ path: dirs(156) + "n".repeat(100) }), ["path"]],
    ["155 in one part", file({ path: "n".repeat(155) }), ["path"]],
    ["a component of 255", file({ path: "n".repeat(255) }), ["path"]],
    ["256 in three parts", file({ path: dirs(100) + dirs(54) + "n".repeat(100) }), []],
    ["a name of 4096", file({ path: dirs(99).repeat(40) + "n".repeat(96) }), ["path"]],
    ["é", file({ path: "é" }), ["path"]],
    ["a target of 100", file({ type: "symlink", target: "t".repeat(100) }), []],
    ["a target of 101", file({ type: "symlink", target: "t".repeat(101) }), ["linkpath"]],
    ["a target é", file({ type: "symlink", target: "é" }), ["linkpath"]],
    ["a hard link's target of 101", file({ type: "link", target: "t".repeat(101) }), ["linkpath"]],
    ["the owner 2097151", file({ uid: 2097151, gid: 2097151 }), []],
    ["the owner 2097152", file({ uid: 2097152 }), ["uid"]],
    ["the group 2097152", file({ gid: 2097152 }), ["gid"]],
    ["the owner 4294967295", file({ uid: 2 ** 32 - 1, gid: 2 ** 32 - 1 }), ["gid", "uid"]],
    ["8 GiB - 1", file({ size: PAX_SIZE - 1 }), []],
    ["8 GiB", file({ size: PAX_SIZE }), ["size"]],
    ["the last second of 2242", file({ mtime: 2 ** 33 - 1 }), []],
    ["a second later", file({ mtime: 2 ** 33 }), ["mtime"]],
    ["a second before 1970", file({ mtime: -1 }), ["mtime"]],
    ["an attribute", file({ xattrs: new Map([["user.a", ascii("b")]]) }), ["SCHILY.xattr.user.a"]],
    ["no attribute", file({ xattrs: new Map() }), []],
  ];
  for (const [name, entry, keys] of cases) test(name, () => assert.deepEqual(keysOf(entry), keys));

  test("what it holds is exactly that, ordered by bytes", () => {
    const entry = file({
      type: "symlink",
      path: "é",
      target: "ü",
      uid: 2097152,
      gid: 2097153,
      mtime: -2,
      xattrs: new Map([
        ["user.b", ascii("2")],
        ["user.Z", ascii("1")],
        ["security.capability", ascii("0")],
      ]),
    });
    assert.deepEqual(recordsOf(entryHeader(entry)), [
      ["SCHILY.xattr.security.capability", "0"],
      ["SCHILY.xattr.user.Z", "1"],
      ["SCHILY.xattr.user.b", "2"],
      ["gid", "2097153"],
      ["linkpath", Buffer.from("ü").toString("latin1")],
      ["mtime", "-2"],
      ["path", Buffer.from("é").toString("latin1")],
      ["uid", "2097152"],
    ]);
  });

  test("the order of attributes is not that in which they were found", () => {
    const found = Array.from({ length: 20 }, (_, i) => [`user.${i}`, ascii(`${i}`)] as const);
    const one = entryHeader(file({ xattrs: new Map(found) }));
    const other = entryHeader(file({ xattrs: new Map(found.toReversed()) }));
    assert.deepEqual(one, other);
  });

  test("its own header is the same for all, and that of the canonical archive", async () => {
    const canonical = (await headerWriter())("a", PAX_SIZE);
    const ours = entryHeader(file({ size: PAX_SIZE }));
    assert.deepEqual(Buffer.from(ours.subarray(0, 1024)), Buffer.from(canonical.subarray(0, 1024)));
    // Only the size field and the checksum know what it extends.
    const long = entryHeader(file({ path: "x".repeat(300), uid: 2 ** 30, mtime: -7 }));
    const own = (header: Uint8Array) =>
      Buffer.concat([
        header.subarray(0, 124),
        header.subarray(136, 148),
        header.subarray(156, 512),
      ]);
    assert.deepEqual(own(long), own(ours));
  });

  test("a record counts its own length where that gains a digit", () => {
    for (let length = 1; length < 1200; length++) {
      const value = Buffer.alloc(length, "v").toString();
      const header = entryHeader(file({ xattrs: new Map([["user.k", ascii(value)]]) }));
      assert.deepEqual(recordsOf(header), [["SCHILY.xattr.user.k", value]]);
    }
  });

  for (const [name, value] of [
    ["nothing", ""],
    ["NUL", "a\0b\0"],
    ["=", "a=b"],
    ["a line", "a\n12 path=x\n"],
    ["all bytes", String.fromCharCode(...Array(256).keys())],
  ] as const) {
    test(`the value of an attribute is kept with ${name} in it`, () => {
      const xattrs = new Map([["user.k", Uint8Array.from(Buffer.from(value, "latin1"))]]);
      assert.deepEqual(recordsOf(entryHeader(file({ xattrs }))), [["SCHILY.xattr.user.k", value]]);
    });
  }

  test("what does not fit stands in ustar as far as it fits, and no half character", () => {
    assert.equal(fieldOf(file({ path: `${"n".repeat(99)}é` }), 0, 100), `${"n".repeat(99)}\0`);
    assert.equal(fieldOf(file({ path: "é" }), 0, 3), Buffer.from("é\0").toString("latin1"));
    assert.equal(fieldOf(file({ uid: 2097152 }), 108, 8), "000000 \0");
    assert.equal(fieldOf(file({ mtime: -1 }), 136, 12), "00000000000 ");
    assert.equal(fieldOf(file({ size: PAX_SIZE }), 124, 12), "00000000000 ");
  });
});

describe("a header is refused for", () => {
  for (const [name, entry] of [
    ["a name that is not UTF-8", file({ path: "a\udcff" })],
    ["a target that is not UTF-8", file({ type: "symlink", target: "\ud800" })],
    ["an attribute with = in its name", file({ xattrs: new Map([["user.a=b", ascii("")]]) })],
    ["an attribute that is not UTF-8", file({ xattrs: new Map([["user.\udc80", ascii("")]]) })],
    ["an attribute with NUL in its name", file({ xattrs: new Map([["user.\0", ascii("")]]) })],
    ["a device number that no field holds", file({ type: "block", major: 8 ** 7 })],
  ] as const) {
    test(name, async () => {
      const { at } = await faultOf("unsupported", () => entryHeader(entry));
      assert.ok(at.isWellFormed());
    });
  }

  for (const [name, entry] of [
    ["a NUL in a name", file({ path: "a\0" })],
    ["bits of a type in the mode", file({ mode: 0o100644 })],
    ["half a second", file({ mtime: 0.5 })],
    ["a negative size", file({ size: -1 })],
    ["an owner that is none", file({ uid: 2 ** 32 })],
  ] as const) {
    test(name, async () => void (await faultOf("internal", () => entryHeader(entry))));
  }
});

/** Any member at all. */
const anyText = fc
  .array(fc.string({ unit: "binary", minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.map((text) => text.replaceAll(/[/\0]/g, "_")).join("/"))
  .filter((path) => path.split("/").every((text) => !["", ".", ".."].includes(text)));
const anyEntry: fc.Arbitrary<TarEntry> = fc
  .record({
    type: fc.constantFrom(...(Object.keys(TYPE) as (keyof typeof TYPE)[])),
    path: fc.oneof(anyPath, anyText),
    mode: anyMode,
    uid: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    gid: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    mtime: fc.oneof(fc.integer(), fc.maxSafeInteger()).map((time) => (time === 0 ? 0 : time)),
    target: anyText,
    device: fc.integer({ min: 0, max: 8 ** 7 - 1 }),
    xattrs: fc.array(
      fc.tuple(
        part(20).map((text) => text.replaceAll("=", "_")),
        fc.uint8Array({ maxLength: 300 }),
      ),
      { maxLength: 4 },
    ),
  })
  .map(({ target, device, xattrs, ...entry }) => ({
    ...entry,
    ...(entry.type === "link" || entry.type === "symlink" ? { target } : {}),
    ...(entry.type === "character" || entry.type === "block" ? { major: device, minor: 1 } : {}),
    ...(entry.type === "link" ? {} : { xattrs: new Map(xattrs) }),
  }));

describe("a header is read back as it was meant", () => {
  test("by this project's own reader", async () => {
    await fc.assert(
      fc.asyncProperty(anyEntry, async (entry) => {
        const [found, ...more] = await scanned(
          Buffer.concat([entryHeader(entry), Buffer.alloc(1024)]),
        );
        assert.equal(more.length, 0);
        const { size, offset, xattrs, target, major, minor, ...rest } = found!;
        assert.deepEqual(
          { ...rest, target, major, minor, xattrs: new Map(xattrs) },
          { target: "", major: 0, minor: 0, ...entry, xattrs: new Map(entry.xattrs) },
        );
      }),
      { numRuns: 500 },
    );
  });

  test("by tar-stream", async () => {
    await fc.assert(
      fc.asyncProperty(anyEntry, async (entry) => {
        const reader = extract();
        reader.end(Buffer.concat([entryHeader(entry), Buffer.alloc(1024)]));
        const names: string[] = [];
        for await (const { header } of reader) {
          names.push(header.name);
          // It is what it reads into a number that is compared: it takes PAX times and owners for nothing.
          assert.equal(header.mode, entry.mode);
          if (entry.target !== undefined) assert.equal(header.linkname, entry.target);
        }
        assert.deepEqual(names, [entry.type === "directory" ? `${entry.path}/` : entry.path]);
      }),
    );
  });
});

async function scanned(bytes: Uint8Array): Promise<FoundEntry[]> {
  const found: FoundEntry[] = [];
  for await (const entry of scanEntries(new StreamInput(pieces(bytes, 700), "x")))
    found.push(entry);
  return found;
}

test("golden headers", () => {
  const golden: readonly (readonly [digest: string, entry: TarEntry])[] = [
    ["sha256:b490d13ee01701688ff246457234f68f94aa7a1b16aa3c8dafe49f010a60464e", file()],
    [
      "sha256:6a095333c4d2c1fb20edc2d8e4d741e53365bc64a7122be6bb50878d1720d77b",
      file({ type: "directory", path: "usr/bin", mode: 0o755 }),
    ],
    [
      "sha256:e88586f7d90553e3be6b33cee05908db842596fbd9e0afe19efb24389f85e5de",
      file({ type: "symlink", path: "bin", target: "usr/bin", mode: 0o777 }),
    ],
    [
      "sha256:5c89b24e41e855fdbf333208d18ed775882da87bbce6a5d717fdeccc843eb291",
      file({ type: "link", path: "b", target: "a" }),
    ],
    [
      "sha256:a22cea9af0adea5df969c77e04ab02229b0d6db9a4ceb7e8b1eb93a5a934dd27",
      file({ type: "character", path: "dev/null", mode: 0o666, major: 1, minor: 3 }),
    ],
    [
      "sha256:e1e01503f73793f89ee1b90d7cd91bfad814cafd627984f3abf95025da0f8f42",
      file({
        path: `${"ä/".repeat(60)}ö`,
        uid: 3_000_000,
        mtime: -1,
        xattrs: new Map([["user.k", ascii("\0=\n")]]),
      }),
    ],
  ];
  assert.deepEqual(
    golden.map(([, entry]) => sha256(entryHeader(entry))),
    golden.map(([digest]) => digest),
  );
});
