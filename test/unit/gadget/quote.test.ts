import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../../src/base/bytes.ts";
import { parseMetadata } from "../../../src/gadget/spec/metadata.ts";
import { quoteForeign, tame } from "../../../src/gadget/yaml/quote.ts";
import { shown } from "../../support/gadget-problems.ts";

test("foreign text is quoted on one line, cut, and without what steers a terminal", () => {
  const cases: [string, string][] = [
    ["columns.with", '"columns.with"'],
    ['é "x"\n', '"é \\"x\\"\\n"'],
    ["\x1b[31m\x7f\x9b", '"\\u001b[31m\\u007f\\u009b"'],
    ["a\u202eb\u2066", '"a\\u202eb\\u2066"'],
    ["x".repeat(60), `"${"x".repeat(60)}"`],
    ["x".repeat(61), `"${"x".repeat(60)}…"`],
    [`${"x".repeat(59)}😀`, `"${"x".repeat(59)}\\ud83d…"`],
  ];
  for (const [text, expected] of cases) assert.equal(quoteForeign(text), expected);
});

test("a sentence with foreign text in it is cut and without what steers a terminal", () => {
  assert.equal(tame("no tag !x\x1b here"), "no tag !x\\u001b here");
  assert.equal(tame("y".repeat(181)), `${"y".repeat(180)}…`);
  assert.ok(tame(`${"y".repeat(179)}😀`).isWellFormed());
});

test("no message or hint carries a control character or grows with the file", () => {
  const bad = `"\\e[2J\\u009b\\u202e${"x".repeat(900)}"`;
  const long = "1".repeat(5000);
  const sources = [
    `${bad}: 1\n`,
    `name: [${bad}]\n${bad}: {}\n`,
    `annotations: {${bad}: [], version: ${long}.0}\n`,
    `datasources: {${bad}: [], d: {annotations: {fetch-interval: ${long}, fetch-count: ${bad}}}}\n`,
    `datasources: {d: {annotations: {cli.supported-output-modes: ${bad}, cli.default-output-mode: x}}}\n`,
    `datasources: {d: {fields: {${bad}: 1, f: {annotations: {columns: {${bad}: 1}, template: ${bad}}}}}}\n`,
    `params: {${bad}: {}, ebpf: {p: {key: k, type: ${bad}}}, custom: {${bad}: {}}}\n`,
    `operator: {cgroup: {${bad}: 1}}\nparamDefaults: {${bad}: {}}\nsourceURL: ${bad}\n`,
    `a: !${"x".repeat(5000)} 1\n`,
    `a: *${"x".repeat(5000)}\n`,
    `%${"x".repeat(5000)}\n---\n`,
    `a: {b: 1}${"}".repeat(5000)}\n`,
  ];
  for (const source of sources) {
    const lines = shown(parseMetadata(utf8(source), "f").problems, "f");
    assert.ok(lines.length > 0, source);
    for (const line of lines) {
      assert.ok(line.length < 500, line);
      assert.match(line, /^[^\p{Cc}\u202e]*$/u);
    }
  }
});
