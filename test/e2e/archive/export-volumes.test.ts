/** export --split: volumes whose bytes, put together, are the archive, and a list that tells of them. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseVolumes } from "../../../src/archive/volumes/format.ts";
import { planArchive } from "../../../src/archive/write.ts";
import { placeVolumes, type SplitOptions, volumesOf } from "../../../src/archive/write-volumes.ts";
import { AtomicFiles } from "../../../src/base/fs/atomic-files.ts";
import { parseSize } from "../../../src/cli/args/size.ts";
import { Layout } from "../../../src/store/layout.ts";
import { mountTmpfs, whyNoMount } from "../../support/clients/mount.ts";
import { faultOf } from "../../support/fault.ts";
import * as resume from "../../support/images/broken-export.ts";
import { writeLayout } from "../../support/images/layout.ts";
import { Child } from "../../support/process/child.ts";
import { command, forms, ingot, ownForm, plainEnvironment } from "../../support/process/ingot.ts";
import { testUnless, testWith } from "../../support/process/needs.ts";
import { run } from "../../support/process/run.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { refused } from "../../support/process/trouble.ts";
import { startRegistry } from "../../support/registries/registry.ts";

const NAME = "r.test/image:1";

/** A layout, its archive, and a folder for volumes. */
async function sample(t: Ends, layers: readonly number[] = [1_500_000, 700_000, 512, 9, 40_000]) {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  writeLayout(layout, [{ name: NAME, layers }]);
  const whole = join(dir, "whole.tar");
  assert.equal((await ingot(["export", `oci:${layout}`, "-o", whole])).code, 0);
  const out = join(dir, "out");
  mkdirSync(out);
  const output = join(out, "big.tar");
  const words = (size: string) => ["export", `oci:${layout}`, "-o", output, "--split", size];
  return { dir, layout, out, output, words, whole: readFileSync(whole) };
}

test("put together the volumes are the archive, for any size; the list tells of each", async (t) => {
  const { out, output, words, whole } = await sample(t);
  const form = forms.find((it) => it !== ownForm && it !== "binary")!;
  const sizes = ["1MiB", "1048577", "1.5 MB", `${whole.length}`, `${whole.length + 1}`, "4GiB"];
  for (const size of sizes) {
    for (const options of [{}, ...(size === "1MiB" ? [{ form }] : [])]) {
      const { code, stdout, stderr } = await ingot([...words(size), "--json"], options);
      assert.equal(code, 0, stderr);
      const said = JSON.parse(`${stdout}`);
      const files = resume.volumesOf(output);
      const each = parseSize("--split", size, 1);
      assert.ok(Buffer.concat(files.map((file) => readFileSync(file))).equals(whole), size);
      const found = files.map((file) => {
        const bytes = readFileSync(file);
        assert.ok(bytes.length < each && bytes.length % 512 === 0);
        return { file, digest: `sha256:${resume.sha256(bytes)}`, size: bytes.length };
      });
      assert.deepEqual(said.volumes, found);
      assert.equal(said.list, `${output}.volumes.json`);
      assert.deepEqual([said.size, said.resumed], [whole.length, 0]);
      const list = parseVolumes(readFileSync(said.list), said.list);
      assert.deepEqual(
        list.volumes,
        found.map(({ digest, size }) => ({ digest, size })),
      );
      assert.deepEqual(list.images, said.images);
      assert.equal(readdirSync(out).length, files.length + 1);
      if (each > whole.length) assert.deepEqual(files, [`${output}.001`]);
      rmSync(out, { recursive: true });
      mkdirSync(out);
    }
  }
  const { stdout } = await ingot(words("1MiB"));
  const lines = `${stdout}`.trim().split("\n");
  const sums = await run(["sha256sum", ...resume.volumesOf(output)]);
  const bySum = `${sums.stdout}`
    .trim()
    .split("\n")
    .map((line) => line.split(/ +/));
  assert.deepEqual(
    lines.slice(1),
    bySum.map(([sum, file]) => `${file} sha256:${sum}`),
  );
  assert.match(lines[0]!, /^r\.test\/image:1 sha256:/);
  const cat = await run(["sh", "-c", `cat "$1".0*`, "sh", output]);
  assert.ok(cat.stdout.equals(whole));
});

testWith(["docker-registry"], "from a registry, they are the same", async (t) => {
  const { host } = await startRegistry(t);
  const { layout, out, output, whole } = await sample(t, [6_000_000, 5_000_000, 1_000_000, 100]);
  assert.equal((await ingot(["copy", layout, `docker://${host}/image:1`])).code, 0);
  const single = join(out, "..", "away.tar");
  assert.equal((await ingot(["export", `docker://${host}/image:1`, "-o", single])).code, 0);
  const away = readFileSync(single);
  assert.equal(away.length, whole.length);
  for (const size of ["1MiB", "5MB", "100MB"]) {
    const words = ["export", `docker://${host}/image:1`, "-o", output, "--split", size];
    const { code, stderr } = await ingot(words);
    assert.equal(code, 0, stderr);
    assert.ok(resume.bytesAt(output).equals(away), size);
    resume.checkList(output);
  }
});

test("volumes that only the old list names are removed, and no other file", async (t) => {
  const { out, output, words, whole } = await sample(t);
  assert.equal((await ingot(words("1MiB"))).code, 0);
  assert.equal(resume.volumesOf(output).length, 3);
  const others = ["big.tar.004", "big.tar.0001", "big.tar", "other.tar.001", "big.tar.001.bak"];
  for (const name of others) writeFileSync(join(out, name), "another");
  assert.equal((await ingot(words("2MiB"))).code, 0);
  const now = ["big.tar.001", "big.tar.002", "big.tar.volumes.json"];
  assert.deepEqual(readdirSync(out).sort(), [...others, ...now].sort());
  // What is not as the list says is somebody else's.
  writeFileSync(`${output}.002`, "another");
  assert.equal((await ingot(words("10MB"))).code, 0);
  assert.equal(readFileSync(`${output}.002`, "utf8"), "another");
  assert.ok(readFileSync(`${output}.001`).equals(whole));
  // A list that is not whole names nothing.
  assert.equal((await ingot(words("1MiB"))).code, 0);
  writeFileSync(`${output}.volumes.json`, `${readFileSync(`${output}.volumes.json`)} `);
  assert.equal((await ingot(words("10MB"))).code, 0);
  assert.equal(resume.volumesOf(output).length, 4);
  resume.checkList(output);
});

test("a list or a volume that is a link is written where it leads; a folder is refused at once", async (t) => {
  const { dir, out, output, words, whole } = await sample(t);
  for (const name of ["big.tar.001", "big.tar.volumes.json"]) {
    writeFileSync(join(dir, name), "old");
    symlinkSync(join(dir, name), join(out, name));
  }
  assert.equal((await ingot(words("10MB"))).code, 0);
  assert.ok(readFileSync(join(dir, "big.tar.001")).equals(whole));
  resume.checkList(output);
  rmSync(`${output}.volumes.json`);
  mkdirSync(`${output}.volumes.json`);
  refused(await ingot(words("10MB")), /it is a folder|EISDIR/, /name a file/);
  assert.deepEqual(resume.halves(out), []);
});

test("a volume that cannot have its place: no list tells of the old ones, and nothing is half-written", async (t) => {
  const { layout, out, output, words } = await sample(t);
  assert.equal((await ingot(words("1MiB"))).code, 0);
  const store = new Layout(layout);
  const images = store.images().map((descriptor) => ({ reference: NAME, descriptor, store }));
  const plan = await planArchive(images);
  const split = { at: output, below: 1024 * 1024 };
  const files = volumesOf(plan, split);
  const asides = new AtomicFiles(files, { stem: output, isWorth: () => false, left: () => {} });
  const volumes = files.map(({ at, size }) => ({
    file: at,
    digest: `sha256:${"0".repeat(64)}` as const,
    size,
  }));
  rmSync(files[1]!.at);
  mkdirSync(files[1]!.at);
  const { doing, at } = await faultOf("io", () => placeVolumes(asides, volumes, plan, split));
  assert.deepEqual([doing, at], ["put in place", files[1]!.at]);
  const [first, second, third] = files.map(({ at }) => basename(at));
  assert.deepEqual(readdirSync(out).sort(), [first, second, third]);
  assert.ok(readFileSync(files[0]!.at).equals(Buffer.alloc(files[0]!.size)));
});

describe("--split is refused", () => {
  const cases: readonly (readonly [string, readonly string[], RegExp, RegExp])[] = [
    ["a word", ["-o", "x.tar", "--split", "big"], /--split is "big", should be a size/, /4GiB/],
    ["too small", ["-o", "x.tar", "--split", "1023KiB"], /at least 1 MiB/, /--split 700MB/],
    ["one letter", ["-o", "x.tar", "--split", "4G"], /--split is "4G"/, /--split 4GiB/],
    ["negative", ["-o", "x.tar", "--split=-4GiB"], /--split is "-4GiB"/, /4GiB/],
    ["stdout", ["-o", "-", "--split", "4GiB"], /--output is "-", should be the name/, /beside/],
    ["a device", ["-o", "/dev/null", "--split", "4GiB"], /"\/dev\/null", should be/, /beside/],
  ];
  for (const [name, words, message, hint] of cases) {
    test(name, async () => refused(await ingot(["export", "none", ...words]), message, hint));
  }
});

test("a list of layers does not take the place of a volume", async (t) => {
  const { out, output, words } = await sample(t);
  for (const name of ["big.tar.002", "big.tar.volumes.json"]) {
    const { code, stderr } = await ingot([...words("1MiB"), "--inventory", join(out, name)]);
    assert.equal(code, 2);
    assert.match(stderr, /--inventory is ".*", which is of the volumes of ".*big\.tar"/);
    assert.deepEqual(readdirSync(out), []);
  }
  assert.equal((await ingot([...words("1MiB"), "--inventory", `${output}.json`])).code, 0);
  assert.equal(readdirSync(out).length, 5);
});

test("more volumes than there may be: it says which size would do, and that one does", async (t) => {
  const { layout } = await sample(t);
  const store = new Layout(layout);
  const images = store.images().map((descriptor) => ({ reference: NAME, descriptor, store }));
  const plan = await planArchive(images);
  const of = (size: number, split: SplitOptions) => volumesOf({ ...plan, size }, split);
  const at = join(layout, "big.tar");
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 21, max: 2 ** 32 }), async (blocks) => {
      const size = blocks * 512 * 1000;
      const below = Math.max(1025, Math.floor(size / 20_000));
      const { message, hint } = await faultOf("usage", () => of(size, { at, below }));
      assert.match(message, /volumes of less than [0-9]+, should make at most 9999$/);
      const [, enough = ""] = /--split (.+)$/.exec(hint ?? "") ?? [];
      const files = of(size, { at, below: parseSize("--split", enough, 1) });
      assert.ok(files.length <= 9999);
    }),
    { numRuns: 20 },
  );
});

test("two at once for one name, of one image: the volumes and the list are whole", async (t) => {
  const { out, output, words, whole } = await sample(t);
  for (let i = 0; i < 4; i++) {
    const all = await Promise.all(
      [1, 2].map(async () => {
        const env = plainEnvironment();
        return new Child([...(await command()), ...words("1MiB")], { env }).ended;
      }),
    );
    for (const { code, stderr } of all) assert.equal(code, 0, stderr);
    assert.ok(resume.bytesAt(output).equals(whole));
    resume.checkList(output);
    assert.deepEqual(resume.halves(out), []);
  }
});

testUnless(
  whyNoMount,
  "a disk that is full: the old volumes and their list stay, and nothing else",
  async (t) => {
    const { words } = await sample(t, [3_000_000, 3_000_000]);
    const disk = mountTmpfs(t, "size=16m,nr_inodes=9");
    const output = join(disk, "big.tar");
    const on = (size: string) => [...words(size).slice(0, 3), output, "--split", size];
    assert.equal((await ingot(on("2MiB"))).code, 0);
    const before = readdirSync(disk).sort();
    const old = resume.bytesAt(output);
    const stays = () => {
      assert.deepEqual(readdirSync(disk).sort(), before);
      assert.ok(resume.bytesAt(output).equals(old));
      resume.checkList(output);
    };
    const ballast = join(disk, "ballast");
    writeFileSync(ballast, Buffer.alloc(6_000_000));
    before.push("ballast");
    before.sort();
    refused(await ingot(on("2MiB")), /free there, should be/, /make room/);
    stays();
    rmSync(ballast);
    before.splice(before.indexOf("ballast"), 1);
    // Each volume is a file, of which there may be a few more only.
    refused(await ingot(on("1MiB")), /disk is full|ENOSPC/, /df -i|make room/);
    stays();
    assert.equal((await ingot(on("3MiB"))).code, 0);
    assert.equal(resume.volumesOf(output).length, 2);
  },
);
