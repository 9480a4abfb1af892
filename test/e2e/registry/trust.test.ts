/** What a registry may not make us do: leave encryption, or show to others what is for it alone. */
import assert from "node:assert/strict";
import { createServer } from "node:tls";
import type { RegistryOptions } from "../../../src/registry/client.ts";
import { Registry } from "../../../src/registry/registry.ts";
import { faultOf } from "../../support/fault.ts";
import { testWith } from "../../support/process/needs.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import {
  type Certificates,
  makeCertificates,
  read,
} from "../../support/registries/certificates.ts";

interface Seen {
  readonly authorization: string | undefined;
  readonly certificate: string | undefined;
}
/** The head of an answer to who said that of himself. */
type Handler = (authorization: string | undefined) => string;

/** A server that speaks TLS, asks for certificates, and notes what it sees. */
async function server(t: Ends, tls: Certificates, handle: Handler) {
  const seen: Seen[] = [];
  const options = { cert: read(tls.cert), key: read(tls.key), ca: read(tls.ca) };
  const made = createServer(
    { ...options, requestCert: true, rejectUnauthorized: false },
    (socket) => {
      let head = "";
      socket.on("error", () => {});
      socket.on("data", (piece: Buffer) => {
        head += piece.toString("latin1");
        if (!head.includes("\r\n\r\n")) return;
        const authorization = /^authorization: (.*)\r$/im.exec(head)?.[1];
        const common = socket.getPeerCertificate()?.subject?.CN;
        seen.push({ authorization, certificate: Array.isArray(common) ? common[0] : common });
        head = "";
        const lines = [
          `HTTP/1.1 ${handle(authorization)}`,
          "Content-Length: 0",
          "Connection: close",
        ];
        socket.end(`${lines.join("\r\n")}\r\n\r\n`);
      });
    },
  );
  await new Promise<void>((done) => made.listen(0, "127.0.0.1", done));
  t.after(() => made.close());
  const { port } = made.address() as { port: number };
  return { seen, port };
}

/** Asks the registry on `port` whether it is one. */
async function ping(port: number, options: RegistryOptions): Promise<void> {
  const patience = { tries: 2, first: 1, longest: 10, pause: async () => {} };
  const registry = new Registry(`localhost:${port}`, { patience, ...options });
  try {
    await registry.ping();
  } finally {
    registry.close();
  }
}

const moved = (to: string) => `307 there\r\nLocation: ${to}`;
const challenge =
  (words: string): Handler =>
  (authorization) =>
    authorization === undefined ? `401 who\r\nWWW-Authenticate: ${words}` : "200 here";

testWith(["openssl"], "encryption is not left: by a redirect, or for a token", async (t) => {
  const tls = await makeCertificates(tempDir(t));
  const trust = { ca: read(tls.ca) };
  const redirecting = await server(t, tls, () => moved("http://r.example/v2/"));
  const { code, why } = await faultOf("registry", () => ping(redirecting.port, trust));
  assert.deepEqual([code, /stay encrypted/.test(why)], ["redirect", true]);
  const naming = await server(t, tls, challenge('Bearer realm="http://t.example/token"'));
  const credentials = async () => ({ username: "ann", password: "secret" });
  const named = await faultOf("registry", () => ping(naming.port, { ...trust, credentials }));
  assert.deepEqual([named.code, /one with https/.test(named.why)], ["answer", true]);
});

testWith(["openssl"], "another host sees no password, no token and no certificate", async (t) => {
  const tls = await makeCertificates(tempDir(t));
  const client = { cert: read(tls.clientCert), key: read(tls.clientKey) };
  const options = { ca: read(tls.ca), client };
  const other = await server(t, tls, () => "200 here");
  for (const credentials of [
    async () => ({ username: "ann", password: "secret" }),
    async () => ({ registryToken: "secret" }),
  ]) {
    const words = 'Basic realm="x", Bearer realm="https://localhost:1/t"';
    const asks = "password" in (await credentials()) ? 'Basic realm="x"' : words;
    const registry = await server(t, tls, (authorization) =>
      authorization === undefined
        ? challenge(asks)(authorization)
        : moved(`https://ann:secret@127.0.0.1:${other.port}/v2/`),
    );
    await ping(registry.port, { ...options, credentials });
    assert.match(registry.seen.at(-1)?.authorization ?? "", /^(Basic|Bearer) ./);
    assert.equal(registry.seen.at(-1)?.certificate, "client");
  }
  assert.deepEqual(
    other.seen,
    Array.from({ length: 2 }, () => ({ authorization: undefined, certificate: undefined })),
  );
});
