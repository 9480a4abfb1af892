/** What stands between a client and its registry, and counts what it gives of blobs. */
import { request as ask, createServer } from "node:http";
import { pause } from "./child.ts";
import type { Ends } from "./temp.ts";

export interface Counting {
  /** `localhost:PORT`. */
  readonly host: string;
  /** Bytes of blobs that were sent. */
  sent: number;
  /** The parts of blobs that were asked for, as `Range` says them. */
  ranges: string[];
  /** How many more bytes of blobs it gives, before it says 403 to all that is asked for. */
  left: number;
  /** Milliseconds between two pieces. */
  pace: number;
}

/** Starts a server that passes everything on to the registry on `port`, piece by piece. */
export async function startCounting(t: Ends, port: number): Promise<Counting> {
  const state = { sent: 0, ranges: [] as string[], left: Number.POSITIVE_INFINITY, pace: 0 };
  const server = createServer(async (request, response) => {
    request.resume();
    const { url: path = "", method, headers } = request;
    const isBlob = method === "GET" && path.includes("/blobs/");
    if (isBlob && state.left <= 0) {
      // Who hears of it takes no more of the others: what was written of them is to arrive.
      await pause(100);
      response.writeHead(403).end();
      return;
    }
    if (isBlob && headers.range !== undefined) state.ranges.push(headers.range);
    const up = ask({ host: "127.0.0.1", port, path, method, headers, agent: false });
    up.on("response", async (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      try {
        for await (const piece of answer) {
          if (response.destroyed) break;
          const { length } = piece as Buffer;
          if (isBlob && length > state.left) {
            response.write((piece as Buffer).subarray(0, Math.max(0, state.left)));
            state.sent += Math.max(0, state.left);
            state.left = 0;
            // What was written is to arrive.
            await pause(100);
            response.destroy();
            break;
          }
          if (isBlob) {
            state.sent += length;
            state.left -= length;
          }
          if (!response.write(piece)) await drained(response);
          if (isBlob && state.pace > 0) await pause(state.pace);
        }
      } catch {
        // Whoever asked is gone.
      }
      response.end();
    });
    up.on("error", () => response.destroy());
    response.on("close", () => up.destroy());
    up.end();
  });
  server.on("connection", (socket) => socket.on("error", () => {}));
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port: own } = server.address() as { port: number };
  return Object.assign(state, { host: `localhost:${own}` });
}

function drained(response: NodeJS.EventEmitter): Promise<void> {
  return new Promise((done) => {
    const end = () => {
      response.off("drain", end);
      response.off("close", end);
      done();
    };
    response.on("drain", end);
    response.on("close", end);
  });
}
