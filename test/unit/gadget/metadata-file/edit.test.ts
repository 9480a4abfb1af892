/** Keys put into a YAML text: all other bytes stay, and it says what it said. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { parse } from "yaml";
import type { Addition } from "../../../../src/gadget/metadata/additions.ts";
import { unifiedDiff } from "../../../../src/gadget/metadata/diff.ts";
import { withAdditions } from "../../../../src/gadget/metadata/edit.ts";
import { faultOf } from "../../../support/fault.ts";

const field = (name: string): Addition => ({
  path: ["datasources", "open", "fields", name],
  value: { annotations: { description: "TODO: Fill" } },
});
const FIELD = "annotations:\n          description: 'TODO: Fill'\n";

const CASES: Readonly<
  Record<string, readonly [before: string, additions: readonly Addition[], after: string]>
> = {
  "an empty file": [
    "",
    [{ path: ["name"], value: "x y" }, field("pid")],
    `name: x y\ndatasources:\n  open:\n    fields:\n      pid:\n        ${FIELD}`,
  ],
  "a comment alone": ["# mine\n", [{ path: ["name"], value: "x" }], "# mine\nname: x\n"],
  "no newline at the end": [
    "name: x",
    [{ path: ["params", "ebpf", "p"], value: { key: "p" } }],
    "name: x\nparams:\n  ebpf:\n    p:\n      key: p\n",
  ],
  "behind the last field, before what follows": [
    'datasources:\n  open:\n    fields:\n      pid: # the process\n        annotations:\n          description: "p" # why\n# of params\nparams:\n  ebpf: {}\n',
    [field("uid")],
    `datasources:\n  open:\n    fields:\n      pid: # the process\n        annotations:\n          description: "p" # why\n      uid:\n        ${FIELD}# of params\nparams:\n  ebpf: {}\n`,
  ],
  "a block scalar at the end": [
    "datasources:\n  open:\n    fields:\n      pid:\n        annotations:\n          description: |\n            several\n            lines\n",
    [field("uid")],
    `datasources:\n  open:\n    fields:\n      pid:\n        annotations:\n          description: |\n            several\n            lines\n      uid:\n        ${FIELD}`,
  ],
  "another indentation": [
    "datasources:\n    open:\n        fields:\n            pid:\n                annotations: {description: p}\n",
    [field("uid")],
    "datasources:\n    open:\n        fields:\n            pid:\n                annotations: {description: p}\n            uid:\n              annotations:\n                description: 'TODO: Fill'\n",
  ],
  "fields that are nothing": [
    "datasources:\n  open:\n    fields: # none yet\nname: x\n",
    [field("pid")],
    `datasources:\n  open:\n    fields: # none yet\n      pid:\n        ${FIELD}name: x\n`,
  ],
  "fields that are ~": [
    "datasources:\n  open:\n    fields: ~ # none yet\n",
    [field("pid")],
    `datasources:\n  open:\n    fields: # none yet\n      pid:\n        ${FIELD}`,
  ],
  "in braces": [
    "datasources: {open: {fields: {pid: {}}}} # short\n",
    [field("uid")],
    "datasources: {open: {fields: {pid: {}, uid: {annotations: {description: 'TODO: Fill'}}}}} # short\n",
  ],
  "in braces that are empty": [
    "datasources: {}\n",
    [field("uid")],
    "datasources: {open: {fields: {uid: {annotations: {description: 'TODO: Fill'}}}}}\n",
  ],
  "texts stand behind texts": [
    "# head\nname: x # n\n\noperator:\n  ebpf: {}\n",
    [
      { path: ["description"], value: "d" },
      { path: ["sourceURL"], value: "s" },
    ],
    "# head\nname: x # n\ndescription: d\nsourceURL: s\n\noperator:\n  ebpf: {}\n",
  ],
  "texts stand before all else": [
    "# head\noperator:\n  ebpf: {}\n",
    [{ path: ["name"], value: "yes" }],
    "# head\nname: 'yes'\noperator:\n  ebpf: {}\n",
  ],
  "capitals do not matter": [
    "Datasources:\n  Open:\n    fields:\n      a: {}\n",
    [field("pid")],
    `Datasources:\n  Open:\n    fields:\n      a: {}\n      pid:\n        ${FIELD}`,
  ],
};

for (const [name, [before, additions, after]] of Object.entries(CASES)) {
  test(`an addition: ${name}`, () => {
    assert.equal(withAdditions(before, additions, "gadget.yaml"), after);
  });
}

test("what cannot hold keys is refused", async () => {
  for (const text of ["datasources: 5\n", "- a\n", "a: &x {b: c}\ndatasources: *x\n"]) {
    await faultOf("unsupported", () => withAdditions(text, [field("pid")], "gadget.yaml"));
  }
});

const key = fc.constantFrom("a", "b", "fields", "annotations", "x-y", "k z");
const leaf = fc.constantFrom(
  '"q: #"',
  "plain text",
  "'s'",
  "5",
  "|\n%several\n%lines",
  "{}",
  "[a, b]",
  "",
  "{f: g}",
);

/** A tree as YAML with comments and odd spaces. */
const block: fc.Memo<(indent: number) => string> = fc.memo((depth) =>
  fc
    .uniqueArray(
      fc.tuple(
        key,
        depth <= 1 ? leaf : fc.oneof(leaf, block(depth - 1)),
        fc.constantFrom("", " # c", "\n# own line"),
      ),
      { minLength: 1, maxLength: 3, selector: ([name]) => name },
    )
    .map(
      (entries) => (indent: number) =>
        entries
          .map(([name, value, comment]) => {
            const start = `${" ".repeat(indent)}${name}:`;
            if (typeof value === "function")
              return `${start}${comment.startsWith("\n") ? "" : comment}\n${value(indent + 2)}`;
            const text = value.replaceAll("%", " ".repeat(indent + 2));
            return `${start}${text === "" ? "" : ` ${text}`}${text.startsWith("|") ? "" : comment}\n`;
          })
          .join(""),
    ),
);

test("any block: every line stays, and the data are the old and the new", () => {
  fc.assert(
    fc.property(block(3), fc.array(key, { minLength: 1, maxLength: 3 }), (tree, path) => {
      const before = tree(0);
      const additions = [{ path: [...path, "new"], value: { deep: "TODO: x" } }];
      let after: string;
      try {
        after = withAdditions(before, additions, "x");
      } catch (error) {
        // Only where the path leads to a value.
        let node = parse(before, { schema: "failsafe" });
        for (const part of path) node = node?.[part];
        let at = parse(before, { schema: "failsafe" });
        const isBlocked = path.some((part) => {
          at = at?.[part];
          return at !== undefined && at !== "" && (typeof at !== "object" || Array.isArray(at));
        });
        assert.ok(isBlocked, `${error}\n${before}`);
        return;
      }
      let data = parse(after, { schema: "failsafe" });
      for (const part of path) data = data[part];
      assert.deepEqual(data.new, { deep: "TODO: x" });
      const old = before.split("\n").filter((line) => !line.includes("{"));
      const lines = after.split("\n");
      let from = 0;
      for (const line of old) {
        from = lines.indexOf(line, from) + 1;
        assert.ok(from > 0, `${JSON.stringify(line)} is gone:\n${after}`);
      }
      assert.equal(unifiedDiff(after, after, "x").length, 0);
    }),
    { numRuns: 300 },
  );
});

test("a diff that patch understands", () => {
  const before = Array.from({ length: 20 }, (_, i) => `line ${i}\n`).join("");
  const after = before.replace("line 3\n", "line 3\nnew\n").replace("line 17\n", "");
  assert.deepEqual(unifiedDiff(before, after, "gadget.yaml"), [
    "--- gadget.yaml",
    "+++ gadget.yaml",
    "@@ -2,6 +2,7 @@",
    ...[" line 1", " line 2", " line 3", "+new", " line 4", " line 5", " line 6"],
    "@@ -15,6 +16,5 @@",
    ...[" line 14", " line 15", " line 16", "-line 17", " line 18", " line 19"],
  ]);
  assert.deepEqual(unifiedDiff("", "a\n", "x"), [
    "--- /dev/null",
    "+++ x",
    "@@ -0,0 +1,1 @@",
    "+a",
  ]);
});
