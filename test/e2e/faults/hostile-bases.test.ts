/** Bases and archives that mean harm: refused in words, or harmless, and never more memory for it. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { createGzip } from "node:zlib";
import {
  ascii,
  Blobs,
  layoutMembers,
  named,
  type RawMember,
  rawHeader,
  rawMember,
  rawPax,
  rawTar,
  sha256,
  types,
} from "../../support/images/archive.ts";
import { readMerged } from "../../support/images/merged.ts";
import { type Measured, measured } from "../../support/process/measured.ts";
import { testWith } from "../../support/process/needs.ts";
import { type Ends, tempDir, tidily } from "../../support/process/temp.ts";

/** What no base and no archive makes a process need. MiB. */
const MOST = 512;
const GiB = 1024 ** 3;
const SECRET = "a secret of the machine\n";

/** A place with a secret beside the context, which nothing may reach. */
interface Place {
  readonly dir: string;
  readonly context: string;
  readonly out: string;
}

function placeOf(t: Ends): Place {
  const dir = tempDir(t);
  const context = join(dir, "context");
  mkdirSync(context);
  writeFileSync(join(context, "file"), "harmless\n");
  writeFileSync(join(dir, "secret"), SECRET);
  return { dir, context, out: join(dir, "out.tar") };
}

const build = ({ context, out }: Place, dockerfile: string): Promise<Measured> => {
  writeFileSync(join(context, "Dockerfile"), dockerfile);
  return measured(["build", context, "-t", "x:1", "-o", out]);
};

/** A stretch of a tar: bytes, or the same bytes again and again. */
type Stretch = Uint8Array | { readonly bytes: Uint8Array; readonly times: number };

const zeros = (size: number): Stretch => ({
  bytes: Buffer.alloc(1 << 20),
  times: size / (1 << 20),
});
const END = Buffer.alloc(1024);

/** A tar as it is in an image, and the digest of what it is uncompressed. */
interface Layer {
  readonly bytes: Uint8Array;
  readonly diffID: string;
}

const plain = (bytes: Uint8Array): Layer => ({ bytes, diffID: sha256(bytes) });

/** The stretches, one after the other, in gzip. */
async function gzipped(stretches: Iterable<Stretch>): Promise<Layer> {
  const diff = createHash("sha256");
  const gzip = createGzip({ level: 1 });
  const pieces: Buffer[] = [];
  gzip.on("data", (piece: Buffer) => pieces.push(piece));
  const ended = new Promise((done, fail) => gzip.on("end", done).on("error", fail));
  for (const stretch of stretches) {
    const { bytes, times } = stretch instanceof Uint8Array ? { bytes: stretch, times: 1 } : stretch;
    for (let i = 0; i < times; i++) {
      diff.update(bytes);
      if (!gzip.write(bytes)) await new Promise((done) => gzip.once("drain", done));
    }
  }
  gzip.end();
  await ended;
  return { bytes: Buffer.concat(pieces), diffID: `sha256:${diff.digest("hex")}` };
}

/** An archive of an image with this layer, and a config that says so and `more`. */
function baseOf({ bytes: layer, diffID }: Layer, more: object = {}): Uint8Array {
  const blobs = new Blobs();
  const rootfs = { type: "layers", diff_ids: [diffID] };
  const config = blobs.add(types.config, { architecture: "amd64", os: "linux", rootfs, ...more });
  const type = layer[0] === 0x1f ? `${types.layer}+gzip` : types.layer;
  const manifest = blobs.manifest(config, [blobs.add(type, layer)]);
  return rawTar(layoutMembers(blobs, [named(manifest, "docker.io/library/base:1")]));
}

function refused({ code, said, peak }: Measured, { out }: Place, says: RegExp): void {
  assert.equal(code, 2, said.slice(0, 2000));
  assert.match(said, says);
  assert.match(said, /^ingot build: error: .+: .+/m);
  assert.ok(said.length < 10_000, `${said.length} characters`);
  assert.doesNotMatch(said, /mistake in ingot|RangeError|out of memory|\n\s+at /i);
  assert.ok(peak > 0 && peak < MOST, `${peak} MiB`);
  assert.equal(existsSync(out), false);
  assert.ok(readdirSync(join(out, "..")).every((name) => !name.includes(".partial.")));
}

function taken({ code, said, peak }: Measured, { out }: Place): readonly string[] {
  assert.equal(code, 0, said.slice(0, 2000));
  assert.ok(peak > 0 && peak < MOST, `${peak} MiB`);
  const files = readMerged(out)[0]!.files.map((line) => line);
  assert.ok(!readFileSync(out).includes(SECRET));
  return files;
}

function* withEnd(stretches: Iterable<Stretch>): Generator<Stretch> {
  yield* stretches;
  yield END;
}

interface Hostile {
  readonly tar: () => Iterable<Stretch>;
  readonly says: RegExp;
}

const x: RawMember = { name: "x", body: ascii("x\n") };
const of =
  (...members: RawMember[]): (() => Stretch[]) =>
  () => [rawTar(members)];
const link = (name: string, linkname: string): RawMember => ({ name, type: "2", linkname });
const hard = (name: string, linkname: string): RawMember => ({ name, type: "1", linkname });
const claims =
  (size: number | Uint8Array, type = "0", name = "x"): (() => Stretch[]) =>
  () => [rawMember(x), rawHeader({ name, type, size }), Buffer.alloc(4096)];

/** A size in base 256. */
function binary(...tail: number[]): Uint8Array {
  const field = new Uint8Array(12);
  field[0] = 0x80;
  field.set(tail, 12 - tail.length);
  return field;
}

function* members(count: number, each: (i: number) => Uint8Array): Generator<Stretch> {
  for (let i = 0; i < count; i++) yield each(i);
}

const large = (i: number, key: string, size: number): Uint8Array =>
  Buffer.concat([
    rawMember(rawPax({ [key]: `${i} `.padEnd(size, "v") })),
    rawMember({ name: `x${i}` }),
  ]);

const hostile: Readonly<Record<string, Hostile>> = {
  "../x": { tar: of(x, { name: "../x" }), says: /"\.\.\/x" leads out/ },
  "a/../../x": { tar: of(x, { name: "a/../../x" }), says: /leads out/ },
  "../x in PAX": { tar: of(x, rawPax({ path: "a/../../x" }), { name: "a" }), says: /leads out/ },
  "..": { tar: of(x, { name: "..", type: "5" }), says: /leads out/ },
  "a NUL in a name": { tar: of(x, rawPax({ path: "a\0b" }), { name: "a" }), says: /NUL/ },
  "a hard link out": { tar: of(x, hard("y", "../../secret")), says: /links to/ },
  "a hard link to nothing": {
    tar: of(x, hard("y", "/etc/shadow")),
    says: /hard link to etc\/shadow/,
  },
  "a hard link to itself": { tar: of(x, hard("y", "y")), says: /hard link to y/ },
  "a hard link to a folder": {
    tar: of({ name: "d/", type: "5" }, hard("y", "d")),
    says: /which is a folder/,
  },
  "a file below a file": { tar: of(x, { name: "x/y" }), says: /which is not a directory/ },
  "a file for a root": {
    tar: of(x, { name: "/" }, { name: "./" }, link("/", "x")),
    says: /makes \/ a/,
  },
  "links in a circle": {
    tar: of(x, link("a", "b"), link("b", "a"), { name: "a/y" }),
    says: /circle/,
  },
  "8 GiB in octal": {
    tar: claims(8 ** 11 - 1),
    says: /cut|GiB/,
  },
  "1 TiB in base 256": { tar: claims(binary(1, 0, 0, 0, 0, 0)), says: /1\.00 TiB|1099511627776/ },
  "8 EiB in base 256": { tar: claims(binary(0x80, 0, 0, 0, 0, 0, 0, 0)), says: /size field/ },
  "a negative size": { tar: claims(new Uint8Array(12).fill(0xff)), says: /cannot be/ },
  "a PAX header of 2 GiB": { tar: claims(2 * GiB, "x"), says: /PAX header/ },
  "a global PAX header of 2 GiB": { tar: claims(2 * GiB, "g"), says: /PAX header/ },
  "a long name of 2 GiB": { tar: claims(2 * GiB, "L"), says: /name of a member/ },
  "PAX headers before PAX headers": {
    tar: () => [rawMember(x), { bytes: rawMember(rawPax({ path: "y" })), times: 100_000 }],
    says: /extend one member/,
  },
  "a member of no known kind": { tar: of(x, { name: "y", type: "Z" }), says: /type "Z"/ },
  "a checksum that is wrong": {
    tar: of(x, { name: "y", checksum: "000000\0 " }),
    says: /checksum/,
  },
  "a sparse file": { tar: of(x, { name: "y", type: "S" }), says: /sparse/ },
  "a name of 64 KiB, all of it folders": {
    tar: of(x, rawPax({ path: "d/".repeat(32_000) }), { name: "y" }),
    says: /name of a member|too long/,
  },
  "links that each lead through 64 KiB of names": {
    tar: of(x, rawPax({ linkpath: "d/".repeat(500_000) }), link("a", "b"), { name: "a/y" }),
    says: /name of a member|target/,
  },
  "200 MB in extended attributes": {
    tar: () => members(300, (i) => large(i, "SCHILY.xattr.user.x", 700_000)),
    says: /extended attributes|names/,
  },
  "240 MB in names": {
    tar: () => members(60_000, (i) => large(i, "path", 4000)),
    says: /name/,
  },
  "more than a million members": {
    tar: () => [{ bytes: Buffer.concat(Array(1000).fill(rawHeader({ name: "x" }))), times: 1100 }],
    says: /number of members/,
  },
};

const ways: Readonly<Record<string, (place: Place, tar: Layer) => string>> = {
  "a base": ({ context }, tar) => {
    writeFileSync(join(context, "base.tar"), baseOf(tar));
    return `FROM oci-archive:${context}/base.tar AS base\n`;
  },
  ADD: ({ context }, tar) => {
    writeFileSync(join(context, "add.tar"), tar.bytes);
    return "FROM scratch\nADD add.tar /\n";
  },
};

describe("refused, in little memory:", () => {
  for (const [name, { tar, says }] of Object.entries(hostile)) {
    for (const [way, write] of Object.entries(ways)) {
      testWith(
        ["time"],
        `${name}, by ${way}`,
        tidily(async (t) => {
          const place = placeOf(t);
          const dockerfile = write(place, await gzipped(withEnd(tar())));
          const ran = await build(place, dockerfile);
          refused(ran, place, says);
          if (way === "ADD") assert.match(ran.said, /Dockerfile:2:1/);
        }),
      );
    }
  }
});

describe("refused, whatever a base says of itself:", () => {
  const lies: Readonly<
    Record<string, readonly [layer: Layer, more: object, line: string, says: RegExp]>
  > = {
    "a diffID that is another layer's": [
      { ...plain(rawTar([x])), diffID: sha256(ascii("y")) },
      {},
      "COPY file /",
      /its bytes are sha256:[0-9a-f]{64}, should be sha256:/,
    ],
    "fewer diffIDs than layers": [
      plain(rawTar([x])),
      { rootfs: { type: "layers", diff_ids: [] } },
      "COPY file /",
      /0 diff_ids for 1 layers/,
    ],
    "a user whose number is none": [
      plain(rawTar([{ name: "etc/passwd", body: ascii("app:x:99999999999:1::/:\n") }])),
      {},
      "COPY --chown=app file /",
      /99999999999|the user "app"/,
    ],
    "a group whose number is none": [
      plain(rawTar([{ name: "etc/group", body: ascii("app:x:4294967296:\n") }])),
      {},
      "COPY --chown=1:app file /",
      /4294967296|the group "app"/,
    ],
    "a folder to work in with a NUL in its name": [
      plain(rawTar([x])),
      { config: { WorkingDir: "/a\0b" } },
      "COPY file .",
      /NUL/,
    ],
    "an environment with a NUL in it": [
      plain(rawTar([x])),
      { config: { Env: ["A=a\0b"] } },
      "COPY file /$A",
      /NUL/,
    ],
    "a trigger that runs a program": [
      plain(rawTar([x])),
      { config: { OnBuild: ["RUN rm -rf /"] } },
      "COPY file /",
      /ONBUILD RUN/,
    ],
    "a trigger that takes a file of the machine": [
      plain(rawTar([x])),
      { config: { OnBuild: ["COPY --from=oci-archive:/somebody/private.tar / /"] } },
      "COPY file /",
      /takes files of the machine/,
    ],
    "a config of 4 MiB and more": [
      plain(rawTar([x])),
      { author: "a".repeat(5_000_000) },
      "COPY file /",
      /at most/,
    ],
  };
  for (const [name, [layer, more, line, says]] of Object.entries(lies)) {
    testWith(
      ["time"],
      name,
      tidily(async (t) => {
        const place = placeOf(t);
        writeFileSync(join(place.context, "base.tar"), baseOf(layer, more));
        const from = `FROM oci-archive:${place.context}/base.tar\n`;
        refused(await build(place, `${from}${line}\n`), place, says);
      }),
    );
  }

  testWith(
    ["time"],
    "a NUL in a Dockerfile",
    tidily(async (t) => {
      const place = placeOf(t);
      for (const line of ["COPY file /a\0b", "COPY f\0le /", "WORKDIR /a\0b", "ENV A=\0"])
        refused(await build(place, `FROM scratch\n${line}\n`), place, /NUL|1 error/);
    }),
  );
});

describe("harmless, in little memory:", () => {
  const harmless = (
    name: string,
    act: (
      place: Place,
    ) => Promise<{ readonly dockerfile: string; readonly has: readonly RegExp[] }>,
  ) =>
    testWith(
      ["time"],
      name,
      tidily(async (t) => {
        const place = placeOf(t);
        const { dockerfile, has } = await act(place);
        const own = dockerfile.includes(" AS base\n") ? "FROM scratch\nCOPY --from=base / /\n" : "";
        const files = taken(await build(place, dockerfile + own), place);
        for (const line of has)
          assert.ok(
            files.some((file) => line.test(file)),
            `${line}\n${files.join("\n")}`,
          );
        assert.equal(readFileSync(join(place.dir, "secret"), "utf8"), SECRET);
        assert.deepEqual(readdirSync(place.dir).sort(), ["context", "out.tar", "secret"]);
      }),
    );

  for (const [way, write] of Object.entries(ways)) {
    harmless(`absolute names, by ${way}`, async (place) => {
      const tar = rawTar([{ name: join(place.dir, "made"), body: ascii("x") }]);
      const at = place.dir.slice(1);
      return { dockerfile: write(place, plain(tar)), has: [new RegExp(`^${at}/made 0644`)] };
    });

    harmless(`a link out, and files through it, by ${way}`, async (place) => {
      const tar = rawTar([
        link("out", `../../../../../..${place.dir}`),
        { name: "out/made", body: ascii("x") },
        hard("again", "out/made"),
      ]);
      const at = place.dir.slice(1);
      return {
        dockerfile: write(place, plain(tar)),
        has: [/^out 0777 0:0 ->/, new RegExp(`^${at}/made 0644`), /^again .*|= again/],
      };
    });

    harmless(`1 GiB of zeros behind the end, by ${way}`, async (place) => ({
      dockerfile: write(place, await gzipped([rawTar([x]), zeros(GiB)])),
      has: [/^x 0644/],
    }));
  }

  harmless("whiteouts that lead up, in a base", async (place) => ({
    dockerfile: ways["a base"]!(
      place,
      plain(rawTar([x, { name: "d/.wh..." }, { name: ".wh..." }, { name: ".wh.." }])),
    ),
    has: [/^x 0644/],
  }));

  harmless("COPY and ADD through the links of a base", async (place) => {
    const { dir, context } = place;
    const tar = rawTar([
      link("absolute", dir),
      link("up", `../../../../../..${dir}`),
      link("secret", join(dir, "secret")),
      link("folder", "absolute/folder"),
    ]);
    writeFileSync(
      join(context, "add.tar"),
      rawTar([{ name: "added", body: ascii("a") }, link("x", dir)]),
    );
    const at = dir.slice(1);
    return {
      dockerfile: [
        ways["a base"]!(place, plain(tar)).replace(" AS base", " AS from"),
        "FROM from AS base",
        "COPY file /absolute/one",
        "COPY file /up/two/",
        "COPY file /secret",
        "ADD add.tar /folder/",
        `WORKDIR /up/work`,
        "",
      ].join("\n"),
      has: ["one", "two/file", "secret", "folder/added", "work/"].map(
        (name) => new RegExp(`^${at}/${name} `),
      ),
    };
  });

  testWith(
    ["time"],
    "COPY of what only a link out leads to",
    tidily(async (t) => {
      const place = placeOf(t);
      const { dir, context } = place;
      symlinkSync(join(dir, "secret"), join(context, "link"));
      symlinkSync("..", join(context, "up"));
      symlinkSync(dir, join(context, "folder"));
      const base = ways["a base"]!(
        place,
        plain(rawTar([link("link", join(dir, "secret")), link("up", "..")])),
      );
      for (const copy of [
        "COPY link /x",
        "COPY up/secret /x",
        "COPY up/../secret /x",
        "COPY folder/secret /x",
        "COPY ../secret /x",
        "ADD folder/secret /x",
        "COPY --parents up/secret /x",
        "COPY --from=0 link /x",
        "COPY --from=0 /up/secret /x",
      ]) {
        const said = await build(place, `${base}FROM scratch\n${copy}\n`);
        refused(said, place, /cannot find the source/);
      }
    }),
  );
});
