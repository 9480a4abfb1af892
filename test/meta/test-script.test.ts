/** scripts/test.sh: whatever becomes of a test file, the sums are right, and what failed is named. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/process/ingot.ts";
import { testWith } from "../support/process/needs.ts";
import { run } from "../support/process/run.ts";
import { type Ends, tempDir } from "../support/process/temp.ts";

const GOOD = 'test("is good", () => {});';
const IMPORTS = 'import { describe, it, test } from "node:test";';

/** Runs the script over files of these names and contents. */
async function tested(t: Ends, files: Readonly<Record<string, string>>, env = {}) {
  const dir = tempDir(t);
  const paths = Object.entries(files).map(([name, text]) => {
    const path = join(dir, `${name}.test.ts`);
    writeFileSync(path, `${IMPORTS}\n${text}\n`);
    return path;
  });
  const words = ["sh", join(root, "scripts/test.sh"), ...paths];
  const { code, stdout } = await run(words, {
    cwd: dir,
    env: { JOBS: "4", LIMIT: undefined, ...env },
  });
  const said = `${stdout}`.replaceAll(`${dir}/`, "");
  const [, failed = ""] = said.split("\n== failed\n");
  return { code, said, failed, last: said.trimEnd().split("\n").at(-1) };
}

test("all is well: the sum of all files under both runtimes", async (t) => {
  const files = { one: GOOD, two: `${GOOD}\ntest("is not for here", { skip: "why" }, () => {});` };
  for (const jobs of ["1", "3"]) {
    const { code, said, failed, last } = await tested(t, files, { JOBS: jobs });
    assert.deepEqual([code, failed, last], [0, "", "4 passed, 0 failed"], said);
    for (const runtime of ["bun", "deno"]) {
      assert.match(
        said,
        new RegExp(`^== \\[\\d/4\\] ${runtime} one\\.test\\.ts: 1 passed, 0 failed, 0 skip`, "m"),
      );
      assert.match(
        said,
        new RegExp(`^== \\[\\d/4\\] ${runtime} two\\.test\\.ts: 1 passed, 0 failed, 1 skip`, "m"),
      );
    }
  }
});

test("a test that fails: its message under its file, and its name once more at the end", async (t) => {
  const bad = [
    GOOD,
    'test("is bad", () => { throw new Error("for this reason"); });',
    'describe("of a group", () => { it("is worse", () => { throw new Error("for that"); }); });',
  ];
  const { code, said, failed, last } = await tested(t, { bad: bad.join("\n"), good: GOOD });
  assert.deepEqual([code, last], [1, "4 passed, 4 failed"], said);
  for (const runtime of ["bun", "deno"]) {
    const [, own = ""] = said.split(`] ${runtime} bad.test.ts: 1 passed, 2 failed`);
    const [log = ""] = own.split("\n== ");
    assert.match(log, /for this reason[\s\S]*for that/);
    for (const name of ["is bad", "is worse"])
      assert.match(failed, new RegExp(`^${runtime} bad\\.test\\.ts: .*${name}`, "m"));
  }
  assert.doesNotMatch(failed, /good\.test\.ts/);
  assert.match(failed, /\n== run these again\nsh scripts\/test\.sh bad\.test\.ts\n/);
});

test("of what passed, one line; a directory stands for the files in it", async (t) => {
  const dir = tempDir(t);
  mkdirSync(join(dir, "in"));
  writeFileSync(join(dir, "in/quiet.test.ts"), `${IMPORTS}\n${GOOD}\n`);
  const { code, stdout } = await run(["sh", join(root, "scripts/test.sh"), dir]);
  assert.equal(code, 0, `${stdout}`);
  assert.match(`${stdout}`, /^== \[1\/2\] .*\n== \[2\/2\] .*\n2 passed, 0 failed\n$/);
});

for (const [how, text] of Object.entries({
  "does not load": 'import "./not-there.ts";',
  "throws outside of its tests": 'throw new Error("why");',
  "holds no test": "export {};",
  "ends in the middle, as if all were well": 'test("x", () => { process.exit(0); });',
  "is killed": 'test("x", () => { process.kill(process.pid, "SIGKILL"); });',
}))
  test(`a file that ${how} is a failure, and has a name`, async (t) => {
    const { code, said, failed, last } = await tested(t, { good: GOOD, odd: text });
    assert.deepEqual([code, last], [1, "2 passed, 2 failed"], said);
    for (const runtime of ["bun", "deno"])
      assert.match(failed, new RegExp(`^${runtime} odd\\.test\\.ts: .`, "m"));
    assert.doesNotMatch(failed, /good\.test\.ts/);
  });

test("who runs a file is killed: what has not been run is a failure", async (t) => {
  const text = [
    'import { readFileSync } from "node:fs";',
    'test("x", () => {',
    "  const of = (pid, what) => readFileSync(`/proc/${pid}/${what}`, 'latin1');",
    "  let above = process.ppid;",
    "  while (!of(above, 'cmdline').includes('test-file.sh'))",
    "    above = of(above, 'stat').split(') ')[1].split(' ')[1];",
    '  process.kill(Number(above), "SIGKILL");',
    "});",
  ].join("\n");
  const { code, said, failed, last } = await tested(t, { odd: text, good: GOOD }, { JOBS: "1" });
  assert.equal(code, 1, said);
  assert.match(failed, /^deno odd\.test\.ts: did not come to an end$/m);
  const [, passed, bad] = /^([0-9]+) passed, ([0-9]+) failed$/.exec(last ?? "") ?? [];
  assert.equal(Number(passed) + Number(bad), 4, said);
});

testWith(
  ["timeout"],
  "a file that does not end is a failure, and shows how far it came",
  async (t) => {
    const text = `${GOOD}\ntest("waits", () => new Promise((done) => setTimeout(done, 600_000)));`;
    const { code, said, failed, last } = await tested(t, { waits: text }, { LIMIT: "5" });
    assert.deepEqual([code, last], [1, "0 passed, 2 failed"], said);
    for (const runtime of ["bun", "deno"])
      assert.match(failed, new RegExp(`^${runtime} waits\\.test\\.ts: ended with status 124`, "m"));
    assert.match(said, /is good/);
  },
);

test("as many at a time as JOBS says", async (t) => {
  // The file under one runtime waits for the file under the other.
  const text = [
    'import { existsSync, writeFileSync } from "node:fs";',
    'test("meets its twin", async () => {',
    '  const [own, other] = "Deno" in globalThis ? ["deno", "bun"] : ["bun", "deno"];',
    '  writeFileSync(new URL(own, import.meta.url), "");',
    "  for (let i = 0; !existsSync(new URL(other, import.meta.url)); i++) {",
    '    if (i > 6000) throw new Error("it does not come");',
    "    await new Promise((next) => setTimeout(next, 10));",
    "  }",
    "});",
  ];
  const { last, said } = await tested(t, { meets: text.join("\n") }, { JOBS: "2" });
  assert.equal(last, "2 passed, 0 failed", said);
  for (const jobs of ["0", "two", "-1"]) {
    const { code, failed } = await tested(t, { one: GOOD }, { JOBS: jobs });
    assert.equal(code, 1);
    assert.match(failed, /^JOBS: .*, should be a number from 1$/m);
  }
});

test("a file that is not there is named", async () => {
  const { code, stdout } = await run([
    "sh",
    join(root, "scripts/test.sh"),
    "test/not-there.test.ts",
  ]);
  assert.equal(code, 1);
  assert.match(
    `${stdout}`,
    /no such file or directory: test\/not-there\.test\.ts\n0 passed, 1 failed\n$/,
  );
});
