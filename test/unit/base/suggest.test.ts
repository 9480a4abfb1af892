import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "../../../src/base/suggest.ts";

test("a missing, surplus, wrong or swapped letter is near", () => {
  for (const slip of [
    "columns.with",
    "columns.widthh",
    "columns.wisth",
    "columns.wdith",
    "Columns.Width",
  ]) {
    assert.deepEqual(
      nearest(slip, ["template", "columns.width", "json.skip"]),
      ["columns.width"],
      slip,
    );
  }
});

test("another word is not, nor is the word itself", () => {
  assert.deepEqual(nearest("export", ["verify", "export", "list"]), []);
  assert.deepEqual(nearest("", ["a", "ab"]), []);
  assert.deepEqual(nearest("h", ["y", "hi"]), []);
});

test("the nearest comes first, and three are enough", () => {
  assert.deepEqual(
    nearest("abcdefghi", ["abcdefgxx", "abcdefghx", "abcdexxxi", "bbcdefghx", "xbcdefghx"])[0],
    "abcdefghx",
  );
  assert.equal(nearest("abc", ["abd", "abe", "abf", "abg"]).length, 3);
});
