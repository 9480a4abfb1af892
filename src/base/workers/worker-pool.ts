/** Threads that stay, for tasks that come one by one. (For a list of tasks that is known, see `work`.) */
import { type Handler, Progress, WorkerThread } from "./pool.ts";

export interface WorkerPoolOptions<T, R> {
  readonly handler: Handler<T, R>;
  /** The module to start in a thread: it serves the same handler. Undefined = this thread does all. */
  readonly entry: URL | undefined;
  /** How many threads at most; 0 = this one. */
  readonly threads: number;
  /** What they count with, and are stopped by. Default: nobody looks. */
  readonly tally?: Progress;
}

/** Tasks that a thread has: one it does, and one to go on with while this thread is at something else. */
const EACH = 2;

/** A thread, and how many tasks it has. */
interface Member {
  readonly thread: WorkerThread;
  tasks: number;
}

/** Begins tasks in the order in which they are asked for; each thread starts when it is first needed. */
export class WorkerPool<T, R> {
  /** How many threads there may be; 0 = this one does the tasks, one by one. */
  readonly size: number;
  readonly #handler: Handler<T, R>;
  readonly #entry: URL | undefined;
  readonly #tally: Progress;
  readonly #members: Member[] = [];
  readonly #waiting: ((member: Member) => void)[] = [];
  #next = 0;

  constructor({ handler, entry, threads, tally = new Progress() }: WorkerPoolOptions<T, R>) {
    this.#handler = handler;
    this.#entry = entry;
    this.#tally = tally;
    this.size = entry === undefined ? 0 : threads;
  }

  /** The result of `task`. It may be asked for more than there are threads: those wait. @throws what the handler throws */
  async ask(task: T): Promise<R> {
    if (this.#entry === undefined || this.size === 0) return this.#handler(task, this.#tally);
    const member = await this.#take(this.#entry);
    try {
      return (await member.thread.ask(this.#next++, task)) as R;
    } finally {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) member.tasks--;
      else waiting(member);
    }
  }

  /** The thread with the fewest tasks, and one task more; a new one before any has two. */
  #take(entry: URL): Member | Promise<Member> {
    let least: Member | undefined;
    for (const member of this.#members)
      if (least === undefined || member.tasks < least.tasks) least = member;
    if ((least === undefined || least.tasks > 0) && this.#members.length < this.size) {
      least = { thread: new WorkerThread(entry, this.#tally), tasks: 0 };
      this.#members.push(least);
    }
    if (least === undefined || least.tasks === EACH)
      return new Promise((take) => this.#waiting.push(take));
    least.tasks++;
    return least;
  }

  /** Afterwards the threads are gone. What was asked for must have been answered. Safe to call again. */
  async end(): Promise<void> {
    await Promise.all(this.#members.splice(0).map(({ thread }) => thread.end()));
  }
}
