/** A real registry on loopback: Debian's docker-registry. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import type { Certificates } from "./certificates.ts";
import { pause } from "./child.ts";
import { type Ends, tempDir } from "./temp.ts";

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
  const port = await freePort();
  const { htpasswd, tls, clientCertificates, token } = options;
  mkdirSync(join(dir, "data"));
  if (htpasswd !== undefined) writeFileSync(join(dir, "htpasswd"), htpasswd);
  const config = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: join(dir, "data") },
      delete: { enabled: true },
    },
    http: {
      addr: `127.0.0.1:${port}`,
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
  let said = "";
  child.stderr?.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  t.after(() => child.kill("SIGKILL"));
  for (let waited = 0; !(await answers(port)); waited += 20) {
    if (waited > 30_000 || child.exitCode !== null)
      throw new Error(`startRegistry: it does not listen on ${port}\n${said}`);
    await pause(20);
  }
  return { host: `localhost:${port}`, port, dir };
}

/** A port of loopback that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.on("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => done(port));
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.on("error", () => done(false));
  });
}
