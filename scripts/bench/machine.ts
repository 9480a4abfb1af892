/** What the machine has, and how busy it is. */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import { join } from "node:path";

export interface About {
  readonly cores: string | undefined;
  /** The folder that is worked in. */
  readonly work: string;
  readonly runs: number;
  /** Programs, each with what it is asked its version by. */
  readonly programs: readonly (readonly [program: string, ...args: string[]])[];
}

export function machine({ cores, work, runs, programs }: About): Record<string, string> {
  return {
    processors: `${os.cpus().length} × ${os.cpus()[0]?.model.trim() ?? "?"}, ${cores === undefined ? "all in use (no taskset)" : `pinned to ${cores}`}`,
    memory: `${(os.totalmem() / 2 ** 30).toFixed(1)} GiB`,
    kernel: `${os.type()} ${os.release()}`,
    "file system": said("df", "--output=fstype", work).split("\n")[1] ?? "?",
    load: load(),
    runs: `${runs} of each, interleaved, after a warm-up; warm cache`,
    programs: programs
      .map(([program, ...args]) =>
        has(program) ? said(program, ...args).split("\n")[0]! : `${program}: not here`,
      )
      .join("; "),
  };
}

const said = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: "utf8" }).trim();

/** Of the last one, five and fifteen minutes. */
export function load(): string {
  return os
    .loadavg()
    .map((value) => value.toFixed(2))
    .join(" ");
}

export function has(program: string): boolean {
  const folders = (process.env.PATH ?? "").split(":");
  const there = program.includes("/")
    ? fs.existsSync(program)
    : folders.some((folder) => fs.existsSync(join(folder, program)));
  if (!there || program !== "tar") return there;
  return said("tar", "--version").includes("GNU tar");
}
