/** Gadgets are checked when they are built: what cannot run is refused, what has no effect is said. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OFFERS } from "../../support/gadget/sources.ts";
import { ingot } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { tempDir } from "../../support/process/temp.ts";
import { writeTree } from "../../support/trees/tree.ts";

const TOOLS = ["clang", "llvm-strip"];
const YAML = "name: offers\nprograms:\n  nosuch:\n    attach_to: x/y\n";

testWith(TOOLS, "what is without effect is a warning, and an error with --strict", async (t) => {
  const folder = writeTree(tempDir(t), {
    "program.bpf.c": OFFERS,
    "gadget.yaml": YAML,
    "go/program.go": "package main\n",
  });
  const file = join(tempDir(t), "offers.tar");
  const words = ["build", folder, "-t", "offers", "-o", file];
  const strict = await ingot([...words, "--strict"]);
  assert.equal(strict.code, 2);
  assert.equal(existsSync(file), false);
  assert.match(`${strict.stderr}`, /it has 2 warnings/);
  const { code, stdout, stderr } = await ingot([...words, "--json"]);
  assert.equal(code, 0, `${stderr}`);
  const { warnings } = JSON.parse(`${stdout}`);
  assert.deepEqual(warnings, [
    {
      ...{ file: join(folder, "gadget.yaml"), line: 3, column: 3, level: "warning" },
      message: '"programs" names "nosuch", and there is no such program: it has no effect',
      ...{ hint: null, section: null, symbol: null },
    },
    {
      ...{ file: join(folder, "go/program.go"), line: null, column: null, level: "warning" },
      message: "no build.yaml names this program: the image is made without it",
      hint: 'write wasm: go/program.go into build.yaml, or wasm: "" where that is meant',
      ...{ section: null, symbol: null },
    },
  ]);
  assert.equal(`${stderr}`.match(/warning: /g)?.length, 2, `${stderr}`);
  writeFileSync(join(folder, "build.yaml"), 'wasm: ""\n');
  writeFileSync(join(folder, "gadget.yaml"), "name: offers\n");
  assert.equal(`${(await ingot([...words, "--strict"])).stderr}`, "");
});

testWith(
  TOOLS,
  "what Inspektor Gadget refuses is refused, with its place, and nothing is written",
  async (t) => {
    const folder = writeTree(tempDir(t), {
      "program.bpf.c": OFFERS.replace("tracepoint/syscalls/sys_enter_openat", "foo/bar"),
      "gadget.yaml": "name: offers\n",
    });
    const file = join(tempDir(t), "offers.tar");
    const { code, stderr } = await ingot(["build", folder, "-t", "offers", "-o", file]);
    assert.equal(code, 2);
    assert.equal(existsSync(file), false);
    assert.match(`${stderr}`, /^ingot build: error: cannot use the gadget ".*": it has 1 error$/m);
    const says = `program\\.bpf\\.c:(\\d+):\\d+: error: Inspektor Gadget cannot attach the program "on_open": the section "foo/bar" says no type of program \\[symbol on_open in section foo/bar\\]`;
    // The compiler knows where the code begins, which may be the first statement of the function.
    const line = Number(new RegExp(says).exec(`${stderr}`)?.[1]);
    const body = OFFERS.split("\n")
      .slice(line - 3, line)
      .join("\n");
    assert.match(body, /on_open/, `${stderr}`);
  },
);
