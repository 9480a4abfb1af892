import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe } from "node:test";
import { isVerified } from "../../../src/image/findings.ts";
import { verifyLayout } from "../../../src/verify/verify.ts";
import {
  alone,
  ascii,
  Blobs,
  layoutMembers,
  named,
  noise,
  type RawMember,
  rawHeader,
  rawMember,
  rawPax,
  rawTar,
  types,
} from "../../support/images/archive.ts";
import { command, plainEnvironment } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";

/** What no archive makes a process need. MiB. */
const MOST = 256;

interface Measured {
  readonly code: number | null;
  readonly said: string;
  /** The most memory the process had at a time, as GNU time says it. MiB. */
  readonly peak: number;
}

/** Runs ingot from source under Bun, to its end, and measures its memory. */
async function measured(words: readonly string[], input?: Iterable<Uint8Array>): Promise<Measured> {
  const env: NodeJS.ProcessEnv = { ...process.env, ...plainEnvironment() };
  for (const name of Object.keys(env)) if (env[name] === undefined) delete env[name];
  const argv = ["-f", "PEAK %M", ...(await command("bun")), ...words];
  const child = spawn("time", argv, { env, stdio: "pipe" });
  let said = "";
  child.stdout.on("data", (piece: Buffer) => (said += piece));
  child.stderr.on("data", (piece: Buffer) => (said += piece));
  // It stops reading before the end: that is what is wanted.
  child.stdin.on("error", () => {});
  const from = Readable.from(input ?? []);
  child.stdin.on("close", () => from.destroy());
  from.pipe(child.stdin);
  const code = await new Promise<number | null>((done, fail) => {
    child.on("error", fail);
    child.on("close", done);
  });
  return { code, said, peak: Number(/^PEAK ([0-9]+)$/m.exec(said)?.[1]) / 1024 };
}

/** An archive: its bytes, then as many zeros; or pieces without end. */
interface Hostile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly zeros?: number;
  /** What a pipe gives, where that is more than a file should be. */
  readonly stream?: () => Iterable<Uint8Array>;
  readonly says: RegExp;
}

function* streamOf({ bytes, zeros = 0 }: Hostile): Iterable<Uint8Array> {
  yield bytes;
  const piece = new Uint8Array(1 << 20);
  for (let left = zeros; left > 0; left -= piece.length) {
    yield piece.subarray(0, Math.min(left, piece.length));
  }
}

function fileOf(t: Ends, { bytes, zeros = 0 }: Hostile): string {
  const path = join(tempDir(t), "hostile.tar");
  writeFileSync(path, bytes);
  truncateSync(path, bytes.length + zeros);
  return path;
}

const GiB = 1024 ** 3;
const base = "ghcr.io/example/image:v1";
const blobs = new Blobs();
const config = blobs.add(types.gadgetConfig, ascii("name: x\n"));
const program = blobs.add(types.program, noise(100, 1));
const image = named(blobs.manifest(config, [program]), base);
const good = layoutMembers(blobs, [image]);
const blob = `blobs/sha256/${"0".repeat(64)}`;

/** A good layout with these members before it. */
const before = (...members: RawMember[]) => rawTar([...members, ...good]);

/** A layout with this index.json. */
const indexed = (body: string) =>
  rawTar([
    ...good.filter(({ name }) => name !== "index.json"),
    { name: "index.json", body: ascii(body) },
  ]);

/** A size in base 256. */
function binary(...tail: number[]): Uint8Array {
  const field = new Uint8Array(12).fill(0);
  field[0] = 0x80;
  field.set(tail, 12 - tail.length);
  return field;
}

/** The same member `count` times. */
function* again(member: Uint8Array, count: number): Iterable<Uint8Array> {
  const piece = Buffer.concat(Array.from({ length: 1000 }, () => member));
  for (let left = count; left > 0; left -= 1000) yield piece;
}

/** Different members, 1,000 in a piece. */
function* different(count: number): Iterable<Uint8Array> {
  for (let i = 0; i < count; i += 1000) {
    yield Buffer.concat(
      Array.from({ length: 1000 }, (_, k) => rawHeader({ name: `empty-${i + k}` })),
    );
  }
}

const gather = (pieces: Iterable<Uint8Array>) => Buffer.concat([...pieces]);
const folder = rawHeader({ name: "blobs/", type: "5" });

/** Index in index, each naming the one before `wide` times: 100 to the power of 40 ways down. */
function laughs(): Blobs {
  const deep = new Blobs(blobs);
  let last = { ...image, annotations: undefined };
  for (let level = 0; level < 40; level++) {
    const children = Array.from({ length: 100 }, (_, i) => ({
      ...last,
      platform: { architecture: `a${i}`, os: "linux" },
    }));
    last = { ...deep.index(children), annotations: undefined };
  }
  const lonely = { ...last, size: last.size + 1 };
  deep.index([last, lonely]);
  const root = [...deep.keys()].at(-1) ?? last.digest;
  rootOf.set(deep, { mediaType: types.index, digest: root, size: deep.get(root)?.length ?? 0 });
  return deep;
}
const rootOf = new Map<Blobs, Parameters<typeof named>[0]>();

/** One large manifest under 20,000 platforms. */
function fan(): Blobs {
  const wide = new Blobs(blobs);
  const layers = Array.from({ length: 20_000 }, () => program);
  const manifest = wide.manifest(config, layers);
  const children = Array.from({ length: 15_000 }, (_, i) => ({
    ...manifest,
    platform: { architecture: `a${i}`, os: "linux" },
  }));
  const root = wide.index([...children, { ...manifest, size: 1 }]);
  rootOf.set(wide, root);
  return wide;
}

const under = (all: Blobs) => {
  const root = rootOf.get(all);
  assert.ok(root !== undefined);
  return rawTar(layoutMembers(all, [image, named(root, `${base}-2`)]));
};

const hostile: readonly Hostile[] = [
  { name: "../x", bytes: before({ name: "../x" }), says: /"?\.\.\/x/ },
  { name: "an absolute name", bytes: before({ name: "/etc/passwd" }), says: /\/etc\/passwd/ },
  {
    name: "../x in PAX",
    bytes: before(rawPax({ path: "blobs/../../x" }), { name: "a" }),
    says: /leads out/,
  },
  {
    name: "a NUL in a name",
    bytes: before(rawPax({ path: "a\0b" }), { name: "a" }),
    says: /not plain/,
  },
  {
    name: "a symbolic link as blob",
    bytes: before({ name: blob, type: "2", linkname: "/etc/passwd" }),
    says: /symbolic link/,
  },
  {
    name: "a hard link as blob",
    bytes: before({ name: blob, type: "1", linkname: "index.json" }),
    says: /hard link/,
  },
  { name: "a device as blob", bytes: before({ name: blob, type: "3" }), says: /device/ },
  { name: "a fifo as index", bytes: before({ name: "index.json", type: "6" }), says: /fifo/ },
  { name: "a sparse file as blob", bytes: before({ name: blob, type: "S" }), says: /sparse file/ },
  {
    name: "1 TiB in base 256",
    bytes: before({ name: blob, size: binary(1, 0, 0, 0, 0, 0) }),
    says: /1099511627776|1\.00 TiB/,
  },
  {
    name: "1 TiB in PAX",
    bytes: before(rawPax({ size: `${2 ** 40}` }), { name: blob }),
    says: /1099511627776|1\.00 TiB/,
  },
  {
    name: "2^63 in base 256",
    bytes: before({ name: blob, size: binary(0x80, 0, 0, 0, 0, 0, 0, 0) }),
    says: /size/,
  },
  {
    name: "a negative size",
    bytes: before({ name: blob, size: new Uint8Array(12).fill(0xff) }),
    says: /size/,
  },
  {
    name: "a negative size in PAX",
    bytes: before(rawPax({ size: "-512" }), { name: blob }),
    says: /size/,
  },
  {
    name: "a PAX header of 2 GiB",
    bytes: rawHeader({ name: "x", type: "x", size: 2 * GiB }),
    zeros: 2 * GiB,
    says: /1048576/,
  },
  {
    name: "a long name of 2 GiB",
    bytes: rawHeader({ name: "x", type: "L", size: 2 * GiB }),
    zeros: 2 * GiB,
    says: /1048576/,
  },
  {
    name: "a PAX header without an end",
    bytes: rawTar([{ name: "x", type: "x", body: ascii("9 path=a\n\0") }, ...good]),
    says: /PAX/,
  },
  {
    name: "an index.json of 1 GiB",
    bytes: Buffer.concat([
      ...good.filter(({ name }) => name === "oci-layout").map(rawMember),
      rawHeader({ name: "index.json", size: GiB }),
    ]),
    zeros: GiB + 1024,
    says: /8388608/,
  },
  {
    name: "an oci-layout of 1 GiB",
    bytes: rawHeader({ name: "oci-layout", size: GiB }),
    zeros: GiB + 1024,
    says: /4096/,
  },
  { name: "zeros behind the end, 1 GiB of them", bytes: rawTar(good), zeros: GiB, says: /zeros/ },
  {
    name: "10 million empty members",
    bytes: gather(different(20_000)),
    stream: () => different(10_000_000),
    says: /more than 1000 findings/,
  },
  {
    name: "10 million folders",
    bytes: gather(again(folder, 300_000)),
    stream: () => again(folder, 10_000_000),
    says: /262144/,
  },
  { name: "deep JSON", bytes: indexed("[".repeat(1_000_000)), says: /levels/ },
  { name: "deep JSON of objects", bytes: indexed('{"a":'.repeat(700_000)), says: /levels/ },
  { name: "millions of values", bytes: indexed(`[${"0,".repeat(4_000_000)}0]`), says: /values/ },
  {
    name: "millions of empty objects",
    bytes: indexed(`[${"{},".repeat(2_500_000)}0]`),
    says: /values/,
  },
  {
    name: "an object of 500,000 keys",
    bytes: indexed(`{${Array.from({ length: 500_000 }, (_, i) => `"k${i}":0`).join(",")}}`),
    says: /schemaVersion/,
  },
  {
    name: "one string of 8 MB",
    bytes: indexed(`"${"\\".repeat(8_000_000)}"`),
    says: /Expected Object/,
  },
  {
    name: "a digest of another algorithm",
    bytes: indexed(
      JSON.stringify({
        schemaVersion: 2,
        manifests: [{ ...image, digest: `sha512:${"0".repeat(128)}` }],
      }),
    ),
    says: /sha256/,
  },
  {
    name: "indexes in indexes, each naming the next a hundred times",
    bytes: under(laughs()),
    says: /size-differs|its descriptor says/,
  },
  {
    name: "one large manifest for 15,000 platforms",
    bytes: under(fan()),
    says: /its descriptor says/,
  },
  {
    name: "an index of 40,000 blobs that are not there",
    bytes: indexed(
      JSON.stringify({
        schemaVersion: 2,
        manifests: Array.from({ length: 40_000 }, (_, i) => ({
          mediaType: types.manifest,
          digest: `sha256:${`${i}`.padStart(64, "0")}`,
          size: 1,
          annotations: { "org.opencontainers.image.ref.name": `a:${i}` },
        })),
      }),
    ),
    says: /more than 1000 findings|too-large|8388608|values/,
  },
];

function refused({ code, said, peak }: Measured, { says }: Hostile): void {
  assert.ok(code === 1 || code === 2, `exit code ${code}\n${said.slice(0, 2000)}`);
  assert.match(said, says);
  assert.ok(said.length < 400_000, `${said.length} characters`);
  assert.doesNotMatch(said, /mistake in ingot|RangeError|out of memory/i);
  assert.ok(peak > 0 && peak < MOST, `${peak} MiB`);
}

describe("refused, in little memory:", () => {
  for (const one of hostile) {
    testWith(["time"], one.name, async (t) => {
      const file = fileOf(t, one);
      const stream = one.stream ?? (() => streamOf(one));
      const store = join(tempDir(t), "store");
      refused(await measured(["verify", file]), one);
      refused(await measured(["verify", "-"], stream()), one);
      refused(await measured(["import", file, "--store", store]), one);
      refused(await measured(["import", "-", "--store", store], stream()), one);
      assert.deepEqual(readdirSync(join(store, ".ingot/work")), []);
      assert.equal(existsSync(join(store, "index.json")), false);
      const folder = join(store, "blobs/sha256");
      assert.deepEqual(existsSync(folder) ? readdirSync(folder) : [], []);
    });
  }
});

describe("taken, in little memory:", () => {
  testWith(["time"], "an index of 25,000 names", async (t) => {
    const names = Array.from({ length: 25_000 }, (_, i) => named(image, `ghcr.io/example/x:v${i}`));
    const bytes = rawTar(layoutMembers(blobs, names));
    const file = fileOf(t, { name: "", bytes, says: /^/ });
    const store = join(tempDir(t), "store");
    for (const ran of [
      await measured(["verify", file]),
      await measured(["verify", "-"], [bytes]),
      await measured(["import", file, "--store", store]),
    ]) {
      assert.equal(ran.code, 0, ran.said.slice(0, 2000));
      assert.ok(ran.peak > 0 && ran.peak < MOST, `${ran.peak} MiB`);
    }
    assert.ok(isVerified(await verifyLayout(store, alone())));
  });

  testWith(["time"], "a chain of 3,000 indexes", async (t) => {
    const chain = new Blobs(blobs);
    let last = { ...image, annotations: undefined };
    for (let i = 0; i < 3000; i++) last = { ...chain.index([last]), annotations: undefined };
    const bytes = rawTar(layoutMembers(chain, [named(last, base)]));
    const ran = await measured(["verify", "-"], [bytes]);
    assert.equal(ran.code, 0, ran.said.slice(0, 2000));
    assert.ok(ran.peak < MOST, `${ran.peak} MiB`);
    const file = fileOf(t, { name: "", bytes, says: /^/ });
    assert.equal((await measured(["verify", file])).code, 0);
  });

  testWith(["time"], "120 manifests of almost 4 MiB, of many descriptors", async (t) => {
    const large = new Blobs(blobs);
    const layers = Array.from({ length: 20_000 }, () => program);
    const roots = Array.from({ length: 120 }, (_, i) =>
      named(
        large.manifest(config, [...layers, { ...program, annotations: { i: `${i}` } }]),
        `${base}-${i}`,
      ),
    );
    const bytes = rawTar(layoutMembers(large, [image, ...roots]));
    const file = fileOf(t, { name: "", bytes, says: /^/ });
    const ran = await measured(["verify", file]);
    assert.equal(ran.code, 0, ran.said.slice(0, 2000));
    assert.ok(ran.peak < MOST, `${ran.peak} MiB`);
    const tooMuch = await measured(["verify", "-"], [bytes]);
    assert.equal(tooMuch.code, 1, tooMuch.said.slice(0, 2000));
    assert.match(tooMuch.said, /the JSON in a stream/);
    assert.ok(tooMuch.peak < MOST, `${tooMuch.peak} MiB`);
  });
});

// Keeps the makers honest: without what is hostile, the layout is taken.
testWith(["time"], "the layout that the hostile archives are made of is taken", async (t) => {
  const file = fileOf(t, {
    name: "",
    bytes: Buffer.concat(good.map(rawMember)),
    zeros: 1024,
    says: /^/,
  });
  const { code, said } = await measured(["verify", file]);
  assert.equal(code, 0, said);
});
