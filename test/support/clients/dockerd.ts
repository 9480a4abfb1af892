/** A Docker daemon of our own, without networks, in a folder of our own. */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { pause } from "../process/child.ts";
import { type Ran, run } from "../process/run.ts";

export interface Daemon {
  readonly pid: number;
  /** As DOCKER_HOST has it. */
  readonly host: string;
  stop(): Promise<void>;
}

const NETWORK = ["--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-forward=false"];
/** Seconds. */
const PATIENCE = 30;

/** Debian's client, where there is one: another may stand before it on PATH that is too new for Debian's daemon. */
export const DOCKER = fs.existsSync("/usr/bin/docker") ? "/usr/bin/docker" : "docker";

const running = new Set<() => Promise<void>>();

/** Afterwards no daemon of this process runs, and its folder can be removed. For whoever is interrupted. */
export async function stopDockers(): Promise<void> {
  await Promise.all([...running].map((stop) => stop()));
}

/**
 * Starts dockerd, on `cores` where they are named; undefined where it does not come up, as for anyone but root. What it said is
 * in the file `log` of `folder`.
 */
export async function startDocker(folder: string, cores?: string): Promise<Daemon | undefined> {
  fs.mkdirSync(folder, { recursive: true });
  const socket = join(folder, "socket");
  const log = fs.openSync(join(folder, "log"), "w");
  const pin = cores === undefined ? [] : ["taskset", "-c", cores];
  const [program, ...args] = [
    ...pin,
    "dockerd",
    ...NETWORK,
    "--storage-driver=overlay2",
    ...["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")],
    ...["--pidfile", join(folder, "pid"), "--host", `unix://${socket}`],
  ] as const;
  const child = spawn(program!, args, { stdio: ["ignore", log, log] });
  fs.closeSync(log);
  const ended = new Promise<void>((done) => {
    child.once("exit", () => done());
    child.once("error", () => done());
  });
  let over = false;
  void ended.then(() => {
    over = true;
  });
  const kill = () => {
    if (!over) child.kill("SIGTERM");
  };
  process.once("exit", kill);
  const stop = async () => {
    running.delete(stop);
    process.removeListener("exit", kill);
    kill();
    await ended;
  };
  running.add(stop);
  for (let i = 0; i < PATIENCE * 10 && !over; i++) {
    if (fs.existsSync(socket) && child.pid !== undefined)
      return { pid: child.pid, host: `unix://${socket}`, stop };
    await pause(100);
  }
  await stop();
  return undefined;
}

/** Runs `docker` with these words to its end. */
export type Docker = (...words: readonly string[]) => Promise<Ran>;

/** Does `body` with a client of a daemon in `folder` that is gone afterwards. It needs root. */
export async function withDocker(
  folder: string,
  body: (docker: Docker) => Promise<void>,
): Promise<void> {
  const daemon = await startDocker(folder);
  if (daemon === undefined)
    throw new Error(`withDocker: ${fs.readFileSync(join(folder, "log"), "utf8")}`);
  const env = { DOCKER_HOST: daemon.host, DOCKER_CONFIG: folder };
  try {
    await body((...words) => run([DOCKER, ...words], { env }));
  } finally {
    await daemon.stop();
  }
}
