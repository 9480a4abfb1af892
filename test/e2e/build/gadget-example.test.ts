import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { compileProgram } from "../../../src/gadget/compile/clang.ts";
import { testUnless, which } from "../../support/process/needs.ts";
import { run, succeed } from "../../support/process/run.ts";
import { tempDir } from "../../support/process/temp.ts";

const TRACE = join(import.meta.dirname, "../../../examples/gadget/trace");
const tools = { commands: {}, environment: process.env };

const kernel =
  process.platform !== "linux" || which("bpftool") === undefined || process.getuid?.() !== 0
    ? "needs bpftool and root on Linux"
    : (await run(["bpftool", "prog", "show"])).code !== 0
      ? "bpf() is not allowed here"
      : undefined;

testUnless(kernel, "the example's objects load into the kernel", async (t) => {
  const workDir = tempDir(t);
  const pin = `/sys/fs/bpf/${workDir.split("/").at(-1)}`;
  const program = { root: TRACE, source: "program.bpf.c", includes: [], tools, epoch: 0, workDir };
  for (const arch of ["amd64", "arm64"] as const) {
    const file = join(workDir, `${arch}.loaded.o`);
    writeFileSync(file, (await compileProgram({ ...program, arch })).object);
    try {
      await succeed(["bpftool", "prog", "loadall", file, pin]);
      const { stdout } = await succeed([
        "bpftool",
        "prog",
        "show",
        "pinned",
        `${pin}/trace_execve`,
      ]);
      assert.match(stdout.toString(), /tracepoint\s+name trace_execve/);
    } finally {
      await run(["rm", "-rf", pin]);
    }
  }
});
