import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { AtomicFile, writeFileAtomic } from "../../../../src/base/fs/atomic-file.ts";
import { runExitHooks } from "../../../../src/base/fs/exit-hooks.ts";
import { faultOf } from "../../../support/fault.ts";
import { Child, script, until } from "../../../support/process/child.ts";
import { tempDir } from "../../../support/process/temp.ts";

const child = resolve(import.meta.dirname, "../../../support/workers/lock-child.ts");
const bytes = (text: string) => Buffer.from(text);

test("a file is there when it is kept, and not before", (t) => {
  const dir = tempDir(t);
  const at = join(dir, "file");
  const aside = new AtomicFile(at, 5);
  aside.file.write(bytes("hello"), 0);
  assert.equal(existsSync(at), false);
  assert.equal(readdirSync(dir).length, 1);
  aside.keep();
  aside.drop();
  assert.equal(readFileSync(at, "utf8"), "hello");
  assert.deepEqual(readdirSync(dir), ["file"]);
});

test("a file that is dropped leaves the old one and nothing else", (t) => {
  const dir = tempDir(t);
  const at = join(dir, "file");
  writeFileAtomic(at, bytes("old"));
  const aside = new AtomicFile(at);
  aside.file.write(bytes("new"), 0);
  aside.drop();
  aside.drop();
  assert.equal(readFileSync(at, "utf8"), "old");
  assert.deepEqual(readdirSync(dir), ["file"]);
});

test("a link is followed, and one that leads nowhere is refused", async (t) => {
  const dir = tempDir(t);
  mkdirSync(join(dir, "elsewhere"));
  writeFileSync(join(dir, "elsewhere/target"), "old");
  symlinkSync("elsewhere/target", join(dir, "link"));
  symlinkSync("link", join(dir, "second"));
  writeFileAtomic(join(dir, "second"), bytes("new"));
  assert.equal(readFileSync(join(dir, "elsewhere/target"), "utf8"), "new");
  assert.equal(readlinkSync(join(dir, "second")), "link");
  assert.equal(readlinkSync(join(dir, "link")), "elsewhere/target");
  symlinkSync("nowhere", join(dir, "lost"));
  const { at } = await faultOf("not-found", () => new AtomicFile(join(dir, "lost")));
  assert.equal(at, join(dir, "lost"));
  assert.deepEqual(new Set(readdirSync(dir)), new Set(["elsewhere", "link", "lost", "second"]));
  assert.deepEqual(readdirSync(join(dir, "elsewhere")), ["target"]);
});

test("what cannot be is said before anything is written", async (t) => {
  const dir = tempDir(t);
  mkdirSync(join(dir, "folder"));
  writeFileSync(join(dir, "file"), "");
  const { hint, at } = await faultOf("not-found", () => new AtomicFile(join(dir, "none/file")));
  assert.deepEqual(
    [at, hint],
    [join(dir, "none"), `create it first: mkdir -p ${join(dir, "none")}`],
  );
  assert.equal((await faultOf("io", () => new AtomicFile(join(dir, "folder")))).code, "EISDIR");
  assert.equal((await faultOf("io", () => new AtomicFile(join(dir, "file/file")))).code, "ENOTDIR");
  const { needed, free } = await faultOf(
    "no-space",
    () => new AtomicFile(join(dir, "new"), 2 ** 60),
  );
  assert.ok(needed === 2 ** 60 && free < needed);
  assert.deepEqual(new Set(readdirSync(dir)), new Set(["file", "folder"]));
});

test("a failure at the end is thrown as it is, and leaves the old file and nothing else", async (t) => {
  const dir = tempDir(t);
  const at = join(dir, "file");
  const aside = new AtomicFile(at);
  aside.file.close();
  try {
    assert.equal((await faultOf("io", () => aside.keep())).doing, "sync");
  } finally {
    aside.drop();
  }
  assert.deepEqual(readdirSync(dir), []);

  const blocked = new AtomicFile(at);
  mkdirSync(at);
  assert.equal((await faultOf("io", () => blocked.keep())).doing, "put in place");
  blocked.drop();
  assert.deepEqual(readdirSync(dir), ["file"]);
});

test("a name as long as names can be, also in other scripts", (t) => {
  const dir = tempDir(t);
  for (const name of ["x".repeat(255), "語".repeat(85), "🍰".repeat(63)]) {
    writeFileAtomic(join(dir, name), bytes(name));
    assert.equal(readFileSync(join(dir, name), "utf8"), name);
  }
  assert.equal(readdirSync(dir).length, 3);
});

test("what a killed process left for the same name is removed, what a living one writes is not", async (t) => {
  const dir = tempDir(t);
  const at = join(dir, "file");
  const begin = async () => {
    const process = new Child([...script(child), "aside", at]);
    await until(() => existsSync(`${at}.begun`), "it writes");
    return process;
  };
  const killed = await begin();
  killed.kill("SIGKILL");
  await killed.ended;
  assert.equal(readdirSync(dir).length, 2);
  writeFileAtomic(join(dir, "other"), bytes("other"));
  assert.equal(readdirSync(dir).length, 3);
  writeFileAtomic(at, bytes("whole"));
  assert.deepEqual(new Set(readdirSync(dir)), new Set(["file", "file.begun", "other"]));
  const living = new Child([...script(child), "aside", at]);
  try {
    await until(() => readdirSync(dir).length === 4, "it writes");
    writeFileAtomic(at, bytes("again"));
    assert.equal(readdirSync(dir).length, 4);
  } finally {
    living.kill("SIGKILL");
    await living.ended;
  }
});

test("what nobody can judge is removed after a day", (t) => {
  const dir = tempDir(t);
  const left = join(dir, ".file.partial.0123456789abcdef.1.1.1.1");
  writeFileSync(left, "half");
  writeFileAtomic(join(dir, "file"), bytes("one"));
  assert.ok(existsSync(left));
  const now = statSync(left).mtimeMs / 1000;
  utimesSync(left, now - 90_000, now - 90_000);
  writeFileAtomic(join(dir, "file"), bytes("two"));
  assert.deepEqual(readdirSync(dir), ["file"]);
});

test("a program that is told to stop removes what is half-written", (t) => {
  const dir = tempDir(t);
  new AtomicFile(join(dir, "file")).file.write(bytes("half"), 0);
  assert.equal(readdirSync(dir).length, 1);
  runExitHooks();
  assert.deepEqual(readdirSync(dir), []);
});
