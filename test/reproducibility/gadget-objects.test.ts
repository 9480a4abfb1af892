/**
 * One object from one source and one compiler, wherever it is compiled: lengths of paths, TMPDIR, HOME and the user do not show. With
 * LLVM since 17 they would: this source's types end with forward declarations that it orders by addresses.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Arch, compileProgram } from "../../src/gadget/compile/clang.ts";
import { COMPILERS, manyStructs } from "../support/gadget/sources.ts";
import { testUnless, testWith } from "../support/process/needs.ts";
import { type Ends, tempDir } from "../support/process/temp.ts";
import { asUser, difference, placeIn, under } from "../support/trees/variation.ts";

const SOURCE = manyStructs();
const ARCHITECTURES: readonly Arch[] = ["amd64", "arm64"];

/** A folder whose path is `length` bytes longer than that of `dir`. */
function longer(dir: string, length: number): string {
  const parts = Array.from({ length: Math.ceil(length / 200) }, (_, i) =>
    "d".repeat(Math.max(1, Math.min(200, length - 200 * i) - 1)),
  );
  const folder = join(dir, ...parts);
  mkdirSync(folder, { recursive: true });
  return folder;
}

for (const { version, clang, strip } of COMPILERS) {
  testWith([clang, strip], `clang ${version}: one object in 16 places`, async (t) => {
    const dir = tempDir(t);
    const commands = { clang, "llvm-strip": strip };
    const found = new Set<string>();
    for (let i = 0; i < 16; i++) {
      const root = longer(join(dir, "a"), 2 + 17 * i);
      const workDir = longer(join(dir, "w"), 2 + 31 * ((i * 5) % 16));
      writeFileSync(join(root, "program.bpf.c"), SOURCE);
      const environment = { ...process.env, HOME: root, USER: "u".repeat(i + 1), TMPDIR: workDir };
      const work = { tools: { commands, environment }, epoch: 0, workDir };
      const arch = ARCHITECTURES[i % 2]!;
      const { object } = await compileProgram({
        ...{ ...work, root, source: "program.bpf.c", arch, includes: [] },
      });
      found.add(Buffer.from(object).toString("base64"));
    }
    // The source asks for no architecture, so both have the same object, too.
    assert.equal(found.size, 1);
  });
}

const whyNobody = process.getuid?.() === 0 ? undefined : "needs root, to become somebody else";

for (const { version, clang, strip } of COMPILERS) {
  const name = `clang ${version}: one gadget, whoever builds it`;
  const body = async (t: Ends) => {
    const dir = tempDir(t);
    chmodSync(dir, 0o755);
    const gadget = join(dir, "gadget");
    mkdirSync(gadget);
    writeFileSync(join(gadget, "program.bpf.c"), SOURCE);
    const build = async (condition: Parameters<typeof under>[0]) => {
      const file = join(condition.place!, "gadget.tar");
      const tools = ["--clang", clang, "--llvm-strip", strip];
      await under(condition, ["build", gadget, "-t", "gadget", "-o", file, ...tools]);
      return readFileSync(file);
    };
    const expected = await build({ place: placeIn(dir) });
    const others = [
      await asUser(65534, placeIn(dir)),
      { place: placeIn(dir), env: { HOME: "/nonexistent", USER: "x".repeat(200) }, cwd: "/" },
      { place: placeIn(dir), wrap: ["taskset", "-c", "0"] },
    ];
    for (const other of others) assert.equal(difference(await build(other), expected), "");
  };
  if (whyNobody === undefined) testWith([clang, strip, "setpriv", "taskset"], name, body);
  else testUnless(whyNobody, name, body);
}
