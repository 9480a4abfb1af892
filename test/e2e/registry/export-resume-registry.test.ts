/** An export from a registry that broke off fetches what is missing, and no more. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as resume from "../../support/images/broken-export.ts";
import { noise, putBlob } from "../../support/images/layout.ts";
import { nameAll, OCI, put } from "../../support/images/platforms.ts";
import { pause, until } from "../../support/process/child.ts";
import { startCounting } from "../../support/process/counting.ts";
import { ingot } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { chanceFrom } from "../../support/registries/faulty.ts";
import { startRegistry } from "../../support/registries/registry.ts";

const KILLS = 100;
const IN_A_ROW = 3;
/** Blobs of that size are for threads. */
const LARGE = 6_000_000;

/** An image in a registry, and the archive that it makes. */
async function prepare(t: Ends, sizes: readonly number[]) {
  const registry = await startRegistry(t);
  const counting = await startCounting(t, registry.port);
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const layers = sizes.map((size, i) => putBlob(layout, noise(`${i}`, size)));
  const config = putBlob(layout, Buffer.from("{}"), "application/vnd.oci.empty.v1+json");
  const manifest = { schemaVersion: 2, mediaType: OCI.manifest, artifactType: "x/y" };
  nameAll(layout, { "r.example/x:v1": put(layout, OCI.manifest, { ...manifest, config, layers }) });
  const to = `docker://${registry.host}/x:v1`;
  assert.equal((await ingot(["copy", layout, to])).code, 0);
  const out = join(dir, "out");
  mkdirSync(out);
  const output = join(out, "image.tar");
  const words = (from: string, more: readonly string[] = []) => [
    "export",
    `docker://${from}/x:v1`,
    "-o",
    output,
    ...more,
  ];
  const first = await ingot(words(counting.host));
  assert.equal(first.code, 0, first.stderr);
  const whole = readFileSync(output);
  rmSync(output);
  const total = counting.sent;
  counting.sent = 0;
  return { registry, counting, layers, out, output, words, whole, total };
}

for (const [how, kills, more] of [
  ["one file", KILLS, []],
  ["volumes", KILLS / 4, ["--split", "8MB"]],
] as const) {
  testWith(
    ["docker-registry"],
    `killed at ${kills} moments, and the bytes are those of a run that was not: ${how}`,
    async (t) => {
      const sizes = [LARGE, LARGE + 7, 2_000_000, 3_000_000, ...Array(20).fill(30_000)];
      const { counting, out, output, words, whole } = await prepare(t, sizes);
      const breaking = { words: words(counting.host, more), output };
      const took = await resume.writingTime(breaking);
      const chance = chanceFrom(kills);
      const tell = { killed: 0, resumed: 0, partly: 0, ranges: 0, runs: 0 };
      for (const name of readdirSync(out)) rmSync(join(out, name));
      while (tell.killed < kills) {
        assert.ok(tell.runs < 4 * kills, `only ${tell.killed} of ${tell.runs} were killed midway`);
        const row = 1 + Math.floor(chance() * IN_A_ROW);
        for (let i = 0; i < row; i++, tell.runs++) {
          const when = tell.runs % 2 === 0 ? { share: chance() } : { delay: chance() * took };
          if (await resume.killed(breaking, when)) tell.killed++;
          resume.checkList(output);
        }
        counting.ranges = [];
        const bytes = await resume.resumed(breaking);
        if (bytes > 0) tell.resumed++;
        if (bytes > 1_000_000 && bytes < 15_000_000) tell.partly++;
        tell.ranges += counting.ranges.length;
        assert.ok(resume.bytesAt(output).equals(whole));
        resume.checkList(output);
        for (const name of readdirSync(out)) rmSync(join(out, name));
      }
      const enough = tell.resumed > kills / 6 && tell.partly > kills / 20 && tell.ranges > 0;
      assert.ok(enough, JSON.stringify(tell));
    },
  );
}

testWith(
  ["docker-registry"],
  "a registry that fails: what has come stays, it says so, and the next run asks for the rest alone",
  async (t) => {
    const { counting, out, output, words, whole, total } = await prepare(t, [LARGE, 3_000_000]);
    for (const [half, more] of [
      [4_000_000, []],
      [7_500_000, []],
      [6_500_000, ["--split", "5MB"]],
      [2_000_000, ["--jobs", "1"]],
    ] as const) {
      counting.left = half;
      const failed = await ingot([...words(counting.host, more)]);
      assert.equal(failed.code, 2);
      assert.match(failed.stderr, /the partial data of ".*image\.tar" is kept .* resumes there\n/);
      assert.match(failed.stderr, /error: cannot get/);
      assert.ok(resume.halves(out).length > 0);
      assert.ok(readdirSync(out).every((name) => resume.halves(out).includes(name)));
      // Once more, with nothing new: it is still there.
      counting.left = 0;
      assert.equal((await ingot([...words(counting.host, more)])).code, 2);
      assert.ok(resume.halves(out).length > 0);
      Object.assign(counting, { left: Number.POSITIVE_INFINITY, sent: 0, ranges: [] });
      const bytes = await resume.resumed({ words: words(counting.host, more), output });
      assert.ok(resume.bytesAt(output).equals(whole));
      assert.ok(counting.ranges.length > 0);
      assert.ok(bytes > half / 2, `${bytes} of ${half} were taken over`);
      assert.ok(counting.sent <= total - half + 1_500_000, `${counting.sent} bytes were sent`);
      assert.ok(counting.sent >= total - half);
      for (const name of readdirSync(out)) rmSync(join(out, name));
    }
  },
);

testWith(
  ["docker-registry"],
  "a beginning that is wrong is fetched anew, once; one that is right is not",
  async (t) => {
    const { counting, layers, out, output, words, whole } = await prepare(t, [LARGE, 2_000_000]);
    for (const [i, { digest, size }] of layers.entries()) {
      const name = Buffer.from(`blobs/sha256/${digest.slice(7)}\0`);
      const body = whole.indexOf(name) + 512;
      const other = layers[1 - i]!.size;
      for (const wrong of [undefined, 0, 1000, size / 2 - 1]) {
        const left = Buffer.from(whole);
        left.fill(0, body + size / 2, body + size);
        if (wrong !== undefined) left[body + wrong]! ^= 1;
        resume.leave(output, left);
        Object.assign(counting, { sent: 0, ranges: [] });
        const bytes = await resume.resumed({ words: words(counting.host), output });
        assert.ok(readFileSync(output).equals(whole));
        assert.equal(counting.ranges.length, 1);
        assert.equal(counting.sent, size / 2 + (wrong === undefined ? 0 : size));
        assert.ok(bytes >= other + (wrong === undefined ? size / 2 : 0));
      }
    }
    assert.deepEqual(readdirSync(out), ["image.tar"]);
  },
);

testWith(
  ["docker-registry"],
  "told to stop: what has come stays, it says so, and the next run goes on there",
  async (t) => {
    const { counting, out, output, words, whole, total } = await prepare(t, [LARGE, LARGE + 1]);
    for (const [signal, jobs] of [
      ["SIGINT", "1"],
      ["SIGTERM", "4"],
    ] as const) {
      Object.assign(counting, { sent: 0, pace: 8 });
      const all = words(counting.host, ["--jobs", jobs]);
      const child = await resume.begun({ words: all, output });
      await until(() => counting.sent > LARGE / 2, "half of a blob is sent");
      await pause(50);
      child.kill(signal);
      const ended = await child.ended;
      resume.assertStopped(ended, signal);
      assert.match(ended.stderr, /the partial data of ".*image\.tar" is kept .* resumes there\n/);
      assert.equal(resume.halves(out).length, 1);
      Object.assign(counting, { sent: 0, pace: 0 });
      assert.ok((await resume.resumed({ words: all, output })) > 1_000_000);
      assert.ok(counting.sent < total - 1_000_000);
      assert.ok(readFileSync(output).equals(whole));
      rmSync(output);
    }
    // Nothing has come: nothing stays.
    counting.left = 0;
    writeFileSync(output, "old");
    const { stderr, code } = await ingot(words(counting.host));
    assert.equal(code, 2);
    assert.doesNotMatch(stderr, /resumes there/);
    assert.deepEqual(readdirSync(out), ["image.tar"]);
    assert.equal(readFileSync(output, "utf8"), "old");
  },
);

testWith(
  ["docker-registry"],
  "what a registry left is gone on with from a store, and the other way round",
  async (t) => {
    const { registry, counting, out, output, words, whole } = await prepare(t, [LARGE, 3_000_000]);
    counting.left = LARGE;
    assert.equal((await ingot(words(counting.host))).code, 2);
    const stored = join(out, "..", "layout");
    const name = `${registry.host}/x:v1`;
    assert.equal((await ingot(["copy", `docker://${name}`, `oci:${stored}2`])).code, 0);
    // Under another name it is another archive, of the same size.
    const local = ["export", `oci:${stored}2:${name}`, "-o", output];
    assert.ok((await resume.resumed({ words: local, output })) > 0);
    assert.equal((await ingot(["verify", output, "--canonical"])).code, 0);
    const bytes = readFileSync(output);
    rmSync(output);
    resume.leave(output, bytes);
    Object.assign(counting, { left: Number.POSITIVE_INFINITY, sent: 0 });
    assert.ok((await resume.resumed({ words: words(counting.host), output })) > 9_000_000);
    assert.equal(counting.sent, 0);
    assert.ok(readFileSync(output).equals(whole));
  },
);
