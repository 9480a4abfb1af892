/** One request, one answer, over HTTP. What goes wrong on the way is a `registry` IngotError; what an answer means is for others. */
import * as http from "node:http";
import * as https from "node:https";
import { rootCertificates } from "node:tls";
import type { Bytes } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { type Doing, late, toConnectionError } from "./connection-error.ts";
import { hostOf, type Proxies, portOf, proxyAuthorization, proxyFor } from "./proxy.ts";
import { type HttpResponse, responseOf } from "./response.ts";
import { TunnelAgent } from "./tunnel-agent.ts";

/** How servers are reached, and trusted. */
export interface HttpClientOptions {
  /** Certificates in PEM that are trusted besides the well-known ones. */
  readonly ca?: string | undefined;
  /** A certificate of ours and its key, in PEM. Shown to the registry alone. */
  readonly client?: { readonly cert: string; readonly key: string } | undefined;
  readonly proxies: Proxies;
  /** Milliseconds without an answer, or with hardly a byte of it, after which a server counts as gone. */
  readonly patience: number;
}

/** What is sent: as often as it is asked for, always the same bytes. */
export interface Body {
  readonly size: number;
  open(): Bytes;
}

export interface HttpRequest extends Doing {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Body | undefined;
  /** Whether our certificate may be shown. */
  readonly trusted: boolean;
  /** When nobody wants the answer any more: then the connection ends. */
  readonly stop?: AbortSignal | undefined;
}

/** A server that has everything may need its time to put it together. */
const SLOW = 5;

/** Connections to servers, kept open between requests. Call `close` at the end. */
export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #agents = new Map<string, http.Agent>();

  constructor(options: HttpClientOptions) {
    this.#options = options;
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  /** Sends `call`; the answer when its head is there, whatever its status. @throws registry, the reason to stop */
  send(call: HttpRequest): Promise<HttpResponse> {
    const { method, url, body, headers, stop } = call;
    const { patience, proxies } = this.#options;
    const proxy = proxyFor(url, proxies);
    const plainProxy = url.protocol === "http:" ? proxy : undefined;
    const to = plainProxy ?? url;
    const authorization = plainProxy && proxyAuthorization(plainProxy);
    return new Promise((done, fail) => {
      stop?.throwIfAborted();
      const request = (url.protocol === "https:" ? https : http).request({
        method,
        host: hostOf(to),
        port: portOf(to),
        path:
          plainProxy === undefined
            ? url.pathname + url.search
            : url.origin + url.pathname + url.search,
        agent: this.#agent(url, proxy, call.trusted),
        setHost: false,
        headers: {
          host: url.host,
          "accept-encoding": "identity",
          "user-agent": "ingot",
          ...headers,
          ...(authorization === undefined ? {} : { "proxy-authorization": authorization }),
          ...(method === "GET" || method === "HEAD" ? {} : { "content-length": body?.size ?? 0 }),
        },
      });
      let settled = false;
      const settle = (how: () => void) => {
        clearTimeout(timer);
        stop?.removeEventListener("abort", stopped);
        if (!settled) how();
        settled = true;
      };
      const broken = (error: unknown) => settle(() => fail(toConnectionError(error, call)));
      // Not every runtime tells of what it was told to destroy.
      const silent = () => {
        broken(late(patience));
        request.destroy();
      };
      const stopped = () => {
        settle(() => fail(stop?.reason));
        request.destroy();
      };
      stop?.addEventListener("abort", stopped);
      let timer = setTimeout(silent, patience);
      const moved = (times: number) => {
        clearTimeout(timer);
        if (!settled) timer = setTimeout(silent, patience * times);
      };
      request.on("error", broken);
      const closed = () => broken(new Error("the connection was closed"));
      request.on("close", closed);
      // Where a server hangs up while it is sent something, some runtimes tell the socket alone.
      request.on("socket", (socket) => {
        const forget = () => socket.off("close", closed);
        socket.on("close", closed);
        request.on("response", forget);
        request.on("close", forget);
      });
      request.on("response", (response) =>
        settle(() => done(responseOf(response, call, patience))),
      );
      if (body === undefined || body.size === 0) request.end();
      else
        write(request, body, () => moved(1)).then(
          () => moved(SLOW),
          (error: unknown) => {
            request.destroy();
            // What cannot be read here is our own trouble, and the first that is told.
            if (error instanceof IngotError) fail(error);
            broken(error);
          },
        );
    });
  }

  /** Connections are kept apart by where they go and by what is shown there. */
  #agent(url: URL, proxy: URL | undefined, trusted: boolean): http.Agent {
    const shown = trusted && this.#options.client !== undefined;
    const key = `${url.protocol} ${proxy?.href ?? ""} ${shown}`;
    const agent = this.#agents.get(key) ?? this.#newAgent(url, proxy, shown);
    this.#agents.set(key, agent);
    return agent;
  }

  #newAgent(url: URL, proxy: URL | undefined, shown: boolean): http.Agent {
    const { ca, client, patience } = this.#options;
    const keep = { keepAlive: true, maxSockets: 16 };
    if (url.protocol === "http:") return new http.Agent(keep);
    const options = {
      ...keep,
      ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
      ...(shown ? client : {}),
    };
    return proxy === undefined
      ? new https.Agent(options)
      : new TunnelAgent(proxy, options, patience);
  }
}

/** Sends the body as fast as it is taken. */
async function write(request: http.ClientRequest, body: Body, moved: () => void): Promise<void> {
  let wake = () => {};
  for (const event of ["drain", "close", "response"]) request.on(event, () => wake());
  for await (const piece of body.open()) {
    if (request.destroyed) return;
    if (!request.write(piece) && !request.destroyed) {
      await new Promise<void>((next) => {
        wake = next;
      });
    }
    moved();
  }
  request.end();
}
