/** Many things at a time: how they end together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AbortError, isIngotError } from "../../../src/base/error.ts";
import { mapConcurrent } from "../../../src/jobs/parallel.ts";

/** Ends when it is told to, and not before. */
const stopping = (stop: AbortSignal): Promise<never> =>
  new Promise((_, fail) => stop.addEventListener("abort", () => fail(stop.reason)));

test("the results are in the order of the items, whoever is first, and no more are under way than asked for", async () => {
  const ends = Array.from({ length: 7 }, () => Promise.withResolvers<void>());
  let under = 0;
  let most = 0;
  const doubled = mapConcurrent(ends.keys(), 3, async (i) => {
    most = Math.max(most, ++under);
    // Each waits for the one after it, where that is under way as well.
    if (i % 3 !== 2 && i < 6) await ends[i + 1]?.promise;
    ends[i]?.resolve();
    under--;
    return 2 * i;
  });
  assert.deepEqual(await doubled, [0, 2, 4, 6, 8, 10, 12]);
  assert.equal(most, 3);
});

test("the first failure is the one that is told; the others stop, and no more begin", async () => {
  const seen: string[] = [];
  const first = new Error("first");
  const all = mapConcurrent(["waits", "fails", "waits", "never"], 3, async (item, stop) => {
    seen.push(item);
    if (item === "fails") throw first;
    await stopping(stop).catch((error: unknown) => {
      seen.push("stopped");
      assert.ok(isIngotError(error, "internal"));
      throw error;
    });
  });
  await assert.rejects(all, (error) => error === first);
  assert.deepEqual(seen, ["waits", "fails", "waits", "stopped", "stopped"]);
});

test("what one of many does in parallel stops with it", async () => {
  const first = new Error("first");
  const begun = Promise.withResolvers<void>();
  const ended: string[] = [];
  const all = mapConcurrent(["outer", "fails"], 2, async (item, stop) => {
    if (item === "fails") {
      await begun.promise;
      throw first;
    }
    const inner = mapConcurrent(
      [1, 2, 3],
      2,
      (i, end) => {
        if (i === 2) begun.resolve();
        return stopping(end).finally(() => ended.push(`${i}`));
      },
      stop,
    );
    await inner.finally(() => ended.push(item));
  });
  await assert.rejects(all, (error) => error === first);
  assert.deepEqual(ended, ["1", "2", "outer"]);
});

test("what is to stop before it begins does not begin, and says why", async () => {
  const reason = new AbortError();
  const act = async () => assert.fail("it began");
  const all = mapConcurrent([1, 2], 2, act, AbortSignal.abort(reason));
  await assert.rejects(all, (error) => error === reason);
});
