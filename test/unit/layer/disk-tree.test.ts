import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { diskTree } from "../../../src/layer/tree/disk-tree.ts";
import type { Node } from "../../../src/layer/tree/entry.ts";
import { parseXattrs, readXattrs } from "../../../src/layer/tree/xattrs-disk.ts";
import { faultOf } from "../../support/fault.ts";
import { testUnless, testWith } from "../../support/process/needs.ts";
import { tempDir } from "../../support/process/temp.ts";
import { pathsOf, show } from "../../support/trees/layer-trees.ts";
import { writeTree } from "../../support/trees/tree.ts";

const posix = process.platform === "win32" ? "Windows has no such names and modes" : undefined;
const root = process.getuid?.() === 0 ? undefined : "only root may";

function kindOf(node: Node | undefined): string | undefined {
  return node?.kind === "refused" ? node.why : node?.kind;
}

test("a folder of the disk is a tree, owned by 0:0, with its modes and whole seconds", (t) => {
  const dir = writeTree(tempDir(t), { "a/b": "x", "a/.h": "hid", c: "" });
  fs.symlinkSync("../nowhere", join(dir, "a/link"));
  fs.chmodSync(join(dir, "a/b"), 0o4751);
  fs.chmodSync(join(dir, "a"), 0o1777);
  fs.utimesSync(join(dir, "a/b"), 7.9, 7.9);
  const tree = diskTree(dir);
  assert.deepEqual(pathsOf(tree), ["a", "a/.h", "a/b", "a/link", "c"]);
  const found = tree.get("a/b");
  assert.deepEqual(found?.meta, { mode: 0o4751, uid: 0, gid: 0, mtime: 7, xattrs: undefined });
  assert.ok(found.kind === "file" && found.size === 1);
  assert.equal(tree.get("a")?.meta.mode, 0o1777);
  const link = tree.get("a/link");
  assert.ok(link?.kind === "symlink" && link.target === "../nowhere");
  assert.equal(tree.get("")?.kind, "directory");
  assert.deepEqual(
    [tree.get("x"), tree.get("c/x"), tree.list("c"), tree.list("x")],
    [undefined, undefined, [], []],
  );
});

testWith(
  ["touch"],
  "times are floored to the second, also the last of its fractions, and before 1970",
  (t) => {
    const dir = tempDir(t);
    const times = {
      "2020-09-13T12:26:40.999999999Z": 1600000000,
      "2020-09-13T12:26:40Z": 1600000000,
      "1969-12-31T23:59:59.5Z": -1,
      "1969-12-31T23:59:58Z": -2,
    };
    for (const time of Object.keys(times))
      execFileSync("touch", ["-d", time, join(dir, String(Date.parse(time)))]);
    const tree = diskTree(dir);
    for (const [time, seconds] of Object.entries(times))
      assert.equal(tree.get(String(Date.parse(time)))?.meta.mtime, seconds, time);
    const rough = diskTree(dir, { timed: false });
    const mtime = rough.get(String(Date.parse("2020-09-13T12:26:40.999999999Z")))?.meta.mtime;
    assert.ok(mtime === 1600000000 || mtime === 1600000001, `${mtime}`);
  },
);

test("no link is followed, not even on the way, but the root's own", (t) => {
  const dir = writeTree(tempDir(t), { "real/a": "x" });
  fs.symlinkSync("real", join(dir, "link"));
  fs.symlinkSync("loop", join(dir, "loop"));
  const tree = diskTree(dir);
  assert.equal(tree.get("link/a"), undefined);
  assert.deepEqual(tree.list("link"), []);
  assert.equal(tree.get("loop")?.kind, "symlink");
  assert.deepEqual(pathsOf(diskTree(join(dir, "link"))), ["a"]);
});

test("two names of one file are one node, and a name outside does not count", (t) => {
  const dir = writeTree(tempDir(t), { "in/a": "x", "in/b": "x" });
  fs.linkSync(join(dir, "in/a"), join(dir, "in/c"));
  fs.linkSync(join(dir, "in/b"), join(dir, "out"));
  const tree = diskTree(join(dir, "in"));
  assert.equal(tree.get("c"), tree.get("a"));
  assert.notEqual(tree.get("b"), tree.get("a"));
});

test("a second look sees what the first one saw", (t) => {
  const dir = writeTree(tempDir(t), { "d/a": "x" });
  const tree = diskTree(dir);
  const before = show(tree);
  fs.writeFileSync(join(dir, "d/b"), "new");
  fs.rmSync(join(dir, "d/a"));
  assert.deepEqual(show(tree), before);
});

test("what is not there, and what nobody may look into", async (t) => {
  assert.equal((await faultOf("io", () => diskTree(join(tempDir(t), "no")))).code, "ENOENT");
});

testUnless(posix, "a socket is refused, a name in any script is not", async (t) => {
  const dir = tempDir(t);
  const server = createServer();
  await new Promise<void>((done) => server.listen(join(dir, "s"), done));
  for (const name of ["é", "\ufffd", "a\nb", "\u{1f600}", "back\\slash"])
    fs.writeFileSync(join(dir, name), name);
  const tree = diskTree(dir);
  assert.equal(kindOf(tree.get("s")), "a socket");
  for (const name of tree.list("").filter((name) => name !== "s"))
    assert.equal(tree.get(name)?.kind, "file", name);
  assert.equal(tree.list("").length, 6);
  await new Promise((done) => server.close(done));
});

testWith(["sh"], "names and links that are not UTF-8 are refused, never replaced", (t) => {
  const dir = tempDir(t);
  const script =
    "touch \"$(printf 'a\\377')\" \"$(printf 'a\\376')\" \"$(printf 'b\\377')\"; ln -s \"$(printf 't\\377')\" l; mkdir \"$(printf 'd\\377')\"; touch \"$(printf 'd\\377')/x\"";
  execFileSync("sh", ["-c", script], { cwd: dir });
  const tree = diskTree(dir);
  assert.deepEqual(tree.list(""), ["a\ufffd", "b\ufffd", "d\ufffd", "l"]);
  for (const name of ["a\ufffd", "b\ufffd", "d\ufffd"])
    assert.equal(kindOf(tree.get(name)), "a name that is not UTF-8", name);
  assert.match(kindOf(tree.get("l")) ?? "", /a link/);
  assert.deepEqual(tree.list("d\ufffd"), []);
});

testWith(["mkfifo"], "a fifo is one", (t) => {
  const dir = tempDir(t);
  execFileSync("mkfifo", ["-m", "640", join(dir, "f")]);
  assert.deepEqual(show(diskTree(dir)).f, `fifo 640 0:0 @${diskTree(dir).get("f")?.meta.mtime}`);
});

const linux = process.platform === "linux" ? undefined : "the numbers are Linux's";

testUnless(linux, "devices have both numbers", () => {
  const node = diskTree("/dev").get("null");
  assert.ok(node?.kind === "character", "this needs /dev/null");
  assert.deepEqual([node.major, node.minor], [1, 3]);
});

testUnless(root, "a device's large minor number is whole", (t) => {
  const dir = tempDir(t);
  try {
    execFileSync("mknod", [join(dir, "b"), "b", "300", "70000"], { stdio: "ignore" });
  } catch {
    return; // A container that may make none.
  }
  const node = diskTree(dir).get("b");
  assert.ok(node?.kind === "block");
  assert.deepEqual([node.major, node.minor], [300, 70000]);
});

const files = { "a/b/c": "x", "a/d": "x", "e/f": "x", "e/g/h": "x", i: "x" };

test("what is excluded is not there, nor what is below it, and can be told from what never was", (t) => {
  const asked: string[] = [];
  const tree = diskTree(writeTree(tempDir(t), files), {
    excluded: (path, isDirectory) => {
      asked.push(path);
      return path === "a/b" || path === "i" || (path.startsWith("e") && isDirectory);
    },
  });
  assert.deepEqual(pathsOf(tree), ["a", "a/d"]);
  assert.ok(!asked.includes("a/b/c") && !asked.includes(""));
  for (const path of ["a/b/c", "a/b", "a/x", "e/f", "i"]) assert.equal(tree.get(path), undefined);
  const left = ["a/b/c", "e", "e/f", "i", "a/x", "a/d", ""].map((path) => tree.leavesOut?.(path));
  assert.deepEqual(left, [true, true, true, true, false, false, false]);
});

test("a folder that is ignored is in where something in it is not", (t) => {
  const ignores = (path: string) => path !== "e/g/h" && path !== "i";
  const tree = diskTree(writeTree(tempDir(t), files), {
    excluded: (path, isDirectory) => !isDirectory && ignores(path),
    ignores,
  });
  assert.deepEqual(pathsOf(tree), ["e", "e/g", "e/g/h", "i"]);
  assert.equal(tree.leavesOut?.("a"), true);
});

const env = { PATH: process.env.PATH ?? "" };

testWith(
  ["getfattr", "setfattr"],
  "extended attributes are read whole, for those that belong to a layer",
  async (t) => {
    const dir = writeTree(tempDir(t), { "a b\nc": "x", "d/e": "x", none: "x" });
    const set = (path: string, name: string, hex: string) =>
      execFileSync("setfattr", ["-h", "-n", name, "-v", hex, join(dir, path)]);
    set("a b\nc", "user.z", "0x00ff3d0a");
    set("a b\nc", "user.a =", "0x");
    set("d", "user.folder", "0x31");
    set("d/e", "user.overlay.opaque", "0x79");
    fs.symlinkSync("a b\nc", join(dir, "link"));
    const tree = diskTree(dir, { xattrs: await readXattrs(dir, { env }) });
    const found = (path: string) => [...(tree.get(path)?.meta.xattrs ?? [])];
    assert.deepEqual(found("a b\nc"), [
      ["user.a =", new Uint8Array()],
      ["user.z", Uint8Array.of(0, 255, 0x3d, 10)],
    ]);
    assert.deepEqual(found("d"), [["user.folder", Uint8Array.of(0x31)]]);
    for (const path of ["d/e", "none", "link"]) assert.deepEqual(found(path), [], path);
  },
);

test("without getfattr it is said what is missing, and how to get it", async (t) => {
  const facts = await faultOf("program-missing", () =>
    readXattrs(tempDir(t), { env: { PATH: "/nowhere" } }),
  );
  assert.equal(facts.program, "getfattr");
  assert.match(facts.install, /attr/);
});

test("getfattr's answer is taken by its form, and nothing else", async () => {
  const said = [
    "# file: sp ace\nuser.w\\040x\\075y=0x31\n",
    "# file: new\\012line\nuser.k=0x\nsecurity.capability=0x0100\n",
    "# file: .\nuser.\\303\\251=0xff\n",
    "# file: x\nsecurity.selinux=0x00\nuser.overlay.x=0x00\n",
  ];
  const all = parseXattrs(said.join("\n"));
  assert.deepEqual(
    [...all].map(([path, names]) => [path, [...names.keys()]]),
    [
      ["sp ace", ["user.w x=y"]],
      ["new\nline", ["security.capability", "user.k"]],
      ["", ["user.é"]],
    ],
  );
  assert.equal(parseXattrs("").size, 0);
  for (const bad of [
    "user.k=0x00\n",
    "# file: a\nuser.k=0x0\n",
    "# file: a\nuser.k\n",
    "# file: \n",
  ])
    await faultOf("malformed", () => parseXattrs(bad));
});
