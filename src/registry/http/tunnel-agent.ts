/** Connections to https servers through a proxy. */
import { Agent, type AgentOptions } from "node:https";
import * as net from "node:net";
import * as tls from "node:tls";
import { hostOf, portOf, proxyAuthorization } from "./proxy.ts";

/** The longest answer of a proxy before a connection is open. Bytes. */
const HEAD_LIMIT = 16 * 1024;

type Callback = (error: Error | null, socket?: net.Socket) => void;

/** An agent whose connections go through `proxy` (RFC 9110, CONNECT): it sees who is talked to, and nothing of what is said. */
export class TunnelAgent extends Agent {
  readonly #proxy: URL;
  readonly #tls: AgentOptions;
  readonly #patience: number;
  /** To the proxy, and not open yet. */
  readonly #opening = new Set<net.Socket>();

  /** @param patience milliseconds for the proxy to open a connection */
  constructor(proxy: URL, options: AgentOptions, patience: number) {
    super(options);
    this.#proxy = proxy;
    this.#tls = options;
    this.#patience = patience;
  }

  override createConnection(options: unknown, callback?: unknown): undefined {
    const { host = "", port = 443 } = options as { host?: string; port?: number };
    const settle = callback as Callback;
    this.#open(host, port).then(
      (socket) => settle(null, socket),
      (error: unknown) => settle(error as Error),
    );
    return undefined;
  }

  /** Also ends what is not open yet. */
  override destroy(): void {
    super.destroy();
    for (const socket of this.#opening) socket.destroy();
  }

  async #open(host: string, port: number): Promise<net.Socket> {
    const plain = net.connect(portOf(this.#proxy), hostOf(this.#proxy));
    this.#opening.add(plain);
    const { ca, cert, key } = this.#tls;
    let last: net.Socket = plain;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, fail) => {
      timer = setTimeout(() => fail(trouble("the proxy took too long", "timeout")), this.#patience);
    });
    try {
      return await Promise.race([
        late,
        this.#connect(plain, host, port, () => {
          const secure = tls.connect({
            socket: plain,
            host,
            ...(net.isIP(host) === 0 ? { servername: host } : {}),
            ...(ca === undefined ? {} : { ca }),
            ...(cert === undefined ? {} : { cert, key }),
          });
          last = secure;
          return secure;
        }),
      ]);
    } catch (error) {
      last.on("error", () => {});
      last.destroy();
      plain.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#opening.delete(plain);
    }
  }

  #connect(
    plain: net.Socket,
    host: string,
    port: number,
    secure: () => tls.TLSSocket,
  ): Promise<tls.TLSSocket> {
    const name = `${net.isIP(host) === 6 ? `[${host}]` : host}:${port}`;
    const authorization = proxyAuthorization(this.#proxy);
    const lines = [
      `CONNECT ${name} HTTP/1.1`,
      `Host: ${name}`,
      ...(authorization === undefined ? [] : [`Proxy-Authorization: ${authorization}`]),
    ];
    return new Promise((done, fail) => {
      let head = Buffer.alloc(0);
      const heard = (piece: Buffer) => {
        head = Buffer.concat([head, piece]);
        const end = head.indexOf("\r\n\r\n");
        if (end < 0 && head.length <= HEAD_LIMIT) return;
        plain.off("data", heard);
        const status = /^HTTP\/1\.[01] ([0-9]{3})/.exec(head.toString("latin1"))?.[1];
        // What a server says before it was asked is no TLS.
        if (status !== "200" || end !== head.length - 4) {
          fail(trouble(`the proxy answered ${status ?? "something that is not HTTP"}`, "EPROXY"));
          return;
        }
        plain.pause();
        const socket = secure();
        socket.once("secureConnect", () => done(socket));
        socket.once("error", fail);
      };
      plain.on("data", heard);
      plain.once("connect", () => plain.write(`${lines.join("\r\n")}\r\n\r\n`));
      plain.once("error", fail);
      plain.once("close", () => fail(trouble("the proxy hung up", "cut")));
    });
  }
}

const trouble = (message: string, code: string) => Object.assign(new Error(message), { code });
