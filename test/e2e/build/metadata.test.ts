/** `ingot metadata`: gadget.yaml filled from the programs, with nothing of it lost. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { OFFERS } from "../../support/gadget/sources.ts";
import { ingot } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { run } from "../../support/process/run.ts";
import { tempDir } from "../../support/process/temp.ts";
import { writeTree } from "../../support/trees/tree.ts";

const TOOLS = ["clang", "llvm-strip"];

const YAML = `# What the gadget is
name:   "offers"   # said by hand
operator:   {ebpf: {}}
datasources:
  open:
    tags: [a, 'b']
    fields:
      path:
        annotations:
          description: >-
            folded
            text
          columns.width: 30
params:
  ebpf:
    limit: {key: limit}
# the end
programs:
  on_open: {attach_to: syscalls/sys_enter_openat}
`;

testWith(
  [...TOOLS, "patch"],
  "what is missing is added, and all else stays byte for byte",
  async (t) => {
    const folder = writeTree(tempDir(t), { "program.bpf.c": OFFERS, "gadget.yaml": YAML });
    const file = join(folder, "gadget.yaml");
    chmodSync(file, 0o600);
    const shown = await ingot(["metadata", folder]);
    assert.equal(shown.code, 0, `${shown.stderr}`);
    assert.equal(readFileSync(file, "utf8"), YAML);
    const checked = await ingot(["metadata", "--check", folder]);
    assert.equal(checked.code, 1);
    const written = await ingot(["metadata", "--write", folder, "--json"]);
    assert.equal(written.code, 0, `${written.stderr}`);
    const { changed, added } = JSON.parse(`${written.stdout}`);
    assert.equal(changed, true);
    const text = readFileSync(file, "utf8");
    assert.equal(text, `${shown.stdout}`);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    // The diff of --check is one that patch takes.
    const copy = writeTree(tempDir(t), { "gadget.yaml": YAML, "x.diff": `${checked.stdout}` });
    await run(["patch", "-s", "gadget.yaml", "x.diff"], { cwd: copy });
    assert.equal(readFileSync(join(copy, "gadget.yaml"), "utf8"), text);
    // Every line is there, in its order.
    let from = 0;
    const lines = text.split("\n");
    for (const line of YAML.split("\n")) {
      from = lines.indexOf(line, from) + 1;
      assert.ok(from > 0, line);
    }
    const data = parse(text);
    assert.deepEqual(Object.keys(data.datasources), ["open", "tasks", "stats"]);
    assert.deepEqual(Object.keys(data.datasources.open.fields), [
      ...["path", "timestamp_raw", "proc", "outcome_raw", "last", "number", "address", "answer"],
      ...["code", "ok", "ratio", "part", "bits"],
    ]);
    assert.deepEqual(Object.keys(data.datasources.stats.fields), ["cpu", "count", "total"]);
    assert.deepEqual(data.datasources.open.fields.timestamp_raw.annotations, {
      description: "Time of the event",
    });
    // targ_pid and targ_comm are described by Inspektor Gadget.
    assert.deepEqual(Object.keys(data.params.ebpf), [
      "limit",
      "quick",
      "large",
      "prefix",
      "wanted",
      "from",
      "rate",
    ]);
    assert.equal(added.length, 4 + 12 + 2 + 3 + 6);
    const again = await ingot(["metadata", "--write", folder]);
    assert.match(`${again.stdout}`, /nothing is missing/);
    assert.equal(readFileSync(file, "utf8"), text);
    const clean = await ingot(["metadata", "--check", folder]);
    assert.deepEqual([clean.code, `${clean.stdout}`], [0, ""]);
    // What was made up is no problem of the gadget, but its placeholders are.
    const judged = await ingot(["check", folder, "--json"]);
    const [{ problems }] = JSON.parse(`${judged.stdout}`).gadgets;
    for (const { message } of problems) assert.match(message, /a placeholder was left|default of/);
  },
);

testWith(TOOLS, "a gadget without metadata gets a file", async (t) => {
  const folder = writeTree(tempDir(t), { "program.bpf.c": OFFERS });
  const { code, stdout } = await ingot(["metadata", "--check", folder]);
  assert.equal(code, 1);
  assert.match(
    `${stdout}`,
    /^--- \/dev\/null\n\+\+\+ .*gadget\.yaml\n@@ -0,0 \+1,\d+ @@\n\+name: /,
  );
  assert.equal(existsSync(join(folder, "gadget.yaml")), false);
  assert.equal((await ingot(["metadata", "--write", folder])).code, 0);
  assert.equal((await ingot(["metadata", "--check", folder])).code, 0);
});

testWith(TOOLS, "what cannot be filled is left as it is", async (t) => {
  const plain = writeTree(tempDir(t), { "gadget.yaml": "name: x\n" });
  const none = await ingot(["metadata", plain]);
  assert.equal(none.code, 2);
  assert.match(`${none.stderr}`, /has no eBPF program/);
  const folder = writeTree(tempDir(t), {
    "program.bpf.c": OFFERS,
    "gadget.yaml": "x: &a {fields: {}}\ndatasources: {open: *a}\n",
  });
  const odd = await ingot(["metadata", "--write", folder]);
  assert.equal(odd.code, 2, `${odd.stdout}`);
  assert.match(`${odd.stderr}`, /a form that it cannot be added to|a value where keys should be/);
  assert.match(readFileSync(join(folder, "gadget.yaml"), "utf8"), /^x: &a/);
  writeFileSync(join(folder, "gadget.yaml"), "name: x\nparams: {ebpf: {nosuch: {key: k}}}\n");
  const wrong = await ingot(["metadata", "--write", folder]);
  assert.equal(wrong.code, 2);
  assert.match(`${wrong.stderr}`, /there is no variable "nosuch"/);
});

test("--write and --check exclude each other", async (t) => {
  const { code, stderr } = await ingot(["metadata", "--write", "--check", tempDir(t)]);
  assert.equal(code, 2);
  assert.match(`${stderr}`, /--write and --check are both given/);
});
