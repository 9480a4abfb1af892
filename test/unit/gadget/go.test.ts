import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { buildWasm } from "../../../src/gadget/compile/wasm.ts";
import { faultOf } from "../../support/fault.ts";
import { testUnless, which } from "../../support/process/needs.ts";
import { run, succeed } from "../../support/process/run.ts";
import { tempDir } from "../../support/process/temp.ts";
import { snapshot, writeTree } from "../../support/trees/tree.ts";

const tools = { commands: {}, environment: process.env };

const GO: Readonly<Record<string, string>> = {
  "go/program.go": `package main

import (
	"fmt"
	"runtime"

	"example.org/gadget/where"
)

//go:wasmexport gadgetAPIVersion
func gadgetAPIVersion() uint64 { return 1 }

//go:wasmexport gadgetStart
func gadgetStart() int32 {
	_, file, _, _ := runtime.Caller(0)
	fmt.Println(file, where.Am())
	return 0
}

func main() {}
`,
  "go/where/where.go": `package where

import "runtime"

func Am() string {
	_, file, _, _ := runtime.Caller(0)
	return file
}
`,
  "go/go.mod": "module example.org/gadget\n\ngo 1.24\n",
};

/** Debian 12 has Go 1.19, which cannot make these modules: so no package brings what is needed. */
const missing = ["go", "git", "sh"].filter((program) => which(program) === undefined);
const version = which("go") ? `${(await run(["go", "env", "GOVERSION"])).stdout}`.trim() : "";
const hindrance =
  missing.length > 0
    ? `not found on PATH: ${missing.join(", ")}`
    : Number(/^go1\.(\d+)/.exec(version)?.[1]) < 24
      ? `${version} is older than Go 1.24`
      : undefined;

testUnless(
  hindrance,
  "Go: the same bytes from two folders, with and without .git, and nothing is written there",
  async (t) => {
    const top = tempDir(t);
    const near = writeTree(join(top, "a"), GO);
    const far = writeTree(join(top, "some where/deep/b"), GO);
    const git = (...args: string[]) =>
      succeed(["git", "-C", far, "-c", "user.name=n", "-c", "user.email=e@example.org", ...args]);
    await git("init", "-q");
    await git("add", ".");
    await git("commit", "-q", "-m", "first");
    // A workspace above, which would not list this module, and flags of the user's must not matter.
    writeTree(top, { "go.work": "go 1.24\n" });
    const before = [snapshot(near), snapshot(join(far, "go"))];
    const source = "go/program.go";
    const first = await buildWasm({ root: near, source, tools, epoch: 0, workDir: tempDir(t) });
    const environment = {
      ...process.env,
      GOFLAGS: "-tags=x -ldflags=-X=a.b=c",
      GOOS: "plan9",
      GODEBUG: "gotypesalias=0",
      TZ: "Asia/Kolkata",
    };
    const second = await buildWasm({
      root: far,
      source,
      tools: { commands: {}, environment },
      epoch: 0,
      workDir: tempDir(t),
    });
    assert.deepEqual(second, first);
    assert.equal(first.warnings, "");
    const text = Buffer.from(first.module).toString("latin1");
    for (const path of [top, process.env.HOME ?? top]) assert.ok(!text.includes(`${path}/`), path);
    assert.deepEqual([snapshot(near), snapshot(join(far, "go"))], before);
    assert.ok(text.includes("gadgetStart"), "what the program exports is there");
  },
);

testUnless(hindrance, "Go: an error names command, file and line, and what to do", async (t) => {
  const root = writeTree(tempDir(t), {
    ...GO,
    "go/program.go": 'package main\n\nimport "example.com/no/such"\n\nfunc main() { such.Do() }\n',
  });
  const source = "go/program.go";
  const { output, command, hint } = await faultOf("program-failed", () =>
    buildWasm({ root, source, tools, epoch: 0, workDir: tempDir(t) }),
  );
  assert.match(
    output,
    /^program\.go:3:8: no required module provides package example\.com\/no\/such/,
  );
  assert.match(
    command,
    /^cd \S+\/go && CGO_ENABLED=0 GOOS=wasip1 GOARCH=wasm go build -trimpath .* program\.go$/,
  );
  assert.match(hint ?? "", /go mod tidy/);
  assert.equal((await run(["sh", "-c", command])).code, 1);
});

test("Go: without a toolchain, how to get one", async (t) => {
  const root = writeTree(tempDir(t), GO);
  const nowhere = { commands: {}, environment: { PATH: tempDir(t) } };
  const { program, install } = await faultOf("program-missing", () =>
    buildWasm({ root, source: "go/program.go", tools: nowhere, epoch: 0, workDir: root }),
  );
  assert.equal(program, "go");
  assert.match(install, /go\.dev.*--go/);
});
