import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { isIngotError } from "../../../src/base/error.ts";
import { readGadgetFolder } from "../../../src/gadget/folder.ts";
import { lastCommit, newestChange } from "../../../src/gadget/source-epoch.ts";
import { faultOf } from "../../support/fault.ts";
import { testWith } from "../../support/process/needs.ts";
import { succeed } from "../../support/process/run.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";

/** A folder with these files, each with its own name as its content. */
function folderWith(t: Ends, names: readonly string[]): string {
  const root = tempDir(t);
  for (const name of names) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), name);
  }
  return root;
}

test("readGadgetFolder: the usual names, as far as they are there", (t) => {
  const both = folderWith(t, ["program.bpf.c", "gadget.yaml", "go/program.go"]);
  assert.deepEqual(readGadgetFolder(both, {}), {
    root: both,
    ebpfsource: "program.bpf.c",
    metadata: "gadget.yaml",
  });
  const one = folderWith(t, ["gadget.yaml"]);
  assert.deepEqual(readGadgetFolder(one, {}), { root: one, metadata: "gadget.yaml" });
  assert.deepEqual(
    readGadgetFolder(both, { metadata: "", ebpfsource: "", wasm: "go/program.go" }),
    { root: both, wasm: "go/program.go" },
  );
});

test("readGadgetFolder: named parts, by clean names; links are followed", (t) => {
  const root = folderWith(t, ["src/a.c", "meta.yaml", "program.bpf.c"]);
  const elsewhere = folderWith(t, ["m.wasm"]);
  symlinkSync(join(elsewhere, "m.wasm"), join(root, "m.wasm"));
  const names = { ebpfsource: "./src/../src//a.c", metadata: "meta.yaml", wasm: "m.wasm" };
  const recipeFile = join(root, "build.yaml");
  assert.deepEqual(readGadgetFolder(root, names, { recipeFile }), {
    root,
    ebpfsource: "src/a.c",
    wasm: "m.wasm",
    metadata: "meta.yaml",
    recipeFile,
  });
});

test("readGadgetFolder: a named part must be there, even under the usual name", async (t) => {
  const root = folderWith(t, ["gadget.yaml", "src/progam.c"]);
  const missing = (ebpfsource: string) =>
    faultOf("not-found", () => readGadgetFolder(root, { ebpfsource }));
  assert.deepEqual(await missing("src/program.c"), {
    what: "the eBPF source",
    at: join(root, "src/program.c"),
    near: [join(root, "src/progam.c")],
    hint: "build.yaml names it: ebpfsource: src/program.c",
  });
  await missing("program.bpf.c");
  await missing("no/such/folder.c");
});

test("readGadgetFolder: names stay in the folder", async (t) => {
  const root = folderWith(t, ["gadget.yaml"]);
  const recipeFile = "my.yaml";
  for (const [wasm, why] of [
    ["../x.c", '"../x.c" leads out of the gadget folder'],
    ["a/../../x.c", '"a/../../x.c" leads out of the gadget folder'],
    ["..", '".." leads out of the gadget folder'],
    ["/etc/passwd", '"/etc/passwd" is an absolute path'],
    ["a\0b", '"a\\u0000b" holds a zero byte'],
  ] as const) {
    const read = () => readGadgetFolder(root, { wasm }, { recipeFile });
    assert.equal((await faultOf("usage", read)).message, `my.yaml: wasm: ${why}`);
  }
  await faultOf("not-found", () => readGadgetFolder(root, { wasm: "..x.wasm" }));
});

test("readGadgetFolder: a folder is no file, and a file no folder", async (t) => {
  const root = folderWith(t, ["program.bpf.c/x", "file"]);
  await faultOf("unsupported", () => readGadgetFolder(root, {}));
  await faultOf("unsupported", () => readGadgetFolder(root, { wasm: "." }));
  await faultOf("unsupported", () => readGadgetFolder(join(root, "file"), {}));
  const { near } = await faultOf("not-found", () => readGadgetFolder(join(root, "fill"), {}));
  assert.deepEqual(near, [join(root, "file")]);
});

test("readGadgetFolder: nothing to build, and what may have been meant", async (t) => {
  const empty = await faultOf("not-found", () => readGadgetFolder(tempDir(t), {}));
  assert.deepEqual(empty.near, []);
  const root = folderWith(t, ["gadget.yml", "prog.bpf.c"]);
  const like = await faultOf("not-found", () => readGadgetFolder(root, {}));
  assert.deepEqual(like.near, [join(root, "prog.bpf.c"), join(root, "gadget.yml")]);
  assert.equal(like.hint, "build.yaml can name it: ebpfsource: prog.bpf.c");
});

test("newestChange: of what goes in, whole seconds", (t) => {
  const root = folderWith(t, [
    "program.bpf.c",
    "gadget.yaml",
    "build.yaml",
    "inc/a.h",
    "README.md",
    ".git/x.h",
    "go/program.go",
    "go/go.sum",
  ]);
  const recipeFile = join(root, "build.yaml");
  const touch = (name: string, seconds: number) => utimesSync(join(root, name), seconds, seconds);
  for (const name of [
    "program.bpf.c",
    "gadget.yaml",
    "build.yaml",
    "inc/a.h",
    "go/program.go",
    "go/go.sum",
  ])
    touch(name, 1000);
  touch("README.md", 9000);
  touch(".git/x.h", 9000);
  const c = readGadgetFolder(root, {}, { recipeFile });
  const go = readGadgetFolder(root, { wasm: "go/program.go" }, { recipeFile });
  assert.equal(newestChange(c), 1000);
  touch("inc/a.h", 2000.9);
  assert.equal(newestChange(c), 2000);
  touch("go/go.sum", 3000);
  assert.equal(newestChange(c), 2000);
  assert.equal(newestChange(go), 3000);
  touch("build.yaml", 4000);
  assert.equal(newestChange(c), 4000);
  touch("gadget.yaml", 5000);
  assert.equal(newestChange(c), 5000);
  symlinkSync(root, join(root, "loop"));
  assert.equal(newestChange(go), 5000);
});

testWith(["git"], "lastCommit: of what goes in, however the caller's git is set up", async (t) => {
  const top = folderWith(t, [
    "gadget/program.bpf.c",
    "gadget/gadget.yaml",
    "gadget/inc/[a].h",
    "other/x.h",
  ]);
  const environment = { PATH: process.env.PATH, HOME: tempDir(t), GIT_DIR: "/nowhere" };
  const work = { tools: { commands: {}, environment }, epoch: 0, workDir: tempDir(t) };
  writeFileSync(
    join(environment.HOME, ".gitconfig"),
    "[log]\n\tshowSignature = true\n\tdate = human\n[color]\n\tui = always\n",
  );
  const git = (when: number, ...args: string[]) =>
    succeed(["git", "-C", top, "-c", "user.name=n", "-c", "user.email=e@example.org", ...args], {
      env: {
        HOME: environment.HOME,
        GIT_AUTHOR_DATE: "@5 +0200",
        GIT_COMMITTER_DATE: `@${when} +0200`,
        GIT_CONFIG_NOSYSTEM: "1",
      },
    });
  const folder = readGadgetFolder(join(top, "gadget"), {});
  const usage = async (folderOf: typeof folder, message: RegExp) =>
    assert.rejects(
      lastCommit(folderOf, work),
      (error) => isIngotError(error, "usage") && message.test(error.facts.message),
    );

  await assert.rejects(
    lastCommit(folder, work),
    (error) =>
      isIngotError(error, "program-failed") && /no git checkout/.test(error.facts.hint ?? ""),
  );
  await git(0, "init", "-q");
  await git(900, "commit", "-q", "--allow-empty", "-m", "empty");
  await usage(folder, /no commit has a file of/);
  await git(0, "add", ".");
  await git(1000, "commit", "-q", "-m", "all");
  assert.equal(await lastCommit(folder, work), 1000);
  writeFileSync(join(top, "other/x.h"), "2");
  writeFileSync(join(top, "gadget/README.md"), "2");
  await git(0, "add", ".");
  await git(2000, "commit", "-q", "-m", "elsewhere");
  assert.equal(await lastCommit(folder, work), 1000);
  writeFileSync(join(top, "gadget/inc/[a].h"), "2");
  await git(3000, "commit", "-q", "-a", "-m", "a header");
  assert.equal(await lastCommit(folder, work), 3000);
  assert.equal(
    await lastCommit(readGadgetFolder(join(top, "gadget"), { ebpfsource: "" }), work),
    1000,
  );

  const clone = join(tempDir(t), "clone");
  await git(4000, "commit", "-q", "--allow-empty", "-m", "empty");
  const copy = async (depth: number) => {
    await succeed(["rm", "-rf", clone]);
    await git(0, "clone", "-q", "--depth", String(depth), `file://${top}`, clone);
  };
  await copy(1);
  await usage(readGadgetFolder(join(clone, "gadget"), {}), /shallow clone/);
  await copy(3);
  assert.equal(await lastCommit(readGadgetFolder(join(clone, "gadget"), {}), work), 3000);
});
