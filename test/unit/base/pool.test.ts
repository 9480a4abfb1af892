import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { sha256Hex } from "../../../src/base/hash.ts";
import { Progress, runAll } from "../../../src/base/workers/pool.ts";
import { type Checked, type CheckTask, type Job, runJob } from "../../../src/jobs/perform.ts";
import { faultOf } from "../../support/fault.ts";
import { tempDir } from "../../support/process/temp.ts";

/** The program itself is what a worker thread starts with. */
const entry = new URL("../../../src/main.ts", import.meta.url);

test("threads give the results of this thread, in the order of the tasks", async (t) => {
  const dir = tempDir(t);
  const tasks = Array.from({ length: 40 }, (_, i): CheckTask => {
    const path = join(dir, String(i));
    writeFileSync(path, Buffer.alloc(1000 + i * 37, i));
    return { kind: "check", extents: [{ path, offset: i, size: 900 }] };
  });
  const run = async (threads: number, from: URL | undefined) => {
    const tally = new Progress();
    const results = (await runAll<Job, unknown>(tasks, {
      handler: runJob,
      entry: from,
      threads,
      tally,
    })) as Checked[][];
    return { results, bytes: tally.bytes };
  };
  const alone = await run(1, undefined);
  assert.equal(alone.bytes, 40 * 900);
  assert.deepEqual(alone.results[3], [{ digest: `sha256:${sha256Hex(Buffer.alloc(900, 3))}` }]);
  assert.deepEqual(await run(3, entry), alone);
});

test("a failure in a thread arrives as the fault it is, and the others stop", async (t) => {
  const dir = tempDir(t);
  const task = (name: string): Job => ({
    kind: "fill",
    to: { parts: [{ path: join(dir, name), size: 1 }], offset: 0 },
    pieces: [Buffer.from("x")],
  });
  const tasks = ["a", "b", "c", "d"].map(task);
  const tally = new Progress();
  const facts = await faultOf("io", () =>
    runAll<Job, unknown>(tasks, { handler: runJob, entry, threads: 2, tally }),
  );
  assert.equal(facts.code, "ENOENT");
  assert.ok(tally.stopped);
});
