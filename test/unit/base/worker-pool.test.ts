import assert from "node:assert/strict";
import { test } from "node:test";
import { isIngotError } from "../../../src/base/error.ts";
import { WorkerPool } from "../../../src/base/workers/worker-pool.ts";
import type { CrewTask } from "../../support/workers/pool-worker.ts";

const entry = new URL("../../support/workers/pool-worker.ts", import.meta.url);

function poolOf(threads: number): WorkerPool<CrewTask, number> {
  const handler = (task: CrewTask) => ("echo" in task ? task.echo : -1);
  return new WorkerPool({ handler, entry, threads });
}

test("each asker gets its own answer, whatever the order of the ends", async () => {
  for (const threads of [0, 1, 2, 5]) {
    const pool = poolOf(threads);
    try {
      assert.equal(pool.size, threads);
      const numbers = Array.from({ length: 20 }, (_, i) => i);
      const answers = numbers.map((echo) => pool.ask({ echo, after: (20 - echo) % 7 }));
      assert.deepEqual(await Promise.all(answers), numbers);
    } finally {
      await pool.end();
    }
  }
});

test("a task that fails concerns its asker alone", async () => {
  const pool = poolOf(1);
  try {
    const failed = pool.ask({ fail: "as asked" });
    const fine = pool.ask({ echo: 1, after: 0 });
    await assert.rejects(
      failed,
      (error) => isIngotError(error, "internal") && error.facts.message === "as asked",
    );
    assert.equal(await fine, 1);
  } finally {
    await pool.end();
  }
});

test("a thread that has gone is not waited for", async () => {
  const pool = poolOf(1);
  try {
    assert.equal(await pool.ask({ leave: true }), -1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await assert.rejects(pool.ask({ echo: 1, after: 0 }), (error) =>
      isIngotError(error, "internal"),
    );
  } finally {
    await pool.end();
    await pool.end();
  }
});
