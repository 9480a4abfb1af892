import { parentPort, workerData } from "node:worker_threads";
import { serializeError } from "../error.ts";
import { type Handler, Progress, type Request, type Response } from "./pool.ts";

/** In a worker: does each task that the pool sends, until the pool ends the thread. */
export function serve<T, R>(handler: Handler<T, R>): void {
  const tally = new Progress((workerData as { tally: SharedArrayBuffer }).tally);
  parentPort?.on("message", async ({ id, task }: Request) => {
    let response: Response;
    try {
      response = { id, result: await handler(task as T, tally) };
    } catch (error) {
      response = { id, fault: serializeError(error) };
    }
    parentPort?.postMessage(response);
  });
}
