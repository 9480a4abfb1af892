/** What stands between a client and its registry, and does to it what networks do. */
import {
  request as ask,
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { Ends } from "../process/temp.ts";

export const FAULTS = [
  "cut the answer",
  "cut the request",
  "429",
  "500",
  "a wrong byte",
  "a length too long",
  "a length too short",
  "a drip",
  "silence",
  "a redirect in circles",
  "a redirect to another host",
  "an answer that is no HTTP",
] as const;
export type FaultKind = (typeof FAULTS)[number];

export interface Faulty {
  /** `localhost:PORT`. */
  readonly host: string;
  /** What goes wrong from now on, and how often: 0 to 1. */
  set(kind: FaultKind, share: number, seed: number): void;
  /** What the other host saw of headers that are nobody else's business. */
  readonly leaked: string[];
  /** How often the other host was asked. */
  strangers: number;
  /** How often something went wrong. */
  faults: number;
}

/** The same numbers from 0 to 1 for the same seed (mulberry32). */
export function chanceFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Starts a server that passes everything on to the registry on `port`, but for what goes wrong. */
export async function startFaulty(t: Ends, port: number, authorization: string): Promise<Faulty> {
  let kind: FaultKind = "429";
  let share = 0;
  let chance = chanceFrom(0);
  const state = { leaked: [] as string[], strangers: 0, faults: 0 };

  const stranger = await listen(t, (request, response) => {
    state.strangers++;
    for (const name of ["authorization", "proxy-authorization", "cookie"])
      if (request.headers[name] !== undefined) state.leaked.push(`${name} at ${request.url}`);
    pass(request, response, { port, headers: { authorization } });
  });

  const server = await listen(t, (request, response) => {
    const isBody = request.method === "GET" && /\/(?:blobs|manifests)\//.test(request.url ?? "");
    const isSending = ["PUT", "PATCH"].includes(request.method ?? "");
    const fits =
      kind === "cut the request"
        ? isSending
        : ["a wrong byte", "a redirect to another host"].includes(kind)
          ? isBody
          : true;
    if (!fits || chance() >= share) {
      pass(request, response, { port });
      return;
    }
    state.faults++;
    const { url = "/" } = request;
    const self = `http://localhost:${portOf(server)}`;
    switch (kind) {
      case "cut the answer":
        return pass(request, response, {
          port,
          change: (body) => [body, Math.floor(chance() * body.length)],
        });
      case "cut the request": {
        let left = Math.floor(chance() * Number(request.headers["content-length"] ?? 0));
        request.on("data", (piece: Buffer) => {
          left -= piece.length;
          if (left <= 0) request.socket.destroy();
        });
        if (left <= 0) request.socket.destroy();
        return;
      }
      case "429":
        response.writeHead(429, {
          "retry-after": chance() < 0.5 ? "0" : "1",
          "ratelimit-limit": "100;w=21600",
        });
        response.end('{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}');
        return;
      case "500":
        response.writeHead(chance() < 0.5 ? 500 : 503).end();
        return;
      case "a wrong byte":
        return pass(request, response, {
          port,
          change: (body) => {
            const at = Math.floor(chance() * body.length);
            if (body.length > 0) body[at] = (body[at] as number) ^ 1;
            return [body, body.length];
          },
        });
      case "a length too long":
        return pass(request, response, { port, longer: 1 + Math.floor(chance() * 100) });
      case "a length too short":
        return pass(request, response, { port, longer: -1 - Math.floor(chance() * 100) });
      case "a drip":
        return pass(request, response, { port, drip: true });
      case "silence":
        return;
      case "a redirect in circles":
        response.writeHead(302, { location: `${self}${url}` }).end();
        return;
      case "a redirect to another host":
        response.writeHead(307, { location: `http://127.0.0.1:${portOf(stranger)}${url}` }).end();
        return;
      case "an answer that is no HTTP":
        request.socket.end("220 mail.example ESMTP\r\n");
        return;
    }
  });
  return Object.assign(state, {
    host: `localhost:${portOf(server)}`,
    set(what: FaultKind, howOften: number, seed: number) {
      [kind, share, chance] = [what, howOften, chanceFrom(seed)];
      state.faults = 0;
    },
  });
}

interface Pass {
  readonly port: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body that goes on, and after how many bytes of it the connection is cut. */
  readonly change?: (body: Buffer) => [body: Buffer, cut: number];
  /** By how much the length is wrong. */
  readonly longer?: number;
  readonly drip?: boolean;
}

function pass(
  request: IncomingMessage,
  response: ServerResponse,
  { port, headers = {}, change, longer = 0, drip = false }: Pass,
): void {
  const up = ask(
    {
      host: "127.0.0.1",
      port,
      method: request.method,
      path: request.url,
      headers: { ...request.headers, ...headers },
      agent: false,
    },
    async (answer) => {
      const pieces: Buffer[] = [];
      try {
        for await (const piece of answer) pieces.push(piece as Buffer);
      } catch {
        response.destroy();
        return;
      }
      const whole = Buffer.concat(pieces);
      const [body, cut] = change?.(whole) ?? [whole, whole.length];
      const own = { ...answer.headers };
      delete own["transfer-encoding"];
      delete own.connection;
      if (request.method !== "HEAD" && answer.statusCode !== 204)
        own["content-length"] = String(Math.max(0, body.length + longer));
      if (drip) {
        dripping(request, answer.statusCode ?? 200, own, body);
        return;
      }
      const socket = request.socket;
      if (longer !== 0 || cut < body.length) {
        socket.write(head(answer.statusCode ?? 200, own));
        socket.write(body.subarray(0, cut));
        socket.end();
        setTimeout(() => socket.destroy(), 20);
        return;
      }
      response.writeHead(answer.statusCode ?? 200, own);
      response.end(body);
    },
  );
  up.on("error", () => request.socket.destroy());
  request.on("error", () => up.destroy());
  request.pipe(up);
}

/** A byte now and then, until the client has had enough. */
function dripping(
  { socket }: IncomingMessage,
  status: number,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  body: Buffer,
): void {
  socket.write(head(status, headers));
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || at >= body.length) clearInterval(timer);
    else socket.write(body.subarray(at, ++at));
  }, 5);
  socket.on("error", () => clearInterval(timer));
  socket.on("close", () => clearInterval(timer));
}

function head(
  status: number,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): string {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  return `HTTP/1.1 ${status} as it is\r\n${lines.join("\r\n")}\r\n\r\n`;
}

const portOf = (server: Server): number => {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
};

async function listen(
  t: Ends,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Server> {
  const server = createServer(handle);
  server.on("connection", (socket) => socket.on("error", () => {}));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}
