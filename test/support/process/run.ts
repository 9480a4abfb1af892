import { spawn } from "node:child_process";

/** What a program left behind. `code` is null when a signal ended it; then `signal` names it. */
export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  /** Working directory. Default: that of the test, which is the project's folder. */
  readonly cwd?: string;
  /** Changes to the environment of the test; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What the program reads on stdin. Default: nothing. */
  readonly input?: string | Uint8Array;
  /** Milliseconds until it is killed and the test fails. Default: 120,000. */
  readonly timeout?: number;
}

/**
 * Runs a program to its end, whatever its exit code is, without a shell. Throws when it cannot be
 * started and when it takes longer than the timeout.
 */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const [program = "", ...args] = argv;
  const { cwd, input = "", timeout = 120_000 } = options;
  const env = { ...process.env, ...options.env };
  for (const [name, value] of Object.entries(env)) if (value === undefined) delete env[name];

  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env,
      stdio: "pipe",
      ...(cwd === undefined ? {} : { cwd }),
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, timeout);
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    // A program need not read what it is given.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.on("error", (cause) => {
      clearTimeout(timer);
      reject(
        new Error(`run: cannot start ${JSON.stringify(program)}: ${cause.message}`, { cause }),
      );
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const stderr = Buffer.concat(err).toString("utf8");
      if (late)
        reject(new Error(`run: ${argv.join(" ")}: not done after ${timeout} ms\n${stderr}`));
      else resolve({ code, signal, stdout: Buffer.concat(out), stderr });
    });
  });
}

/** Like {@link run}, for a program that must succeed: throws with its stderr when it does not. */
export async function succeed(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const ran = await run(argv, options);
  if (ran.code === 0) return ran;
  const end = ran.signal ?? `exit code ${ran.code}`;
  throw new Error(`succeed: ${argv.join(" ")}: ${end}, should be 0\n${ran.stdout}\n${ran.stderr}`);
}
