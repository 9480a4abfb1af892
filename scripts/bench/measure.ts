/** Runs a command and watches what it takes. Linux only: it reads /proc. */
import * as fs from "node:fs";
import { join } from "node:path";

interface Usage {
  readonly cpuTime: { readonly total: bigint };
  readonly ops: { readonly out: number };
}
declare const Bun: {
  spawn(
    argv: readonly string[],
    options: {
      env: Readonly<Record<string, string | undefined>>;
      stdin: "ignore";
      stdout: "ignore";
      stderr: number;
    },
  ): { readonly pid: number; readonly exited: Promise<number>; resourceUsage(): Usage | undefined };
};

/** What one run took. */
export interface Run {
  /** Seconds. */
  readonly wall: number;
  /** Seconds, user and system, of the process and of all that it waited for. */
  readonly cpu: number;
  /** Bytes: the high-water mark of the largest process, and the largest sum of all at one moment. */
  readonly peak: number;
  readonly peakSum: number;
  /** Bytes that were given to a file system on a disk (to one in memory they are not counted). */
  readonly written: number;
  /** Bytes of disk in use at the worst moment and no longer at the end; undefined when it was not watched. */
  readonly temporary: number | undefined;
}

export interface RunOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Processors, as taskset takes them; undefined = all. */
  readonly cores: string | undefined;
  /** Folders to watch for temporary files. */
  readonly watch?: readonly string[];
  /** Gets what the command says on stderr. */
  readonly log: string;
  /** Seconds after which it is ended. */
  readonly limit: number;
  /** A process that does the work when the command asks it to: what it and its descendants take meanwhile is counted, too. */
  readonly daemon?: number | undefined;
}

/** Milliseconds. Going over many files costs the command time, too. */
const LOOK_EVERY = 10;
const LOOK_AT_DISK_EVERY = 100;
/** The exit code of timeout (coreutils) for a command that it ended. */
const TIMED_OUT = 124;

/** Runs `script` with sh; undefined when it took longer than `limit`. @throws when it fails, with what it said */
export async function run(
  script: string,
  { env, cores, watch, log, limit, daemon }: RunOptions,
): Promise<Run | undefined> {
  const pin = cores === undefined ? [] : ["taskset", "-c", cores];
  const before = new Set(watch?.flatMap(filesIn));
  const errors = fs.openSync(log, "w");
  const servants = () => (daemon === undefined ? [] : treeOf(daemon));
  for (const pid of servants()) forgetPeak(pid);
  const rested = takenBy(servants());
  const began = performance.now();
  const child = Bun.spawn([...pin, "timeout", `${limit}`, "sh", "-c", script], {
    env,
    stdin: "ignore",
    stdout: "ignore",
    stderr: errors,
  });
  const tops = new Map<number, number>();
  let peakSum = 0;
  let disk = 0;
  let looked = 0;
  let ended: number | undefined;
  let code = -1;
  const over = child.exited.then((status) => {
    ended = performance.now();
    code = status;
  });
  while (ended === undefined) {
    let sum = 0;
    for (const pid of [...treeOf(child.pid), ...servants()]) {
      const { now, top } = memoryOf(pid);
      sum += now;
      tops.set(pid, Math.max(top, tops.get(pid) ?? 0));
    }
    peakSum = Math.max(peakSum, sum);
    if (watch !== undefined && performance.now() - looked >= LOOK_AT_DISK_EVERY) {
      disk = Math.max(disk, sizeOf(watch, before));
      looked = performance.now();
    }
    await Promise.race([over, new Promise((next) => setTimeout(next, LOOK_EVERY))]);
  }
  fs.closeSync(errors);
  if (code === TIMED_OUT) return undefined;
  if (code !== 0)
    throw new Error(`bench: ${script}: exit code ${code}: ${fs.readFileSync(log, "utf8")}`);
  const usage = child.resourceUsage();
  if (usage === undefined) throw new Error(`bench: ${script}: its resource usage is not known`);
  const served = takenBy(servants());
  return {
    wall: (ended - began) / 1000,
    cpu: Number(usage.cpuTime.total) / 1e6 + served.cpu - rested.cpu,
    peak: Math.max(0, ...tops.values()),
    peakSum,
    written: usage.ops.out * 512 + served.written - rested.written,
    temporary: watch && Math.max(0, disk - sizeOf(watch, before)),
  };
}

/** A process and its descendants. */
function treeOf(pid: number): number[] {
  try {
    const children = fs
      .readdirSync(`/proc/${pid}/task`)
      .flatMap((task) => fs.readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" "));
    return [pid, ...children.filter((text) => text !== "").flatMap((text) => treeOf(Number(text)))];
  } catch {
    return [pid];
  }
}

function memoryOf(pid: number): { now: number; top: number } {
  try {
    const status = fs.readFileSync(`/proc/${pid}/status`, "utf8");
    const kilobytes = (name: string) =>
      Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)?.[1] ?? 0);
    return { now: kilobytes("VmRSS") * 1024, top: kilobytes("VmHWM") * 1024 };
  } catch {
    return { now: 0, top: 0 };
  }
}

/** So that the high-water mark is that of what comes (proc(5), clear_refs). */
function forgetPeak(pid: number): void {
  try {
    fs.writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // Then it is that of its life.
  }
}

/** Ticks a second, as Linux says them to programs on every machine. */
const TICKS = 100;

/** Seconds, and bytes, that processes have taken since they began, with those that they waited for. */
function takenBy(pids: readonly number[]): { cpu: number; written: number } {
  let cpu = 0;
  let written = 0;
  for (const pid of pids) {
    try {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
      // utime, stime, cutime, cstime: what stands before them may have blanks in it.
      const numbers = stat
        .slice(stat.lastIndexOf(")") + 2)
        .split(" ")
        .slice(11, 15);
      cpu += numbers.reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS;
      const io = fs.readFileSync(`/proc/${pid}/io`, "utf8");
      written += Number(/^write_bytes: (\d+)$/m.exec(io)?.[1] ?? 0);
    } catch {
      // It has ended.
    }
  }
  return { cpu, written };
}

/** Every file below a folder. What is gone meanwhile, or may not be read, is none. */
function filesIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const at = join(folder, entry.name);
      return entry.isDirectory() ? filesIn(at) : entry.isFile() ? [at] : [];
    });
  } catch {
    return [];
  }
}

/** Bytes of disk of the files that were not there before; neither holes nor the rest of a last block count. */
function sizeOf(folders: readonly string[], before: ReadonlySet<string>): number {
  let sum = 0;
  for (const at of folders.flatMap(filesIn)) {
    if (before.has(at)) continue;
    const found = fs.lstatSync(at, { throwIfNoEntry: false });
    if (found !== undefined) sum += Math.min(found.blocks * 512, found.size);
  }
  return sum;
}
