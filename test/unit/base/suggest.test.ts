import assert from "node:assert/strict";
import { test } from "node:test";
import { suggest } from "../../../src/base/suggest.ts";

test("a missing, surplus, wrong or swapped letter is near", () => {
  for (const slip of [
    "columns.with",
    "columns.widthh",
    "columns.wisth",
    "columns.wdith",
    "Columns.Width",
  ]) {
    assert.deepEqual(
      suggest(slip, ["template", "columns.width", "json.skip"]),
      ["columns.width"],
      slip,
    );
  }
});

test("another word is not, nor is the word itself", () => {
  assert.deepEqual(suggest("export", ["verify", "export", "list"]), []);
  assert.deepEqual(suggest("", ["a", "ab"]), []);
  assert.deepEqual(suggest("h", ["y", "hi"]), []);
});

test("the nearest comes first, and three are enough", () => {
  assert.deepEqual(
    suggest("abcdefghi", ["abcdefgxx", "abcdefghx", "abcdexxxi", "bbcdefghx", "xbcdefghx"])[0],
    "abcdefghx",
  );
  assert.equal(suggest("abc", ["abd", "abe", "abf", "abg"]).length, 3);
});
