import { type ChildProcess, spawn } from "node:child_process";
import { ownForm, root } from "./ingot.ts";

/** The words that start a TypeScript file on the runtime of the test. */
export const script = (path: string): string[] => [
  process.execPath,
  ...(ownForm === "deno" ? ["run", "-A", "--no-check"] : []),
  path,
];

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  /** Milliseconds from its start. */
  readonly took: number;
}

/** A program that runs while the test does other things. Its stdout is passed over. */
export class Child {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;

  constructor(
    argv: readonly string[],
    options: {
      readonly env?: Readonly<Record<string, string | undefined>>;
      readonly stdin?: number | "ignore" | "pipe";
    } = {},
  ) {
    const [program = "", ...args] = argv;
    const env = { ...process.env, ...options.env };
    for (const [name, value] of Object.entries(env)) if (value === undefined) delete env[name];
    const started = performance.now();
    this.process = spawn(program, args, {
      cwd: root,
      env,
      stdio: [options.stdin ?? "ignore", "pipe", "pipe"],
    });
    let stderr = "";
    this.process.stdout?.resume();
    this.process.stderr?.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    this.ended = new Promise((done, fail) => {
      this.process.on("error", fail);
      this.process.on("close", (code, signal) =>
        done({ code, signal, stderr, took: performance.now() - started }),
      );
    });
  }

  /** Sends a signal; does nothing when it has ended. */
  kill(signal: NodeJS.Signals): void {
    if (this.process.exitCode === null && this.process.signalCode === null)
      this.process.kill(signal);
  }
}

/** Waits until `what` holds; fails after a minute. */
export async function until(what: () => boolean, why: string): Promise<void> {
  for (let waited = 0; !what(); waited += 5) {
    if (waited > 60_000) throw new Error(`until: ${why}: not so after a minute`);
    await pause(5);
  }
}

/** Waits so many milliseconds. */
export const pause = (milliseconds: number): Promise<void> =>
  new Promise((done) => setTimeout(done, milliseconds));
