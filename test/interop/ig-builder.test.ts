/**
 * Images that Inspektor Gadget's own builder made of the same files: `BuildGadgetImage` of its package
 * pkg/oci, v0.55.0, with CreatedDate 1970-01-01T00:00:00Z. Ours have the same digests, when they say the same builder.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ingot, root } from "../support/process/ingot.ts";
import { tempDir } from "../support/process/temp.ts";
import { writeTree } from "../support/trees/tree.ts";

const HELLO = join(root, "examples/gadget/hello");

/** What in YAML and JSON is written in more than one way, and annotations that go before those of the builder. */
const ODD = `name: "odd <1 & 2> \\u2028 \\u2029 \\x7f é 𝄞 \\t\\\\ \\" \\b"
description: |
  several
  lines
homepageURL: https://x.org/?a=1&b=2
documentationURL: d
sourceURL: s
annotations:
  org.opencontainers.image.title: mine
  "Z<key>": z
  a.key: "1"
  é: e
  org.opencontainers.image.created: never
`;

/** The digest of the image's index. */
async function build(folder: string): Promise<string> {
  const args = ["build", folder, "-t", "x", "-o", "-", "--builder-version", "v0.55.0", "--json"];
  const { code, stderr } = await ingot(args);
  assert.equal(code, 0, stderr);
  return JSON.parse(stderr).digest;
}

test("the hello gadget", async () => {
  assert.equal(
    await build(HELLO),
    "sha256:086f35a0417aa72db744131c527f14613972842fe6062de475aa02819c68461f",
  );
});

test("a gadget with odd names, and annotations of its own", async (t) => {
  const folder = writeTree(tempDir(t), { "gadget.yaml": ODD });
  assert.equal(
    await build(folder),
    "sha256:78410855ab01093bdc8a12e53cd604c87fb0309ce68ac9d5d258ebcffa6e0ebf",
  );
});

test("a gadget with odd names and a program", async (t) => {
  const folder = writeTree(tempDir(t), {
    "gadget.yaml": ODD,
    "build.yaml": "wasm: program.wasm\n",
  });
  writeFileSync(join(folder, "program.wasm"), readFileSync(join(HELLO, "program.wasm")));
  assert.equal(
    await build(folder),
    "sha256:6b876960b6ba2b8f3b419446f42a79444b79d638e2fda7e4f92c53015e00043b",
  );
});
