/** A real registry on loopback: Debian's docker-registry. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Ends, tempDir } from "../process/temp.ts";
import type { Certificates } from "./certificates.ts";

export interface RegistryServer {
  /** `localhost:PORT`. */
  readonly host: string;
  readonly port: number;
  /** Its folder. */
  readonly dir: string;
}

export interface ServerOptions {
  /** NAME:HASH lines, as htpasswd makes them with bcrypt. */
  readonly htpasswd?: string;
  readonly tls?: Certificates;
  /** Whether clients must show a certificate of that CA. */
  readonly clientCertificates?: boolean;
  /** A token server: where it is, and the certificate of the key that it signs with. */
  readonly token?: { readonly realm: string; readonly certificate: string };
}

/** Starts a registry that is gone when the test is over. */
export async function startRegistry(t: Ends, options: ServerOptions = {}): Promise<RegistryServer> {
  const dir = tempDir(t);
  const { htpasswd, tls, clientCertificates, token } = options;
  mkdirSync(join(dir, "data"));
  if (htpasswd !== undefined) writeFileSync(join(dir, "htpasswd"), htpasswd);
  const config = {
    version: "0.1",
    log: { level: "info", accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: join(dir, "data") },
      delete: { enabled: true },
    },
    http: {
      // A port that the system gives, and that it says: nobody else can have taken it meanwhile.
      addr: "127.0.0.1:0",
      secret: "of the test",
      ...(tls === undefined
        ? {}
        : {
            tls: {
              certificate: tls.cert,
              key: tls.key,
              ...(clientCertificates ? { clientcas: [tls.ca] } : {}),
            },
          }),
    },
    ...(htpasswd === undefined
      ? {}
      : { auth: { htpasswd: { realm: "test", path: join(dir, "htpasswd") } } }),
    ...(token === undefined
      ? {}
      : {
          auth: {
            token: {
              realm: token.realm,
              service: "test registry",
              issuer: "test issuer",
              rootcertbundle: token.certificate,
            },
          },
        }),
  };
  // JSON is YAML.
  writeFileSync(join(dir, "config.yml"), JSON.stringify(config));
  const child = spawn("docker-registry", ["serve", join(dir, "config.yml")], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
  });
  t.after(() => child.kill("SIGKILL"));
  const port = await listening(child);
  return { host: `localhost:${port}`, port, dir };
}

/** The port that it says it listens on. What it says after that is passed over. */
function listening(child: ChildProcess): Promise<number> {
  return new Promise((done, fail) => {
    let said = "";
    const give = (why: string) => fail(new Error(`startRegistry: ${why}\n${said}`));
    const timer = setTimeout(() => give("it does not listen after a minute"), 60_000);
    child.stderr?.on("data", (piece: Buffer) => {
      said = said.slice(-10_000) + piece.toString();
      const port = /listening on 127\.0\.0\.1:([0-9]+)[^0-9]/.exec(said)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      said = "";
      done(Number(port));
    });
    child.on("error", (error) => give(error.message));
    child.on("close", () => {
      clearTimeout(timer);
      give("it has ended");
    });
  });
}

/**
 * A port of loopback that nobody listens on, of those that the system gives to no connection: who
 * asks for it a little later still gets it, whatever runs beside.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.on("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
}
