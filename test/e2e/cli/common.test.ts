/** What every command has in common: help, usage, errors, streams. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { root } from "../../support/process/ingot.ts";
import { ask, COMMANDS, HELLO, place, plain, STORELESS, say } from "../../support/process/say.ts";

const VERSION = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version;

const EXAMPLE = join(root, "examples/container");

describe("help", () => {
  for (const words of [["--help"], ["-h"], ["help"]]) {
    test(words.join(" "), async () => {
      const { code, out, err } = await say(words);
      assert.deepEqual([code, err], [0, ""]);
      for (const name of COMMANDS) assert.match(out, new RegExp(`^  ${name} +\\S`, "m"));
      assert.match(out, /EXIT CODES\n {2}0 {2}yes.*\n {2}1 {2}no.*\n {2}2 {2}could not say/);
    });
  }

  for (const name of COMMANDS) {
    test(`${name} --help`, async () => {
      const { code, out, err } = await say([name, "--help"]);
      assert.deepEqual([code, err], [0, ""]);
      for (const part of ["USAGE", "FLAGS", "EXAMPLES", "WITH --json", "EXIT CODES"]) {
        assert.match(out, new RegExp(`^${part}$`, "m"));
      }
      assert.match(out, new RegExp(`^ {2}ingot ${name}\\b`, "m"));
      assert.equal(/^ {6}--store DIR /m.test(out), !STORELESS.includes(name));
      assert.equal((await say(["help", name])).out, out);
    });
  }

  test("comes before what is wrong with the other words", async () => {
    assert.equal((await say(["export", "-h", "--nonsense"])).code, 0);
  });
});

describe("--version", () => {
  test("says the version of package.json", async () => {
    for (const words of [["--version"], ["-V"]]) {
      assert.deepEqual(await say(words), { code: 0, out: `ingot ${VERSION}\n`, err: "" });
    }
    assert.deepEqual((await ask(["--version"])).document, { version: VERSION });
  });
});

describe("bad usage is 2, in one line and a hint", () => {
  const cases: readonly [name: string, words: string[], said: RegExp][] = [
    [
      "no command",
      [],
      /there is no command, should be one\nhint: one of build, check, metadata, export/,
    ],
    ["an unknown command", ["exprot"], /no command "exprot"\nhint: did you mean "export"\?/],
    ["a command that every object has", ["constructor"], /no command "constructor"/],
    ["an unknown command of help", ["help", "lst"], /did you mean "list"\?/],
    ["an unknown flag without a command", ["--frob"], /no flag "--frob"/],
    [
      "an unknown flag",
      ["list", "--stor", "x"],
      /no flag "--stor"\nhint: did you mean "--store"\?/,
    ],
    ["a flag without its value", ["export", "x", "-o"], /-o has no value/],
    ["a missing flag", ["export", "x"], /the flag --output FILE is missing/],
    ["a missing argument", ["verify"], /the argument SOURCE is missing/],
    ["a surplus argument", ["list", "x"], /an argument too many: "x"/],
    ["a bad --jobs", ["verify", "x", "--jobs", "0"], /--jobs is "0", should be a number from 1/],
    [
      "a bad --platform",
      ["export", "x", "-o", "y", "--platform", "a/b/c/d"],
      /platform "a\/b\/c\/d"/,
    ],
    ["stdin twice", ["verify", "-", "-"], /\(-\) is given twice/],
    [
      "a bad --source-date-epoch",
      ["build", EXAMPLE, "-t", "x", "--source-date-epoch", "1.5"],
      /"1\.5"/,
    ],
  ];
  for (const [name, words, said] of cases) {
    test(name, async () => {
      const { code, out, err } = await say(words, { env: { INGOT_STORE: "/nonexistent/store" } });
      assert.deepEqual([code, out], [2, ""]);
      assert.match(err, said);
      assert.match(err, /^ingot(?: [a-z]+)?: error: \S.*\n(?:hint: .*\n)?$/);
      plain(err);
    });
  }

  test("a bad SOURCE_DATE_EPOCH stops a build and nothing else", async (t) => {
    const { in_ } = place(t);
    const env = { SOURCE_DATE_EPOCH: "soon" };
    const { code, err } = await say(in_("build", EXAMPLE, "-t", "x"), { env });
    assert.equal(code, 2);
    assert.match(err, /SOURCE_DATE_EPOCH is "soon"/);
    assert.equal((await say(in_("list"), { env })).code, 0);
  });
});

describe("an error with --json", () => {
  test("is one document on stdout, and words on stderr", async (t) => {
    const { in_ } = place(t);
    const { code, document, err } = await ask(in_("inspect", "nothing"));
    assert.equal(code, 2);
    assert.deepEqual(Object.keys(document), ["error"]);
    assert.deepEqual(Object.keys(document.error), ["code", "message", "hint", "facts"]);
    assert.equal(document.error.code, "not-found");
    assert.match(document.error.facts.at, /^nothing in /);
    assert.match(err, /^ingot inspect: error: /);
  });

  test("also where the words are wrong", async () => {
    const { code, document } = await ask(["list", "--frob"]);
    assert.deepEqual([code, document.error.code], [2, "usage"]);
  });

  test("is alone on stderr where stdout is the archive", async (t) => {
    const { in_ } = place(t);
    const { code, out, err } = await say(in_("export", "nothing", "-o", "-", "--json"));
    assert.deepEqual([code, out], [2, ""]);
    assert.equal(JSON.parse(err).error.code, "not-found");
  });
});

test("--debug shows where an error arose, and nothing else does", async (t) => {
  const { in_ } = place(t);
  const usual = await say(in_("inspect", "nothing"));
  plain(usual.err);
  const { code, err } = await say(in_("inspect", "nothing", "--debug"));
  assert.equal(code, 2);
  assert.match(err, /\n +at .*store\.ts/);
});

test("--quiet says errors and the answer only", async (t) => {
  const { in_, layout, digest, dir } = place(t);
  const archive = join(dir, "a.tar");
  assert.equal((await say(in_("export", layout, "-o", archive, "-q"))).err, "");
  const { out, err } = await say(in_("import", archive, "--quiet"));
  assert.deepEqual([out, err], [`${HELLO} ${digest}\n`, ""]);
  assert.match((await say(in_("inspect", "nothing", "-q"))).err, /error/);
});

test("an unreadable index is told, not shown as a stack", async (t) => {
  const { layout, in_, store } = place(t);
  mkdirSync(store);
  copyFileSync(join(layout, "oci-layout"), join(store, "oci-layout"));
  writeFileSync(join(store, "index.json"), "{");
  const { code, out, err } = await say(in_("list"));
  assert.deepEqual([code, out], [2, ""]);
  assert.match(err, /cannot read JSON ".*index\.json": /);
  plain(err);
});
