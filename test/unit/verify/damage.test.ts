import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { IngotError } from "../../../src/base/error.ts";
import { isVerified } from "../../../src/image/findings.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { importArchive } from "../../../src/verify/import.ts";
import { verifyArchive, verifyLayout } from "../../../src/verify/verify.ts";
import { faultOf } from "../../support/fault.ts";
import {
  alone,
  ascii,
  canonical,
  container,
  gadget,
  type Image,
  layoutMembers,
  named,
  noise,
  type Place,
  pieces,
  places,
  rawTar,
  rechecked,
  seeded,
  sha256,
  types,
} from "../../support/images/archive.ts";
import { ingot } from "../../support/process/ingot.ts";
import { tempDir } from "../../support/process/temp.ts";

const trace = gadget("ghcr.io/example/trace:v1", noise(3000, 1));
const tool = container("docker.io/library/tool:v2", noise(700, 2));
const many = container("docker.io/library/many:v3", noise(512, 3), ["amd64", "arm64"]);
const empty = container("docker.io/library/empty:v4", new Uint8Array(0));

/** What the damages are done to. */
const kinds: readonly (readonly Image[])[] = [
  [trace],
  [tool],
  [trace, many],
  [empty, { ...empty, reference: "docker.io/library/empty:latest" }, tool],
];

type Next = (end: number) => number;

/** Damages: each gives the damaged bytes and says what it did. */
const damages: readonly ((archive: Buffer, next: Next) => readonly [string, Uint8Array])[] = [
  (archive, next) => {
    const bit = next(archive.length * 8);
    return [`bit ${bit & 7} of byte ${bit >> 3} flipped`, flip(archive, bit)];
  },
  (archive, next) => {
    const end = next(archive.length);
    return [`cut at ${end}`, archive.subarray(0, end)];
  },
  (archive, next) => {
    const { name, start, end } = pick(places(archive), next);
    const at = pick([...places(archive).map((place) => place.start), archive.length - 1024], next);
    const member = archive.subarray(start, end);
    const whole = [archive.subarray(0, at), member, archive.subarray(at)];
    return [`${name} once more at ${at}`, Buffer.concat(whole)];
  },
  (archive, next) => {
    const place = pick(blobsOf(archive), next);
    const at = place.start + "blobs/sha256/".length + next(64);
    const digit = ascii("0123456789abcdef")[next(16)] ?? 0;
    const damaged = Buffer.from(archive);
    damaged[at] = digit === damaged[at] ? (digit === 0x30 ? 0x31 : 0x30) : digit;
    return [`${place.name} renamed`, sealed(damaged, place)];
  },
  (archive, next) => {
    const [one, two] = pair(archive, next, (a, b) => a.size !== b.size);
    const damaged = Buffer.from(archive);
    damaged.set(archive.subarray(two.start + 124, two.start + 136), one.start + 124);
    damaged.set(archive.subarray(one.start + 124, one.start + 136), two.start + 124);
    return [`sizes of ${one.name} and ${two.name} swapped`, sealed(sealed(damaged, one), two)];
  },
  (archive, next) => {
    const place = pick(places(archive), next);
    const damaged = Buffer.from(archive);
    const size = place.size + 1 + next(1 << (3 * next(10)));
    damaged.set(ascii(size.toString(8).padStart(11, "0")), place.start + 124);
    return [`${place.name} said to have ${size} bytes`, sealed(damaged, place)];
  },
  (archive, next) => {
    const [one, two] = pair(archive, next, () => true);
    const [first, second] = one.start < two.start ? [one, two] : [two, one];
    const whole = [
      archive.subarray(0, first.start + 512),
      archive.subarray(second.start + 512, second.end),
      archive.subarray(first.end, second.start + 512),
      archive.subarray(first.start + 512, first.end),
      archive.subarray(second.end),
    ];
    const damaged = Buffer.concat(whole);
    const moved = second.end - second.start - (first.end - first.start);
    for (const [start, from] of [
      [first.start, second],
      [second.start + moved, first],
    ] as const) {
      damaged.set(archive.subarray(from.start + 124, from.start + 136), start + 124);
      sealed(damaged, { start });
    }
    return [`bodies of ${first.name} and ${second.name} swapped`, damaged];
  },
  (archive, next) => {
    const { name, start, end } = pick(places(archive), next);
    return [`${name} dropped`, Buffer.concat([archive.subarray(0, start), archive.subarray(end)])];
  },
  (archive, next) => {
    const more = next(2) === 0 ? new Uint8Array(1 + next(2000)) : noise(1 + next(2000), next(1000));
    return [`${more.length} bytes behind, the first ${more[0]}`, Buffer.concat([archive, more])];
  },
];

const pick = <T>(from: readonly T[], next: Next): T => from[next(from.length)] as T;

const blobsOf = (archive: Uint8Array) =>
  places(archive).filter(({ name }) => /^blobs\/sha256\/./.test(name));

/** Two members with different content. */
function pair(archive: Buffer, next: Next, fits: (a: Place, b: Place) => boolean): [Place, Place] {
  const all = places(archive);
  for (;;) {
    const [one, two] = [pick(all, next), pick(all, next)];
    if (one !== two && fits(one, two)) return [one, two];
  }
}

function flip(archive: Uint8Array, bit: number): Buffer {
  const damaged = Buffer.from(archive);
  damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return damaged;
}

/** `archive` with the right checksum in the header at `start`, as export spells it. */
function sealed(archive: Buffer, { start }: Pick<Place, "start">): Buffer {
  const spelled = archive.subarray(start + 154, start + 156);
  const end = `${String.fromCharCode(...spelled)}`;
  const block = rechecked(Buffer.from(archive.subarray(start, start + 512)));
  const sum = Buffer.from(block.subarray(148, 154)).toString("latin1");
  block.set(ascii(`${sum}${end}`), 148);
  archive.set(block, start);
  return archive;
}

interface Damaged {
  readonly what: string;
  readonly bytes: Uint8Array;
}

async function damagedArchives(count: number, seed: number): Promise<Damaged[]> {
  const next = seeded(seed);
  const archives = await Promise.all(kinds.map(canonical));
  const all: Damaged[] = [];
  while (all.length < count) {
    const archive = archives[all.length % archives.length] as Buffer;
    const damage = pick(damages, next);
    const [what, bytes] = damage(archive, next);
    if (Buffer.compare(archive, bytes) === 0) continue;
    all.push({ what: `${seed}/${all.length}: ${what}`, bytes });
  }
  return all;
}

const damaged = await damagedArchives(200, 20260);

/** Whether verify says yes. An IngotError is none. */
async function proves(bytes: Uint8Array, file: string | undefined, exactly: boolean) {
  const source = file === undefined ? { bytes: pieces(bytes), at: "stream" } : { path: file };
  try {
    const report = await verifyArchive(source, { canonical: exactly }, alone());
    assert.ok(isVerified(report) || report.findings.length > 0, "a no without a finding");
    return isVerified(report) && report.canonical !== false;
  } catch (error) {
    assert.ok(error instanceof IngotError && error.code !== "internal", String(error));
    return false;
  }
}

describe("verify", () => {
  test("says yes to what is whole, from a file and from a stream", async (t) => {
    const file = join(tempDir(t), "a.tar");
    for (const images of kinds) {
      const bytes = await canonical(images);
      writeFileSync(file, bytes);
      for (const exactly of [false, true]) {
        assert.equal(await proves(bytes, file, exactly), true);
        assert.equal(await proves(bytes, undefined, exactly), true);
      }
    }
  });

  test("never says yes to 200 damaged archives, in whatever way it reads them", async (t) => {
    const file = join(tempDir(t), "a.tar");
    const unnoticed: string[] = [];
    for (const { what, bytes } of damaged) {
      writeFileSync(file, bytes);
      for (const exactly of [false, true]) {
        if (await proves(bytes, file, exactly)) unnoticed.push(`${what}, file, ${exactly}`);
        if (await proves(bytes, undefined, exactly)) unnoticed.push(`${what}, stream, ${exactly}`);
      }
    }
    assert.deepEqual(unnoticed, []);
  });

  test("exits 1 or 2 for each of 20 damaged archives", async (t) => {
    const file = join(tempDir(t), "a.tar");
    for (const [i, { what, bytes }] of damaged.slice(0, 20).entries()) {
      writeFileSync(file, bytes);
      const words = [...(i % 2 === 0 ? ["--canonical"] : []), i % 4 < 2 ? file : "-"];
      const ran = await ingot(["verify", ...words], { input: bytes });
      assert.ok(ran.code === 1 || ran.code === 2, `${what}: ${ran.code}\n${ran.stdout}`);
      assert.doesNotMatch(ran.stderr, /mistake in ingot/, what);
      assert.match(`${ran.stdout}`, /^(?:NOT OK|COULD NOT SAY) /, what);
    }
  });

  test("notices every flipped bit, also in names, which no other file repeats", async () => {
    for (const images of kinds) {
      const archive = Buffer.from(await canonical(images));
      const unnoticed: string[] = [];
      const next = seeded(7);
      // All of what no digest covers; of the rest, some.
      const plain = places(archive).filter(({ name }) => !name.startsWith("blobs/"));
      const isPlain = (at: number) =>
        plain.some(({ start, size }) => at >= start + 512 && at < start + 512 + size);
      for (let bit = 0; bit < archive.length * 8; bit++) {
        if (!isPlain(bit >> 3) && next(40) !== 0) continue;
        const flipped = flip(archive, bit);
        if (await proves(flipped, undefined, false)) unnoticed.push(`${bit >> 3}, bit ${bit & 7}`);
      }
      assert.deepEqual(unnoticed, []);
    }
  });

  test("says of a changed name that it is not the one that was exported", async () => {
    const archive = Buffer.from(await canonical([trace]));
    const at = archive.indexOf("trace:v1");
    for (const exactly of [false, true]) {
      const source = { bytes: pieces(flip(archive, at * 8)), at: "stream" };
      const { findings } = await verifyArchive(source, { canonical: exactly }, alone());
      const [only, ...others] = findings;
      assert.deepEqual([only?.code, only?.at, others], ["not-canonical", "index.json", []]);
      assert.match(`${only?.message}`, /a name in it is not the one that was exported/);
    }
  });
});

describe("import", () => {
  test("of a name for what is no image, or two images that come under one name, takes nothing", async (t) => {
    const blobs = new Map([...trace.blobs, ...tool.blobs]);
    const short = named(trace.descriptor, "example:latest");
    const long = named(tool.descriptor, "ghcr.io/inspektor-gadget/gadget/example:latest");
    const typo = { ...short, mediaType: `${types.index}x` };
    for (const [images, code] of [
      [[short, long], "duplicate-name"],
      [[typo], "type-differs"],
    ] as const) {
      const store = new FolderStore(join(tempDir(t), "store"));
      const source = { bytes: pieces(rawTar(layoutMembers(blobs, images))), at: "stream" };
      const { findings } = await faultOf("unproven", () => importArchive(source, store, alone()));
      assert.ok(
        findings.some((found) => found.code === code),
        JSON.stringify(findings),
      );
      assert.deepEqual(store.images(), []);
    }
  });

  test("of a damaged archive leaves no name, no damaged blob and no work behind", async (t) => {
    const folder = tempDir(t);
    const whole = await canonical([trace, tool]);
    for (const [i, { what, bytes }] of damaged.entries()) {
      const at = join(folder, `store-${i}`);
      const file = join(folder, "a.tar");
      const store = new FolderStore(at);
      writeFileSync(file, bytes);
      for (const source of [{ path: file }, { bytes: pieces(bytes), at: "stream" }]) {
        await assert.rejects(importArchive(source, store, alone()), IngotError, what);
        assert.deepEqual(store.images(), [], what);
        assert.deepEqual(readdirSync(join(at, ".ingot/work")), [], what);
        assert.deepEqual(falseBlobs(at), [], what);
      }
      await importArchive({ bytes: pieces(whole), at: "stream" }, store, alone());
      assert.equal(store.images().length, 2, what);
      assert.ok(isVerified(await verifyLayout(at, alone())), what);
    }
  });
});

/** Blobs in a store that are not what they are named. */
function falseBlobs(store: string): string[] {
  const folder = join(store, "blobs/sha256");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.filter((name) => sha256(readFileSync(join(folder, name))) !== `sha256:${name}`);
}
