import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { type IngotError, isIngotError } from "../../../src/base/error.ts";
import { runProcess, shellLine, statusText, which } from "../../../src/base/process/run.ts";
import { testWith } from "../../support/process/needs.ts";
import { tempDir } from "../../support/process/temp.ts";

const PATH = process.env.PATH ?? "";
const here = { cwd: "/", env: { PATH } };

testWith(["env"], "run: the environment is the given one and nothing else", async () => {
  const { stdout, status } = await runProcess(["env"], {
    cwd: "/",
    env: { PATH, A: "1 2", B: "" },
  });
  assert.equal(status, 0);
  const lines = stdout.trimEnd().split("\n");
  assert.deepEqual(new Set(lines), new Set([`PATH=${PATH}`, "A=1 2", "B="]));
});

testWith(["printf"], "run: arguments arrive as they are, no shell sees them", async () => {
  const words = ["", "a b", "$HOME", "`id`", "'", '"', "*", ";", "a\nb", "ü", "-n"];
  const { stdout } = await runProcess(["printf", "<%s>", ...words], here);
  assert.equal(stdout, words.map((word) => `<${word}>`).join(""));
});

testWith(["sh"], "run: the status is an answer, also when a signal ended the program", async () => {
  const failed = await runProcess(["sh", "-c", "echo out; echo err >&2; exit 7"], here);
  assert.deepEqual(failed, { status: 7, stdout: "out\n", stderr: "err\n" });
  assert.equal(statusText(failed.status), "exit status 7");
  const killed = await runProcess(["sh", "-c", "kill -TERM $$"], here);
  assert.equal(killed.status, "SIGTERM");
  assert.equal(statusText(killed.status), "killed by SIGTERM");
});

testWith(["cat"], "run: nothing is on stdin", async () => {
  assert.deepEqual(await runProcess(["cat"], here), { status: 0, stdout: "", stderr: "" });
});

testWith(["sh", "pwd"], "run: in the folder that is given", async (t) => {
  const cwd = tempDir(t);
  assert.equal((await runProcess(["pwd"], { ...here, cwd })).stdout, `${cwd}\n`);
});

testWith(
  ["sh", "head", "yes"],
  "run: of much output, the first and the last part are kept",
  async () => {
    const script = "echo first; yes | head -c 3000000; echo last";
    const { stdout, status } = await runProcess(["sh", "-c", script], { ...here, keep: 1000 });
    assert.equal(status, 0);
    assert.match(stdout, /^first\ny\n/);
    assert.match(stdout, /y\nlast\n$/);
    const left = /\[(\d+) bytes left out\]/.exec(stdout);
    assert.equal(Number(left?.[1]), 3000000 + "first\nlast\n".length - 1000);
    const whole = await runProcess(["sh", "-c", "yes | head -c 1000"], { ...here, keep: 1000 });
    assert.equal(whole.stdout, "y\n".repeat(500));
  },
);

testWith(["sleep"], "run: a program that takes too long is killed", async () => {
  const { status } = await runProcess(["sleep", "1000"], { ...here, timeout: 20 });
  assert.equal(status, "timeout");
  assert.equal(statusText(status), "ran out of time");
});

testWith(
  ["sh", "sleep"],
  "run: an abort kills the program, and its reason is thrown",
  async (t) => {
    const file = join(tempDir(t), "pid");
    const stop = new AbortController();
    // The grandchild keeps the pipes open after its parent is gone; it must not hold us.
    const script = `sleep 1000 & echo $$ $! > ${file}.new && mv ${file}.new ${file}; wait`;
    const running = runProcess(["sh", "-c", script], { ...here, signal: stop.signal });
    const ended = assert.rejects(running, (error) => error === reason);
    while (!existsSync(file)) await new Promise((done) => setTimeout(done, 5));
    const reason = new Error("enough");
    stop.abort(reason);
    await ended;
    const [shell, sleep] = readFileSync(file, "utf8").trim().split(" ").map(Number);
    assert.throws(() => process.kill(shell!, 0), { code: "ESRCH" });
    process.kill(sleep!, "SIGKILL");
    await assert.rejects(
      runProcess(["sleep", "1000"], { ...here, signal: stop.signal }),
      (error) => error === reason,
    );
  },
);

test("run: a missing program is an IngotError that says how to get it", async () => {
  await assert.rejects(
    runProcess(["no-such-program", "x"], { ...here, install: "build it" }),
    (error) => {
      assert.ok(isIngotError(error, "program-missing"));
      assert.deepEqual(error.facts, {
        program: "no-such-program",
        needed: "to run no-such-program x",
        install: "build it",
      });
      return true;
    },
  );
});

testWith(["true"], "run: a missing folder is an IngotError of its own", async (t) => {
  const cwd = join(tempDir(t), "gone");
  await assert.rejects(
    runProcess(["true"], { ...here, cwd }),
    (error) => isIngotError(error, "not-found") && error.facts.at === cwd,
  );
});

test("run: what the system will not start is an io IngotError", async (t) => {
  const file = join(tempDir(t), "not-a-program");
  writeFileSync(file, "#!/no/such/interpreter\n");
  chmodSync(file, 0o755);
  await assert.rejects(
    runProcess([file], here),
    (error: IngotError) => isIngotError(error, "io") && error.facts.doing === "start",
  );
});

test("which: the first executable file in an absolute folder", (t) => {
  const root = tempDir(t);
  for (const name of ["a", "b", "c", "d"]) mkdirSync(join(root, name));
  mkdirSync(join(root, "a", "tool"));
  writeFileSync(join(root, "b", "tool"), "", { mode: 0o644 });
  writeFileSync(join(root, "c", "tool"), "", { mode: 0o755 });
  writeFileSync(join(root, "d", "tool"), "", { mode: 0o755 });
  const path = ["", ".", "no/such", ...["a", "b", "c", "d"].map((name) => join(root, name))].join(
    delimiter,
  );
  assert.equal(which("tool", path), join(root, "c", "tool"));
  assert.equal(which("tool", join(root, "b")), undefined);
  assert.equal(which(join(root, "d", "tool"), ""), join(root, "d", "tool"));
  assert.equal(which(join(root, "b", "tool"), path), undefined);
  assert.equal(which("", path), undefined);
});

testWith(["cat", "true"], "a program reads what it is given, or leaves it", async () => {
  const input = "a\n".repeat(100_000);
  assert.equal((await runProcess(["cat"], { ...here, input })).stdout, input);
  assert.equal((await runProcess(["cat"], here)).stdout, "");
  assert.equal((await runProcess(["true"], { ...here, input })).status, 0);
});

testWith(["sh", "printf"], "shellLine: a shell reads back the same words", async () => {
  const word = fc
    .string({ unit: "grapheme" })
    .filter((text) => !text.includes("\0") && text.isWellFormed());
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 5 }), async (words) => {
      const line = shellLine(["printf", "%s\\0", "-", ...words], { cwd: "/" });
      const { stdout, stderr } = await runProcess(["sh", "-c", line], here);
      assert.equal(stderr, "");
      assert.equal(stdout, ["-", ...words].map((text) => `${text}\0`).join(""));
    }),
    { numRuns: 50 },
  );
});

testWith(["sh"], "shellLine: folder and variables", async (t) => {
  const cwd = tempDir(t);
  const line = shellLine(["sh", "-c", 'echo "$X" "$PWD"'], { cwd, variables: { X: "a b" } });
  assert.equal(line, `cd ${cwd} && X='a b' sh -c 'echo "$X" "$PWD"'`);
  assert.equal((await runProcess(["sh", "-c", line], here)).stdout, `a b ${cwd}\n`);
});
