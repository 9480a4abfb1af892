/** A registry of our own on loopback: Debian's docker-registry. */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";

export interface Registry {
  /** `localhost:PORT`. */
  readonly host: string;
  stop(): Promise<void>;
}

/** Seconds. */
const PATIENCE = 30;

/** Starts one that keeps its blobs below `folder`, on whatever cores are free. @throws where it does not come up */
export async function startRegistry(folder: string): Promise<Registry> {
  fs.mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const config = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "data") } },
    http: { addr: `127.0.0.1:${port}`, secret: "of the bench" },
  };
  // JSON is YAML.
  fs.writeFileSync(join(folder, "config.yml"), JSON.stringify(config));
  const child = spawn("docker-registry", ["serve", join(folder, "config.yml")], {
    stdio: "ignore",
    env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
  });
  const ended = new Promise<void>((done) => {
    child.once("exit", () => done());
    child.once("error", () => done());
  });
  const kill = () => child.kill("SIGTERM");
  // Whoever interrupts the bench does not wait for `stop`.
  process.once("exit", kill);
  const stop = async () => {
    process.removeListener("exit", kill);
    kill();
    await ended;
  };
  for (let i = 0; i < PATIENCE * 10 && child.exitCode === null; i++) {
    if (await listens(port)) return { host: `localhost:${port}`, stop };
    await new Promise((next) => setTimeout(next, 100));
  }
  await stop();
  throw new Error(`bench: docker-registry does not listen on ${port}`);
}

function listens(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => done(true)).once("error", () => done(false));
    socket.once("connect", () => socket.destroy());
  });
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer().once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}
