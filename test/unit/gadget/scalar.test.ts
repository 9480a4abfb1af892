import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../../src/base/bytes.ts";
import {
  runtimeText,
  type ScalarType,
  scalarText,
  scalarType,
} from "../../../src/gadget/yaml/scalar.ts";
import { readYaml } from "../../../src/gadget/yaml/yaml.ts";

test("scalars have the type and the text that Inspektor Gadget sees", () => {
  const cases: [string, ScalarType, string, string | undefined][] = [
    ["text", "text", "text", "text"],
    ['"true"', "text", "true", "true"],
    ["yes", "text", "yes", "yes"],
    ["~", "nothing", "", ""],
    ["Null", "nothing", "", ""],
    ["true", "boolean", "true", "true"],
    ["FALSE", "boolean", "FALSE", "false"],
    ["0", "integer", "0", "0"],
    ["-12", "integer", "-12", "-12"],
    ["0x1F", "integer", "0x1F", "31"],
    ["0o17", "integer", "0o17", "15"],
    ["017", "integer", "017", "15"],
    ["0b101", "integer", "0b101", "5"],
    ["1_000", "integer", "1_000", "1000"],
    ["1.5", "number", "1.5", "1.5"],
    ["1.10", "number", "1.10", undefined],
    ["1e3", "number", "1e3", undefined],
    [".inf", "number", ".inf", undefined],
    ["089", "number", "089", undefined],
    ["2024-01-31", "time", "2024-01-31", undefined],
    ["9".repeat(20), "integer", "9".repeat(20), undefined],
    ["18446744073709551615", "integer", "18446744073709551615", "18446744073709551615"],
    ["1.2.3", "text", "1.2.3", "1.2.3"],
    ["10s", "text", "10s", "10s"],
  ];
  for (const [source, type, text, runtime] of cases) {
    const { root } = readYaml(utf8(`- ${source}`), "f.yaml");
    const scalar = root?.kind === "list" ? root.items[0] : undefined;
    assert.ok(scalar?.kind === "scalar");
    assert.deepEqual(
      [scalarType(scalar), scalarText(scalar), runtimeText(scalar)],
      [type, text, runtime],
      source,
    );
  }
});
