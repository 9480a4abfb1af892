import assert from "node:assert/strict";
import { test } from "node:test";
import { isIngotError } from "../../../src/base/error.ts";
import { WorkerPool } from "../../../src/base/workers/worker-pool.ts";
import type { CrewTask } from "../../support/workers/pool-worker.ts";

const entry = new URL("../../support/workers/pool-worker.ts", import.meta.url);

function crewOf(threads: number): WorkerPool<CrewTask, number> {
  const handler = (task: CrewTask) => ("echo" in task ? task.echo : -1);
  return new WorkerPool({ handler, entry, threads });
}

test("each asker gets its own answer, whatever the order of the ends", async () => {
  for (const threads of [0, 1, 2, 5]) {
    const crew = crewOf(threads);
    try {
      assert.equal(crew.size, threads);
      const numbers = Array.from({ length: 20 }, (_, i) => i);
      const answers = numbers.map((echo) => crew.ask({ echo, after: (20 - echo) % 7 }));
      assert.deepEqual(await Promise.all(answers), numbers);
    } finally {
      await crew.end();
    }
  }
});

test("a task that fails concerns its asker alone", async () => {
  const crew = crewOf(1);
  try {
    const failed = crew.ask({ fail: "as asked" });
    const fine = crew.ask({ echo: 1, after: 0 });
    await assert.rejects(
      failed,
      (error) => isIngotError(error, "internal") && error.facts.message === "as asked",
    );
    assert.equal(await fine, 1);
  } finally {
    await crew.end();
  }
});

test("a thread that has gone is not waited for", async () => {
  const crew = crewOf(1);
  try {
    assert.equal(await crew.ask({ leave: true }), -1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await assert.rejects(crew.ask({ echo: 1, after: 0 }), (error) =>
      isIngotError(error, "internal"),
    );
  } finally {
    await crew.end();
    await crew.end();
  }
});
