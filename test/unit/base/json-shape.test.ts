import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { foldsAlike } from "../../../src/base/json/fold.ts";
import { list, map, parseShaped, type Shape, struct } from "../../../src/base/json/shape.ts";
import { faultOf } from "../../support/fault.ts";
import { ascii } from "../../support/images/archive.ts";

const SHAPE = struct({
  size: "integer",
  name: "string",
  kind: "string",
  made: "time",
  is: "boolean",
  inner: struct({ size: "integer" }),
  items: list(struct({ size: "integer", Cmd: list("string") })),
  labels: map("string"),
});

const read = (text: string, shape: Shape = SHAPE) =>
  parseShaped(ascii(text), "x", { bytes: 10_000_000 }, shape);
const why = async (text: string) => (await faultOf("malformed", () => read(text))).why;

describe("parseShaped", () => {
  for (const text of [
    "{}",
    '{"size":0,"name":"a","is":true,"made":"2024-02-29T23:59:59.5+01:00"}',
    '{"size":null,"name":null,"made":null,"inner":null,"items":null,"labels":null}',
    '{"labels":{"A":"b","a":"b","K":"c","\u212a":"d"}}',
    '{"items":[{"size":-12,"Cmd":["a",null]},null]}',
    '{"unknown":2.0,"others":[1e3,-0,{"x":1.5}],"\u017fo":1}',
    '{"name":"\\u0041 2.0 -0 1e5","labels":{"a":"\\n"}}',
    '{"made":"2024-01-01T00:00:00Z","\\u0061":1}',
  ])
    test(`reads ${text.slice(0, 60)}`, () => {
      assert.deepEqual(read(text), JSON.parse(text));
    });

  for (const [text, says] of [
    ['{"Size":1}', /it: clients that ignore case read its key "Size" as "size"/],
    ['{"\u017fize":1}', /as "size"/],
    ['{"\u212aind":"a"}', /as "kind"/],
    ['{"size":1,"SIZE":2}', /read its key "SIZE"/],
    ['{"inner":{"sIze":1}}', /inner: .* "sIze"/],
    ['{"items":[{},{"cmd":[]}]}', /items\.1: .* "cmd" as "Cmd"/],
    ['{"other":1,"Other":2}', /"other" and "Other" are one/],
    ['{"other":{"stra\u00dfe":1,"STRA\u1e9eE":2}}', /are one/],
    ['{"size":2.0}', /size: it is written as 2\.0, not as an integer/],
    ['{"inner":{"size":92e0}}', /inner\.size: it is written as 92e0/],
    ['{"items":[{"size":1},{"size":-0}]}', /items\.1\.size: it is written as -0/],
    ['{"size":1E0}', /size/],
    ['{"size":2.5}', /size: it is not an integer/],
    ['{"size":1e999}', /size: it is not an integer/],
    ['{"size":9007199254740993}', /size: it is not an integer/],
    ['{"size":"1"}', /size: it is not an integer/],
    ['{"name":1}', /name: it is not a string/],
    ['{"is":0}', /is: it is not true or false/],
    ['{"made":"yesterday"}', /made: it is not a time/],
    ['{"made":"2023-02-29T00:00:00Z"}', /made: it is not a time/],
    ['{"made":"2024-01-01T24:00:00Z"}', /made: it is not a time/],
    ['{"made":"2024\\u002d01-01T00:00:00Z"}', /made: it is written as/],
    ['{"items":{}}', /items: it is not a list/],
    ['{"inner":[]}', /inner: it is not an object/],
    ['{"labels":{"a":1}}', /labels\.a: it is not a string/],
    ['{"labels":{"a":"b","a":"c"}}', /stands twice/],
    ['{"name":"\\ud800"}', /half a surrogate pair/],
    ['{"labels":{"\\udc00":"x"}}', /half a surrogate pair/],
  ] as const)
    test(`refuses ${text}`, async () => {
      assert.match(await why(text), says);
    });
});

test("two keys fold alike where Go's unicode.SimpleFold says so", () => {
  for (const [a, b] of [
    ["a", "A"],
    ["s", "\u017f"],
    ["K", "\u212a"],
    ["\u03c3", "\u03c2"],
    ["\u00df", "\u1e9e"],
    ["\u00e5", "\u212b"],
    ["\u13a0", "\uab70"],
    ["\u{10400}", "\u{10428}"],
  ] as const)
    assert.ok(foldsAlike(a, b) && foldsAlike(b, a), `${a} ${b}`);
  for (const [a, b] of [
    ["a", "b"],
    ["ss", "\u00df"],
    ["i", "\u0131"],
    ["i", "\u0130"],
    ["a.c", "abc"],
    ["a", "aa"],
  ] as const)
    assert.ok(!foldsAlike(a, b), `${a} ${b}`);
});
