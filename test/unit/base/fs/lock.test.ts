import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { withLock } from "../../../../src/base/fs/lock.ts";
import { judgeOwner, processOwner } from "../../../../src/base/fs/process-id.ts";
import { faultOf } from "../../../support/fault.ts";
import { Child, pause, script, until } from "../../../support/process/child.ts";
import { tempDir } from "../../../support/process/temp.ts";

const child = resolve(import.meta.dirname, "../../../support/workers/lock-child.ts");
const start = (...words: string[]) => new Child([...script(child), ...words]);

/** A process of another host. */
const FOREIGN = "0123456789abcdef.1.1.1";

test("gives what the act gives, and leaves nothing", async (t) => {
  const at = join(tempDir(t), "lock");
  assert.equal(await withLock(at, () => 5), 5);
  await assert.rejects(
    withLock(at, () => Promise.reject(new Error("no"))),
    /no/,
  );
  await assert.rejects(
    withLock(at, () => {
      throw new Error("thrown");
    }),
    /thrown/,
  );
  assert.deepEqual(readdirSync(at), []);
});

test("one at a time, in one process", async (t) => {
  const at = join(tempDir(t), "lock");
  let inside = 0;
  let most = 0;
  const act = async () => {
    most = Math.max(most, ++inside);
    await pause(1);
    inside--;
  };
  await Promise.all(Array.from({ length: 12 }, () => withLock(at, act)));
  assert.equal(most, 1);
});

test("one at a time, in eight processes: no count is lost", async (t) => {
  const dir = tempDir(t);
  const file = join(dir, "number");
  writeFileSync(file, "0");
  const children = Array.from({ length: 8 }, () => start("count", join(dir, "lock"), file, "25"));
  for (const { ended } of children)
    assert.deepEqual([(await ended).code, (await ended).stderr], [0, ""]);
  assert.equal(readFileSync(file, "utf8"), "200");
  assert.deepEqual(readdirSync(join(dir, "lock")), []);
});

test("a holder that is there is waited for, then named", async (t) => {
  const dir = tempDir(t);
  const [at, file] = [join(dir, "lock"), join(dir, "held")];
  const holder = start("hold", at, file);
  try {
    await until(() => existsSync(file), "the lock is held");
    const facts = await faultOf("busy", () => withLock(at, () => assert.fail("not alone"), 100));
    assert.ok(facts.holder.includes(`.${holder.process.pid}.`), facts.holder);
    assert.equal(readdirSync(at).length, 1);
  } finally {
    holder.kill("SIGKILL");
    await holder.ended;
  }
});

test("a holder that was killed is displaced at once, by one of many", async (t) => {
  const dir = tempDir(t);
  const [at, held, file] = [join(dir, "lock"), join(dir, "held"), join(dir, "number")];
  const holder = start("hold", at, held);
  await until(() => existsSync(held), "the lock is held");
  writeFileSync(file, "0");
  const children = Array.from({ length: 4 }, () => start("count", at, file, "10"));
  await pause(100);
  assert.equal(readFileSync(file, "utf8"), "0");
  holder.kill("SIGKILL");
  for (const { ended } of children) assert.equal((await ended).code, 0);
  assert.equal(readFileSync(file, "utf8"), "40");
  assert.deepEqual(readdirSync(at), []);
});

test("a process is known by more than its number", () => {
  const own = processOwner();
  assert.equal(judgeOwner(own), "alive");
  const [boot, namespace, pid, began] = own.split(".") as [string, string, string, string];
  assert.equal(judgeOwner([boot, namespace, pid, Number(began) + 1].join(".")), "gone");
  assert.equal(judgeOwner([boot, namespace, 4_194_305, began].join(".")), "gone");
  assert.equal(judgeOwner([boot, Number(namespace) + 1, pid, began].join(".")), "unknown");
  assert.equal(judgeOwner(FOREIGN), "unknown");
  for (const odd of ["", "x", `${own}.1`, own.slice(0, own.lastIndexOf("."))])
    assert.equal(judgeOwner(odd), "unknown", odd);
});

test("a process that has ended is gone, also before its parent has noticed", async (t) => {
  const dir = tempDir(t);
  // The shell's child ends at once; the program that the shell becomes never asks for it.
  const parent = new Child([
    "sh",
    "-c",
    `sh -c 'echo $$ > "$0"; exit 0' "$0/pid" & exec sleep 60`,
    dir,
  ]);
  try {
    const file = join(dir, "pid");
    const status = () => readFileSync(`/proc/${readFileSync(file, "utf8").trim()}/stat`, "utf8");
    await until(
      () => existsSync(file) && readFileSync(file, "utf8").endsWith("\n") && / Z /.test(status()),
      "the child is a zombie",
    );
    const began = status()
      .slice(status().lastIndexOf(")") + 2)
      .split(" ")[19];
    const [boot, namespace] = processOwner().split(".");
    assert.equal(
      judgeOwner([boot, namespace, readFileSync(file, "utf8").trim(), began].join(".")),
      "gone",
    );
  } finally {
    parent.kill("SIGKILL");
    await parent.ended;
  }
});

test("the number of a process that is gone, given to another, does not keep the lock", async (t) => {
  const at = join(tempDir(t), "lock");
  mkdirSync(at);
  const parts = processOwner().split(".");
  parts[3] = String(Number(parts[3]) + 1);
  writeFileSync(join(at, `${parts.join(".")}.1`), "");
  assert.equal(await withLock(at, () => "held", 0), "held");
  assert.deepEqual(readdirSync(at), []);
});

test("a holder that nobody can judge is honoured for a minute by the file system's clock", async (t) => {
  const at = join(tempDir(t), "lock");
  mkdirSync(at);
  const entry = join(at, `${FOREIGN}.7`);
  writeFileSync(entry, "");
  assert.equal(
    (await faultOf("busy", () => withLock(at, () => assert.fail("not alone"), 30))).holder,
    `${FOREIGN}.7`,
  );
  const now = Date.now() / 1000;
  utimesSync(entry, now - 50, now - 50);
  await faultOf("busy", () => withLock(at, () => assert.fail("not alone"), 0));
  utimesSync(entry, now - 90, now - 90);
  assert.equal(await withLock(at, () => "held", 0), "held");
  assert.deepEqual(readdirSync(at), []);
});
