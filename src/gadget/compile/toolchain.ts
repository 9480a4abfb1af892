/** The compilers: what they are called, how to get them, and the fixed environment they run in. */
import * as path from "node:path";
import { IngotError } from "../../base/error.ts";
import { readDirectory } from "../../base/fs/file.ts";
import { sortedUnique } from "../../base/order.ts";
import {
  type ProcessResult,
  runProcess,
  shellLine,
  statusText,
  which,
} from "../../base/process/run.ts";

export type ToolName = "clang" | "llvm-strip" | "go" | "cargo" | "rustc" | "git" | "bpftool" | "xz";

export interface Tools {
  /** Other names or paths than the usual ones, as the person gave them. */
  readonly commands: Readonly<Partial<Record<ToolName, string>>>;
  /** The environment to pick from; only what an allow-list names gets through to a compiler. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What every compiler runs with. `epoch`: SOURCE_DATE_EPOCH in seconds. `workDir`: scratch space, also TMPDIR. */
export interface CompileContext {
  readonly tools: Tools;
  readonly epoch: number;
  readonly workDir: string;
  readonly signal?: AbortSignal;
}

/** A file to compile: `source` is its name relative to `root`, the gadget folder. */
export interface CompilerInput extends CompileContext {
  readonly root: string;
  readonly source: string;
}

const INSTALL: Readonly<Record<ToolName, string>> = {
  clang:
    "apt-get install clang (Fedora: dnf install clang; macOS: brew install llvm), or name one with --clang",
  "llvm-strip":
    "apt-get install llvm (Fedora: dnf install llvm; macOS: brew install llvm), or name one with --llvm-strip",
  go: "https://go.dev/doc/install (Go 1.24 or newer), or name one with --go",
  cargo: "https://rustup.rs, then: rustup target add wasm32-wasip1; or name one with --cargo",
  rustc: "https://rustup.rs: rustc comes with cargo and is looked for beside it",
  git: "apt-get install git",
  bpftool:
    "apt-get install bpftool (Fedora: dnf install bpftool), or name one with --bpftool: Debian keeps it in /usr/sbin",
  xz: "apt-get install xz-utils (Fedora: dnf install xz)",
};

/**
 * The environment of a compiler: PATH, what is fixed for all, and those variables of `allow` that are set.
 * Nothing else of the caller's gets through: no locale, no time zone, no CPATH, CFLAGS, GOFLAGS or RUSTFLAGS.
 */
export function cleanEnvironment(
  work: CompileContext,
  allow: readonly string[] = [],
): Record<string, string> {
  const env: Record<string, string> = {
    LC_ALL: "C",
    TZ: "UTC",
    SOURCE_DATE_EPOCH: String(work.epoch),
    TMPDIR: work.workDir,
  };
  for (const name of ["PATH", ...allow]) {
    const value = work.tools.environment[name];
    if (value !== undefined && value !== "") env[name] = value;
  }
  return env;
}

/** What `program` is called: as the person said, else by its usual name. */
export function toolPath(tools: Tools, program: ToolName): string {
  return tools.commands[program] ?? program;
}

/** The file behind `program`. An IngotError `program-missing` says what it was `needed` for and how to get it. */
export function locate(tools: Tools, program: ToolName, needed: string): string {
  const wanted = toolPath(tools, program);
  const pathVariable = tools.environment.PATH ?? "";
  const found = which(wanted, pathVariable);
  if (found !== undefined) return found;
  const others = versions(wanted, pathVariable);
  const install =
    others.length === 0
      ? INSTALL[program]
      : `${others.join(", ")} ${others.length === 1 ? "is" : "are"} there: --${program} ${others.at(-1)}; or ${INSTALL[program]}`;
  throw new IngotError("program-missing", { program: wanted, needed, install });
}

/** Names like `clang-14` in the folders of the PATH, where `clang` itself is not. */
function versions(program: string, pathVariable: string): string[] {
  const found = new Set<string>();
  for (const folder of pathVariable.split(path.delimiter)) {
    if (!path.isAbsolute(folder)) continue;
    let names: string[];
    try {
      names = readDirectory(folder);
    } catch {
      continue;
    }
    for (const name of names) {
      if (name.startsWith(`${program}-`) && /^\d+$/.test(name.slice(program.length + 1)))
        found.add(name);
    }
  }
  return sortedUnique(found);
}

/** Where a compiler that downloads finds the network, its caches and its user: nothing that a result should hang on. */
export const NETWORK: readonly string[] = [
  ...[
    "HOME",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NETRC",
  ],
  ...[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
  ],
];

/** A file name that no program takes for an option (`-x`) or a list of arguments (`@x`). */
export function safeOperand(name: string): string {
  return /^[-@]/.test(name) ? `./${name}` : name;
}

export interface ToolRun {
  readonly program: ToolName;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Variables beside the clean environment; they are shown as part of the command. */
  readonly variables?: Readonly<Record<string, string>>;
  /** More variables, not worth showing: they decide where things come from and what the result looks like, not whether it works. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Names of variables that pass from the caller's environment. */
  readonly allow?: readonly string[];
  /** What for, as in "to compile program.bpf.c". */
  readonly needed: string;
  /** What to show for the arguments, where they name files that are gone by then. */
  readonly shown?: readonly string[];
  /** Bytes of output to keep, where a megabyte is not enough. */
  readonly keep?: number;
  /** Whether stdout is no text. */
  readonly raw?: boolean;
  /** What could help, given what the program said. */
  readonly hint?: (output: string) => string | undefined;
}

/**
 * Runs one program of the toolchain to its success and returns what it said.
 * Otherwise an IngotError: `program-missing`, or `program-failed` with a line that can be typed and the program's own words.
 */
export async function runTool(step: ToolRun, work: CompileContext): Promise<ProcessResult> {
  const { tools, signal } = work;
  const file = locate(tools, step.program, step.needed);
  const env = { ...cleanEnvironment(work, step.allow), ...step.settings, ...step.variables };
  const keep = step.keep ?? 1 << 20;
  const ran = await runProcess([file, ...step.args], {
    cwd: step.cwd,
    env,
    keep,
    ...(step.raw && { raw: true }),
    ...(signal && { signal }),
  });
  if (ran.status === 0) return ran;
  const output = (ran.stderr + ran.stdout).trimEnd();
  const hint = step.hint?.(output);
  throw new IngotError("program-failed", {
    program: toolPath(tools, step.program),
    command: shellLine([toolPath(tools, step.program), ...(step.shown ?? step.args)], {
      cwd: step.cwd,
      ...(step.variables && { variables: step.variables }),
    }),
    status: statusText(ran.status),
    output,
    ...(hint !== undefined && { hint }),
  });
}
