/** When a container cannot be built: what it says, what it leaves, and that the next run succeeds. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { asOther, mountTmpfs, whyNoMount, whyNoOther } from "../../support/clients/mount.ts";
import { chance } from "../../support/images/layout.ts";
import { Child, pause, until } from "../../support/process/child.ts";
import { command, ingot, plainEnvironment } from "../../support/process/ingot.ts";
import { testUnless } from "../../support/process/needs.ts";
import { run } from "../../support/process/run.ts";
import { type Ends, tempDir, tidily } from "../../support/process/temp.ts";
import { assertNothingLeft, namesIn, refused, succeeds } from "../../support/process/trouble.ts";
import { writeTree } from "../../support/trees/tree.ts";

const NAME = "docker.io/library/x:1";

interface Place {
  readonly dir: string;
  readonly context: string;
  readonly store: string;
  readonly out: string;
}

function placeOf(t: Ends, files: Readonly<Record<string, string>>, dockerfile: string): Place {
  const dir = tempDir(t);
  const context = writeTree(join(dir, "context"), { ...files, Dockerfile: dockerfile });
  return { dir, context, store: join(dir, "store"), out: join(dir, "out.tar") };
}

/** Both ways in which an image is kept. */
const ways = {
  "into a store": ({ context, store }: Place) => ["build", context, "-t", "x:1", "--store", store],
  "into an archive": ({ context, out }: Place) => ["build", context, "-t", "x:1", "-o", out],
};

/** Nothing of the image is anywhere, nor of the attempt. */
function nothingLeft({ dir, store, out }: Place): void {
  assertNothingLeft(dir);
  if (existsSync(store)) {
    assertNothingLeft(store);
    assert.deepEqual(namesIn(store), []);
  }
  assert.ok(!existsSync(out) || readFileSync(out, "utf8") === "old");
}

/** The next run succeeds, and what it made is whole. */
async function works(place: Place, words: readonly string[]): Promise<void> {
  await succeeds(words);
  if (words.includes("-o")) await succeeds(["verify", place.out]);
  else {
    assert.deepEqual(namesIn(place.store), [NAME]);
    await succeeds(["verify", place.store]);
  }
  assertNothingLeft(place.dir);
}

describe("a disk that is full", () => {
  for (const [way, wordsOf] of Object.entries(ways)) {
    testUnless(
      whyNoMount,
      `during a build ${way}`,
      tidily(async (t) => {
        const disk = mountTmpfs(t, "size=12m");
        const place = {
          ...placeOf(t, { "a/text": "text\n" }, "FROM scratch\nCOPY a /a\nCOPY b /b\n"),
          store: join(disk, "store"),
          out: join(disk, "out.tar"),
        };
        writeFileSync(join(place.context, "b"), chance(6_000_000));
        const ballast = join(disk, "ballast");
        writeFileSync(ballast, Buffer.alloc(8_000_000));
        writeFileSync(place.out, "old");
        refused(await ingot(wordsOf(place)), /disk is full|free there, should be/, /make room/);
        nothingLeft({ ...place, dir: disk });
        for (const name of readdirSync(disk)) assert.match(name, /^(?:ballast|out\.tar|store)$/);
        rmSync(ballast);
        // An archive is written while what it is made of is still there.
        await run(["mount", "-o", "remount,size=40m", disk]);
        await works({ ...place, dir: disk }, wordsOf(place));
      }),
    );
  }

  testUnless(
    whyNoMount,
    "that has no room for more files",
    tidily(async (t) => {
      const disk = mountTmpfs(t, "size=40m,nr_inodes=12");
      const place = {
        ...placeOf(t, { a: "text\n", b: "b\n" }, "FROM scratch\nCOPY a /a\nCOPY b /b\n"),
        store: join(disk, "store"),
      };
      const words = ways["into a store"](place);
      refused(await ingot(words), /disk is full \(ENOSPC\)/, /df -i/);
      nothingLeft(place);
      await run(["mount", "-o", "remount,nr_inodes=400", disk]);
      await works(place, words);
    }),
  );
});

describe("a source that does not stay as it is", () => {
  const changes: Readonly<Record<string, { readonly act: (file: string) => void; says: RegExp }>> =
    {
      "it grows": {
        act: (file) => appendFileSync(file, "more"),
        says: /it has 9 bytes, and had 5/,
      },
      "it shrinks": { act: (file) => truncateSync(file, 2), says: /it has 2 bytes, and had 5/ },
      "it is written to": {
        act: (file) => writeFileSync(file, "other"),
        says: /it was written to/,
      },
      "its time is put back": {
        act: (file) => {
          writeFileSync(file, "other");
          utimesSync(file, 1_000_000_000, 1_000_000_000);
        },
        says: /it was written to/,
      },
      "it is replaced": {
        act: (file) => {
          writeFileSync(`${file}.new`, "text\n");
          renameSync(`${file}.new`, file);
        },
        says: /it is another file than before/,
      },
      "it is gone": { act: (file) => rmSync(file), says: /it was there, and is gone/ },
      "it is a link": {
        act: (file) => {
          rmSync(file);
          symlinkSync("/etc/passwd", file);
        },
        says: /it was a file, and is a link/,
      },
      "it is a fifo": {
        act: (file) => {
          rmSync(file);
          execFileSync("mkfifo", [file]);
        },
        says: /another file|something else/,
      },
    };
  for (const [name, { act, says }] of Object.entries(changes)) {
    it(
      name,
      tidily(async (t) => {
        const place = placeOf(t, { "files/z": "text\n" }, "FROM scratch\nCOPY files /files\n");
        const file = join(place.context, "files/z");
        utimesSync(file, 1_000_000_000, 1_000_000_000);
        // It is read before the other one, and long enough for what is done to that.
        writeFileSync(join(place.context, "files/a"), chance(100_000_000));
        // Of the time of the last change of all, Deno tells whole seconds.
        if (name === "its time is put back") await pause(1100);
        const words = ways["into a store"](place);
        const child = new Child([...(await command()), ...words, "--jobs", "1"], {
          env: plainEnvironment(),
        });
        const work = join(place.store, ".ingot/work");
        const begun = () =>
          existsSync(work) &&
          readdirSync(work, { recursive: true, encoding: "utf8" }).some((at) =>
            at.endsWith(".new"),
          );
        await until(begun, "the first layer is being written");
        act(file);
        refused(await child.ended, says, /something writes there: stop it, then run this again/);
        nothingLeft(place);
        rmSync(file, { force: true });
        writeFileSync(file, "text\n");
        truncateSync(join(place.context, "files/a"), 1000);
        await works(place, words);
      }),
    );
  }
});

describe("a source that cannot be had", () => {
  for (const [way, wordsOf] of Object.entries(ways)) {
    testUnless(
      whyNoOther,
      `may not be read, ${way}`,
      tidily(async (t) => {
        const place = placeOf(
          t,
          { "folder/secret": "secret\n", "closed/x": "x\n" },
          "FROM scratch\nCOPY folder /folder\n",
        );
        chmodSync(place.dir, 0o777);
        chmodSync(place.context, 0o755);
        const other = async () =>
          run(asOther([...(await command()), ...wordsOf(place)]), {
            env: { ...plainEnvironment(), HOME: place.dir, TMPDIR: place.dir },
            cwd: place.dir,
          });
        chmodSync(join(place.context, "folder/secret"), 0);
        refused(
          await other(),
          /cannot open ".*folder\/secret": permission denied \(EACCES\)/,
          /who may read it says/,
        );
        nothingLeft(place);
        chmodSync(join(place.context, "folder"), 0o700);
        refused(
          await other(),
          /".*\/folder": permission denied \(EACCES\)/,
          /who may read it says/,
        );
        nothingLeft(place);
        // What nobody copies may be as it likes.
        chmodSync(join(place.context, "closed"), 0);
        chmodSync(join(place.context, "folder"), 0o755);
        chmodSync(join(place.context, "folder/secret"), 0o644);
        const { code, stderr } = await other();
        assert.equal(code, 0, stderr);
      }),
    );
  }

  testUnless(
    whyNoOther,
    "a folder that may not be written",
    tidily(async (t) => {
      const place = placeOf(t, { a: "a\n" }, "FROM scratch\nCOPY a /\n");
      chmodSync(place.dir, 0o755);
      for (const wordsOf of Object.values(ways)) {
        const { code, stderr } = await run(asOther([...(await command()), ...wordsOf(place)]), {
          env: { ...plainEnvironment(), HOME: place.dir },
          cwd: place.dir,
        });
        refused(
          { code, stderr },
          /permission denied \(EACCES\)/,
          /choose .* that you may write to/,
        );
        assert.deepEqual(readdirSync(place.dir), ["context"]);
      }
    }),
  );

  it(
    "is not there: it names what looks like it, or what leaves it out",
    tidily(async (t) => {
      const files = { "src/main.txt": "x\n", "src/left.out": "x\n", ".dockerignore": "**/*.out\n" };
      const cases: readonly (readonly [copy: string, says: RegExp, hint: RegExp])[] = [
        [
          "COPY src/man.txt /",
          /"src\/man\.txt" of .*Dockerfile:2:1/,
          /did you mean "src\/main\.txt"/,
        ],
        ["COPY scr /", /"scr"/, /did you mean "src"/],
        [
          "COPY src/left.out /",
          /left\.out/,
          /\.dockerignore leaves it out: add the line !src\/left/,
        ],
        ["COPY src/none/deep /", /"src\/none\/deep"/, /looked for/],
      ];
      for (const [copy, says, hint] of cases) {
        for (const wordsOf of Object.values(ways)) {
          const place = placeOf(t, files, `FROM scratch\n${copy}\n`);
          writeFileSync(place.out, "old");
          refused(await ingot(wordsOf(place)), says, hint);
          nothingLeft(place);
          writeTree(place.context, { Dockerfile: "FROM scratch\nCOPY src/main.txt /\n" });
          await works(place, wordsOf(place));
        }
      }
    }),
  );

  it(
    "cannot be in an image",
    tidily(async (t) => {
      const cases: readonly (readonly [name: string, make: (at: string) => void, says: RegExp])[] =
        [
          [
            ".wh.x",
            (at) => writeFileSync(join(at, ".wh.x"), ""),
            /a name that begins with "\.wh\."/,
          ],
          [
            "twins",
            (at) => writeTree(at, { "\u00e9": "", "e\u0301": "" }) && undefined,
            /which Unicode takes for the same/,
          ],
          [
            "a name that is no UTF-8",
            (at) => execFileSync("sh", ["-c", "touch \"$1/$(printf 'x\\377')\"", "sh", at]),
            /a name that is not UTF-8/,
          ],
          [
            "a link to what is no UTF-8",
            (at) => execFileSync("sh", ["-c", 'ln -s "$(printf \'x\\377\')" "$1/link"', "sh", at]),
            /a link to a name that is not UTF-8/,
          ],
        ];
      for (const [name, make, says] of cases) {
        const place = placeOf(t, { "files/good": "x\n" }, "FROM scratch\nCOPY files /files\n");
        make(join(place.context, "files"));
        for (const wordsOf of Object.values(ways)) {
          const { code, stderr } = await ingot(wordsOf(place));
          assert.equal(code, 2, `${name}: ${stderr}`);
          assert.match(stderr, says);
          nothingLeft(place);
        }
        writeTree(place.context, { Dockerfile: "FROM scratch\nCOPY files/good /\n" });
        await works(place, ways["into a store"](place));
      }
    }),
  );

  it(
    "is a socket",
    tidily(async (t) => {
      const place = placeOf(t, { "files/good": "x\n" }, "FROM scratch\nCOPY files /files\n");
      const server = createServer();
      await new Promise<void>((done) => {
        server.listen(join(place.context, "files/socket"), done);
      });
      try {
        refused(await ingot(ways["into a store"](place)), /found a socket/, /\.dockerignore/);
        nothingLeft(place);
      } finally {
        await new Promise((done) => server.close(done));
      }
    }),
  );
});

it(
  "a name is that of an image in the store, whatever lies in the folder one is in",
  tidily(async (t) => {
    const place = placeOf(t, { box: "no archive\n", f: "f\n" }, "FROM scratch\nCOPY f /\n");
    const words = ["build", ".", "-t", "box", "--store", place.store];
    const build = async () => ingot(words, { cwd: place.context });
    assert.equal((await build()).code, 0);
    writeTree(place.context, { Dockerfile: "FROM box\nCOPY f /g\n" });
    const { code, stderr } = await build();
    assert.equal(code, 0, stderr);
    writeTree(place.context, { Dockerfile: "FROM ./box\n" });
    refused(await build(), /cannot find the image/, /named oci-archive:\.\/box/);
  }),
);

it(
  "several builds of one image into one store at a time",
  tidily(async (t) => {
    const place = placeOf(t, { a: "a\n" }, "FROM scratch\nCOPY a b /\n");
    writeFileSync(join(place.context, "b"), chance(3_000_000));
    mkdirSync(place.store);
    const words = [...ways["into a store"](place), "--no-cache"];
    const all = await Promise.all(Array.from({ length: 5 }, () => ingot(words)));
    for (const { code, stderr } of all) assert.equal(code, 0, stderr);
    assert.equal(new Set(all.map(({ stdout }) => `${stdout}`)).size, 1);
    await works(place, words);
  }),
);

for (const [to, wordsFor] of Object.entries({
  "a file": ({ context, out }: Place) => ["build", context, "-t", "x:1", "-o", out],
  "a pipe": ({ context }: Place) => ["build", context, "-t", "x:1", "-o", "-"],
})) {
  it(
    `a build to ${to} that was killed costs disk only until the next one`,
    tidily(async (t) => {
      const place = placeOf(t, { a: "a\n" }, "FROM scratch\nCOPY a b /\n");
      writeFileSync(join(place.context, "b"), chance(40_000_000));
      const scratch = join(place.dir, "scratch");
      mkdirSync(scratch);
      const env = { ...plainEnvironment(), TMPDIR: scratch };
      const folder = to === "a file" ? place.dir : scratch;
      const layers = () =>
        readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
          /\.partial\..*\/\.ingot\/work\//.test(name),
        );
      const words = wordsFor(place);
      for (let i = 0; i < 3; i++) {
        const child = new Child([...(await command()), ...words], { env });
        await until(() => layers().length > 0, "no layer is begun");
        child.kill("SIGKILL");
        assert.equal((await child.ended).signal, "SIGKILL");
      }
      const folders = () => readdirSync(folder).filter((name) => name.includes(".partial."));
      assert.equal(folders().length, 1);
      assert.equal((await ingot(words, { env })).code, 0);
      assert.deepEqual(folders(), []);
      assert.deepEqual(readdirSync(scratch), []);
    }),
  );
}

it(
  "where the archive cannot be is said before anything is built",
  tidily(async (t) => {
    const place = placeOf(t, {}, "FROM scratch\nCOPY none /\n");
    const build = async (out: string) => ingot(["build", place.context, "-t", "x:1", "-o", out]);
    const nowhere = join(place.dir, "no/such/out.tar");
    refused(await build(nowhere), /cannot find the folder/, /mkdir -p /);
    assert.ok(!existsSync(join(place.dir, "no")));
    refused(await build(place.context), /it is a folder, should be a file/, /name a file in it/);
    symlinkSync(nowhere, join(place.dir, "dangling"));
    refused(await build(join(place.dir, "dangling")), /what the link points at/, /remove the link/);
    const env = { TMPDIR: nowhere };
    const words = ["build", place.context, "-t", "x:1", "-o", "-"];
    writeTree(place.context, { none: "" });
    refused(await ingot(words, { env }), /cannot find the folder/, /mkdir -p /);
    assert.ok(!existsSync(join(place.dir, "no")));
  }),
);
