import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../../src/base/bytes.ts";
import { IGNORE_LIMIT, ignoreFiles, ignoreFor } from "../../../src/dockerfile/dockerignore.ts";
import { faultOf } from "../../support/fault.ts";

const ignore = (...lines: string[]) => ignoreFor(utf8(lines.join("\n")), ".dockerignore");

test("without patterns nothing is left out", () => {
  const none = ignore("", "# all comments", "   ");
  assert.equal(none.excluded("a", true), false);
  assert.equal(none.ignores("a/b"), false);
});

test("a folder is left out whole unless something below may come back", () => {
  const plain = ignore("node_modules", "*.log");
  assert.equal(plain.excluded("node_modules", true), true);
  assert.equal(plain.excluded("src", true), false);
  const back = ignore("*", "!src/**/*.c", "!README.md");
  assert.equal(back.ignores("src"), true);
  assert.equal(back.excluded("src", true), false, "there may be a .c in it");
  assert.equal(back.excluded("src", false), true, "a file of that name is left out");
  assert.equal(back.excluded("src/sub", true), false);
  assert.equal(back.excluded("docs", true), true, "nothing of it comes back");
  assert.equal(back.excluded("README.md", false), false);
  assert.equal(ignore("*", "!**/keep").excluded("a", true), false);
  assert.equal(ignore("a", "!a/b[c]").excluded("a", true), false, "a class may be a slash");
  assert.equal(ignore("a", "!b/c").excluded("a", true), true);
});

test("many stars take no time", () => {
  assert.equal(ignore(`${"*a".repeat(40)}b`).ignores("a".repeat(255)), false);
});

test("the Dockerfile and the list itself can be left out", () => {
  const both = ignore("Dockerfile", ".dockerignore");
  assert.equal(both.excluded("Dockerfile", false), true);
  assert.equal(both.excluded(".dockerignore", false), true);
});

test("a Dockerfile's own list goes before the context's", () => {
  assert.deepEqual(ignoreFiles("build/web.Dockerfile"), [
    "build/web.Dockerfile.dockerignore",
    ".dockerignore",
  ]);
});

test("patterns that cannot be used are told all at once", async () => {
  const { problems, what } = await faultOf("source", () =>
    ignore("ok", "[a", "!", "  x\\", "[b-a]", "[]", "[-x]"),
  );
  assert.equal(what, "the list of ignored files");
  assert.deepEqual(
    problems.map(({ line, message }) => `${line}: ${message}`),
    [
      '2: "[a" cannot be used: its [ has no ]',
      '3: "!" cannot be used: it names nothing',
      '4: "x\\\\" cannot be used: nothing follows its last \\',
      '5: "[b-a]" cannot be used: the range b-a is backwards',
      '6: "[]" cannot be used: its [ has no ]',
      '7: "[-x]" cannot be used: - in [ ] needs a \\ before it',
    ],
  );
});

test("a list that is no text, or too large, is refused", async () => {
  await faultOf("malformed", () => ignoreFor(new Uint8Array([0xff]), "x"));
  await faultOf("too-large", () => ignoreFor(new Uint8Array(IGNORE_LIMIT + 1), "x"));
});

const name = fc.constantFrom("a", "b", "ab", "a.b", "é", "😀", "a b");
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
const piece = fc.constantFrom(
  "a",
  "b",
  "*",
  "**",
  "?",
  "a*",
  "*b",
  "[ab]",
  "[^a]",
  "a.b",
  "\\a",
  "é",
);
const pattern = fc
  .tuple(fc.boolean(), fc.array(piece, { minLength: 1, maxLength: 3 }))
  .map(([negated, pieces]) => `${negated ? "!" : ""}${pieces.join("/")}`);
const list = fc.array(pattern, { maxLength: 6 });

test("law: of a folder that is left out whole, nothing below comes back", () => {
  fc.assert(
    fc.property(list, path, path, (lines, folder, below) => {
      const found = ignore(...lines);
      if (found.excluded(folder, true)) assert.ok(found.ignores(`${folder}/${below}`));
    }),
    { numRuns: 2000 },
  );
});

test("law: the answer does not depend on what was asked before", () => {
  fc.assert(
    fc.property(list, fc.array(path, { maxLength: 8 }), (lines, paths) => {
      const asked = ignore(...lines);
      for (const one of paths) assert.equal(asked.ignores(one), ignore(...lines).ignores(one));
    }),
  );
});

test("law: a list of plain names leaves out those and what is below, and nothing else", () => {
  fc.assert(
    fc.property(fc.array(path, { maxLength: 4 }), path, (names, asked) => {
      const expected = names.some((one) => asked === one || asked.startsWith(`${one}/`));
      assert.equal(ignore(...names).ignores(asked), expected);
    }),
  );
});
