/** A new file that is written from front to back, without holding this thread, while the disk takes what was written. */

import { fdSink, type Sink } from "./fd-stream.ts";
import { type OpenFile, openWrite } from "./file.ts";

/** So many bytes are written before the disk is told to take them: the last ones cost a wait. */
const SYNC = 16 * 1024 * 1024;

/** Call `end` or `drop`, whatever happens. */
export class StreamWriter implements Sink {
  readonly #file: OpenFile;
  readonly #sink: Sink;
  #writing: Promise<void> = Promise.resolve();
  #syncing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #since = 0;
  #size = 0;
  readonly #isLasting: boolean;
  #isClosed = false;

  /** @param isLasting whether a loss of power must not take it @throws io where something is at `at` already */
  constructor(at: string, isLasting = true) {
    this.#isLasting = isLasting;
    this.#file = openWrite(at, "create");
    this.#sink = fdSink(this.#file.fd, at);
  }

  /** Bytes that were given. */
  get size(): number {
    return this.#size;
  }

  /** Afterwards the pieces before this one are written; this one must stay as it is until the next call is settled. @throws io, no-space */
  async write(piece: Uint8Array): Promise<void> {
    await this.#writing;
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#size += piece.length;
    this.#since += piece.length;
    if (this.#isLasting && this.#since >= SYNC && this.#syncing === undefined) this.#sync();
    this.#writing = this.#sink.write(piece);
    this.#writing.catch(() => {});
  }

  #sync(): void {
    this.#since = 0;
    const failed = (error: unknown) => {
      this.#failure ??= { error };
    };
    this.#syncing = this.#file
      .syncAside()
      .catch(failed)
      .finally(() => {
        this.#syncing = undefined;
      });
  }

  /** Afterwards all of it is written, and on the disk where it is to last. @throws io, no-space */
  async end(): Promise<void> {
    try {
      await this.#writing;
      await this.#syncing;
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#isLasting) this.#file.sync();
    } finally {
      await this.drop();
    }
  }

  /** Afterwards nothing is written any more. Safe to call again. */
  async drop(): Promise<void> {
    await Promise.allSettled([this.#writing, this.#syncing]);
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#file.close();
  }
}
