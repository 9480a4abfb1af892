import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../../src/base/bytes.ts";
import type { Diagnostic } from "../../../src/base/error.ts";
import { YAML_LIMITS, type YamlNode } from "../../../src/gadget/yaml/tree.ts";
import { readYaml } from "../../../src/gadget/yaml/yaml.ts";

const read = (source: string | Uint8Array) =>
  readYaml(typeof source === "string" ? utf8(source) : source, "f.yaml");

/** `2:1 message [hint]`; every problem of a file that cannot be read is an error. */
const shown = (problems: readonly Diagnostic[]) =>
  problems.map(({ file, line, column, level, message, hint }) => {
    assert.equal(file, "f.yaml");
    assert.equal(level, "error");
    return `${line}:${column} ${message}${hint === undefined ? "" : ` [${hint}]`}`;
  });

/** The tree without places, as JSON would have it. */
function plain(node: YamlNode): unknown {
  if (node.kind === "scalar") return node.text;
  if (node.kind === "list") return node.items.map(plain);
  return Object.fromEntries(
    [...node.entries.values()].map(({ key, value }) => [key, plain(value)]),
  );
}

function treeOf(source: string | Uint8Array): YamlNode {
  const { root, problems } = read(source);
  assert.deepEqual(shown(problems), []);
  assert.ok(root);
  return root;
}

test("every node knows its place", () => {
  const root = treeOf('a: 1\n"b c":\n  - x\n  - {d: y, e}\n');
  assert.deepEqual(root, {
    kind: "mapping",
    at: { line: 1, column: 1 },
    entries: new Map(
      Object.entries({
        a: {
          key: "a",
          at: { line: 1, column: 1 },
          value: { kind: "scalar", at: { line: 1, column: 4 }, text: "1", plain: true },
        },
        "b c": {
          key: "b c",
          at: { line: 2, column: 1 },
          value: {
            kind: "list",
            at: { line: 3, column: 3 },
            items: [
              { kind: "scalar", at: { line: 3, column: 5 }, text: "x", plain: true },
              {
                kind: "mapping",
                at: { line: 4, column: 5 },
                entries: new Map(
                  Object.entries({
                    d: {
                      key: "d",
                      at: { line: 4, column: 6 },
                      value: { kind: "scalar", at: { line: 4, column: 9 }, text: "y", plain: true },
                    },
                    e: {
                      key: "e",
                      at: { line: 4, column: 12 },
                      value: { kind: "scalar", at: { line: 4, column: 12 }, text: "", plain: true },
                    },
                  }),
                ),
              },
            ],
          },
        },
      }),
    ),
  });
});

test("well-formed files are read", () => {
  const cases: [string, unknown][] = [
    [
      "a: 'it''s'\nb: \"\\u00e9\\t\"\nc: |\n  x\n  y\nd: >-\n  x\n  y\n",
      { a: "it's", b: "é\t", c: "x\ny\n", d: "x y" },
    ],
    ["a: 1\r\nb:\r\n  - 2\r\n", { a: "1", b: ["2"] }],
    ["\ufeffa: 1\n", { a: "1" }],
    ["---\na: 1\n...\n", { a: "1" }],
    ["a:\t1 # tabs may stand between\n", { a: "1" }],
    ["a: !!str 5\nb: !!map {}\nc: !!seq []\n", { a: "5", b: {}, c: [] }],
    ["- a\n- b", ["a", "b"]],
    ["a: &x {k: 1}\nb: *x\nc: [*x]\n", { a: { k: "1" }, b: { k: "1" }, c: [{ k: "1" }] }],
    ["a: &x one\nb: &x two\nc: *x\n", { a: "one", b: "two", c: "two" }],
    [
      "a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  l: own\n",
      { a: { k: "1", l: "2" }, b: { l: "own", k: "1" } },
    ],
    [
      "a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc:\n  <<: [*x, *y]\n",
      { a: { k: "1" }, b: { k: "2", m: "3" }, c: { k: "1", m: "3" } },
    ],
    ['"<<": 1\n', { "<<": "1" }],
    ["__proto__: 1\nconstructor: 2\n", JSON.parse('{"__proto__":"1","constructor":"2"}')],
  ];
  for (const [source, expected] of cases) assert.deepEqual(plain(treeOf(source)), expected, source);
});

test("a file without content has no root, and no problem", () => {
  for (const source of ["", "\n", "# only this\n\n", "\ufeff", "---\n"]) {
    const { root, problems } = read(source);
    assert.deepEqual(problems, []);
    assert.ok(root === undefined || plain(root) === "", source);
  }
});

test("what is not well-formed is refused at its place", () => {
  const quote = "the next lines of a text in quotes are indented";
  const asEscape = "write it as an escape in double quotes, or remove it";
  const colon =
    'put a text with ": " in it in quotes, and start the keys of a mapping in one column';
  const cases: [string, string][] = [
    ["a: 1\nb: 2\na: 3\n", '3:1 the key "a" stands twice: first on line 1 [remove one of the two]'],
    [
      'a:\n  x: 1\n  "x": 3\n',
      '3:3 the key "x" stands twice: first on line 2 [remove one of the two]',
    ],
    ["a: b: c\n", `1:4 nested mappings are not allowed in compact mappings [${colon}]`],
    ["a:\n\tb: 1\n", "2:1 tabs are not allowed as indentation [indent with spaces]"],
    [
      "a: |\n  \tx\n",
      "1:4 the block begins with a tab: Inspektor Gadget takes it for indentation [put the text in double quotes, the tab as \\t]",
    ],
    ["a: 'x\nb: 1\n", `1:4 the quote ' that opens here is not closed [${quote}]`],
    ['\na: "\n', `2:4 the quote " that opens here is not closed [${quote}]`],
    ["a: @x\n", "1:4 plain value cannot start with reserved character @ [put the value in quotes]"],
    ['a: "\\q"\n', "1:5 invalid escape sequence \\q"],
    [
      "a: [1, 2\n",
      "2:1 flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
    [
      "a: 1\n---\nb: 2\n",
      "2:1 a second document begins here: only one is read [remove it, or the line of dashes that starts it]",
    ],
    ["%YAML 1.2\n---\na: 1\n", '1:1 "%YAML 1.2" is a directive: none is read [remove the line]'],
    ["a: !!int 5\n", "1:4 unresolved tag: tag:yaml.org,2002:int [write the value without a tag]"],
    ["a: !mine 5\n", "1:4 unresolved tag: !mine [write the value without a tag]"],
    [
      "a: *x\n",
      '1:4 there is no anchor "x" before this alias [an anchor stands before its aliases, and not around them]',
    ],
    [
      "a: &x [*x]\n",
      '1:8 there is no anchor "x" before this alias [an anchor stands before its aliases, and not around them]',
    ],
    ["[x]: 1\n", "1:1 a list is used as a key: a key is text"],
    ["? {x: 1}\n: 1\n", "1:3 a mapping is used as a key: a key is text"],
    ["a: 1\n: 2\n", "2:1 a key is missing: it is empty"],
    ["a: 1\n~: 2\n", "2:1 a key is missing: it is empty"],
    [
      "<<: 1\n",
      '1:1 a merge key takes a mapping or a list of mappings [write "<<" in quotes where the key itself is meant]',
    ],
    [
      "a: &x {k: 1}\nb:\n  k: 2\n  <<: *x\n",
      '4:3 the merge key follows "k", which it brings too: readers differ in which wins [put the merge key first]',
    ],
    ['a: "\\ud800"\n', "1:4 the text holds half a surrogate pair, which is no character"],
    [
      "a: x\u0085b: y\n",
      `1:5 U+0085 stands here: a line break to some readers of YAML, not to others [${asEscape}]`,
    ],
    [
      "# é\u2028b: y\n",
      `1:4 U+2028 stands here: a line break to some readers of YAML, not to others [${asEscape}]`,
    ],
    [
      "a: 1\rb: 2\n",
      "1:5 U+000D stands here: a line break to some readers of YAML, not to others [end lines with \\n or \\r\\n]",
    ],
    ["a: 1\nb: \0\n", `2:4 U+0000 stands here: no character for a text file [${asEscape}]`],
  ];
  for (const [source, expected] of cases) {
    const { root, problems } = read(source);
    assert.deepEqual(shown(problems), [expected], source);
    assert.equal(root, undefined);
  }
});

test("bytes that are not UTF-8 are refused at their place", () => {
  const cases: [number[], string][] = [
    [
      [0x61, 0x3a, 0x0a, 0xc3, 0xa9, 0xc3, 0x28],
      "2:2 the byte 0xc3 stands here: the file is not UTF-8",
    ],
    [[0x61, 0xe2, 0x80], "1:2 the byte 0xe2 stands here: the file is not UTF-8"],
    [[0xed, 0xa0, 0x80], "1:1 the byte 0xed stands here: the file is not UTF-8"],
    [[0xff, 0xfe, 0x61, 0x00], "1:1 the file is in UTF-16: it should be UTF-8"],
  ];
  for (const [bytes, expected] of cases) {
    assert.deepEqual(shown(read(Uint8Array.from(bytes)).problems), [
      `${expected} [save the file as UTF-8]`,
    ]);
  }
});

test("bombs are refused", () => {
  const deep = `nested too deeply: at most ${YAML_LIMITS.depth} levels are read`;
  const many = `too many values: at most ${YAML_LIMITS.values} are read, aliases followed`;
  const levels = (count: number, line: (i: number) => string) =>
    [
      "a0: &a0 [x, x, x, x, x, x, x, x, x, x]",
      ...Array.from({ length: count }, (_, i) => line(i)),
    ].join("\n");
  const ten = (i: number) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(", ")}]`;
  const one = (i: number) => `a${i + 1}: &a${i + 1} [*a${i}]`;
  const cases: [string, string][] = [
    ["[".repeat(500_000), `1:65 ${deep}`],
    ["{a: ".repeat(200_000), `1:254 ${deep}`],
    ["- ".repeat(500_000), `1:128 ${deep}`],
    [Array.from({ length: 300 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"), `64:65 ${deep}`],
    [levels(30, ten), `5:9 ${many}`],
    [levels(100, one), `64:11 ${deep}`],
    [`- &a x\n${"- *a\n".repeat(YAML_LIMITS.values)}`, `1:1 ${many}`],
    [
      "#\n".repeat(500_000),
      "200001:1 the file is too long: at most 400000 words and signs are read",
    ],
    ["#".repeat(YAML_LIMITS.bytes + 1), `1:1 the file has 1048577 bytes: at most 1048576 are read`],
  ];
  for (const [source, expected] of cases) {
    assert.deepEqual(shown(read(source).problems), [expected], source.slice(0, 40));
  }
});

test("a file at the limits is read", () => {
  const depth = YAML_LIMITS.depth - 2;
  treeOf("[".repeat(depth) + "]".repeat(depth));
  treeOf(`a: 1\n${"#".repeat(YAML_LIMITS.bytes - 5)}`);
});

test("any JSON object is read as what it says", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1 }).map((it) => `s${it}`);
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      text,
      fc.array(tie("tree"), { maxLength: 4 }),
      fc.dictionary(text, tie("tree"), { maxKeys: 4, noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      const source = JSON.stringify(value).replace(
        /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g,
        escaped,
      );
      assert.deepEqual(plain(treeOf(source)), value);
    }),
  );
});

const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;

test("any bytes whatever end in a tree or in a problem within the file", () => {
  const nasty = fc.constantFrom(
    ..."ab:-?*&!|>'\"[]{},#%@`~\n\r\t <\\\u0085",
    "<<: ",
    "---\n",
    "é",
    "😀",
  );
  const source = fc.oneof(
    fc.array(nasty, { maxLength: 40 }).map((it) => utf8(it.join(""))),
    fc.uint8Array(),
  );
  fc.assert(
    fc.property(source, (bytes) => {
      const { root, problems } = read(bytes);
      assert.ok(root === undefined || problems.length === 0);
      const lines = bytes.filter((byte) => byte === 0x0a).length + 1;
      for (const { line, column } of problems) {
        assert.ok(line >= 1 && line <= lines && column >= 1 && column <= bytes.length + 1);
      }
    }),
    { numRuns: 1000 },
  );
});
