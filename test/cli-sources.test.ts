/** What may stand for a SOURCE on the command line beside plain files, and what its names can do to the answer. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { writeLayout } from "./support/image-layout.ts";
import { command, ingot, plainEnvironment } from "./support/ingot.ts";
import { testWith } from "./support/needs.ts";
import { run } from "./support/run.ts";
import { type Ends, tempDir, tidily } from "./support/temp.ts";

const HELLO = "docker.io/library/hello:v1";

/** A folder with an archive of one image, hello.tar, and the image's digest. */
async function place(t: Ends) {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const [digest = ""] = writeLayout(layout, [{ reference: HELLO, layers: ["one", "two"] }]);
  const archive = join(dir, "hello.tar");
  assert.equal((await ingot(["export", layout, "-o", archive])).code, 0);
  return { dir, archive, digest };
}

describe("a pipe with a name, as <(zstd -dc FILE) makes one", () => {
  const cases: readonly (readonly [words: readonly string[], answer: RegExp])[] = [
    [["verify", "--canonical"], /^OK .*, canonical$/m],
    [["import"], /^docker\.io\/library\/hello:v1 sha256:/],
  ];
  for (const [words, answer] of cases) {
    testWith(
      ["sh", "mkfifo", "cat"],
      `${words.join(" ")} reads it as it comes`,
      tidily(async (t) => {
        const { dir, archive, digest } = await place(t);
        const script = 'mkfifo pipe && { cat "$1" >pipe & } && shift && exec "$@"';
        const store = join(dir, "store");
        const argv = [...(await command()), ...words, "pipe", "--store", store];
        const { code, stdout, stderr } = await run(["sh", "-c", script, "sh", archive, ...argv], {
          cwd: dir,
          env: plainEnvironment(),
        });
        assert.equal(code, 0, stderr);
        assert.match(`${stdout}`, answer);
        if (words[0] === "import")
          assert.match(readFileSync(join(store, "index.json"), "utf8"), new RegExp(digest));
      }),
    );
  }
});

test("verify: a layout that is not there is 2, a folder that is none is 1", async (t) => {
  const dir = tempDir(t);
  const missing = await ingot(["verify", `oci:${join(dir, "missing")}`]);
  assert.deepEqual([missing.code, /cannot find the image layout/.test(missing.stderr)], [2, true]);
  const none = join(dir, "none");
  mkdirSync(none);
  assert.equal((await ingot(["verify", `oci:${none}`])).code, 1);
});

test("a folder that is no layout: what it lacks is said, and an image of its name comes first", async (t) => {
  const { dir, archive } = await place(t);
  const store = ["--store", join(dir, "store")];
  const say = async (...words: string[]) => {
    const { code, stdout, stderr } = await ingot([...words, ...store], { cwd: dir });
    return { code, text: `${stdout}${stderr}` };
  };
  mkdirSync(join(dir, "hello"));
  const bare =
    /cannot find the image: looked for "hello" in .*\n.*hint: the directory "hello" is not an image layout: it lacks oci-layout and index\.json\n/;
  for (const words of ["verify", "inspect"]) {
    const { code, text } = await say(words, "hello");
    assert.equal(code, 2);
    assert.match(text, bare);
  }
  for (const path of ["./hello", `${dir}/hello`]) {
    const { code, text } = await say("verify", path);
    assert.equal(code, 2);
    assert.match(
      text,
      /cannot use the source ".*\/hello": found a folder without oci-layout and index\.json, should be an archive or the folder of an image layout\n.*hint: name the folder that has them/,
    );
  }
  writeFileSync(join(dir, "hello/index.json"), "{}");
  assert.match((await say("inspect", "./hello")).text, /found a folder without oci-layout, should/);
  assert.equal((await say("import", archive)).code, 0);
  assert.match(
    (await say("inspect", "hello")).text,
    /did you mean ".*:v1"\? \(the directory "hello" is not/,
  );
  assert.equal((await say("tag", "hello:v1", "hello")).code, 0);
  assert.equal((await say("verify", "hello")).code, 0);
});

test("a name with a line break cannot pass for a line of the answer", async (t) => {
  const layout = join(tempDir(t), "layout");
  writeLayout(layout, [{ reference: "x\nOK all.tar: 1 image", layers: ["one"] }]);
  for (const words of ["verify", "inspect", "list"]) {
    const store = words === "list" ? ["--store", layout] : [layout];
    const { stdout } = await ingot([words, ...store]);
    assert.match(`${stdout}`, /x\\nOK all\.tar/);
    assert.doesNotMatch(`${stdout}`, /^OK all/m);
  }
  const verdict = await ingot(["verify", layout]);
  assert.equal(verdict.code, 1);
  assert.match(`${verdict.stdout}`, /is not a valid image name/);
});
