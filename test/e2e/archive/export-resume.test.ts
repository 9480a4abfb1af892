/** An export that broke off goes on where it stopped, and believes nothing of what it finds. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { planArchive, type WrittenArchive, writeArchive } from "../../../src/archive/write.ts";
import { Progress } from "../../../src/base/workers/pool.ts";
import { Layout } from "../../../src/store/layout.ts";
import * as resume from "../../support/images/broken-export.ts";
import { noise, putBlob, writeLayout } from "../../support/images/layout.ts";
import { nameAll, OCI, put } from "../../support/images/platforms.ts";
import { Child } from "../../support/process/child.ts";
import { command, ingot, plainEnvironment } from "../../support/process/ingot.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { chanceFrom } from "../../support/registries/faulty.ts";

const NAME = "r.test/image:1";
const KILLS = { "one file": 100, volumes: 40 };
/** So many runs are killed over the same leftovers at most, before one may end. */
const IN_A_ROW = 3;

/** A small archive with bodies of many kinds: empty, all zeros, zeros at the end, full blocks, and one for a task of its own. */
async function small(t: Ends) {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const layers = [
    noise("a", 70_000),
    Buffer.alloc(0),
    Buffer.alloc(5000),
    Buffer.concat([noise("b", 100_000), Buffer.alloc(10_240)]),
    Buffer.concat([noise("c", 1000), Buffer.alloc(200_000)]),
    noise("d", 1024),
    noise("e", 1),
  ].map((bytes) => putBlob(layout, bytes));
  const config = putBlob(layout, Buffer.from("{}"), "application/vnd.oci.empty.v1+json");
  const manifest = { schemaVersion: 2, mediaType: OCI.manifest, artifactType: "x/y" };
  nameAll(layout, { [NAME]: put(layout, OCI.manifest, { ...manifest, config, layers }) });
  const store = new Layout(layout);
  const plan = await planArchive(
    store.images().map((descriptor) => ({ reference: NAME, descriptor, store })),
  );
  const out = join(dir, "out");
  mkdirSync(out);
  const at = join(out, "image.tar");
  const write = async (below?: number): Promise<WrittenArchive & { counted: number }> => {
    const tally = new Progress();
    const to = below === undefined ? at : { at, below };
    const written = await writeArchive(plan, to, { entry: undefined, threads: 1, tally });
    assert.deepEqual(resume.halves(out), []);
    return { ...written, counted: tally.bytes };
  };
  await write();
  const whole = readFileSync(at);
  rmSync(at);
  return { plan, out, at, write, whole };
}

test("of what is whole, nothing is written but the end; all of it is counted", async (t) => {
  const { plan, at, write, whole } = await small(t);
  const left = resume.leave(at, whole);
  const { resumed, counted } = await write();
  assert.ok(readFileSync(at).equals(whole));
  // The body of zeros looks as if nobody had written it.
  const zeros = plan.members.filter(({ size }) => size === 5000 || size === 201_000);
  assert.equal(resumed, whole.length - 1024 - zeros.reduce((sum, it) => sum + memberSize(it), 0));
  assert.equal(counted, plan.size);
  assert.ok(!readdirSync(join(at, "..")).includes(left));
});

const memberSize = ({ header, size }: { header: Uint8Array; size: number }) =>
  header.length + Math.ceil(size / 512) * 512;

test("whatever is left, the archive is what it is: bits turned, stretches lost, garbage", async (t) => {
  const { plan, at, write, whole } = await small(t);
  const place = fc.nat(whole.length - 1);
  const damage = fc.oneof(
    fc.record({ kind: fc.constant("bit" as const), place, length: fc.nat(7) }),
    fc.record({ kind: fc.constant("hole" as const), place, length: fc.nat(whole.length) }),
    fc.record({ kind: fc.constant("noise" as const), place, length: fc.nat(3000) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(damage, { maxLength: 5 }),
      fc.option(fc.integer({ min: 20_000, max: whole.length })),
      async (all, below) => {
        const bytes = Buffer.from(whole);
        for (const { kind, place, length } of all) {
          if (kind === "bit") bytes[place]! ^= 1 << length;
          else if (kind === "hole") bytes.fill(0, place, Math.min(bytes.length, place + length));
          else noise(`${place}`, length).copy(bytes, place);
        }
        if (below === null) resume.leave(at, bytes);
        else {
          const { volumes = [] } = await write(below);
          for (let i = 0, from = 0; i < volumes.length; i++) {
            const { file, size } = volumes[i]!;
            rmSync(file);
            resume.leave(file, bytes.subarray(from, from + size));
            from += size;
          }
        }
        const { resumed, counted } = await write(below ?? undefined);
        assert.ok(resume.bytesAt(at).equals(whole));
        assert.ok(resumed <= whole.length);
        assert.equal(counted, below === null ? plan.size : 2 * plan.size);
        if (all.length === 0) assert.ok(resumed > whole.length / 3);
        for (const file of [at, `${at}.volumes.json`, ...resume.volumesOf(at)])
          rmSync(file, { force: true });
      },
    ),
    { numRuns: 150 },
  );
});

test("each byte of header, body, fill and end, turned: never in the result, and the rest is taken over", async (t) => {
  const { plan, at, write, whole } = await small(t);
  const [first] = plan.members;
  const odd = plan.members.find(({ size }) => size === 70_000)!;
  const body = odd.start + odd.header.length;
  for (const place of [
    ...Array.from({ length: 512 }, (_, i) => first!.start + i),
    ...[0, 1, 35_000, 69_998, 69_999].map((i) => body + i),
    ...Array.from({ length: 512 - (70_000 % 512) }, (_, i) => body + 70_000 + i),
    ...Array.from({ length: 1024 }, (_, i) => whole.length - 1024 + i),
  ]) {
    const bytes = Buffer.from(whole);
    bytes[place]! ^= 0x80;
    resume.leave(at, bytes);
    const { resumed } = await write();
    assert.ok(readFileSync(at).equals(whole), `byte ${place}`);
    assert.ok(resumed > 0);
  }
});

test("of another size, nothing is taken over, and it is removed", async (t) => {
  const { at, write, whole, out } = await small(t);
  resume.leave(at, whole.subarray(0, whole.length - 512), 1);
  resume.leave(at, Buffer.concat([whole, Buffer.alloc(512)]), 2);
  resume.leave(`${at}.001`, whole, 3);
  assert.equal((await write()).resumed, 0);
  assert.deepEqual(readdirSync(out), ["image.tar"]);
  assert.ok(readFileSync(at).equals(whole));
});

/** Some blobs of MiB, some small. */
function sample(t: Ends) {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const layers = [...Array(10).fill(4_000_000), 9_000_000, ...Array(60).fill(20_000)];
  writeLayout(layout, [{ name: NAME, layers }]);
  const out = join(dir, "out");
  mkdirSync(out);
  return { dir, layout, out };
}

for (const [how, kills] of Object.entries(KILLS)) {
  test(`killed at ${kills} moments, and the bytes are those of a run that was not: ${how}`, async (t) => {
    const { layout, out, dir } = sample(t);
    const output = join(out, "image.tar");
    const more = how === "volumes" ? ["--split", "10MB"] : [];
    const words = ["export", `oci:${layout}`, "-o", output, "--jobs", "2", ...more];
    const reference = join(dir, "whole.tar");
    assert.equal((await ingot(["export", `oci:${layout}`, "-o", reference])).code, 0);
    const whole = resume.sha256(readFileSync(reference));
    const breaking = { words, output };
    const took = await resume.writingTime(breaking);
    const chance = chanceFrom(kills);
    const tell = { killed: 0, resumed: 0, partly: 0, runs: 0 };
    while (tell.killed < kills) {
      assert.ok(tell.runs < 4 * kills, `only ${tell.killed} of ${tell.runs} were killed midway`);
      const row = 1 + Math.floor(chance() * IN_A_ROW);
      for (let i = 0; i < row; i++, tell.runs++) {
        // At a time, or at a size: much of the time it waits for the disk, at the end.
        const when = i % 2 === 0 ? { share: chance() } : { delay: chance() * took };
        if (await resume.killed(breaking, when)) tell.killed++;
        resume.checkList(output);
      }
      const bytes = await resume.resumed(breaking);
      if (bytes > 0) tell.resumed++;
      if (bytes > 1_000_000 && bytes < 40_000_000) tell.partly++;
      assert.equal(resume.sha256(resume.bytesAt(output)), whole);
      resume.checkList(output);
      for (const name of readdirSync(out)) rmSync(join(out, name));
    }
    assert.ok(tell.resumed > kills / 6 && tell.partly > kills / 20, JSON.stringify(tell));
  });
}

test("two at once for one name: one of them goes on, both are right, and nothing is left", async (t) => {
  const { layout, out, dir } = sample(t);
  const output = join(out, "image.tar");
  const words = ["export", `oci:${layout}`, "-o", output];
  const reference = join(dir, "whole.tar");
  assert.equal((await ingot([...words.slice(0, 3), reference])).code, 0);
  const whole = readFileSync(reference);
  const half = Buffer.from(whole);
  half.fill(0, half.length / 2);
  for (let i = 0; i < 6; i++) {
    resume.leave(output, half);
    const all = await Promise.all([1, 2, 3].map(async () => ingot([...words, "--json"])));
    for (const { code, stderr } of all) assert.equal(code, 0, stderr);
    const taken = all.filter(({ stdout }) => JSON.parse(`${stdout}`).resumed > 0);
    assert.ok(taken.length <= 1);
    assert.ok(readFileSync(output).equals(whole));
    assert.deepEqual(readdirSync(out), ["image.tar"]);
  }
});

test("what a run still writes is not taken from it", async (t) => {
  const { layout, out } = sample(t);
  const output = join(out, "image.tar");
  const words = ["export", `oci:${layout}`, "-o", output];
  const first = await resume.held({ words, output });
  t.after(() => first.kill("SIGKILL"));
  const living = resume.halves(out);
  const second = new Child([...(await command()), ...words], { env: plainEnvironment() });
  assert.equal((await second.ended).code, 0);
  assert.deepEqual(resume.halves(out), living);
  const bytes = readFileSync(output);
  resume.goOn(first);
  assert.equal((await first.ended).code, 0);
  assert.deepEqual(readdirSync(out), ["image.tar"]);
  assert.ok(readFileSync(output).equals(bytes));
});

test("told to stop, an export of what is here leaves nothing", async (t) => {
  const { layout, out } = sample(t);
  const output = join(out, "image.tar");
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const { stderr, ...ended } = await resume.stopped(signal, async () => {
      writeFileSync(output, "old");
      return resume.begun({ words: ["export", `oci:${layout}`, "-o", output], output });
    });
    resume.assertStopped(ended, signal);
    assert.doesNotMatch(stderr, /resumes there/);
    assert.deepEqual(readdirSync(out), ["image.tar"]);
    assert.equal(readFileSync(output, "utf8"), "old");
  }
});
