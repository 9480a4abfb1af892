import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { PatternMemory } from "../../../src/base/glob/matcher.ts";
import { partMatcher, pathMatcher } from "../../../src/base/glob/pattern.ts";

/** Holds nothing beyond the very last step: every set of states is worked out anew. */
const forgetful = () => new PatternMemory(0);

const joined = (parts: readonly string[], maxLength: number) =>
  fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength }).map((some) => some.join(""));
const aPattern = joined(
  ["a", "b", ".", "/", "*", "**/", "?", "[ab]", "[^a]", "[.-a]", "\\*", "é", "😀", "\ud83d", "\n"],
  8,
);
const aText = joined(["a", "b", ".", "/", "*", "c", "é", "😀", "\ud83d", "\ude00", "\n"], 9);

/** A thousand paths of many folders. */
const PATHS = Array.from({ length: 1000 }, (_, i) => `app/module-${i % 37}/src/part-${i}.ts`);

describe("what patterns remember", () => {
  for (const [name, matcher] of [
    ["a path", pathMatcher],
    ["a part", partMatcher],
  ] as const) {
    test(`changes no answer for ${name}`, () => {
      const list = fc.array(aPattern, { minLength: 1, maxLength: 4 });
      fc.assert(
        fc.property(list, fc.array(aText, { maxLength: 20 }), fc.nat(300), (patterns, texts, n) => {
          const small = new PatternMemory(n);
          const some = patterns.map((pattern) => matcher(pattern, small));
          const all = patterns.map((pattern) => matcher(pattern));
          const none = patterns.map((pattern) => matcher(pattern, forgetful()));
          for (const text of [...texts, ...patterns, ...texts]) {
            const expected = none.map((fits) => fits(text));
            assert.deepEqual(
              some.map((fits) => fits(text)),
              expected,
            );
            assert.deepEqual(
              all.map((fits) => fits(text)),
              expected,
            );
          }
        }),
        { numRuns: 500 },
      );
    });
  }

  test("is all there when the same is asked again: nothing is worked out twice", () => {
    const memory = new PatternMemory();
    const patterns = ["**/*-1*", "**/[a-m]*/part-?.ts", "app/*/src/*9.ts"];
    const list = patterns.map((pattern) => pathMatcher(pattern, memory));
    const ask = () => PATHS.map((path) => list.map((fits) => fits(path)).join());
    const first = ask();
    const { held } = memory;
    assert.ok(held > 0 && held < 5000, `${held}`);
    assert.deepEqual(ask(), first);
    assert.equal(memory.held, held);
  });

  test("is nothing at all for what the pattern's literal ends rule out", () => {
    const memory = new PatternMemory();
    const list = ["**/*.log", "lib/**/*.ts", "?*.map"].map((text) => pathMatcher(text, memory));
    for (const path of PATHS) for (const fits of list) assert.equal(fits(path), false);
    assert.equal(memory.held, 0);
  });

  test("has a bound that all patterns of a list share", () => {
    const memory = new PatternMemory(2000);
    const list = Array.from({ length: 100 }, (_, i) => pathMatcher(`**/*${i}?*[a-z]*`, memory));
    const alone = pathMatcher("**/*7?*[a-z]*");
    for (const path of PATHS) {
      const found = list.map((fits) => fits(path));
      assert.equal(found[7], alone(path));
      assert.ok(memory.held <= 2000, `${memory.held}`);
    }
  });
});

test("ten thousand wildcards in a row are no more than one", () => {
  const text = `${"a/".repeat(20)}b`;
  assert.equal(pathMatcher(`a${"**/".repeat(10_000)}b`)(text), true);
  assert.equal(pathMatcher(`${"*".repeat(10_000)}[b]`)(text), true);
  assert.equal(partMatcher(`${"*".repeat(10_000)}c`)("ab".repeat(20)), false);
});
