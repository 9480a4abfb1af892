/** A planned archive as a stream of bytes, for code that reads archives. */
import type { Bytes } from "../base/bytes.ts";
import { AbortError } from "../base/error.ts";
import type { Sink } from "../base/fs/fd-stream.ts";
import type { JobContext } from "../jobs/job-context.ts";
import type { Plan } from "./plan.ts";
import { streamArchive } from "./write.ts";

/**
 * The archive from front to back, written as far as it is read. A piece is valid until the next is asked for.
 * When the reader stops, so does the writing. @throws as streamArchive
 */
export async function* archiveBytes(planned: Plan, working: JobContext): Bytes {
  const handover = new Handover();
  const writing = streamArchive(planned, handover, working).then(
    () => handover.end(),
    (error: unknown) => handover.fail(error),
  );
  try {
    for (let piece = await handover.next(); piece !== undefined; piece = await handover.next())
      yield piece;
  } finally {
    handover.stop();
    await writing;
  }
}

/** Hands one piece at a time from the writer to the reader. */
class Handover implements Sink {
  readonly #offered: { readonly piece: Uint8Array; readonly taken: () => void }[] = [];
  #last: (() => void) | undefined;
  #wake: () => void = () => {};
  #isOver = false;
  #isStopped = false;
  #error: unknown;

  /** Settles when the piece is no longer needed. @throws AbortError when the reader has stopped */
  write(piece: Uint8Array): Promise<void> {
    if (this.#isStopped) return Promise.reject(new AbortError());
    return new Promise((done, fail) => {
      this.#offered.push({
        piece,
        taken: () => (this.#isStopped ? fail(new AbortError()) : done()),
      });
      this.#wake();
    });
  }

  /** The next piece; undefined at the end. @throws what the writer threw */
  async next(): Promise<Uint8Array | undefined> {
    this.#last?.();
    this.#last = undefined;
    while (this.#offered.length === 0 && !this.#isOver)
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    const next = this.#offered.shift();
    if (next === undefined && this.#error !== undefined) throw this.#error;
    this.#last = next?.taken;
    return next?.piece;
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  fail(error: unknown): void {
    this.#error = error;
    this.end();
  }

  /** The reader has stopped: pieces that were offered are refused. */
  stop(): void {
    this.#isStopped = true;
    this.#last?.();
    for (const { taken } of this.#offered.splice(0)) taken();
  }
}
