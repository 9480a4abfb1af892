/** What a server answers. */
import type { IncomingMessage } from "node:http";
import { type Bytes, concat } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { type Doing, late, toConnectionError } from "./connection-error.ts";

/** An answer whose body is still to come. Read it to its end, `finish` or `drop` it. */
export interface HttpResponse {
  readonly status: number;
  readonly url: URL;
  header(name: string): string | undefined;
  /** The body. Can be read once. @throws registry when it breaks off; the reason to stop */
  body(): Bytes;
  /** The whole body. @throws too-large, registry */
  bytes(limit: number): Promise<Uint8Array>;
  /** Passes over the rest, if it is short: then the connection can be used again. Never throws. */
  finish(): Promise<void>;
  /** Ends the connection. */
  drop(): void;
}

/** An answer that brings less than this while `patience` lasts is as good as none. Bytes. */
const TRICKLE = 4096;
/** A rest that is not worth a new connection. Bytes. */
const SHORT = 64 * 1024;

/** The answer whose head has come. @param patience milliseconds without a byte of use, after which the server counts as gone */
export function responseOf(
  response: IncomingMessage,
  call: Doing & { readonly method: string; readonly stop?: AbortSignal | undefined },
  patience: number,
): HttpResponse {
  const { stop } = call;
  const header = (name: string) => {
    const value = response.headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  };
  const drop = () => {
    response.on("error", () => {});
    response.destroy();
  };
  async function* body(): Bytes {
    let got = 0;
    let before = 0;
    let taken = false;
    let ended = false;
    let giveUp: (error: Error) => void = () => {};
    const timer = setInterval(() => {
      // While the reader has a piece in hand, it is not the server that is slow.
      const trickles = !taken && got - before < TRICKLE;
      before = got;
      if (!trickles) return;
      giveUp(late(patience));
      drop();
    }, patience);
    const pieces = (response as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    const stopped = () => {
      giveUp(stop?.reason);
      drop();
    };
    stop?.addEventListener("abort", stopped);
    const next = () =>
      new Promise<IteratorResult<Uint8Array>>((done, fail) => {
        stop?.throwIfAborted();
        giveUp = fail;
        pieces.next().then(done, fail);
      });
    try {
      for (let piece = await next(); piece.done !== true; piece = await next()) {
        got += piece.value.length;
        taken = true;
        yield piece.value;
        taken = false;
      }
      ended = true;
    } catch (error) {
      stop?.throwIfAborted();
      throw toConnectionError(error, call);
    } finally {
      clearInterval(timer);
      stop?.removeEventListener("abort", stopped);
      if (!ended) drop();
    }
    const length = header("content-length");
    const whole = call.method === "HEAD" || length === undefined || Number(length) === got;
    if (!response.complete || !whole)
      throw toConnectionError(new Error("the answer broke off"), call);
  }
  const bytes = async (limit: number) => {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of body()) {
      size += piece.length;
      if (size > limit)
        throw new IngotError("too-large", { what: "the answer", at: call.at, limit });
      pieces.push(piece);
    }
    return concat(pieces);
  };
  const finish = () =>
    bytes(SHORT).then(
      () => {},
      () => drop(),
    );
  return { status: response.statusCode ?? 0, url: call.url, header, body, bytes, finish, drop };
}
