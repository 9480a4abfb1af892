/** Who is known where: the files of Docker and podman, helpers, login and logout. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  credentialsIn,
  forgetCredentials,
  keepCredentials,
} from "../../../src/registry/auth/credentials.ts";
import { faultOf } from "../../support/fault.ts";
import { ingot } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { type Ends, tempDir, tidily } from "../../support/process/temp.ts";
import { startRegistry } from "../../support/registries/registry.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

/** A folder with a file of credentials, and a helper `test` that keeps one secret in a file. */
function place(t: Ends, content?: unknown) {
  const dir = tempDir(t);
  const file = join(dir, "config.json");
  if (content !== undefined) writeFileSync(file, JSON.stringify(content));
  const helper = join(dir, "docker-credential-test");
  writeFileSync(
    helper,
    `#!/bin/sh
read -r line
echo "$1 $line" >>"${dir}/asked"
case $1 in
  store) echo "$line" >"${dir}/secret" ;;
  erase) rm -f "${dir}/secret" ;;
  get) if [ -f "${dir}/secret" ]; then cat "${dir}/secret"; else echo "credentials not found in native keychain"; exit 1; fi ;;
esac
`,
  );
  chmodSync(helper, 0o755);
  const where = { cwd: dir, env: { PATH: `${dir}:/usr/bin:/bin` } };
  const asked = () => readFileSync(join(dir, "asked"), "utf8").trim().split("\n");
  const read = () => JSON.parse(readFileSync(file, "utf8"));
  return { dir, file, where, asked, read, find: credentialsIn([file], where) };
}

describe("credentials are found", () => {
  const bob = { username: "bob", password: "a:b" };
  const auth = base64("bob:a:b");
  const cases: readonly [name: string, content: unknown, registry: string, found: unknown][] = [
    ["by the host", { auths: { "r.example": { auth } } }, "r.example", bob],
    ["by a URL of it", { auths: { "https://r.example/v1/": { auth } } }, "r.example", bob],
    ["with its port", { auths: { "r.example:5000": { auth } } }, "r.example:5000", bob],
    ["not without its port", { auths: { "r.example": { auth } } }, "r.example:5000", undefined],
    ["of Docker Hub", { auths: { "https://index.docker.io/v1/": { auth } } }, "docker.io", bob],
    ["of Docker Hub, by podman", { auths: { "docker.io": { auth } } }, "docker.io", bob],
    ["in plain words", { auths: { "r.example": { ...bob } } }, "r.example", bob],
    [
      "as an identity token",
      { auths: { "r.example": { auth, identitytoken: "t" } } },
      "r.example",
      { identityToken: "t" },
    ],
    [
      "as a registry token",
      { auths: { "r.example": { registrytoken: "t" } } },
      "r.example",
      { registryToken: "t" },
    ],
    ["in no empty entry", { auths: { "r.example": {} } }, "r.example", undefined],
    ["in no empty file", {}, "r.example", undefined],
    ["in no file that is not there", undefined, "r.example", undefined],
  ];
  for (const [name, content, registry, found] of cases)
    test(
      name,
      tidily(async (t) => assert.deepEqual(await place(t, content).find(registry), found)),
    );

  test(
    "for the part of the registry that a key names, the longest first",
    tidily(async (t) => {
      const entry = (name: string) => ({ auth: base64(`${name}:x`) });
      const auths = {
        "r.example": entry("all"),
        "r.example/team": entry("team"),
        "r.example/team/app": entry("app"),
      };
      const { find } = place(t, { auths });
      const who = async (repository?: string) => {
        const found = await find("r.example", repository);
        return found && "username" in found ? found.username : undefined;
      };
      assert.deepEqual(
        [await who("team/app"), await who("team/b"), await who("teams"), await who()],
        ["app", "team", "all", "all"],
      );
    }),
  );

  test(
    "in the first file that has some",
    tidily(async (t) => {
      const one = place(t, { auths: { "a.example": { auth } } });
      const two = place(t, {
        auths: { "a.example": { auth: base64("x:y") }, "b.example": { auth } },
      });
      const find = credentialsIn([one.file, two.file], one.where);
      assert.deepEqual([await find("a.example"), await find("b.example")], [bob, bob]);
    }),
  );

  test(
    "by helpers: of one registry, and of all",
    tidily(async (t) => {
      const { find, asked, dir } = place(t, {
        auths: { "r.example": { auth } },
        credHelpers: { "r.example": "test" },
        credsStore: "missing",
      });
      assert.deepEqual(await find("r.example"), bob);
      writeFileSync(join(dir, "secret"), '{"ServerURL":"","Username":"<token>","Secret":"t"}');
      assert.deepEqual(await find("r.example"), { identityToken: "t" });
      writeFileSync(join(dir, "secret"), '{"Username":"h","Secret":"s"}');
      assert.deepEqual(await find("r.example"), { username: "h", password: "s" });
      assert.equal(asked()[0], "get r.example");
      const { program } = await faultOf("program-missing", () => find("other.example"));
      assert.equal(program, "docker-credential-missing");
    }),
  );

  test(
    "in no file that is not of its form, and no secret is told",
    tidily(async (t) => {
      const odd = place(t, { auths: { "r.example": { auth: base64("secret") } } });
      const facts = await faultOf("malformed", () => odd.find("r.example"));
      assert.doesNotMatch(JSON.stringify(facts), /secret|c2VjcmV0/);
      const wrong = place(t, { auths: { "r.example": { auth: ["secret"] } } });
      const other = await faultOf("malformed", () => wrong.find("r.example"));
      assert.doesNotMatch(JSON.stringify(other), /secret/);
      const broken = place(t);
      writeFileSync(broken.file, '{"auths":{"r.example":{"auth":hunter2secret}}}');
      const unread = await faultOf("malformed", () => broken.find("r.example"));
      assert.deepEqual(unread, { what: "JSON", at: broken.file, why: "it is not well formed" });
      const path = place(t, { credsStore: "../../bin/sh" });
      await faultOf("malformed", () => path.find("r.example"));
    }),
  );
});

test(
  "of what a helper prints, nothing is told",
  tidily(async (t) => {
    const { dir, find } = place(t, { credsStore: "test" });
    const says = (script: string) => {
      writeFileSync(join(dir, "docker-credential-test"), `#!/bin/sh\n${script}\n`);
      return () => find("r.example");
    };
    const bare = await faultOf("malformed", says("echo hunter2secret"));
    assert.doesNotMatch(JSON.stringify(bare), /hunter2/);
    const failed = await faultOf("program-failed", says("echo hunter2secret; echo no >&2; exit 1"));
    assert.deepEqual([failed.output, failed.hint], ["no", undefined]);
    const mute = await faultOf("program-failed", says("echo hunter2secret; exit 1"));
    assert.equal(mute.output, "");
    assert.match(mute.hint ?? "", /echo r\.example \| docker-credential-test get$/);
    assert.doesNotMatch(JSON.stringify(mute), /hunter2/);
  }),
);

describe("credentials are kept", () => {
  const who = { username: "bob", password: "pass word" };

  test(
    "for their owner alone, and nothing else is lost",
    tidily(async (t) => {
      const { dir, file, where, read, find } = place(t, {
        HttpHeaders: { "X-A": "b" },
        auths: { "https://r.example/v1/": { auth: "b2xkOm9sZA==" }, other: { auth: "eDp5" } },
        psFormat: "x",
      });
      chmodSync(file, 0o644);
      const link = join(dir, "link.json");
      symlinkSync(file, link);
      assert.equal(await keepCredentials(link, "r.example", who, where), link);
      assert.deepEqual(read(), {
        HttpHeaders: { "X-A": "b" },
        auths: { other: { auth: "eDp5" }, "r.example": { auth: base64("bob:pass word") } },
        psFormat: "x",
      });
      assert.equal(statSync(file).mode & 0o777, 0o600);
      assert.deepEqual(await find("r.example"), who);
      assert.deepEqual(await forgetCredentials([file, join(dir, "none")], "r.example", where), [
        file,
      ]);
      assert.deepEqual(read().auths, { other: { auth: "eDp5" } });
      assert.deepEqual(await forgetCredentials([file], "r.example", where), []);
    }),
  );

  test(
    "in a new file in a new folder, under Docker Hub's old name",
    tidily(async (t) => {
      const { dir, where } = place(t);
      const file = join(dir, "new/config.json");
      await keepCredentials(file, "docker.io", who, where);
      const { auths } = JSON.parse(readFileSync(file, "utf8"));
      assert.deepEqual(Object.keys(auths), ["https://index.docker.io/v1/"]);
    }),
  );

  test(
    "by a helper, and by nothing else",
    tidily(async (t) => {
      const { file, where, read, find, asked } = place(t, { credsStore: "test" });
      assert.equal(await keepCredentials(file, "r.example", who, where), "docker-credential-test");
      assert.deepEqual(read(), { credsStore: "test", auths: { "r.example": {} } });
      assert.deepEqual(await find("r.example"), who);
      const gone = await forgetCredentials([file], "r.example", where);
      assert.deepEqual(gone, ["docker-credential-test", file]);
      assert.equal(asked().at(-1), "erase r.example");
      assert.equal(await find("r.example"), undefined);
    }),
  );
});

// bob, by `pass word` (htpasswd -nbBC 4).
const HTPASSWD = "bob:$2b$04$vHmKJP4e2EpTlAzwLDmzgOTgZRsfY2oppY6EPy.XR9dzOlGBLxPBm\n";

testWith(
  ["docker-registry"],
  "login keeps what the registry takes, logout forgets it",
  async (t) => {
    const { host } = await startRegistry(t, { htpasswd: HTPASSWD });
    const dir = tempDir(t);
    mkdirSync(join(dir, "run"));
    const env = {
      DOCKER_CONFIG: dir,
      HOME: dir,
      XDG_RUNTIME_DIR: join(dir, "run"),
      REGISTRY_AUTH_FILE: undefined,
      XDG_CONFIG_HOME: undefined,
    };
    const say = (words: readonly string[], input = "") => ingot(words, { env, input });
    const words = ["login", host, "--username", "bob", "--password-stdin"];
    const wrong = await say(words, "no\n");
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /authentication is required \(HTTP 401\)/);
    const good = await say([...words, "--json"], "pass word\n");
    assert.equal(good.code, 0, good.stderr);
    const file = join(dir, "config.json");
    assert.deepEqual(JSON.parse(`${good.stdout}`), { registry: host, username: "bob", kept: file });
    assert.doesNotMatch(`${good.stdout}${good.stderr}${wrong.stderr}`, /pass word/);
    const podman = await say(["pull", `${host}/nothing:v1`, "--store", join(dir, "store")]);
    assert.match(podman.stderr, /cannot find the image/);
    assert.equal((await say(["logout", host])).code, 0);
    assert.equal((await say(["logout", host])).code, 1);
    const nobody = await say(["pull", `${host}/nothing:v1`, "--store", join(dir, "store")]);
    assert.match(nobody.stderr, /hint: log in: ingot login/);
    for (const [odd, said] of [
      [["login", host], /--username and --password-stdin are missing/],
      [["login", host, "--username", "bob"], /--username is given alone/],
      [["login", host, "--username", "a:b", "--password-stdin"], /no colon/],
      [words, /standard input is not a password/],
    ] as const) {
      const { code, stderr } = await say(odd);
      assert.equal(code, 2);
      assert.match(stderr, said);
    }
  },
);
