/** SHA-256 over bytes that come in pieces, taken in by another thread while this one goes on. */
import { Sha256 } from "../hash.ts";
import { Progress, WorkerThread } from "./pool.ts";

/** The next piece of the one thing that a thread hashes; with the last one comes the answer, else it is "". */
export interface HashTask {
  readonly kind: "hash";
  /** Shared, so that nothing is copied; whoever asked leaves it alone meanwhile. */
  readonly memory: SharedArrayBuffer;
  readonly length: number;
  readonly last: boolean;
}

let open: Sha256 | undefined;

/** Does a HashTask. @returns 64 lower-case hexadecimal digits, or "" */
export function hashTask({ memory, length, last }: HashTask): string {
  open ??= new Sha256();
  open.update(new Uint8Array(memory, 0, length));
  if (!last) return "";
  const hex = open.hex();
  open = undefined;
  return hex;
}

const NOTHING = new SharedArrayBuffer(0);

/** Hashes one thing after the other. Call `end`, whatever happens. */
export class HashWorker {
  #here = new Sha256();
  readonly #thread: WorkerThread | undefined;
  #asked = 0;

  /** @param entry a module that serves `hashTask`; undefined = this thread hashes */
  constructor(entry: URL | undefined) {
    this.#thread = entry === undefined ? undefined : new WorkerThread(entry, new Progress());
  }

  /**
   * Takes the next piece in, of memory that is shared from its beginning on; it has to stay as it is until the promise is settled.
   */
  async update(bytes: Uint8Array): Promise<void> {
    if (this.#thread === undefined) this.#here.update(bytes);
    else await this.#ask(bytes.buffer as unknown as SharedArrayBuffer, bytes.length, false);
  }

  /** The SHA-256 of all pieces since the last answer, as 64 lower-case hexadecimal digits. */
  async hex(): Promise<string> {
    if (this.#thread !== undefined) return (await this.#ask(NOTHING, 0, true)) as string;
    const hex = this.#here.hex();
    this.#here = new Sha256();
    return hex;
  }

  #ask(memory: SharedArrayBuffer, length: number, last: boolean): Promise<unknown> {
    const task: HashTask = { kind: "hash", memory, length, last };
    return this.#thread!.ask(this.#asked++, task);
  }

  /** Afterwards the thread is gone. Safe to call again. */
  async end(): Promise<void> {
    await this.#thread?.end();
  }
}
