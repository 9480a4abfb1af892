/** The entry of the program, and of every worker thread it starts. */

import { isMainThread } from "node:worker_threads";
import type { Job } from "./jobs/perform.ts";

if (isMainThread) {
  const [{ crash, runCli }, { onFirstHook, runExitHooks }] = await Promise.all([
    import("./cli/run.ts"),
    import("./base/fs/exit-hooks.ts"),
  ]);
  const start = {
    words: process.argv.slice(2),
    environment: process.env,
    entry: new URL(import.meta.url),
  };
  const leave = (code: number): never => {
    runExitHooks();
    process.exit(code);
  };
  // While there is nothing to undo, the system ends the program its own way: also one that waits for somebody to open a named pipe.
  onFirstHook(() => {
    process.on("SIGHUP", () => leave(128 + 1));
    process.on("SIGINT", () => leave(128 + 2));
    process.on("SIGTERM", () => leave(128 + 15));
  });
  process.on("uncaughtException", (error) => leave(crash(error, start)));
  process.on("unhandledRejection", (error) => leave(crash(error, start)));
  leave(await runCli(start));
} else {
  const [{ serve }, { runJob }] = await Promise.all([
    import("./base/workers/worker.ts"),
    import("./jobs/perform.ts"),
  ]);
  serve<Job, unknown>(runJob);
}
