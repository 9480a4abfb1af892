/** Whichever way an image takes into an archive, and however many threads fill it: the same bytes. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { writeLayout } from "../support/images/image-layout.ts";
import { forms, ingot, root } from "../support/process/ingot.ts";
import { testWith } from "../support/process/needs.ts";
import { tempDir } from "../support/process/temp.ts";
import { readUstar } from "../support/tar/ustar.ts";

test("one thread or several, to a file or to a pipe, in every form", async (t) => {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const store = ["--store", join(dir, "none")];
  // More than one thread does alone, of sizes around those of blocks and chunks.
  const sizes = [12 << 20, (9 << 20) + 1, (3 << 20) - 1, 1 << 18, 513, 512, 511, 1, 0];
  const layers = sizes.map((size, i) => Buffer.alloc(size, `layer ${i} `));
  writeLayout(layout, [{ reference: "docker.io/library/big:v1", layers }]);
  let expected: Buffer | undefined;
  for (const form of forms) {
    for (const jobs of ["1", "2", "4"]) {
      const file = join(dir, `${form}-${jobs}.tar`);
      for (const output of [file, "-"]) {
        const args = ["export", `oci:${layout}`, "-o", output, "--jobs", jobs, ...store];
        const { code, stdout, stderr } = await ingot(args, { form });
        assert.equal(code, 0, stderr);
        const archive = output === "-" ? stdout : readFileSync(file);
        expected ??= archive;
        assert.ok(archive.equals(expected), `${form}, ${jobs} threads, to ${output}`);
      }
    }
  }
  // Two directories; the layers, the config and the manifest; three files beside them.
  assert.equal(readUstar(expected ?? Buffer.alloc(0)).length, 2 + sizes.length + 2 + 3);
});

testWith(
  ["clang", "llvm-strip"],
  "through a store, straight to a file, to a pipe, through an import",
  async (t) => {
    const dir = tempDir(t);
    const at = (name: string) => join(dir, name);
    const store = (name: string) => ["--store", at(name)];
    const run = async (args: readonly string[], input: Uint8Array = new Uint8Array()) => {
      const { code, stdout, stderr } = await ingot(args, { cwd: root, input });
      assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
      return stdout;
    };
    const tags = ["trace:v1", "example.org/me/trace:v2"];
    const build = ["build", "examples/gadget/trace", ...tags.flatMap((tag) => ["-t", tag])];
    await run([...build, "-o", at("direct.tar")]);
    const direct = readFileSync(at("direct.tar"));

    const piped = await run([...build, "-o", "-"]);
    assert.ok(piped.equals(direct), "build to a pipe");
    await run([...build, ...store("built")]);
    await run(["export", ...tags, "-o", at("built.tar"), ...store("built")]);
    assert.ok(readFileSync(at("built.tar")).equals(direct), "a store");
    await run(["import", at("direct.tar"), ...store("imported")]);
    const exported = await run(["export", ...tags, "-o", "-", ...store("imported")]);
    assert.ok(exported.equals(direct), "an import, to a pipe");
    await run(["import", "-", ...store("streamed")], piped);
    await run(["export", ...tags, "-o", at("streamed.tar"), ...store("streamed")]);
    assert.ok(readFileSync(at("streamed.tar")).equals(direct), "an import from a pipe");
    await run(["export", at("streamed.tar"), "-o", at("again.tar"), ...store("none")]);
    assert.ok(readFileSync(at("again.tar")).equals(direct), "an archive");
    // A layout that is a store is a layout.
    await run(["export", `oci:${at("built")}`, "-o", at("layout.tar"), ...store("none")]);
    assert.ok(readFileSync(at("layout.tar")).equals(direct), "a layout");
  },
);
