/** A token server of the tests, as docker-registry wants one: signed tokens for who knows the password. */
import { createPrivateKey, sign, X509Certificate } from "node:crypto";
import { createServer } from "node:http";
import type { Ends } from "../process/temp.ts";
import { type Certificates, read } from "./certificates.ts";

export interface TokenServer {
  readonly realm: string;
  /** What it was asked: `METHOD scopes as NAME`. */
  readonly asked: string[];
  /** Tokens from now on hold for so many seconds. */
  lifetime: number;
}

const NAME = "ann";
const PASSWORD = "token password";
const REFRESH = "a refresh token";

/** Knows `ann` by her password and by her refresh token. Nobody may pull from `public/`. */
export async function startTokenServer(t: Ends, certificates: Certificates): Promise<TokenServer> {
  const key = createPrivateKey(read(certificates.key));
  const chain = new X509Certificate(read(certificates.cert)).raw.toString("base64");
  const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const state: TokenServer = { realm: "", asked: [], lifetime: 300 };
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const url = new URL(request.url ?? "/", "http://x");
    const form = new URLSearchParams(body);
    const scopes =
      request.method === "POST"
        ? (form.get("scope") ?? "").split(" ")
        : url.searchParams.getAll("scope");
    const basic = Buffer.from(
      /^Basic (.*)$/.exec(request.headers.authorization ?? "")?.[1] ?? "",
      "base64",
    ).toString();
    const known = basic === `${NAME}:${PASSWORD}` || form.get("refresh_token") === REFRESH;
    const wrong = basic !== "" && !known;
    state.asked.push(`${request.method} ${scopes.join(" ")} as ${known ? NAME : "nobody"}`);
    if (wrong) {
      response
        .writeHead(401)
        .end('{"errors":[{"code":"UNAUTHORIZED","message":"wrong password"}]}');
      return;
    }
    const now = Math.floor(Date.now() / 1000);
    const access = scopes
      .filter((scope) => scope !== "")
      .map((scope) => {
        const [type, name, actions = ""] = scope.split(":");
        const all = actions.split(",");
        const allowed = known
          ? all
          : all.filter((it) => it === "pull" && name?.startsWith("public/"));
        return { type, name, actions: allowed };
      });
    const claims = {
      iss: "test issuer",
      sub: NAME,
      aud: "test registry",
      exp: now + state.lifetime,
      nbf: now - 60,
      iat: now,
      jti: String(state.asked.length),
      access,
    };
    const head = base64({ typ: "JWT", alg: "ES256", x5c: [chain] });
    const signed = `${head}.${base64(claims)}`;
    const signature = sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({ token: `${signed}.${signature.toString("base64url")}`, expires_in: 60 }),
    );
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return Object.assign(state, { realm: `http://localhost:${port}/token` });
}
