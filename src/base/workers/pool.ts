/** Threads that work off tasks. A task is plain data; who does it is found by its kind. */
import { Worker } from "node:worker_threads";
import { deserializeError, IngotError, type SerializedError } from "../error.ts";

/** What the threads count together, without messages: bytes done, whether to stop, and the bytes of large windows that decoders hold. */
export class Progress {
  readonly #cells: BigInt64Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(24)) {
    this.#cells = new BigInt64Array(memory);
  }

  get memory(): SharedArrayBuffer {
    return this.#cells.buffer as SharedArrayBuffer;
  }

  get bytes(): number {
    return Number(Atomics.load(this.#cells, 0));
  }

  add(bytes: number): void {
    Atomics.add(this.#cells, 0, BigInt(bytes));
  }

  /** Tells every thread to give up at its next step. */
  stop(): void {
    Atomics.store(this.#cells, 1, 1n);
  }

  get stopped(): boolean {
    return Atomics.load(this.#cells, 1) === 1n;
  }

  /** Bytes that are held. */
  get held(): number {
    return Number(Atomics.load(this.#cells, 2));
  }

  /** Holds `bytes`, where all threads together then hold `limit` at most; whether that is so. What is held is to be let go. */
  hold(bytes: number, limit: number): boolean {
    for (;;) {
      const before = Atomics.load(this.#cells, 2);
      const after = before + BigInt(bytes);
      if (after > BigInt(limit)) return false;
      if (Atomics.compareExchange(this.#cells, 2, before, after) === before) return true;
    }
  }

  letGo(bytes: number): void {
    Atomics.sub(this.#cells, 2, BigInt(bytes));
  }
}

/** Does one task. Called in a thread, or in this one. */
export type Handler<T, R> = (task: T, tally: Progress) => R | Promise<R>;

/** What goes to a worker and what comes back. */
export interface Request {
  readonly id: number;
  readonly task: unknown;
}
export type Response =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly fault: SerializedError };

/** How tasks are done: by which handler, where, counted by what. */
export interface RunAllOptions<T, R> {
  readonly handler: Handler<T, R>;
  /** The module to start in a thread: it calls `serve` with the same handler (see `worker.ts`). Undefined = this thread. */
  readonly entry: URL | undefined;
  /** How many threads; 0 = this one. In one thread of its own the work leaves this one free to draw and to be stopped. */
  readonly threads: number;
  readonly tally: Progress;
}

/**
 * Does all tasks and returns their results in the order of the tasks, which are started in the order given.
 * At the first failure the others are told to stop, and it is thrown after all of them have ended.
 */
export async function runAll<T, R>(
  tasks: readonly T[],
  options: RunAllOptions<T, R>,
): Promise<R[]> {
  const { handler, entry, threads, tally } = options;
  const count = Math.min(threads, tasks.length);
  if (entry === undefined || count === 0) {
    const results: R[] = [];
    for (const task of tasks) results.push(await handler(task, tally));
    return results;
  }
  const results = new Array<R>(tasks.length);
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const take = () => (failure === undefined && next < tasks.length ? next++ : undefined);
  const runners = Array.from({ length: count }, async () => {
    let thread: WorkerThread | undefined;
    try {
      thread = new WorkerThread(entry, tally);
      for (let id = take(); id !== undefined; id = take())
        results[id] = (await thread.ask(id, tasks[id])) as R;
    } catch (error) {
      failure ??= { error };
      tally.stop();
    } finally {
      await thread?.end();
    }
  });
  await Promise.all(runners);
  if (failure !== undefined) throw failure.error;
  return results;
}

/** One worker. Asked several things, it begins them in that order. */
export class WorkerThread {
  readonly #worker: Worker;
  /** Why it will never answer again. */
  #failure: IngotError | undefined;
  /** What it was asked and has not answered, by the tasks' numbers. */
  readonly #asked = new Map<number, Settle>();

  constructor(entry: URL, tally: Progress) {
    this.#worker = new Worker(entry, { workerData: { tally: tally.memory } });
    this.#worker.on("message", (response: Response) => {
      const settle = this.#asked.get(response.id);
      this.#asked.delete(response.id);
      if ("fault" in response) settle?.fail(deserializeError(response.fault));
      else settle?.done(response.result);
    });
    const failed = (how: unknown) => {
      this.#failure ??= new IngotError("internal", { message: `a worker failed: ${how}` });
      for (const { fail } of this.#asked.values()) fail(this.#failure);
      this.#asked.clear();
    };
    this.#worker.on("error", failed);
    this.#worker.on("messageerror", failed);
    // What ends without an answer would be waited for for ever.
    this.#worker.on("exit", (code) => failed(`it ended with ${code}`));
  }

  /** @param id no other task's that is not answered */
  ask(id: number, task: unknown): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((done, fail) => {
      this.#asked.set(id, { done, fail });
      this.#worker.postMessage({ id, task } satisfies Request);
    });
  }

  /** Afterwards the thread is gone. */
  async end(): Promise<void> {
    this.#asked.clear();
    await this.#worker.terminate();
  }
}

interface Settle {
  readonly done: (value: unknown) => void;
  readonly fail: (error: unknown) => void;
}
