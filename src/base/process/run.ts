/**
 * The only door to other programs: an argv array and never a shell, the environment exactly the given one,
 * output bounded in memory. What a program said and how it ended is returned; judging it is the caller's.
 */
import { spawn } from "node:child_process";
import * as path from "node:path";
import { concat } from "../bytes.ts";
import { guard, IngotError, ioError } from "../error.ts";
import { stat } from "../fs/file.ts";

export interface RunOptions {
  /** The folder to run in. */
  readonly cwd: string;
  /** The whole environment: nothing of ours is added. A program without a slash is looked for in its PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds after which the program is killed. */
  readonly timeout?: number;
  /** Kills the program when it fires; `run` then throws its reason. */
  readonly signal?: AbortSignal;
  /** What it reads on its stdin. Default: nothing. */
  readonly input?: string;
  /** How to get the program, for the IngotError when it is missing. */
  readonly install?: string;
  /** Bytes kept of each of stdout and stderr: of more, the first and the last half. Default 1 MiB. */
  readonly keep?: number;
  /** Whether stdout is no text: it is given as bytes then, and `stdout` is empty. */
  readonly raw?: boolean;
}

export interface ProcessResult {
  /** The exit status, or the name of the signal that ended it, or "timeout". */
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
  /** With `raw`, what it wrote to stdout, as it is; undefined where that was more than was to be kept. */
  readonly bytes?: Uint8Array | undefined;
}

/**
 * Runs `argv` to its end. Any exit status is an answer, not an IngotError.
 * IngotErrors: `program-missing`; `not-found` for `cwd`; `io` when the system will not start it.
 */
export async function runProcess(
  argv: readonly string[],
  options: RunOptions,
): Promise<ProcessResult> {
  const { cwd, env, signal } = options;
  signal?.throwIfAborted();
  const program = argv[0] ?? "";
  const file = which(program, env.PATH ?? "");
  if (file === undefined) {
    throw new IngotError("program-missing", {
      program,
      needed: `to run ${shellLine(argv)}`,
      install: options.install ?? `install ${program}`,
    });
  }
  if (stat(cwd)?.kind !== "directory")
    throw new IngotError("not-found", { what: "the folder", at: cwd });

  const stdout = new Kept(options.keep ?? 1 << 20);
  const stderr = new Kept(options.keep ?? 1 << 20);
  const status = await new Promise<number | string>((done, fail) => {
    // What cannot be started is thrown by Bun, and an event on Node and Deno.
    const child = guard("start", file, () =>
      spawn(file, argv.slice(1), {
        cwd,
        env: { ...env },
        stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
        windowsHide: true,
      }),
    );
    let timedOut = false;
    // A grandchild that holds the pipes open must not hold us: after a kill nothing more is read.
    const kill = () => {
      child.kill("SIGKILL");
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const timer =
      options.timeout === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            kill();
          }, options.timeout);
    signal?.addEventListener("abort", kill, { once: true });
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", kill);
    };
    child.stdout?.on("data", (bytes: Uint8Array) => stdout.add(bytes));
    child.stderr?.on("data", (bytes: Uint8Array) => stderr.add(bytes));
    // A program need not read what it is given.
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input);
    child.on("error", (error) => {
      end();
      fail(ioError("start", file, error));
    });
    child.on("close", (exit, ended) => {
      end();
      done(timedOut ? "timeout" : (ended ?? exit ?? "unknown"));
    });
  });
  signal?.throwIfAborted();
  const said = { status, stderr: stderr.text() };
  return options.raw
    ? { ...said, stdout: "", bytes: stdout.bytes() }
    : { ...said, stdout: stdout.text() };
}

/** How a program ended, in words: `exit status 1`, `killed by SIGKILL`, `ran out of time`. */
export function statusText(status: number | string): string {
  if (typeof status === "number") return `exit status ${status}`;
  return status === "timeout" ? "ran out of time" : `killed by ${status}`;
}

/**
 * The file that `program` names: with a slash the file itself, else the first one in the absolute folders of
 * `pathVariable`. Relative and empty entries are skipped: what runs must not hang on the current folder.
 * Undefined when there is none that may be executed.
 */
export function which(program: string, pathVariable: string): string | undefined {
  if (program === "") return undefined;
  if (program.includes("/") || program.includes(path.sep)) {
    const file = path.resolve(program);
    return isProgram(file) ? file : undefined;
  }
  for (const folder of pathVariable.split(path.delimiter)) {
    if (!path.isAbsolute(folder)) continue;
    for (const ending of onWindows ? [".exe", ""] : [""]) {
      const file = path.join(folder, program + ending);
      if (isProgram(file)) return file;
    }
  }
  return undefined;
}

const onWindows = path.sep === "\\";

function isProgram(file: string): boolean {
  try {
    const found = stat(file);
    return found?.kind === "file" && (onWindows || (found.mode & 0o111) !== 0);
  } catch {
    return false; // a folder of the PATH that may not be looked into holds nothing for us
  }
}

/** `argv` as a line for a POSIX shell, with `variables` set for it and run in `cwd`, where given. */
export function shellLine(
  argv: readonly string[],
  where: { cwd?: string; variables?: Readonly<Record<string, string>> } = {},
): string {
  const words = [
    ...Object.entries(where.variables ?? {}).map(([name, value]) => `${name}=${quote(value)}`),
    ...argv.map(quote),
  ];
  const cd = where.cwd === undefined ? "" : `cd ${quote(where.cwd)} && `;
  return cd + words.join(" ");
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The first and the last half of `limit` bytes of a stream of any length. */
class Kept {
  readonly #half: number;
  #head: Uint8Array[] = [];
  #tail: Uint8Array[] = [];
  #headSize = 0;
  #tailSize = 0;
  #dropped = 0;

  constructor(limit: number) {
    this.#half = limit >>> 1;
  }

  add(bytes: Uint8Array): void {
    const room = Math.min(this.#half - this.#headSize, bytes.length);
    if (room > 0) {
      this.#head.push(bytes.slice(0, room));
      this.#headSize += room;
    }
    if (room >= bytes.length) return;
    this.#tail.push(bytes.slice(room));
    this.#tailSize += bytes.length - room;
    for (let first = this.#tail[0]; first !== undefined; first = this.#tail[0]) {
      const over = this.#tailSize - this.#half;
      if (over <= 0) break;
      const cut = Math.min(over, first.length);
      if (cut === first.length) this.#tail.shift();
      else this.#tail[0] = first.subarray(cut);
      this.#tailSize -= cut;
      this.#dropped += cut;
    }
  }

  bytes(): Uint8Array | undefined {
    return this.#dropped === 0 ? concat([...this.#head, ...this.#tail]) : undefined;
  }

  text(): string {
    const head = Buffer.concat(this.#head);
    const tail = Buffer.concat(this.#tail);
    if (this.#dropped === 0) return Buffer.concat([head, tail]).toString("utf8");
    return `${head.toString("utf8")}\n[${this.#dropped} bytes left out]\n${tail.toString("utf8")}`;
  }
}
