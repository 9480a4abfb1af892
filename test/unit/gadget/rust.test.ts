import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeWasm } from "../../../examples/gadget/hello/make-wasm.ts";
import { buildWasm } from "../../../src/gadget/compile/wasm.ts";
import { faultOf } from "../../support/fault.ts";
import { testUnless, testWith, which } from "../../support/process/needs.ts";
import { run } from "../../support/process/run.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { snapshot, writeTree } from "../../support/trees/tree.ts";

const HELLO = join(import.meta.dirname, "../../../examples/gadget/hello");
const tools = { commands: {}, environment: process.env };

const RUST: Readonly<Record<string, string>> = {
  "rust/Cargo.toml": `[package]
name = "gadget-module"
version = "0.1.0"
edition = "2021"

[lib]
crate-type = ["cdylib"]

[dependencies]
beside = { path = "../beside" }
`,
  "rust/Cargo.lock": `version = 3

[[package]]
name = "beside"
version = "0.2.0"

[[package]]
name = "gadget-module"
version = "0.1.0"
dependencies = ["beside"]
`,
  "rust/src/lib.rs": `#[no_mangle]
pub extern "C" fn gadgetAPIVersion() -> u64 {
    1
}

#[no_mangle]
pub extern "C" fn gadgetStart() -> i32 {
    println!("{} {}", file!(), beside::place());
    0
}
`,
  "beside/Cargo.toml": '[package]\nname = "beside"\nversion = "0.2.0"\nedition = "2021"\n',
  "beside/src/lib.rs": `pub fn place() -> &'static str {
    std::panic::Location::caller().file()
}
`,
};

const target =
  which("cargo") === undefined || which("rustc") === undefined
    ? "cargo and rustc are not on PATH"
    : existsSync(
          (await run(["rustc", "--print", "target-libdir", "--target", "wasm32-wasip1"])).stdout
            .toString()
            .trim(),
        )
      ? undefined
      : "Rust's target wasm32-wasip1 is not installed";

testUnless(
  target,
  "Rust: the same bytes from two folders, and nothing is written there",
  async (t) => {
    const top = tempDir(t);
    const near = writeTree(join(top, "a"), RUST);
    const far = writeTree(join(top, "some where/deep/b"), RUST);
    const before = [snapshot(near), snapshot(far)];
    const source = "rust/src/lib.rs";
    const first = await buildWasm({ root: near, source, tools, epoch: 0, workDir: tempDir(t) });
    const environment = {
      ...process.env,
      RUSTFLAGS: "-C opt-level=0",
      CARGO_PROFILE_RELEASE_DEBUG: "true",
    };
    const second = await buildWasm({
      root: far,
      source,
      tools: { commands: {}, environment },
      epoch: 0,
      workDir: tempDir(t),
    });
    assert.deepEqual(second, first);
    assert.ok(!Buffer.from(first.module).includes(top));
    assert.deepEqual([snapshot(near), snapshot(far)], before);
  },
);

/**
 * A cargo and a rustc that write down how they were called. The tests with them say what is handed to the programs
 * and what is made of their answers; what the real ones do with it is for the test above.
 */
function recording(
  t: Ends,
  { libraries, built }: { libraries: boolean; built: readonly string[] },
) {
  const bin = tempDir(t);
  const program = (name: string, script: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\nset -e\n${script}`);
    chmodSync(join(bin, name), 0o755);
  };
  if (libraries) mkdirSync(join(bin, "libdir"));
  program(
    "rustc",
    `case "$1" in -vV) echo "commit-hash: 0123abcd";; *) echo ${bin}/sysroot; echo ${bin}/libdir;; esac\n`,
  );
  program(
    "cargo",
    `if [ "$1" = metadata ]; then
  echo '{"packages":[{"name":"gadget-module","version":"0.1.0","source":null,"manifest_path":"/src/rust/Cargo.toml"},{"name":"x","version":"1.0.0","source":"registry+https://example.org","manifest_path":"/x/Cargo.toml"}]}'
  exit
fi
env > ${bin}/environment
echo "$*" > ${bin}/arguments
echo "   Compiling gadget-module v0.1.0" >&2
echo "warning: unused variable" >&2
out="$CARGO_TARGET_DIR/wasm32-wasip1/release"
mkdir -p "$out/deps"
${built.map((name) => `cp ${HELLO}/program.wasm "$out/${name}"\n`).join("")}`,
  );
  return {
    bin,
    tools: {
      commands: {},
      environment: {
        ...process.env,
        PATH: `${bin}:${process.env.PATH}`,
        RUSTFLAGS: "-C x",
        HOME: "/home/h",
        CARGO_HOME: undefined,
      },
    },
  };
}

testWith(["sh", "env"], "Rust: how cargo is called, and which file is taken", async (t) => {
  const { bin, tools } = recording(t, {
    libraries: true,
    built: ["gadget_module.wasm", "deps/other.wasm"],
  });
  const root = writeTree(tempDir(t), RUST);
  const workDir = tempDir(t);
  const { module, warnings } = await buildWasm({
    root,
    source: "rust/src/lib.rs",
    tools,
    epoch: 42,
    workDir,
  });
  assert.deepEqual(Buffer.from(module), Buffer.from(makeWasm()));
  assert.equal(warnings, "warning: unused variable");
  const args = readFileSync(join(bin, "arguments"), "utf8").trim();
  assert.equal(
    args,
    `build --target wasm32-wasip1 --release --locked --manifest-path ${root}/rust/Cargo.toml`,
  );
  const lines = readFileSync(join(bin, "environment"), "utf8").split("\n");
  const env = new Map(
    lines.map((line) => [line.split("=", 1)[0], line.slice(line.indexOf("=") + 1)]),
  );
  assert.equal(env.get("SOURCE_DATE_EPOCH"), "42");
  assert.equal(env.get("CARGO_INCREMENTAL"), "0");
  assert.equal(env.get("CARGO_TARGET_DIR"), join(workDir, "cargo"));
  assert.equal(env.get("RUSTFLAGS"), undefined);
  assert.deepEqual(
    env.get("CARGO_ENCODED_RUSTFLAGS")?.split("\x1f"),
    [
      [root, "/gadget"],
      ["/src/rust", "/gadget-module-0.1.0"],
      ["/home/h/.cargo", "/cargo"],
      [`${bin}/sysroot`, "/rust"],
      [`${bin}/sysroot/lib/rustlib/src/rust`, "/rustc/0123abcd"],
      [workDir, "/work"],
    ].map(([from, to]) => `--remap-path-prefix=${from}=${to}`),
  );
});

testWith(["sh"], "Rust: what is missing is named", async (t) => {
  const whole = writeTree(tempDir(t), RUST);
  const build = (root: string, how: Parameters<typeof recording>[1]) => () =>
    buildWasm({
      root,
      source: "rust/src/lib.rs",
      tools: recording(t, how).tools,
      epoch: 0,
      workDir: tempDir(t),
    });
  const target = await faultOf("not-found", build(whole, { libraries: false, built: [] }));
  assert.deepEqual([target.what, target.at], ["Rust's target", "wasm32-wasip1"]);
  assert.equal(target.hint, "rustup target add wasm32-wasip1");
  const nothing = await faultOf("not-found", build(whole, { libraries: true, built: [] }));
  assert.match(nothing.hint ?? "", /crate-type = \["cdylib"\]/);
  const two = { libraries: true, built: ["b.wasm", "a.wasm"] };
  const several = await faultOf("unsupported", build(whole, two));
  assert.equal(several.found, "wasm modules a.wasm, b.wasm");
  const bare = writeTree(tempDir(t), { "rust/src/lib.rs": "" });
  const noPackage = await faultOf("not-found", build(bare, { libraries: true, built: [] }));
  assert.equal(noPackage.at, "rust/Cargo.toml");
});

test("Rust: without a toolchain, how to get one", async (t) => {
  const root = writeTree(tempDir(t), RUST);
  const nowhere = { commands: {}, environment: { PATH: tempDir(t) } };
  const { program, install } = await faultOf("program-missing", () =>
    buildWasm({ root, source: "rust/src/lib.rs", tools: nowhere, epoch: 0, workDir: root }),
  );
  assert.equal(program, "cargo");
  assert.match(install, /rustup target add wasm32-wasip1.*--cargo/);
});
