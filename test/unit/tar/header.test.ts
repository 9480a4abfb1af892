import assert from "node:assert/strict";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { pack } from "tar-stream";
import { openRead } from "../../../src/base/fs/file.ts";
import { decodeHeader, decodePax, fieldAt, paxSize } from "../../../src/tar/canonical/decode.ts";
import { scanTar } from "../../../src/tar/canonical/scan.ts";
import { headerWriter, PAX_SIZE, padding, paxRecord } from "../../../src/tar/header.ts";
import { FileInput } from "../../../src/tar/input.ts";
import { faultOf } from "../../support/fault.ts";
import { ascii, type RawMember, rawHeader, rechecked } from "../../support/images/archive.ts";
import { testWith } from "../../support/process/needs.ts";
import { succeed } from "../../support/process/run.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { octal, ustarHeader } from "../../support/tar/ustar.ts";

const writer = await headerWriter();

/** What a canonical member may be named. */
const anyName = fc
  .array(fc.integer({ min: 0x21, max: 0x7e }), { minLength: 1, maxLength: 100 })
  .map((codes) => String.fromCharCode(...codes));
const anySize = fc.oneof(
  fc.integer({ min: 0, max: 10_000 }),
  fc.integer({ min: 0, max: PAX_SIZE - 1 }),
  fc.constantFrom(0, 1, 511, 512, 513, 2 ** 31 - 1, 2 ** 31, 2 ** 32, PAX_SIZE - 1),
);

/** The header that tar-stream writes. */
async function theirs(name: string, size: number): Promise<Uint8Array> {
  const archive = pack();
  const owner = { uid: 0, gid: 0, uname: "", gname: "" };
  archive.entry({ name, size, mode: 0o644, ...owner, mtime: new Date(0) });
  for await (const piece of archive) return piece as Uint8Array;
  return assert.fail("tar-stream wrote nothing");
}

const fileName = anyName.filter((text) => !text.endsWith("/"));

describe("a canonical header", () => {
  test("of a name that ends in a slash is a directory's", () => {
    for (const name of ["blobs/", "blobs/sha256/"]) {
      const expected = ustarHeader({
        name,
        mode: "000755 \0",
        uid: "000000 \0",
        gid: "000000 \0",
        size: "00000000000 ",
        mtime: "00000000000 ",
        checksum: (sum) => `${octal(sum, 6)} \0`,
        typeflag: "5",
        uname: "",
        gname: "",
        device: "000000 \0",
      });
      assert.deepEqual(Buffer.from(writer(name, 0)), expected);
      assert.equal(decodeHeader(writer(name, 0), "x").type, "directory");
    }
  });

  test("is what tar-stream writes", async () => {
    await fc.assert(
      fc.asyncProperty(fileName, anySize, async (name, size) => {
        assert.deepEqual(Buffer.from(writer(name, size)), Buffer.from(await theirs(name, size)));
      }),
    );
  });

  test("is what its specification says, field by field", () => {
    fc.assert(
      fc.property(fileName, anySize, (name, size) => {
        const expected = ustarHeader({
          name,
          mode: "000644 \0",
          uid: "000000 \0",
          gid: "000000 \0",
          size: `${octal(size, 11)} `,
          mtime: "00000000000 ",
          checksum: (sum) => `${octal(sum, 6)} \0`,
          typeflag: "0",
          uname: "",
          gname: "",
          device: "000000 \0",
        });
        assert.deepEqual(Buffer.from(writer(name, size)), expected);
      }),
    );
  });

  test("is read back as it was meant", () => {
    fc.assert(
      fc.property(fileName, anySize, (name, size) => {
        assert.deepEqual(decodeHeader(writer(name, size), "x"), {
          type: "file",
          name,
          size,
          link: "",
        });
      }),
    );
  });

  test("has a PAX record from 8 GiB on, and not a byte before", () => {
    assert.equal(PAX_SIZE, 8 * 1024 ** 3);
    assert.equal(writer("a", PAX_SIZE - 1).length, 512);
    for (const size of [PAX_SIZE, PAX_SIZE + 1, 10 ** 12, Number.MAX_SAFE_INTEGER]) {
      const header = writer("a", size);
      assert.equal(header.length, 3 * 512);
      const first = decodeHeader(header.subarray(0, 512), "x");
      assert.equal(first.type, "pax");
      const records = decodePax(header.subarray(512, 512 + first.size), "x");
      assert.deepEqual([...records], [["size", `${size}`]]);
      assert.ok(header.subarray(512 + first.size, 1024).every((byte) => byte === 0));
      const last = decodeHeader(header.subarray(1024), "x");
      assert.deepEqual(last, { type: "file", name: "a", size: 0, link: "" });
    }
  });

  for (const name of ["", "a b", "é", "a\n", "a".repeat(101)]) {
    test(`is refused for the name ${JSON.stringify(name)}`, async () => {
      await faultOf("internal", () => writer(name, 0));
    });
  }

  test("stands before padding to whole blocks", () => {
    assert.deepEqual([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    assert.equal(padding(PAX_SIZE + 1), 511);
  });
});

/** Two members at the border of 8 GiB and one behind them, in a file that is all holes. */
function borderArchive(t: Ends): string {
  const path = join(tempDir(t), "border.tar");
  const file = openSync(path, "w");
  let at = 0;
  for (const [name, size] of border) {
    const header = writer(name, size);
    writeSync(file, header, 0, header.length, at);
    at += header.length + size + padding(size);
  }
  ftruncateSync(file, at + 1024);
  closeSync(file);
  return path;
}
const border = [
  ["below", PAX_SIZE - 1],
  ["at", PAX_SIZE],
  ["behind", 5],
] as const;

describe("members around 8 GiB are read by", () => {
  const sizes = (list: Uint8Array, column: number) =>
    `${list}`
      .trim()
      .split("\n")
      .map((line) => Number(line.split(/\s+/)[column]));
  const expected = border.map(([, size]) => size);

  test("this project's own reader", async (t) => {
    const path = borderArchive(t);
    const file = openRead(path);
    t.after(() => file.close());
    const found = [];
    for await (const member of scanTar(new FileInput(file, path), writer)) {
      assert.equal(member.deviation, undefined);
      found.push([member.name, member.size]);
    }
    assert.deepEqual(found, border);
  });

  testWith(["tar"], "GNU tar", async (t) => {
    const { stdout } = await succeed(["tar", "--numeric-owner", "-tvf", borderArchive(t)]);
    assert.deepEqual(sizes(stdout, 2), expected);
  });

  testWith(["bsdtar"], "bsdtar", async (t) => {
    const { stdout } = await succeed(["bsdtar", "--numeric-owner", "-tvf", borderArchive(t)]);
    assert.deepEqual(sizes(stdout, 4), expected);
  });
});

const header = (odd: Partial<RawMember>) => decodeHeader(rawHeader({ name: "a", ...odd }), "x");
const why = async (odd: Partial<RawMember>) => (await faultOf("malformed", () => header(odd))).why;

describe("decodeHeader", () => {
  for (const [size, expected] of [
    ["00000000017\0", 15],
    ["00000000017 ", 15],
    ["         17 ", 15],
    ["17\0\0\0\0\0\0\0\0\0\0", 15],
    ["777777777777", 8 ** 12 - 1],
    ["\0\0\0\0\0\0\0\0\0\0\0\0", 0],
    ["            ", 0],
  ] as const) {
    test(`reads the size ${JSON.stringify(size)}`, () => {
      assert.equal(header({ size }).size, expected);
    });
  }

  const base256 = (...tail: number[]) => {
    const field = new Uint8Array(12);
    field[0] = 0x80;
    field.set(tail, 12 - tail.length);
    return field;
  };
  test("reads a size in base 256 as far as it is exact", async () => {
    assert.equal(header({ size: base256(2, 0, 0, 0, 0) }).size, 2 ** 33);
    const most = base256(0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    assert.equal(header({ size: most }).size, Number.MAX_SAFE_INTEGER);
    assert.match(await why({ size: base256(0x20, 0, 0, 0, 0, 0, 0) }), /size/);
    assert.match(await why({ size: base256(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) }), /size/);
  });

  for (const [name, size] of [
    ["negative, in base 256", new Uint8Array(12).fill(0xff)],
    ["negative, in base 256, and huge", Uint8Array.from([0xc0, ...new Uint8Array(11)])],
    ["negative, in octal", "-0000000017\0"],
    ["hexadecimal", "0x000000017\0"],
    ["with a digit that is not octal", "00000000018\0"],
    ["with digits behind its end", "0000\x0000017 "],
    ["with letters", "size unknown"],
  ] as const) {
    test(`refuses a size that is ${name}`, async () => {
      assert.match(await why({ size }), /its size field holds no size/);
    });
  }

  const sum = rawHeader({ name: "a" }).reduce(
    (n, byte, i) => n + (i >= 148 && i < 156 ? 32 : byte),
    0,
  );
  const six = octal(sum, 6);
  for (const checksum of [`${six}\0 `, `${six} \0`, `0${six}\0`]) {
    test(`takes the checksum ${JSON.stringify(checksum)}`, () => {
      assert.equal(header({ checksum }).name, "a");
    });
  }
  for (const checksum of [
    `${six}\0\0`,
    `${six}  `,
    ` ${six}\0`,
    `0${six} `,
    `00${six}`,
    "        ",
  ]) {
    test(`refuses the checksum ${JSON.stringify(checksum)}`, async () => {
      assert.match(await why({ checksum }), /checksum/);
    });
  }
  test("refuses a checksum that is one off, and one of signed bytes", async () => {
    assert.match(await why({ checksum: `${octal(sum + 1, 6)}\0 ` }), /does not match/);
    const bytes = rechecked(Buffer.from(rawHeader({ name: "é" })));
    const signed = [...Buffer.from(rawHeader({ name: "é" }))].reduce(
      (n, byte, i) => n + (i >= 148 && i < 156 ? 32 : (byte << 24) >> 24),
      0,
    );
    assert.equal(decodeHeader(bytes, "x").name, "é");
    assert.match(await why({ name: "é", checksum: `${octal(signed, 6)}\0 ` }), /does not match/);
  });

  test("notices every flipped bit", () => {
    const whole = writer("blobs/sha256/a", 1234);
    for (let bit = 0; bit < 512 * 8; bit++) {
      const damaged = whole.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.throws(() => decodeHeader(damaged, "x"), { code: "malformed" }, `bit ${bit}`);
    }
  });

  for (const [type, expected] of [
    ["0", "file"],
    ["\0", "file"],
    ["7", "unknown"],
    ["X", "unknown"],
    ["1", "hard link"],
    ["2", "symbolic link"],
    ["3", "device"],
    ["4", "device"],
    ["5", "directory"],
    ["6", "fifo"],
    ["S", "sparse file"],
    ["x", "pax"],
    ["g", "pax-global"],
    ["L", "long-name"],
    ["K", "long-link"],
    ["M", "unknown"],
    ["9", "unknown"],
  ] as const) {
    test(`knows the type ${JSON.stringify(type)} as ${expected}`, () => {
      assert.equal(header({ type }).type, expected);
    });
  }

  test("puts the prefix before the name in ustar, and refuses one in anything else", async () => {
    const odd = { name: "name", prefix: "some/where" };
    assert.equal(header(odd).name, "some/where/name");
    for (const magic of ["ustar  \0", "", "ustar "])
      assert.match(await why({ ...odd, magic }), /its prefix field is not empty/);
    const star = { ...odd, prefix: `${"p".repeat(163)}tar\0` };
    assert.match(await why(star), /as the headers of star do/);
    assert.equal(header({ ...odd, prefix: "p", type: "S", magic: "ustar  \0" }).name, "name");
    const whole = { name: "n".repeat(100), prefix: "p".repeat(155) };
    assert.equal(header(whole).name, `${whole.prefix}/${whole.name}`);
  });

  for (const [field, at, width] of [
    ["mode", 100, 8],
    ["uid", 108, 8],
    ["gid", 116, 8],
    ["mtime", 136, 12],
    ["devmajor", 329, 8],
    ["devminor", 337, 8],
  ] as const) {
    test(`reads the field ${field} only where every reader can`, () => {
      const is = (...bytes: number[]) => {
        const block = Buffer.from(rawHeader({ name: "a" })).fill(0, at, at + width);
        block.set(bytes, at);
        return () => decodeHeader(rechecked(block), "x");
      };
      const said = (text: string) => is(...Buffer.from(text));
      const fill = Array.from({ length: width - 1 }, () => 0xff);
      for (const good of [
        said(""),
        said("     17"),
        said("0000017"),
        said("17 \0"),
        said("\x0017"),
      ])
        assert.equal(good().name, "a");
      for (const good of [is(0x80), is(0x80, ...fill.map((_, i) => (i < width - 8 ? 0 : 1)))])
        assert.equal(good().name, "a");
      assert.equal(is(0xff, ...fill)().name, "a");
      const wrong = {
        code: "malformed",
        message: new RegExp(`its ${field} field holds no number`),
      };
      for (const bad of ["8", "x", "-1", "1 7", "1\x007", "0x1", "+1"])
        assert.throws(said(bad), wrong, bad);
      if (width > 8) {
        assert.throws(is(0x81), wrong);
        assert.throws(is(0x80, 0, 0, 1), wrong);
        assert.throws(is(0x80, 0, 0, 0, 0x80), wrong);
        assert.throws(is(0xff, 0xff, 0xff, 0xff, 0x7f), wrong);
      }
    });
  }

  test("gives a name that is not UTF-8 byte for byte", () => {
    assert.equal(header({ name: Uint8Array.from([0x61, 0xe9]) }).name, "aé");
    assert.equal(header({ name: "é" }).name, "é");
  });
});

describe("decodePax", () => {
  const records = (...lines: string[]) => [...decodePax(ascii(lines.join("")), "x")];

  test("reads records, of which the later wins", () => {
    const expected = [
      ["path", "b"],
      ["size", "12"],
    ];
    assert.deepEqual(records("9 path=a\n", "11 size=12\n", "9 path=b\n").sort(), expected);
  });

  test("reads what paxRecord writes, at every length", () => {
    for (let length = 0; length < 1100; length++) {
      const value = "v".repeat(length);
      const record = paxRecord("key", value);
      assert.deepEqual([...decodePax(record, "x")], [["key", value]]);
      assert.equal(Number.parseInt(Buffer.from(record).toString(), 10), record.length);
    }
  });

  test("reads values with line breaks, equals signs and nothing", () => {
    assert.deepEqual(records("12 a=b\nc=d\n\n", "5 e=\n"), [
      ["a", "b\nc=d\n"],
      ["e", ""],
    ]);
  });

  test("reads values that are not UTF-8 byte for byte", () => {
    const record = Uint8Array.from([...ascii("7 a="), 0xff, 0x80, 0x0a]);
    assert.deepEqual([...decodePax(record, "x")], [["a", "\xff\x80"]]);
  });

  for (const body of [
    "x",
    "9 path=a",
    "11 path=a\n",
    "8 path=a\n",
    "0 path=a\n",
    "010 path=a\n",
    "-9 path=a\n",
    "8path=a\n",
    "6 =ab\n",
    "7 path\n",
    "2 \n",
    "99999999999999999999 a=b\n",
    "9 path=a\n\0",
    " 9 path=a\n",
  ]) {
    test(`refuses ${JSON.stringify(body)}`, async () => {
      await faultOf("malformed", () => decodePax(ascii(body), "x"));
    });
  }

  test("never takes longer or more than it is given", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          const total = [...decodePax(bytes, "x")].reduce(
            (n, [key, value]) => n + key.length + value.length,
            0,
          );
          assert.ok(total <= bytes.length);
        } catch (error) {
          assert.equal((error as { code?: string }).code, "malformed");
        }
      }),
    );
  });
});

test("paxSize reads digits, and nothing that is not exact", async () => {
  assert.equal(paxSize("0", "x"), 0);
  assert.equal(paxSize("9007199254740991", "x"), Number.MAX_SAFE_INTEGER);
  for (const value of ["", "-1", "1.5", "1e3", " 1", "0x10", "9007199254740992", "1".repeat(20)]) {
    await faultOf("malformed", () => paxSize(value, "x"));
  }
});

test("fieldAt names the field of every byte", () => {
  const starts = new Map<string, number>();
  for (let at = 511; at >= 0; at--) starts.set(fieldAt(at), at);
  const expected = { name: 0, mode: 100, uid: 108, gid: 116, size: 124, mtime: 136, checksum: 148 };
  const ustar = { typeflag: 156, linkname: 157, magic: 257, version: 263, uname: 265, gname: 297 };
  const last = { devmajor: 329, devminor: 337, prefix: 345, "unused bytes": 500 };
  assert.deepEqual(Object.fromEntries(starts), { ...expected, ...ustar, ...last });
});
