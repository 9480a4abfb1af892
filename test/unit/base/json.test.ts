import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../../src/base/bytes.ts";
import { formatJson, type Json, parseJson } from "../../../src/base/json/json.ts";
import { faultOf } from "../../support/fault.ts";

const bounds = { bytes: 1 << 20 };
const parse = (text: string) => parseJson(utf8(text), "x", bounds);
const why = async (text: string) => (await faultOf("malformed", () => parse(text))).why;

describe("formatJson", () => {
  test("escapes what Go's encoding/json escapes", () => {
    const odd = '<a href="x">&\u2028\u2029\\/';
    const expected = '"\\u003ca href=\\"x\\"\\u003e\\u0026\\u2028\\u2029\\\\/"';
    assert.equal(formatJson(odd), expected);
  });

  test("escapes control characters, five of them short", () => {
    assert.equal(formatJson("\b\f\n\r\t"), '"\\b\\f\\n\\r\\t"');
    assert.equal(formatJson("\0\u0001\u001f\u007f"), '"\\u0000\\u0001\\u001f\u007f"');
  });

  test("leaves other characters as they are", () => {
    assert.equal(formatJson("é€😀\u00a0\ufeff"), '"é€😀\u00a0\ufeff"');
  });

  test("escapes keys as well", () => {
    assert.equal(formatJson({ "<>": 1 }), '{"\\u003c\\u003e":1}');
    assert.equal(formatJson(new Map([["&", null]])), '{"\\u0026":null}');
  });

  test("is compact, and leaves out what is undefined", () => {
    const value = { a: [1, true, null, "x", {}], b: undefined, c: [] };
    assert.equal(formatJson(value), '{"a":[1,true,null,"x",{}],"c":[]}');
  });

  test("keeps the order of a Map, also of keys that look like numbers", () => {
    const value = new Map<string, Json>([
      ["b", 1],
      ["10", 2],
      ["9", 3],
      ["__proto__", 4],
    ]);
    assert.equal(formatJson(value), '{"b":1,"10":2,"9":3,"__proto__":4}');
  });

  for (const number of [0.5, Number.NaN, Number.POSITIVE_INFINITY, -0, 2 ** 53, 1e21]) {
    test(`refuses the number ${Object.is(number, -0) ? "-0" : number}`, async () => {
      await faultOf("internal", () => formatJson(number));
    });
  }

  test("writes integers to the limits of what is safe", () => {
    assert.equal(formatJson([2 ** 53 - 1, 1 - 2 ** 53]), "[9007199254740991,-9007199254740991]");
  });

  for (const half of ["\ud800", "a\udc00", "\udc00\ud800"]) {
    test(`refuses half a surrogate pair: ${JSON.stringify(half)}`, async () => {
      await faultOf("malformed", () => formatJson(half));
      await faultOf("malformed", () => formatJson({ [half]: 1 }));
    });
  }

  test("is read back as what was written", () => {
    fc.assert(
      fc.property(json, (value) => {
        assert.deepEqual(JSON.parse(formatJson(value as Json)), value);
        assert.deepEqual(parse(formatJson(value as Json)), value);
      }),
    );
  });
});

/** What formatJson takes: objects without a prototype's names, integers, whole characters. */
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: "grapheme" }),
    fc.maxSafeInteger().map((number) => number + 0),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value;

describe("parseJson", () => {
  test("reads what JSON.parse reads, and refuses what it refuses", () => {
    const token = fc.constantFrom(...'{}[]:,"\\ \n0123456789.eE+-', "true", "null", '"a"', "\\u00");
    const soup = fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join(""));
    const valid = fc.json();
    fc.assert(
      fc.property(fc.oneof(soup, valid), (text) => {
        let expected: unknown;
        try {
          expected = JSON.parse(text);
        } catch {
          assert.throws(() => parse(text), { code: "malformed" });
          return;
        }
        try {
          assert.deepEqual(parse(text), expected);
        } catch (error) {
          if ((error as { code?: string }).code !== "malformed") throw error;
          // Only what stands twice is refused beyond JSON.parse; then it was lost above.
          const keys = (text.match(/:/g) ?? []).length;
          assert.ok(keys > countKeys(expected), text);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("takes white space before, between and behind", () => {
    assert.deepEqual(parse(' \t\r\n{ "a" : [ 1 , 2 ] } \n'), { a: [1, 2] });
  });

  test("refuses more bytes than the bound, and takes exactly as many", async () => {
    assert.equal(parseJson(utf8('"ab"'), "x", { bytes: 4 }), "ab");
    const facts = await faultOf("too-large", () => parseJson(utf8('"abc"'), "x", { bytes: 4 }));
    assert.deepEqual([facts.at, facts.actual, facts.limit], ["x", 5, 4]);
  });

  test("refuses more levels than the bound, and takes exactly as many", async () => {
    const nested = (depth: number) => utf8("[".repeat(depth) + "]".repeat(depth));
    parseJson(nested(64), "x", bounds);
    const facts = await faultOf("too-large", () => parseJson(nested(65), "x", bounds));
    assert.deepEqual([facts.actual, facts.limit, facts.unit], [65, 64, "levels"]);
    parseJson(nested(3), "x", { ...bounds, depth: 3 });
    await faultOf("too-large", () => parseJson(nested(4), "x", { ...bounds, depth: 3 }));
    await faultOf("too-large", () => parse('{"a":'.repeat(100_000)));
  });

  test("refuses more values than the bound, and takes as many", async () => {
    const list = (count: number) => utf8(`[${Array(count).fill(0).join(",")}]`);
    parseJson(list(9), "x", { ...bounds, values: 10 });
    const facts = await faultOf("too-large", () =>
      parseJson(list(20), "x", { ...bounds, values: 10 }),
    );
    assert.deepEqual([facts.limit, facts.unit], [10, "values"]);
    const empties = utf8(`[${"[],".repeat(20)}[]]`);
    await faultOf("too-large", () => parseJson(empties, "x", { ...bounds, values: 30 }));
  });

  test("does not count what stands in strings", () => {
    const text = JSON.stringify('[[[[{{{{,,,,"\\"[[[['.repeat(100));
    parseJson(utf8(text), "x", { ...bounds, depth: 1, values: 1 });
  });

  for (const [name, text] of [
    ["", '{"a":1,"a":2}'],
    [" in a nested object", '[{"b":{"a":1,"c":[],"a":2}}]'],
    [" written with an escape", '{"a":1,"\\u0061":2}'],
    [" written with two escapes", '{"\\u0061":1,"\\u0061":1}'],
    [" with a space before the colon", '{"a" :1,"a"\n:2}'],
    [" that is empty", '{"":1,"":2}'],
    [" that is __proto__", '{"__proto__":1,"__proto__":2}'],
    [" after a value that looks like it", '{"x":"a","a":1,"a":2}'],
  ] as const) {
    test(`refuses a key that stands twice${name}`, async () => {
      assert.match(await why(text), /stands twice in one object/);
    });
  }

  test("takes one key in two objects, and a key that is also a value", () => {
    const text = '[{"a":"a"},{"a":{"a":["a","a"]}}]';
    assert.deepEqual(parse(text), JSON.parse(text));
  });

  test("makes __proto__ a member like any other", () => {
    const value = parse('{"__proto__":{"a":1}}') as object;
    assert.deepEqual(Object.keys(value), ["__proto__"]);
    assert.equal((value as { a?: number }).a, undefined);
  });

  for (const [name, bytes] of [
    ["a lone continuation byte", [0x22, 0x80, 0x22]],
    ["an overlong slash", [0x22, 0xc0, 0xaf, 0x22]],
    ["a surrogate in UTF-8", [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ["a character that is cut", [0x22, 0xe2, 0x82]],
    ["UTF-16", [0xff, 0xfe, 0x22, 0x00, 0x22, 0x00]],
  ] as const) {
    test(`refuses what is not UTF-8: ${name}`, async () => {
      const facts = await faultOf("malformed", () =>
        parseJson(Uint8Array.from(bytes), "x", bounds),
      );
      assert.equal(facts.why, "it is not UTF-8");
    });
  }

  test("refuses a byte order mark, a text behind the value, and nothing at all", async () => {
    for (const text of ["\ufeff{}", "{}{}", "", " ", "nul", "{'a':1}", "[1,]", "01"]) {
      assert.equal(await why(text), "it is not well formed");
    }
  });

  test("quotes nothing of what it cannot read", () => {
    for (const text of [
      "hunter2",
      '{"auth":hunter2}',
      '{"a":"hunter2',
      '["hunter2"]x',
      "{hunter2}",
    ])
      assert.throws(
        () => parse(text),
        (error: Error) =>
          !/hunter|unter2/.test(`${error.message}${error.stack}`) && error.cause === undefined,
      );
  });
});

function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const inner = Object.values(value).reduce((sum: number, item) => sum + countKeys(item), 0);
  return inner + (Array.isArray(value) ? 0 : Object.keys(value).length);
}
