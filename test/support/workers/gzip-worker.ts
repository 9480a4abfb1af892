/** The entry of the threads that test/unit/base/gzip.test.ts starts: encodes, and fails where a test wants it to. */

import { type EncodeTask, encodeTask } from "../../../src/base/compression/deflate-chunk.ts";
import { IngotError } from "../../../src/base/error.ts";
import { serve } from "../../../src/base/workers/worker.ts";

/** A chunk that begins with these bytes makes a thread fail. */
const POISON = "the thread is to fail";

serve(async (task: EncodeTask) => {
  const start = new Uint8Array(task.memory, task.before, Math.min(POISON.length, task.length));
  const first = start[0] ?? 0;
  if (Buffer.from(start.slice()).toString("latin1") === POISON) {
    throw new IngotError("internal", { message: "as the test wants it" });
  }
  // Some take longer than others, so that the order of the ends is not that of the beginnings.
  await new Promise((resolve) => setTimeout(resolve, first % 7));
  return encodeTask(task);
});
