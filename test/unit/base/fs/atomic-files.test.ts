import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { AtomicFiles } from "../../../../src/base/fs/atomic-files.ts";
import { runExitHooks } from "../../../../src/base/fs/exit-hooks.ts";
import { processOwner } from "../../../../src/base/fs/process-id.ts";
import { SegmentedFile } from "../../../../src/base/fs/segmented-file.ts";
import { faultOf } from "../../../support/fault.ts";
import { tempDir } from "../../../support/process/temp.ts";

const quiet = { isWorth: () => false, left: () => assert.fail("nothing stays") };
const begin = (at: string, size: number) => new AtomicFiles([{ at, size }], quiet);
const write = (asides: AtomicFiles, text: string) => {
  const parts = new SegmentedFile(asides.parts);
  parts.write(Buffer.from(text), 0);
  parts.close();
};
const finish = (asides: AtomicFiles) => {
  asides.sync();
  asides.place();
  asides.drop();
};

test("files are there together, whole, and not before", (t) => {
  const dir = tempDir(t);
  const files = ["a.001", "a.002"].map((name) => ({ at: join(dir, name), size: 3 }));
  const asides = new AtomicFiles(files, { ...quiet, stem: join(dir, "a") });
  assert.equal(asides.found.size, 0);
  write(asides, "abcdef");
  assert.ok(files.every(({ at }) => !existsSync(at)));
  finish(asides);
  assert.deepEqual(readdirSync(dir).sort(), ["a.001", "a.002"]);
  assert.deepEqual(
    files.map(({ at }) => readFileSync(at, "utf8")),
    ["abc", "def"],
  );
});

test("what was dropped leaves nothing, and what was there", (t) => {
  const dir = tempDir(t);
  writeFileSync(join(dir, "a"), "old");
  const asides = begin(join(dir, "a"), 5);
  asides.drop();
  asides.drop();
  asides.leave();
  assert.deepEqual(readdirSync(dir), ["a"]);
  assert.equal(readFileSync(join(dir, "a"), "utf8"), "old");
});

test("what another run left of that size is taken over, once; all else is removed", (t) => {
  const dir = tempDir(t);
  const at = join(dir, "a.tar");
  // No process has this number.
  const gone = processOwner().replace(/\.[0-9]+\.[0-9]+$/, ".4194999.1");
  for (const name of [`${gone}.1`, "free.x.1", "free.short"])
    writeFileSync(join(dir, `.a.tar.partial.${name}`), name === "free.short" ? "1234" : "12345");
  writeFileSync(join(dir, ".a.tar.002.partial.free.x.1"), "of a volume");
  writeFileSync(join(dir, ".b.tar.partial.free.x.1"), "of another");
  mkdirSync(join(dir, `.a.tar.partial.${gone}.2`));
  const first = begin(at, 5);
  assert.deepEqual([...first.found], first.parts);
  assert.equal(readFileSync(first.parts[0]!.path, "utf8"), "12345");
  assert.equal(readdirSync(dir).length, 2);
  const second = begin(at, 5);
  assert.equal(second.found.size, 0);
  assert.ok(readFileSync(second.parts[0]!.path).equals(Buffer.alloc(5)));
  write(second, "abcde");
  finish(second);
  finish(first);
  assert.equal(readFileSync(at, "utf8"), "12345");
  assert.deepEqual(readdirSync(dir).sort(), [".b.tar.partial.free.x.1", "a.tar"]);
});

test("of volumes, each takes over its own", (t) => {
  const dir = tempDir(t);
  for (const stem of ["a", `${"long ".repeat(40)}name`]) {
    const files = ["001", "002", "003"].map((n) => ({ at: join(dir, `${stem}.${n}`), size: 4 }));
    const options = { isWorth: () => true, left: () => {}, stem: join(dir, stem) };
    const first = new AtomicFiles(files, options);
    write(first, "1111222");
    first.leave();
    rmSync(join(dir, readdirSync(dir).find((name) => name.includes(".003.partial."))!));
    const asides = new AtomicFiles(files, { ...quiet, stem: join(dir, stem) });
    assert.deepEqual([...asides.found], asides.parts.slice(0, 2));
    assert.deepEqual(
      asides.parts.map(({ path }) => readFileSync(path, "utf8")),
      ["1111", "222\0", "\0\0\0\0"],
    );
    asides.drop();
    assert.deepEqual(readdirSync(dir), []);
  }
});

test("what is a link, a folder, or has another name is not taken over; rights are those of a new file", (t) => {
  const dir = tempDir(t);
  const at = join(dir, "a");
  writeFileSync(join(dir, "mine"), "12345");
  linkSync(join(dir, "mine"), join(dir, ".a.partial.free.1"));
  symlinkSync("mine", join(dir, ".a.partial.free.2"));
  mkdirSync(join(dir, ".a.partial.free.3"));
  const asides = begin(at, 5);
  assert.equal(asides.found.size, 0);
  write(asides, "abcde");
  finish(asides);
  assert.equal(readFileSync(join(dir, "mine"), "utf8"), "12345");
  assert.deepEqual(readdirSync(dir).sort(), ["a", "mine"]);
  const { mode } = statSync(at);
  writeFileSync(join(dir, ".a.partial.free.4"), "54321");
  chmodSync(join(dir, ".a.partial.free.4"), 0o4777);
  const again = begin(at, 5);
  assert.equal(again.found.size, 1);
  finish(again);
  assert.equal(statSync(at).mode, mode);
});

test("what is worth it stays when it is left, and when the program is told to stop", (t) => {
  const dir = tempDir(t);
  const at = join(dir, "a");
  const said: string[] = [];
  let worth = true;
  const start = () =>
    new AtomicFiles([{ at, size: 5 }], { isWorth: () => worth, left: (of) => said.push(of) });
  const stays = (end: (asides: AtomicFiles) => void, text: string) => {
    const asides = start();
    const taken = asides.found.size;
    write(asides, text);
    end(asides);
    asides.drop();
    const [name = "", ...more] = readdirSync(dir);
    assert.deepEqual(more, []);
    assert.equal(readFileSync(join(dir, name), "utf8"), text);
    return { taken, isFree: name.startsWith(".a.partial.free.") };
  };
  assert.deepEqual(
    stays((asides) => asides.leave(), "first"),
    { taken: 0, isFree: true },
  );
  assert.deepEqual(
    stays((asides) => asides.leave(), "again"),
    { taken: 1, isFree: true },
  );
  assert.deepEqual(said, [at, at]);
  // Threads may still write: it keeps our name until we are gone.
  assert.deepEqual(
    stays(() => runExitHooks(), "third"),
    { taken: 1, isFree: false },
  );
  assert.deepEqual(said, [at, at, at]);
  worth = false;
  for (const end of [(it: AtomicFiles) => it.leave(), () => runExitHooks()]) end(start());
  assert.equal(readdirSync(dir).length, 1);
  assert.equal(said.length, 3);
});

test("too little room is said before anything is written; what was taken over has its own already", async (t) => {
  const dir = tempDir(t);
  const at = join(dir, "a");
  const { needed, free } = await faultOf("no-space", () => begin(at, 2 ** 42));
  assert.ok(needed === 2 ** 42 && free < needed);
  assert.deepEqual(readdirSync(dir), []);
});

test("syncing meanwhile gives what the work gives, throws what it throws, or stops it when the disk refuses", async (t) => {
  const asides = begin(join(tempDir(t), "file"), 5);
  const never = () => assert.fail("nothing refused");
  assert.equal(await asides.syncWhile(Promise.resolve(7), never), 7);
  await assert.rejects(asides.syncWhile(Promise.reject(new Error("work")), never), /work/);
  rmSync(asides.parts[0]!.path);
  let stop = () => {};
  const work = new Promise<void>((_, fail) => {
    stop = () => fail(new Error("stopped"));
  });
  assert.equal((await faultOf("io", () => asides.syncWhile(work, () => stop()))).code, "ENOENT");
  assert.equal((await faultOf("io", () => asides.sync())).code, "ENOENT");
  asides.drop();
});

test("a name that something else has is refused, and nothing of it is left", async (t) => {
  const dir = tempDir(t);
  const asides = begin(join(dir, "a"), 5);
  mkdirSync(join(dir, "a"));
  assert.equal((await faultOf("io", () => asides.place())).doing, "put in place");
  assert.deepEqual(readdirSync(dir), ["a"]);
});
