import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  command,
  forms,
  ingot,
  ownForm,
  plainEnvironment,
  root,
} from "../support/process/ingot.ts";
import { strict, testUnless, testWith, which } from "../support/process/needs.ts";
import { run, succeed } from "../support/process/run.ts";
import { tempDir } from "../support/process/temp.ts";

const sh = (script: string, ...args: string[]) => ["sh", "-c", script, "sh", ...args];

describe("run", () => {
  test("gives both streams and the exit code", async () => {
    const ran = await run(sh("printf out; printf err >&2; exit 3"));
    assert.deepEqual([ran.code, ran.signal, `${ran.stdout}`, ran.stderr], [3, null, "out", "err"]);
  });

  test("gives bytes as they are, also many", async () => {
    const input = new Uint8Array(1 << 20).map((_, at) => (at * 7) & 0xff);
    const ran = await run(["cat"], { input });
    assert.ok(ran.stdout.equals(input));
  });

  test("passes arguments without a shell between", async () => {
    const odd = ["a b", "$HOME", "", "'\"*", "-n"];
    const ran = await run(sh('printf "<%s>" "$@"', ...odd));
    assert.equal(`${ran.stdout}`, odd.map((word) => `<${word}>`).join(""));
  });

  test("names the signal that ended the program", async () => {
    const ran = await run(sh("kill -TERM $$"));
    assert.deepEqual([ran.code, ran.signal], [null, "SIGTERM"]);
  });

  test("works in the given folder and environment", async (t) => {
    const cwd = tempDir(t);
    const env = { INGOT_ONE: "1", HOME: undefined };
    const ran = await run(sh('pwd; echo "$INGOT_ONE" "${HOME-none}"'), { cwd, env });
    assert.equal(`${ran.stdout}`, `${cwd}\n1 none\n`);
  });

  test("does not mind a program that leaves its input", async () => {
    const ran = await run(["true"], { input: new Uint8Array(1 << 20) });
    assert.equal(ran.code, 0);
  });

  test("kills what takes too long, and fails", async () => {
    await assert.rejects(run(["sleep", "60"], { timeout: 100 }), /not done after 100 ms/);
  });

  test("fails on a program that is not there, by name", async () => {
    await assert.rejects(run(["no-such-program"]), /cannot start "no-such-program"/);
  });

  test("succeed fails on a program that does", async () => {
    await assert.rejects(succeed(sh("echo why >&2; exit 4")), /exit code 4, should be 0\n\nwhy/);
    assert.equal((await succeed(["true"])).code, 0);
  });
});

describe("tempDir", () => {
  test("is a new, empty folder each time, and gone afterwards", (t) => {
    const ends: (() => void)[] = [];
    const test = { after: (clean: () => void) => ends.push(clean) };
    t.after(() => ends.forEach((clean) => void clean()));
    const [one, two] = [tempDir(test), tempDir(test)];
    assert.notEqual(one, two);
    writeFileSync(join(one, "file"), "");
    for (const clean of ends) clean();
    assert.deepEqual([existsSync(one), existsSync(two)], [false, false]);
  });
});

describe("needs", () => {
  test("which finds what is on PATH and nothing else", () => {
    assert.match(which("sh") ?? "", /\/sh$/);
    assert.equal(which("no-such-program"), undefined);
    assert.equal(which(join(root, "package.json")), undefined);
  });

  let bodies = 0;
  testWith(["sh", "cat"], "testWith runs where the programs are there", () => {
    bodies++;
  });
  testUnless(undefined, "testUnless runs where nothing is in the way", () => {
    bodies++;
  });
  test("both bodies have run", () => assert.equal(bodies, 2));

  // What testWith does where a program is missing, seen from outside: a test file of its own.
  for (const [ci, counts] of [
    ["", { code: 0, said: /skipped: not found on PATH: no-such-program/ }],
    ["true", { code: 1, said: /not found on PATH: no-such-program; with CI=true/ }],
  ] as const) {
    test(`a missing program is ${ci ? "a failure with CI=true" : "a skip otherwise"}`, async (t) => {
      const dir = tempDir(t);
      const needs = JSON.stringify(join(root, "test/support/process/needs.ts"));
      const lines = [
        `import { test } from "node:test";`,
        `import { testWith } from ${needs};`,
        `testWith(["no-such-program"], "asks", () => { throw new Error("the body ran"); });`,
        `test("another", () => {});`,
      ];
      writeFileSync(join(dir, "asks.test.ts"), lines.join("\n"));
      const [runtime = ""] = await command();
      const words = ownForm === "deno" ? ["test", "--no-check", "-A"] : ["test"];
      const env = { ...plainEnvironment(), CI: ci };
      const ran = await run([runtime, ...words, "./asks.test.ts"], { cwd: dir, env });
      const reporter = `${ran.stdout}${ran.stderr}`;
      assert.equal(ran.code, counts.code, reporter);
      assert.match(reporter, counts.said);
      assert.doesNotMatch(reporter, /the body ran/);
    });
  }

  test("strict follows CI", () => assert.equal(strict, process.env.CI === "true"));
});

describe("ingot", () => {
  for (const form of forms) {
    test(`starts as ${form}`, async () => {
      const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
      const { code, stdout, stderr } = await ingot(["--version"], { form });
      assert.deepEqual([code, stderr], [0, ""]);
      assert.ok(`${stdout}`.trimEnd().endsWith(version), `${stdout}`);
    });
  }

  test("does not hand down what would change its answers", () => {
    process.env.INGOT_EXAMPLE = "1";
    const env = plainEnvironment();
    delete process.env.INGOT_EXAMPLE;
    assert.ok("INGOT_EXAMPLE" in env && env.INGOT_EXAMPLE === undefined);
    assert.ok("SOURCE_DATE_EPOCH" in env && env.SOURCE_DATE_EPOCH === undefined);
  });
});
