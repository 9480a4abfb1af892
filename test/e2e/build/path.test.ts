/** What `ingot build` says where PATH, or the file that -f names, is nothing that can be built. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { plain, say } from "../../support/process/say.ts";
import { tempDir } from "../../support/process/temp.ts";
import { writeTree } from "../../support/trees/tree.ts";

const FILES = {
  "app/Dockerfile": "FROM scratch\nCOPY x /\n",
  "app/x": "x\n",
  "dir/Dockerfile/x": "x\n",
  "slip/Dockerfil": "FROM scratch\n",
  "source/main.bpf.c": "\n",
  "none/README.md": "\n",
  "app.tar.gz": "",
  "trace/gadget.yaml": "name: x\n",
};
const FOLDER = "a gadget's folder or a folder with a Dockerfile";
const NOTHING = "cannot find what to build, a Dockerfile or a part of a gadget: looked for";
const NAMES = "{Dockerfile,Containerfile,program.bpf.c,gadget.yaml,build.yaml}";

const cases: Record<string, readonly [words: string[], message: string, hint: string]> = {
  "a folder that is not there": [
    ["no"],
    'cannot find the folder to build: looked for "no"',
    `name ${FOLDER}`,
  ],
  "a folder that is nearly there": [
    ["aps"],
    'cannot find the folder to build: looked for "aps"',
    `did you mean "app"? (name ${FOLDER})`,
  ],
  "a folder below a file": [
    ["app/x/y"],
    'cannot find the folder to build: looked for "app/x/y"',
    `name ${FOLDER}`,
  ],
  "a Dockerfile": [
    ["app/Dockerfile"],
    `cannot use what is to be built, "app/Dockerfile": found a file, should be ${FOLDER}`,
    "which file of a folder to build from says -f: ingot build app -f app/Dockerfile",
  ],
  "an archive": [
    ["app.tar.gz"],
    `cannot use what is to be built, "app.tar.gz": found a file, should be ${FOLDER}`,
    "unpack it, then name the folder",
  ],
  "a device": [
    ["/dev/null"],
    `cannot use what is to be built, "/dev/null": found neither a file nor a folder, should be ${FOLDER}`,
    "which file of a folder to build from says -f: ingot build /dev -f /dev/null",
  ],
  "standard input": [
    ["-"],
    `cannot build from standard input: a build reads no stream, should be ${FOLDER}`,
    "unpack it into a folder first (mkdir app && tar -xf - -C app), then: ingot build app",
  ],
  "a folder with neither": [
    ["none"],
    `${NOTHING} "none/${NAMES}"`,
    "write one of them, name another folder, or another file with -f FILE",
  ],
  "a folder with a slip": [
    ["slip"],
    `${NOTHING} "slip/${NAMES}"`,
    'did you mean "slip/Dockerfil"? (write one of them, name another folder, or another file with -f FILE)',
  ],
  "a folder with a source of another name": [
    ["source"],
    `${NOTHING} "source/${NAMES}"`,
    "build.yaml can name it: ebpfsource: main.bpf.c",
  ],
  "a file on standard input": [
    ["app", "-f", "-"],
    "cannot build from standard input: a build reads no stream, should be a Dockerfile or a gadget's recipe",
    "put it into a file first, then name that: -f FILE",
  ],
  "a Dockerfile that is a folder": [
    ["dir"],
    'cannot use the file to build from, "dir/Dockerfile": found a folder, should be a Dockerfile or a gadget\'s recipe',
    "name the file that is meant: ingot build dir -f dir/Dockerfile/FILE",
  ],
  "a folder for a file": [
    ["dir", "-f", "app"],
    'cannot use the file to build from, "app": found a folder, should be a Dockerfile or a gadget\'s recipe',
    "name the file that is meant: ingot build dir -f app/Dockerfile",
  ],
  "a Dockerfile that is a link to nothing": [
    ["lost"],
    'cannot use the file to build from, "lost/Dockerfile": found no file, should be a Dockerfile or a gadget\'s recipe',
    "name the file that is meant: ingot build lost -f FILE",
  ],
  "a file of a folder that is not there": [
    ["no", "-f", "app/Dockerfile"],
    'cannot find the folder to build: looked for "no"',
    `name ${FOLDER}`,
  ],
};
for (const url of [
  "https://me:secret@github.com/me/app.git#main:sub",
  "git://github.com/me/app",
  "git@github.com:me/app.git",
  "github.com/me/app",
])
  cases[url] = [
    [url],
    `cannot build from "${url.replace("me:secret@", "***@")}": a build fetches no sources, should be ${FOLDER}`,
    "fetch it first (git clone, or curl and tar), then name its folder: ingot build FOLDER",
  ];

for (const [name, [words, message, hint]] of Object.entries(cases)) {
  test(`build: ${name}`, async (t) => {
    const cwd = writeTree(tempDir(t), FILES);
    mkdirSync(join(cwd, "lost"));
    symlinkSync("nothing", join(cwd, "lost/Dockerfile"));
    const before = readdirSync(cwd);
    const { code, out, err } = await say(["build", ...words, "-t", "x", "--store", "store"], {
      cwd,
    });
    assert.deepEqual([code, out], [2, ""]);
    assert.equal(err, `ingot build: error: ${message}\nhint: ${hint}\n`);
    plain(err);
    assert.deepEqual(readdirSync(cwd), before);
  });
}

test("build: a folder with the name of a URL or of standard input is a folder", async (t) => {
  const cwd = tempDir(t);
  for (const path of ["github.com/me/app", "./-"]) {
    writeTree(join(cwd, path), { Dockerfile: "FROM scratch\nCOPY x /\n", x: "x\n" });
    const { code, err } = await say(["build", path, "-t", "x", "--store", "store"], { cwd });
    assert.equal(code, 0, err);
  }
});

test("build: of a file that does not end, it is said that it is too long, and not how long", async (t) => {
  const cwd = writeTree(tempDir(t), FILES);
  const { code, err } = await say(["build", "app", "-f", "/dev/zero", "-t", "x"], { cwd });
  assert.equal(code, 2);
  assert.match(
    err,
    /error: cannot take the file "\/dev\/zero": it has more than \d+ bytes, which is the most that is taken\n/,
  );
});
