/** Threads that stay, for tasks that come one by one. (For a list of tasks that is known, see `work`.) */
import { type Handler, Tally, Thread } from "./pool.ts";

export interface CrewOptions<T, R> {
  readonly handler: Handler<T, R>;
  /** The module to start in a thread: it serves the same handler. Undefined = this thread does all. */
  readonly entry: URL | undefined;
  /** How many threads at most; 0 = this one. */
  readonly threads: number;
}

/** Does tasks in the order in which they are asked for; each thread starts when it is first needed. */
export class Crew<T, R> {
  /** How many tasks are done at a time; 0 = in this thread, one by one. */
  readonly size: number;
  readonly #handler: Handler<T, R>;
  readonly #entry: URL | undefined;
  readonly #tally = new Tally();
  readonly #threads: Thread[] = [];
  readonly #free: Thread[] = [];
  readonly #waiting: ((thread: Thread) => void)[] = [];
  #next = 0;

  constructor({ handler, entry, threads }: CrewOptions<T, R>) {
    this.#handler = handler;
    this.#entry = entry;
    this.size = entry === undefined ? 0 : threads;
  }

  /** The result of `task`. It may be asked for more than there are threads: those wait. @throws what the handler throws */
  async ask(task: T): Promise<R> {
    if (this.#entry === undefined || this.size === 0) return this.#handler(task, this.#tally);
    const thread = await this.#take(this.#entry);
    try {
      return (await thread.ask(this.#next++, task)) as R;
    } finally {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#free.push(thread);
      else waiting(thread);
    }
  }

  #take(entry: URL): Thread | Promise<Thread> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#threads.length < this.size) {
      const thread = new Thread(entry, this.#tally);
      this.#threads.push(thread);
      return thread;
    }
    return new Promise((take) => this.#waiting.push(take));
  }

  /** Afterwards the threads are gone. What was asked for must have been answered. Safe to call again. */
  async end(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map((thread) => thread.end()));
    this.#free.length = 0;
  }
}
