/**
 * Who made a file: a name for this very process that another one can judge later.
 * `boot.namespace.pid.start`: an equal pid on another host, in another container or after a restart
 * of the machine is not taken for the same process.
 */
import * as fs from "node:fs";
import * as os from "node:os";

const FORM = /^([0-9a-f]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)$/;

let own: string | undefined;

/** The name of this process. */
export function processOwner(): string {
  own ??= `${place()}.${process.pid}.${statusOf("self")?.start ?? 0}`;
  return own;
}

/**
 * What can be said of the process named `name`: "alive", "gone", or "unknown"
 * (it belongs to another host, container or boot, is no owner's name at all, or the system does not say when
 * processes started: then the pid may be another's by now).
 */
export function judgeOwner(name: string): "alive" | "gone" | "unknown" {
  const match = FORM.exec(name);
  if (match === null || `${match[1]}.${match[2]}` !== place()) return "unknown";
  const [pid, start] = [Number(match[3]), match[4]];
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as { code?: string }).code === "ESRCH") return "gone";
  }
  const found = statusOf(String(pid));
  if (found === undefined) return start === "0" ? "unknown" : "alive";
  return found.start === start && !found.ended ? "alive" : "gone";
}

/** This boot of this host, and this namespace of process ids. */
function place(): string {
  const boot = readText("/proc/sys/kernel/random/boot_id")
    ?.replaceAll(/[^0-9a-f]/g, "")
    .slice(0, 16);
  return `${boot ?? Buffer.from(os.hostname()).toString("hex")}.${namespace()}`;
}

function namespace(): string {
  try {
    return /[0-9]+/.exec(fs.readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
  } catch {
    return "0";
  }
}

/**
 * When a process started, in ticks since boot, and whether it has ended and only waits for its parent to notice:
 * fields 22 and 3 of /proc/PID/stat (proc(5)); the name in field 2 may hold anything. A thread of a process that was killed may
 * still be in the middle of a write when the first one has ended.
 */
function statusOf(pid: string): { start: string; ended: boolean } | undefined {
  const line = readText(`/proc/${pid}/stat`);
  const [state = "", ...rest] = line?.slice(line.lastIndexOf(")") + 2).split(" ") ?? [];
  const start = rest[18];
  return start === undefined
    ? undefined
    : { start, ended: /^[ZXx]$/.test(state) && threadsOf(pid) <= 1 };
}

function threadsOf(pid: string): number {
  try {
    return fs.readdirSync(`/proc/${pid}/task`).length;
  } catch {
    return 0;
  }
}

function readText(at: string): string | undefined {
  try {
    return fs.readFileSync(at, "utf8");
  } catch {
    return undefined;
  }
}
