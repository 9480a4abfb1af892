import { parentPort, workerData } from "node:worker_threads";
import { packFault } from "../error.ts";
import { type Handler, type Request, type Response, Tally } from "./pool.ts";

/** In a worker: does each task that the pool sends, until the pool ends the thread. */
export function serve<T, R>(handler: Handler<T, R>): void {
  const tally = new Tally((workerData as { tally: SharedArrayBuffer }).tally);
  parentPort?.on("message", async ({ id, task }: Request) => {
    let response: Response;
    try {
      response = { id, result: await handler(task as T, tally) };
    } catch (error) {
      response = { id, fault: packFault(error) };
    }
    parentPort?.postMessage(response);
  });
}
