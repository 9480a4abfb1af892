import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { succeed } from "../process/run.ts";

/** Files of a private CA, and of what it signed. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

/** Makes a CA, a certificate for this machine's names and one for a client, with openssl. */
export async function makeCertificates(dir: string): Promise<Certificates> {
  const at = (name: string) => join(dir, name);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const openssl = (...words: string[]) => succeed(["openssl", ...words]);
  await openssl(
    ...["req", "-x509", ...key, "-keyout", at("ca.key"), "-out", at("ca.pem")],
    ...["-days", "3650", "-subj", "/CN=test CA"],
  );
  writeFileSync(
    at("names"),
    "subjectAltName=DNS:localhost,DNS:registry.test,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n",
  );
  for (const name of ["server", "client"]) {
    await openssl(
      ...["req", ...key, "-keyout", at(`${name}.key`), "-out", at(`${name}.csr`)],
      ...["-subj", `/CN=${name}`],
    );
    await openssl(
      ...["x509", "-req", "-in", at(`${name}.csr`), "-CA", at("ca.pem"), "-CAkey", at("ca.key")],
      ...["-CAcreateserial", "-out", at(`${name}.pem`), "-days", "3650", "-extfile", at("names")],
    );
  }
  return {
    ca: at("ca.pem"),
    cert: at("server.pem"),
    key: at("server.key"),
    clientCert: at("client.pem"),
    clientKey: at("client.key"),
  };
}

export const read = (path: string): string => readFileSync(path, "utf8");
