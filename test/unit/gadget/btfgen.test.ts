/** The layer with kernels' types, and the folders that they come from. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import * as fc from "fast-check";
import { btfLayer, type KernelBtf } from "../../../src/gadget/btfgen/btf-layer.ts";
import { readBtfTree } from "../../../src/gadget/btfgen/btf-tree.ts";
import { faultOf } from "../../support/fault.ts";
import { tempDir } from "../../support/process/temp.ts";
import { readUstar } from "../../support/tar/ustar.ts";

const MEMBERS: readonly KernelBtf[] = [
  { name: "ubuntu/20.04/x86_64/5.4.0-9-generic.btf", bytes: Buffer.from("nine") },
  { name: "debian/10/x86_64/4.19.0-5-amd64.btf", bytes: Buffer.alloc(1000, 7) },
  { name: "ubuntu/20.04/x86_64/5.4.0-10-generic.btf", bytes: Buffer.alloc(512) },
];

test("the layer's bytes are these", async () => {
  const layer = await btfLayer(MEMBERS);
  assert.equal(
    createHash("sha256").update(layer).digest("hex"),
    "0dea0a1a49920ad414129a48c24290a1c3a794c396d9c2b429dcec33318bbcb6",
  );
  const members = readUstar(gunzipSync(layer));
  assert.deepEqual(
    members.map(({ name, content }) => [name, content.length]),
    [
      ["debian/10/x86_64/4.19.0-5-amd64.btf", 1000],
      ["ubuntu/20.04/x86_64/5.4.0-10-generic.btf", 512],
      ["ubuntu/20.04/x86_64/5.4.0-9-generic.btf", 4],
    ],
  );
});

test("the order in which files are found does not show", async () => {
  const expected = await btfLayer(MEMBERS);
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([...MEMBERS], { minLength: 3 }), async (members) => {
      assert.deepEqual(await btfLayer(members), expected);
    }),
    { numRuns: 10 },
  );
});

test("a name that a header of ustar has no room for is refused", async () => {
  const long = (length: number) =>
    btfLayer([{ name: `a/b/x86_64/${"r".repeat(length)}.btf`, bytes: Buffer.from("") }]);
  assert.ok((await long(96)).length > 0);
  assert.match((await faultOf("unsupported", () => long(97))).found, /112 characters/);
});

/** Empty files. */
function tree(root: string, ...names: readonly string[]): string {
  for (const name of names) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), "");
  }
  return root;
}

test("files have the names that uname and os-release say", (t) => {
  const dir = tree(
    tempDir(t),
    "ubuntu/20.04/x86_64/5.4.btf",
    "ubuntu/20.04/arm64/5.4.btf",
    "debian/10/aarch64/4.19.btf",
    "README.md",
    ".git/a.btf",
    "debian/10/aarch64/.hidden.btf",
  );
  symlinkSync("20.04", join(dir, "ubuntu/focal"));
  const name = ({ name, arch }: { name: string; arch: string }) => `${arch} ${name}`;
  assert.deepEqual(readBtfTree(dir, "btf").map(name), [
    "arm64 debian/10/aarch64/4.19.btf",
    "arm64 ubuntu/20.04/aarch64/5.4.btf",
    "amd64 ubuntu/20.04/x86_64/5.4.btf",
    "arm64 ubuntu/focal/aarch64/5.4.btf",
    "amd64 ubuntu/focal/x86_64/5.4.btf",
  ]);
  const hub = tree(
    tempDir(t),
    "ubuntu/20.04/x86_64/5.4.btf.tar.xz",
    "ubuntu/20.04/x86_64/5.4.failed",
  );
  symlinkSync("20.04", join(hub, "ubuntu/focal"));
  assert.deepEqual(readBtfTree(hub, "btfhub").map(name), ["amd64 ubuntu/20.04/x86_64/5.4.btf"]);
});

test("what has no place in the layer is refused", async (t) => {
  for (const name of [
    "5.4.btf",
    "ubuntu/x86_64/5.4.btf",
    "ubuntu/20.04/riscv64/5.4.btf",
    "a/b/x86_64/c/5.4.btf",
  ]) {
    const facts = await faultOf("unsupported", () => readBtfTree(tree(tempDir(t), name), "btf"));
    assert.equal(facts.found, `the place ${name}`);
  }
  const twice = tree(tempDir(t), "ubuntu/20.04/arm64/5.4.btf", "ubuntu/20.04/aarch64/5.4.btf");
  assert.match(
    (await faultOf("unsupported", () => readBtfTree(twice, "btf"))).found,
    /^a second file for ubuntu\/20\.04\/aarch64\/5\.4\.btf/,
  );
  await faultOf("not-found", () =>
    readBtfTree(tree(tempDir(t), "ubuntu/20.04/x86_64/5.4.btf.tar.xz"), "btf"),
  );
  await faultOf("not-found", () => readBtfTree(join(tempDir(t), "nosuch"), "btf"));
  const round = tempDir(t);
  mkdirSync(join(round, "a"));
  symlinkSync("..", join(round, "a/up"));
  await faultOf("not-found", () => readBtfTree(round, "btf"));
});
