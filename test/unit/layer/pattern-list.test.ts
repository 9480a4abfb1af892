import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type Above,
  BadPattern,
  hasWildcard,
  partMatcher,
} from "../../../src/base/glob/pattern.ts";
import { listPattern, Patterns } from "../../../src/layer/copy/pattern-list.ts";

/** The table of Go's own test (path/filepath/match_test.go), without the slashes that a part of a path cannot have. */
const GO: readonly (readonly [pattern: string, name: string, fits: boolean | "bad"])[] = [
  ["abc", "abc", true],
  ["*", "abc", true],
  ["*c", "abc", true],
  ["a*", "a", true],
  ["a*", "abc", true],
  ["a*b*c*d*e*", "axbxcxdxe", true],
  ["a*b?c*x", "abxbbxdbxebxczzx", true],
  ["a*b?c*x", "abxbbxdbxebxczzy", false],
  ["ab[c]", "abc", true],
  ["ab[b-d]", "abc", true],
  ["ab[e-g]", "abc", false],
  ["ab[^c]", "abc", false],
  ["ab[^b-d]", "abc", false],
  ["ab[^e-g]", "abc", true],
  ["a\\*b", "a*b", true],
  ["a\\*b", "ab", false],
  ["a?b", "a☺b", true],
  ["a[^a]b", "a☺b", true],
  ["a???b", "a☺b", false],
  ["a[^a][^a][^a]b", "a☺b", false],
  ["[a-ζ]*", "α", true],
  ["*[a-ζ]", "A", false],
  ["[\\]a]", "]", true],
  ["[\\-]", "-", true],
  ["[x\\-]", "x", true],
  ["[x\\-]", "-", true],
  ["[x\\-]", "z", false],
  ["[\\-x]", "x", true],
  ["[\\-x]", "a", false],
  ["[]a]", "]", "bad"],
  ["[-]", "-", "bad"],
  ["[x-]", "x", "bad"],
  ["[-x]", "x", "bad"],
  ["\\", "a", "bad"],
  ["[a-b-c]", "a", "bad"],
  ["[", "a", "bad"],
  ["[^", "a", "bad"],
  ["[^bc", "a", "bad"],
  ["a[", "a", "bad"],
  ["a[", "ab", "bad"],
  ["*x", "xxx", true],
  [".*", ".hidden", true],
  ["*", ".hidden", true],
  ["?", "\u{1f600}", true],
  ["[\u{1f600}-\u{1f601}]", "\u{1f601}", true],
  ["a+(b)", "a+(b)", true],
  ["", "", true],
  ["*", "a/b", false],
];

/** What `read` gives, or "bad" where it is no pattern. */
function orBad<T>(read: () => T): T | "bad" {
  try {
    return read();
  } catch (error) {
    assert.ok(error instanceof BadPattern, String(error));
    return "bad";
  }
}

/** A list as `--exclude` has it. */
const listOf = (...texts: string[]) =>
  new Patterns(texts.flatMap((text) => listPattern(text) ?? []));

test("a part of a path fits by Go's rules", () => {
  for (const [pattern, name, fits] of GO) {
    const found = orBad(() => partMatcher(pattern)(name));
    assert.equal(found, fits, `${pattern} ${name}`);
  }
});

test("a wildcard is one unless a backslash stands before it", () => {
  assert.deepEqual(["a*", "a?", "[a", "\\\\*"].map(hasWildcard), [true, true, true, true]);
  assert.deepEqual(["a", "a\\*b", "\\[", "a]", ""].map(hasWildcard), Array(5).fill(false));
});

test("many stars take no time", () => {
  assert.equal(partMatcher(`${"*a".repeat(40)}b`)("a".repeat(255)), false);
  assert.equal(matched([`${"**/a/".repeat(20)}b*c`], "a/".repeat(500)), false);
});

/** What the patterns say of `path`, walking down to it as a copy does. */
function matched(texts: readonly string[], path: string): boolean {
  const patterns = listOf(...texts);
  let above: Above | undefined;
  let said = false;
  const parts = path.split("/");
  for (let i = 1; i <= parts.length; i++)
    ({ matched: said, above } = patterns.match(parts.slice(0, i).join("/"), above));
  return said;
}

describe("a list of patterns", () => {
  const cases: readonly (readonly [texts: string[], fits: string[], not: string[]])[] = [
    [["a"], ["a", "a/b", "a/b/c"], ["b/a", "ab"]],
    [["*.txt"], ["a.txt", ".txt", "d.txt/x"], ["a/b.txt", "a.txtx"]],
    [["*/*.txt"], ["a/b.txt"], ["b.txt", "a/b/c.txt"]],
    [["**/*.txt"], ["b.txt", "a/b.txt", "a/b/c.txt"], ["a.txtx"]],
    [["**"], ["a", "a/b"], []],
    [["a/**"], ["a/b", "a/b/c"], ["a", "ab"]],
    [["a/**/b"], ["a/b", "a/x/b", "a/x/y/b/c"], ["a/x", "b"]],
    [["**/b"], ["b", "a/b", "a/b/c"], ["ab", "b2"]],
    [["**b"], ["b", "ab", "a/xb"], ["bc"]],
    [["a/", "./c//d/../e"], ["a/x", "c/e"], ["c/d"]],
    [[" a "], ["a"], [" a "]],
    [["", "a"], ["a"], ["b"]],
    [
      ["a", "!a/b"],
      ["a", "a/c"],
      ["a/b", "a/b/c"],
    ],
    [
      ["a", "!a/b", "a/b/c"],
      ["a/x", "a/b/c"],
      ["a/b", "a/b/d"],
    ],
    [["!a", "a"], ["a"], ["b"]],
    [["a?c/[x-z]*"], ["abc/y", "abc/zz/1"], ["abc", "abc/a", "a/c/x"]],
    [["a\\*b"], ["a*b"], ["axb"]],
    [
      ["*", "!.h"],
      ["a", "a/b"],
      [".h", ".h/x"],
    ],
    [["a.b(c)"], ["a.b(c)"], ["axb(c)"]],
    [["/a"], [], ["a"]],
  ];
  for (const [texts, fits, not] of cases) {
    test(JSON.stringify(texts), () => {
      for (const path of fits) assert.equal(matched(texts, path), true, path);
      for (const path of not) assert.equal(matched(texts, path), false, path);
    });
  }

  test("has no pattern that cannot be understood", () => {
    for (const text of ["[b", "!", "a\\", "[b-a]"])
      assert.equal(
        orBad(() => listOf("a", text)),
        "bad",
      );
  });

  test("knows whether one takes back", () => {
    const has = (...texts: string[]) => listOf(...texts).hasExceptions;
    assert.deepEqual([has("a"), has("a", "!b"), has()], [false, true, false]);
  });
});

const letters = fc.string({
  unit: fc.constantFrom("a", "b", "/", "*", "?", ".", "é"),
  maxLength: 10,
});

test("a pattern without classes fits what its regular expression does", () => {
  fc.assert(
    fc.property(letters, letters, (pattern, text) => {
      const source = pattern.replace(/\*+|\?|[^*?]/g, (part) =>
        part === "?" ? "[^/]" : part.startsWith("*") ? "[^/]*" : part.replace(".", "\\."),
      );
      assert.equal(partMatcher(pattern)(text), new RegExp(`^${source}$`, "u").test(text));
    }),
    { numRuns: 2000 },
  );
});

test("two stars fit what Docker's regular expression does", () => {
  const parts = fc.array(fc.constantFrom("a", "b", "ab", "*", "a*", "?", "**"), {
    minLength: 1,
    maxLength: 5,
  });
  const paths = fc.array(fc.constantFrom("a", "b", "ab", "ba"), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(parts, paths, (pattern, path) => {
      const text = pattern.join("/");
      const source = text.replace(/\*\*\/?$|\*\*\/?|\*|\?/g, (part, at: number) => {
        if (part === "*") return "[^/]*";
        if (part === "?") return "[^/]";
        return at + part.length === text.length ? ".*" : "(.*/)?";
      });
      const patterns = listOf(text);
      // A pattern that is two stars and no other wildcard fits by its end alone, which for these parts is the same.
      const whole = path.join("/");
      assert.equal(
        patterns.match(whole, undefined).matched,
        new RegExp(`^${source}$`).test(whole),
        `${text} ${whole}`,
      );
    }),
    { numRuns: 2000 },
  );
});
