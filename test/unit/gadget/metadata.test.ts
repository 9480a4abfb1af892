import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../../src/base/bytes.ts";
import { parseMetadata } from "../../../src/gadget/spec/metadata.ts";
import { shown } from "../../support/gadget-problems.ts";

const parse = (source: string) => {
  const { value, problems } = parseMetadata(utf8(source), "gadget.yaml");
  return { value, shown: shown(problems, "gadget.yaml") };
};

/** Each case is a source and its problems. A first line `name: x` is added: the cases begin on line 2. */
const check = (cases: readonly (readonly [string, ...string[]])[]) => {
  for (const [source, ...expected] of cases) {
    const { problems } = parseMetadata(utf8(`name: x\n${source}`), "gadget.yaml");
    assert.deepEqual(shown(problems, "gadget.yaml"), expected, source);
  }
};

const FILL = "[fill it or remove it]";

test("what becomes of the image is read as Inspektor Gadget reads it when building", () => {
  const { value, shown } = parse(`name: trace x
description: >-
  two
  lines
homepageURL: https://example.org/
documentationURL: https://example.org/docs
sourceURL: https://example.org/src
annotations:
  enable-containers-datasource: true
  com.example.level: 10
  com.example.text: 'yes'
  com.example.empty: ""
`);
  assert.deepEqual(shown, []);
  assert.deepEqual(value, {
    name: "trace x",
    description: "two lines",
    homepageURL: "https://example.org/",
    documentationURL: "https://example.org/docs",
    sourceURL: "https://example.org/src",
    annotations: new Map([
      ["enable-containers-datasource", "true"],
      ["com.example.level", "10"],
      ["com.example.text", "yes"],
      ["com.example.empty", ""],
    ]),
  });
});

test("a name that is no text is one error, not an empty name as well", () => {
  assert.deepEqual(parse("name: [a]\n").shown, ['1:7 error: "name" is a list: it should be text']);
});

test("what is missing is empty; numbers stay as written; nothing is nothing", () => {
  const none = {
    name: "",
    description: "",
    homepageURL: "",
    documentationURL: "",
    sourceURL: "",
    annotations: new Map(),
  };
  assert.deepEqual(parse("name: unsigned\n"), { value: { ...none, name: "unsigned" }, shown: [] });
  assert.deepEqual(parse("name: 1.10\ndescription: ~\n"), {
    value: { ...none, name: "1.10" },
    shown: [`2:1 warning: "description" has no value ${FILL}`],
  });
  assert.deepEqual(parse("{}\n"), {
    value: none,
    shown: ['1:1 warning: "name" is missing: the image has no title [write "name: NAME"]'],
  });
});

test("a file that holds no mapping is an error", () => {
  const hint = '[write at least "name: NAME"]';
  const cases: [string, string][] = [
    ["", `1:1 error: gadget.yaml is empty: it should hold a mapping ${hint}`],
    ["# soon\n", `1:1 error: gadget.yaml is empty: it should hold a mapping ${hint}`],
    ["--- ~\n", `1:5 error: gadget.yaml is empty: it should hold a mapping ${hint}`],
    ["\n- name: x\n", `2:1 error: gadget.yaml holds a list: it should hold a mapping ${hint}`],
    ["trace x\n", `1:1 error: gadget.yaml holds text: it should hold a mapping ${hint}`],
    [
      "a: b: c\n",
      '1:4 error: nested mappings are not allowed in compact mappings [put a text with ": " in it in quotes, and start the keys of a mapping in one column]',
    ],
  ];
  for (const [source, expected] of cases) assert.deepEqual(parse(source).shown, [expected], source);
});

test("top-level keys", () => {
  const lacks = "is not a key of gadget.yaml: the image lacks what it says";
  check([
    ["desciption: y\n", `2:1 error: "desciption" ${lacks} [perhaps "description" is meant]`],
    [
      "documentationUrl: https://x.y\n",
      `2:1 error: "documentationUrl" ${lacks} [perhaps "documentationURL" is meant]`,
    ],
    ["anotations: {a: b}\n", `2:1 error: "anotations" ${lacks} [perhaps "annotations" is meant]`],
    ["names: y\n", '2:1 warning: "names" is not a key of gadget.yaml [perhaps "name" is meant]'],
    [
      "datasource: {}\n",
      '2:1 warning: "datasource" is not a key of gadget.yaml [perhaps "datasources" is meant]',
    ],
    ["tracers: {}\n", '2:1 warning: "tracers" is not a key of gadget.yaml'],
    [
      "dataSources:\n  d:\n    fields:\n",
      '2:1 warning: "dataSources" is found when the gadget runs, where capitals do not matter, but not when it is built [write "datasources"]',
      `4:5 warning: "fields" has nothing under it ${FILL}`,
    ],
    ["description: [a]\n", '2:14 error: "description" is a list: it should be text'],
    [
      "description: TODO\n",
      `2:14 warning: "description" is "TODO": a placeholder was left ${FILL}`,
    ],
    ["sourceURL: see below\n", '2:12 warning: "sourceURL" is "see below": it should be a URL'],
    [
      "annotations: x\n",
      '2:14 error: "annotations" is text: it should be a mapping [write one "key: value" a line]',
    ],
    ["annotations:\n", `2:1 warning: "annotations" has nothing under it ${FILL}`],
    [
      "gadgetParams: {}\n",
      '2:1 warning: "gadgetParams" has no effect: Inspektor Gadget no longer reads it [parameters of the eBPF program go under "params", "ebpf"]',
    ],
    [
      "x: 1\nX: 2\n",
      '2:1 warning: "x" is not a key of gadget.yaml',
      '3:1 warning: "X" is not a key of gadget.yaml',
      '3:1 warning: "X" and "x" (line 2) are one key to Inspektor Gadget, which does not mind capitals [rename or remove one]',
    ],
  ]);
  assert.deepEqual(parse('name: ""\n').shown, [
    '1:7 warning: "name" is empty: the image has no title',
  ]);
});

const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,9}$/).map((it) => `q${it}`);
const quoted = fc.string({ unit: "grapheme-ascii" }).map((it) => JSON.stringify(`.${it}`));
const free = word.map((it) => `com.example.${it}`);

/** Metadata as it should be, line by line. */
const valid = fc
  .record({
    texts: fc.tuple(quoted, quoted),
    annotations: fc.uniqueArray(free, { minLength: 1, maxLength: 3 }),
    fields: fc.uniqueArray(word, { minLength: 1, maxLength: 4 }),
    width: fc.nat(500),
    hidden: fc.constantFrom("true", "false", '"true"', "True"),
    alignment: fc.constantFrom("left", "right"),
    value: quoted,
  })
  .map(({ texts, annotations, fields, width, hidden, alignment, value }) => [
    ...[`name: ${texts[0]}`, `description: ${texts[1]}`, "annotations:"],
    ...annotations.map((key) => `  ${key}: ${value}`),
    ...["datasources:", "  d:", "    fields:"],
    ...fields.flatMap((name) => [
      ...[`      ${name}:`, "        annotations:", `          columns.width: ${width}`],
      ...[`          columns.hidden: ${hidden}`, `          columns.alignment: ${alignment}`],
      `          com.example.${name}: ${value}`,
    ]),
    ...["params:", "  ebpf:"],
    ...fields.flatMap((name) => [
      `    ${name}:`,
      `      key: ${name}`,
      `      defaultValue: ${value}`,
    ]),
  ]);

test("valid metadata is accepted without a word", () => {
  fc.assert(
    fc.property(valid, fc.constantFrom("\n", "\r\n"), (lines, end) => {
      assert.deepEqual(parse(lines.join(end) + end).shown, []);
    }),
  );
});

test("an unknown key is reported at its place, whatever stands around it", () => {
  fc.assert(
    fc.property(valid, fc.nat(1000), (lines, pick) => {
      const places = lines.flatMap((line, i) =>
        /^(datasources|params):|^ {6}key/.test(line) ? [i] : [],
      );
      const at = places[pick % places.length] ?? 0;
      const indent = /^ */.exec(lines[at] ?? "")?.[0] ?? "";
      const { shown } = parse(
        lines.toSpliced(at, 0, `${indent}zzzzzzzzzzzzzzzzzzzz: 1`).join("\n"),
      );
      assert.equal(shown.length, 1);
      const start = `${at + 1}:${indent.length + 1} warning: "zzzzzzzzzzzzzzzzzzzz" is not a key of`;
      assert.ok(shown[0]?.startsWith(start), shown[0]);
    }),
  );
});
