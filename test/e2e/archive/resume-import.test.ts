/** An import that is killed, stopped or cut goes on where it stopped, and the store is that of an unbroken one. */
import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, test } from "node:test";
import { gzipSync } from "node:zlib";
import { dockerArchive } from "../../support/images/docker-archive.ts";
import { noise, writeLayout } from "../../support/images/layout.ts";
import { type Child, pause } from "../../support/process/child.ts";
import { ingot } from "../../support/process/ingot.ts";
import {
  assertNothing,
  assertSame,
  begin,
  done,
  halfWay,
  type Left,
  leftIn,
  takenOver,
} from "../../support/process/resume.ts";
import { run } from "../../support/process/run.ts";
import { type Ends, tempDir, tidily } from "../../support/process/temp.ts";
import { namesIn } from "../../support/process/trouble.ts";
import { chanceFrom } from "../../support/registries/faulty.ts";
import { layerOf } from "../../support/tar/go-tar.ts";

const NAME = "r.test/image:1";
/** Of each way in. */
const KILLS = 50;

/** An archive, and a store that it came into unbroken. `layers`: how long each is. */
async function prepare(t: Ends, layers: readonly number[]) {
  const dir = tempDir(t);
  const at = (name: string) => join(dir, name);
  writeLayout(at("layout"), [{ name: NAME, layers }]);
  await done(["export", `oci:${at("layout")}`, "-o", at("image.tar")]);
  await done(["import", at("image.tar"), "--store", at("unbroken")]);
  return { dir, archive: at("image.tar"), store: at("store"), unbroken: at("unbroken") };
}

/** A pipe that the archive comes through: its end to read from. */
async function piped(archive: string, pipe: string, act: (from: number) => Promise<Child>) {
  const writer = run(["sh", "-c", 'cat "$0" > "$1"', archive, pipe]);
  const from = openSync(pipe, "r");
  try {
    return { child: await act(from), writer };
  } finally {
    closeSync(from);
  }
}

describe("an import that is killed", () => {
  for (const how of ["a file", "a pipe"] as const) {
    it(
      `from ${how} at ${KILLS} moments goes on from there`,
      tidily(async (t) => {
        // Large enough for threads.
        const layers = [16_000_000, ...Array(10).fill(1_500_000), ...Array(150).fill(20_000)];
        const { dir, archive, store, unbroken } = await prepare(t, layers);
        const pipe = join(dir, "pipe");
        await run(["mkfifo", pipe]);
        const start = () =>
          how === "a file"
            ? begin(["import", archive, "--store", store]).then((child) => ({
                child,
                writer: undefined,
              }))
            : piped(archive, pipe, (from) => begin(["import", "-", "--store", store], from));
        const whole = async () => {
          const { child, writer } = await start();
          const ended = await child.ended;
          await writer;
          assert.equal(ended.code, 0, ended.stderr);
          return ended.took;
        };
        let took = Number.POSITIVE_INFINITY;
        for (let i = 0; i < 3; i++) {
          rmSync(store, { recursive: true, force: true });
          took = Math.min(took, await whole());
        }
        const chance = chanceFrom(7);
        const runs = { killed: 0, whole: 0, parts: 0 };
        for (let i = 0; i < KILLS; i++) {
          rmSync(store, { recursive: true, force: true });
          const { child, writer } = await start();
          await Promise.race([pause(chance() * took * 1.05), child.ended]);
          child.kill("SIGKILL");
          const ended = await child.ended;
          // What else the machine does changes how long it takes.
          if (ended.signal === "SIGKILL") runs.killed++;
          else took = ended.took;
          await writer;
          const left = leftIn(store);
          took = Math.max(took, await whole());
          assertSame(store, unbroken);
          const taken = takenOver(store, left);
          if (taken.whole > 0) runs.whole++;
          if (taken.parts > 0) runs.parts++;
        }
        assert.ok(runs.killed >= KILLS / 4, JSON.stringify(runs));
        assert.ok(runs.whole >= KILLS / 10, JSON.stringify(runs));
        assert.ok(runs.parts > 0, JSON.stringify(runs));
      }),
    );
  }

  it(
    "again and again, each time a little later, writes nothing twice",
    tidily(async (t) => {
      const { archive, store, unbroken } = await prepare(t, Array(8).fill(400_000));
      const bytes = readFileSync(archive);
      let before = new Map<string, Left>();
      for (const share of [0.3, 0.6, 0.9]) {
        const part = bytes.subarray(0, bytes.length * share);
        const child = await halfWay(store, part, (left) => {
          const came = [...left.values()].reduce((sum, { size }) => sum + Number(size), 0);
          return came > part.length - 20_000;
        });
        child.kill("SIGKILL");
        await child.ended;
        const left = leftIn(store);
        for (const [hex, { inode, mtime, whole }] of before) {
          assert.equal(left.get(hex)?.inode, inode);
          if (whole) assert.equal(left.get(hex)?.mtime, mtime);
        }
        before = left;
      }
      await done(["import", archive, "--store", store]);
      assertSame(store, unbroken);
      assert.equal(takenOver(store, before).parts, 1);
      assert.ok(takenOver(store, before).whole >= 6);
    }),
  );

  it(
    "is begun again twice at once: both succeed",
    tidily(async (t) => {
      const { archive, store, unbroken } = await prepare(t, Array(30).fill(300_000));
      for (const twins of [
        [archive, archive],
        [archive, "-"],
        ["-", "-"],
      ]) {
        rmSync(store, { recursive: true, force: true });
        const bytes = readFileSync(archive);
        const child = await halfWay(
          store,
          bytes.subarray(0, bytes.length / 2),
          (left) => left.size > 12,
        );
        child.kill("SIGKILL");
        await child.ended;
        const children = twins.map(async (from) => {
          const stdin = from === "-" ? openSync(archive, "r") : ("ignore" as const);
          const twin = await begin(["import", from, "--store", store], stdin);
          if (stdin !== "ignore") closeSync(stdin);
          return twin.ended;
        });
        for (const { code, stderr } of await Promise.all(children)) assert.equal(code, 0, stderr);
        assertSame(store, unbroken);
      }
    }),
  );
});

/** Archives as others write them, of which blobs have no names before their end. */
const foreign: Record<string, (bytes: Uint8Array) => Uint8Array> = {
  "an archive of Docker's": (bytes) => bytes,
  "a compressed archive of Docker's": (bytes) => gzipSync(bytes, { level: 0 }),
};

for (const [name, form] of Object.entries(foreign))
  test(`${name} goes on from there, too`, async (t) => {
    const dir = tempDir(t);
    const layers = [1, 2, 3, 4, 5, 6].map((i) =>
      layerOf({ [`f${i}`]: noise(`${i}`, 300_000 + i * 1000).toString("latin1") }),
    );
    const bytes = form(dockerArchive({ layers }));
    const archive = join(dir, "a.tar");
    writeFileSync(archive, bytes);
    const [store, unbroken] = [join(dir, "store"), join(dir, "unbroken")];
    await done(["import", archive, "--store", unbroken]);
    const child = await halfWay(
      store,
      bytes.subarray(0, bytes.length * 0.7),
      (left) =>
        [...left.values()].filter(({ whole, size }) => whole && size > 300_000n).length >= 3,
    );
    child.kill("SIGKILL");
    await child.ended;
    const left = leftIn(store);
    await done(["import", "-", "--store", store], bytes);
    assertSame(store, unbroken);
    assert.ok(takenOver(store, left).whole >= 3);
  });

test("told to stop, an import keeps what has come: the next one goes on from there", async (t) => {
  const { archive, store, unbroken } = await prepare(t, Array(12).fill(300_000));
  const bytes = readFileSync(archive);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    rmSync(store, { recursive: true, force: true });
    const child = await halfWay(
      store,
      bytes.subarray(0, bytes.length / 2),
      (left) => left.size >= 5,
    );
    child.kill(signal);
    const ended = await child.ended;
    assert.ok(ended.signal === signal || ended.code === (signal === "SIGINT" ? 130 : 143));
    assert.deepEqual(namesIn(store), []);
    const left = leftIn(store);
    await done(["import", archive, "--store", store]);
    assertSame(store, unbroken);
    assert.ok(takenOver(store, left).whole >= 4);
  }
});

test("a stream that is cut says that what has come is kept, and it is", async (t) => {
  const { archive, store, unbroken } = await prepare(t, Array(12).fill(300_000));
  const bytes = readFileSync(archive);
  for (const form of [(all: Uint8Array) => all, (all: Uint8Array) => gzipSync(all, { level: 0 })]) {
    rmSync(store, { recursive: true, force: true });
    const all = form(bytes);
    const input = all.subarray(0, all.length * 0.6);
    const { code, stderr } = await ingot(["import", "-", "--store", store], { input });
    assert.equal(code, 2, stderr);
    assert.match(stderr, /kept for a day/);
    assert.deepEqual(namesIn(store), []);
    const left = leftIn(store);
    await done(["import", "-", "--store", store], all);
    assertSame(store, unbroken);
    assert.ok(takenOver(store, left).whole >= 6);
  }
});

test("an archive that is wrong leaves nothing", async (t) => {
  const { archive, store } = await prepare(t, Array(6).fill(300_000));
  const bytes = Buffer.from(readFileSync(archive));
  bytes[1_000_000]! ^= 1;
  writeFileSync(archive, bytes);
  for (const from of [archive, "-"]) {
    const { code } = await ingot(["import", from, "--store", store], { input: bytes });
    assert.equal(code, 2);
    assert.deepEqual(namesIn(store), []);
    assertNothing(store);
  }
});
