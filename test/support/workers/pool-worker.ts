/** The entry of the threads that test/unit/base/worker-pool.test.ts starts. */
import { IngotError } from "../../../src/base/error.ts";
import { serve } from "../../../src/base/workers/worker.ts";

/** What a thread is to do. */
export type CrewTask =
  | { readonly echo: number; readonly after: number }
  | { readonly fail: string }
  | { readonly leave: true };

serve(async (task: CrewTask) => {
  if ("fail" in task) throw new IngotError("internal", { message: task.fail });
  if ("leave" in task) {
    setTimeout(() => process.exit(3), 20);
    return -1;
  }
  await new Promise((resolve) => setTimeout(resolve, task.after));
  return task.echo;
});
