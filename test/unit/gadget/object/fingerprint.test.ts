/** Whether two objects are the same program, whatever their tables of symbols say. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { partsOf, programDigest } from "../../../../src/gadget/object/fingerprint.ts";
import { readObject } from "../../../../src/gadget/object/object.ts";
import { COMPILERS, compileObject, OFFERS } from "../../../support/gadget/sources.ts";
import { testWith } from "../../../support/process/needs.ts";
import { tempDir } from "../../../support/process/temp.ts";

testWith(
  ["clang-19", "llvm-strip-19", "llvm-objcopy-19"],
  "the table of symbols is no part of a program, all else is",
  (t) => {
    const dir = tempDir(t);
    const file = join(dir, "program.o");
    const bytes = compileObject(OFFERS, COMPILERS[1]);
    const object = readObject(bytes, "x");
    const changed = (...args: string[]) => {
      writeFileSync(file, bytes);
      execFileSync("llvm-objcopy-19", [...args, file]);
      const other = new Uint8Array(readFileSync(file));
      assert.notDeepEqual(other, bytes, args.join(" "));
      return readObject(other, "x");
    };
    for (const args of [
      ["--remove-section=.llvm_addrsig"],
      ["--discard-locals", "--remove-section=.llvm_addrsig"],
      ["--add-symbol=local_label=iter/task:0,local"],
    ]) {
      const other = changed(...args);
      assert.equal(programDigest(other), programDigest(object), args.join(" "));
    }
    for (const [args, section] of [
      [["--redefine-sym=on_open=on_close"], "tracepoint/syscalls/sys_enter_openat"],
      [["--weaken-symbol=each"], "iter/task"],
    ] as const) {
      const other = changed(...args);
      assert.notEqual(programDigest(other), programDigest(object));
      const [a, b] = [partsOf(object), partsOf(other)];
      const names = new Set([...a.keys(), ...b.keys()]);
      assert.ok(
        [...names].filter((name) => a.get(name) !== b.get(name)).includes(section),
        section,
      );
    }
    const other = readObject(
      compileObject(OFFERS.replace("limit = -5", "limit = -6"), COMPILERS[1]),
      "x",
    );
    const [a, b] = [partsOf(object), partsOf(other)];
    assert.deepEqual(
      [...a.keys()].filter((name) => a.get(name) !== b.get(name)),
      [".rodata"],
    );
  },
);
