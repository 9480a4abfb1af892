/** The commands at registries that want to know who asks, and who can be trusted. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { nameAll, putContainer } from "../../support/images/platforms.ts";
import { ingot } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { run } from "../../support/process/run.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { makeCertificates } from "../../support/registries/certificates.ts";
import { startRegistry } from "../../support/registries/registry.ts";
import { startTokenServer } from "../../support/registries/token-server.ts";

/** bob, by `pass word` (htpasswd -nbBC 4). */
const HTPASSWD = "bob:$2b$04$vHmKJP4e2EpTlAzwLDmzgOTgZRsfY2oppY6EPy.XR9dzOlGBLxPBm\n";

/** A layout with one image, and ingot with a home of its own. */
function place(t: Ends) {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const image = putContainer(layout, "login");
  nameAll(layout, { "r.example/app:v1": image });
  const authfile = join(dir, "auth.json");
  const env = {
    INGOT_STORE: join(dir, "store"),
    REGISTRY_AUTH_FILE: authfile,
    DOCKER_CONFIG: join(dir, "none"),
    XDG_RUNTIME_DIR: undefined,
  };
  const say = async (words: readonly string[], input = "") => {
    const { code, stdout, stderr } = await ingot(words, { env, input });
    return { code, stderr, answer: `${stdout}` };
  };
  return { dir, layout, image, authfile, say };
}

testWith(["docker-registry", "openssl"], "TLS and a password, by flags and by login", async (t) => {
  const tls = await makeCertificates(tempDir(t));
  const { host } = await startRegistry(t, { tls, htpasswd: HTPASSWD });
  const { layout, image, authfile, say } = place(t);
  const trust = ["--ca-file", tls.ca];
  const who = ["--username", "bob", "--password-stdin"];
  assert.equal((await say(["copy", layout, "r.example/app:v1"])).code, 0);
  const push = ["push", "r.example/app:v1", `${host}/app:v1`, ...trust];
  const nobody = await say(push);
  assert.equal(nobody.code, 2);
  assert.match(nobody.stderr, /hint: log in: ingot login localhost:/);
  const wrong = await say([...push, ...who], "no\n");
  assert.match(wrong.stderr, /HTTP 401/);
  const pushed = await say([...push, ...who], "pass word\n");
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.equal(pushed.answer, `${host}/app:v1 ${image.digest}\n`);

  const strange = await say(["pull", `${host}/app:v1`, ...who], "pass word\n");
  assert.equal(strange.code, 2);
  assert.doesNotMatch(strange.stderr, /pass word/);
  const login = await say(["login", host, ...trust, ...who], "pass word\n");
  assert.equal(login.code, 0, login.stderr);
  const pulled = await say(["pull", `${host}/app:v1`, ...trust]);
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.equal(pulled.answer, `${host}/app:v1 ${image.digest}\n`);
  const elsewhere = await say(["pull", `${host}/app:v1`, "other.example/app:v1", ...who], "x\n");
  assert.match(elsewhere.stderr, /--username is for one registry/);
  if ((await run(["sh", "-c", "command -v skopeo"])).code === 0) {
    const theirs = await run([
      ...["skopeo", "inspect", "--raw", "--tls-verify=false", "--authfile", authfile],
      `docker://${host}/app:v1`,
    ]);
    assert.equal(theirs.code, 0, theirs.stderr);
    assert.equal(theirs.stdout.length, image.size);
  }
});

testWith(["docker-registry", "openssl"], "tokens, and a client's certificate", async (t) => {
  const certificates = await makeCertificates(tempDir(t));
  const server = await startTokenServer(t, certificates);
  const token = { realm: server.realm, certificate: certificates.cert };
  const { host } = await startRegistry(t, { token });
  const { layout, image, say } = place(t);
  const login = ["login", host, "--username", "ann", "--password-stdin"];
  assert.match((await say(login, "wrong")).stderr, /UNAUTHORIZED wrong password/);
  assert.equal((await say(login, "token password")).code, 0);
  const copied = await say(["copy", layout, `docker://${host}/public/app:v1`]);
  assert.equal(copied.code, 0, copied.stderr);
  const more = await say([
    "copy",
    `docker://${host}/public/app:v1`,
    `docker://${host}/private/app:v1`,
  ]);
  assert.equal(more.code, 0, more.stderr);
  assert.equal((await say(["logout", host])).code, 0);
  assert.equal((await say(["pull", `${host}/public/app:v1`])).code, 0);
  assert.match((await say(["pull", `${host}/private/app:v1`])).stderr, /HTTP 401/);

  const secure = await startRegistry(t, { tls: certificates, clientCertificates: true });
  const trust = ["--ca-file", certificates.ca];
  const mine = ["--cert", certificates.clientCert, "--key", certificates.clientKey];
  const there = `docker://${secure.host}/app:v1`;
  assert.equal((await say(["copy", layout, there, ...trust])).code, 2);
  const shown = await say(["copy", layout, there, ...trust, ...mine]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.equal(shown.answer, `${secure.host}/app:v1 ${image.digest}\n`);
});
