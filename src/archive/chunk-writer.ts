import type { Sink } from "../base/fs/fd-stream.ts";
import { IO_CHUNK } from "../jobs/render.ts";

/** Pieces of any size, written in full chunks; one is on its way while the next is gathered. */
export class ChunkWriter {
  readonly #sink: Sink;
  #buffer = new Uint8Array(IO_CHUNK);
  #spare = new Uint8Array(IO_CHUNK);
  #used = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Afterwards the piece may be changed. */
  async write(piece: Uint8Array): Promise<void> {
    for (let done = 0; done < piece.length; ) {
      const part = piece.subarray(done, done + IO_CHUNK - this.#used);
      this.#buffer.set(part, this.#used);
      this.#used += part.length;
      done += part.length;
      if (this.#used === IO_CHUNK) await this.#flush();
    }
  }

  /** Afterwards all of it is written. */
  async end(): Promise<void> {
    await this.#flush();
    await this.#writing;
  }

  async #flush(): Promise<void> {
    await this.#writing;
    this.#writing = this.#sink.write(this.#buffer.subarray(0, this.#used));
    this.#writing.catch(() => {});
    [this.#buffer, this.#spare] = [this.#spare, this.#buffer];
    this.#used = 0;
  }
}
