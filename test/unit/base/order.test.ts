import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { byBytes, sortedBy, sortedUnique } from "../../../src/base/order.ts";

/** Any text that UTF-8 can carry, often with characters on both sides of the surrogates. */
const words = fc.array(
  fc.string({
    unit: fc.constantFrom(
      "a",
      "B",
      "Ä",
      "z",
      "_",
      "\ud7ff",
      "\ue000",
      "\ufffd",
      "\u{1f600}",
      "\u{10ffff}",
    ),
    maxLength: 6,
  }),
);

test("byBytes is the order of UTF-8 bytes", () => {
  fc.assert(
    fc.property(words, (list) => {
      const bytes = list.map((word) => Buffer.from(word)).sort(Buffer.compare);
      assert.deepEqual(
        [...list].sort(byBytes).map((word) => Buffer.from(word)),
        bytes,
      );
    }),
  );
});

test("U+FFFD comes before U+1F600, which UTF-16 has the other way round", () => {
  assert.deepEqual(sortedUnique(["\u{1f600}", "\ufffd", "a", "B", "Ä", "z", "_", "a"]), [
    "B",
    "_",
    "a",
    "z",
    "Ä",
    "\ufffd",
    "\u{1f600}",
  ]);
});

test("sortedBy leaves its argument alone and keeps the order of equal keys", () => {
  const items = [
    { key: "b", n: 1 },
    { key: "a", n: 2 },
    { key: "b", n: 3 },
  ];
  assert.deepEqual(
    sortedBy(items, ({ key }) => key).map(({ n }) => n),
    [2, 1, 3],
  );
  assert.deepEqual(
    items.map(({ n }) => n),
    [1, 2, 3],
  );
});
