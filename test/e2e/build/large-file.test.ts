/** A file of more than 4 GiB: what counts in 32 bits, in gzip's trailer and in places of the tar, has gone over. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { closeSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ingot } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { succeed } from "../../support/process/run.ts";
import { tempDir } from "../../support/process/temp.ts";
import { writeTree } from "../../support/trees/tree.ts";

const GIB = 2 ** 30;
const SIZE = 5 * GIB + 1;
/** What is in the file but zeros, by where it is. */
const MARKS = new Map([
  [0, "begin"],
  [4 * GIB - 3, "across"],
  [SIZE - 3, "end"],
]);
/** Frozen: the same on every runtime and processor. */
const LAYER = "sha256:d01acad763f53ae58f7e1a7e370816b9834aa8d881dbfe19213850514b30d00e";
const TAR = "sha256:39e786b484164f9315607cd07bedab24cac66e5aba0b8453026a19011f23912d";

testWith(
  ["tar", "gzip", "cmp"],
  "a sparse file of 5 GiB is a layer of a few MiB, and all of it is there",
  async (t) => {
    const dir = tempDir(t);
    const context = writeTree(join(dir, "context"), { Dockerfile: "FROM scratch\nCOPY large /\n" });
    const large = join(context, "large");
    const file = openSync(large, "w", 0o644);
    // Deno writes a text, unlike bytes, wherever it stands.
    for (const [at, text] of MARKS) writeSync(file, Buffer.from(text), 0, text.length, at);
    closeSync(file);
    truncateSync(large, SIZE);

    const archive = join(dir, "large.tar");
    const words = ["build", context, "-t", "large", "--modes", "set", "-o", archive, "--json"];
    const { code, stdout, stderr } = await ingot(words);
    assert.equal(code, 0, stderr);
    const [layer] = JSON.parse(`${stdout}`).layers;
    assert.equal(layer.digest, LAYER);
    assert.equal(layer.diffID, TAR);
    assert.ok(layer.size < 6 * 2 ** 20, `${layer.size} bytes`);

    // zlib goes over it: the checksum and the size of its trailer, and the SHA-256 of the tar.
    const proof = await ingot(["verify", "--canonical", "--layers", archive]);
    assert.equal(proof.code, 0, proof.stderr);

    const blobs = join(dir, "blobs");
    mkdirSync(blobs);
    await succeed(["tar", "-xf", archive, "-C", blobs]);
    const blob = join(blobs, "blobs/sha256", layer.digest.slice("sha256:".length));
    // Through a pipe: nobody need have room for all of it.
    await succeed(["sh", "-c", 'tar -xzOf "$1" large | cmp - "$2"', "sh", blob, large]);
    // A header, the file and the rest of its last block, two blocks of zeros.
    const size = 512 + 5 * GIB + 512 + 1024;
    assert.equal(readFileSync(blob).readUInt32LE(layer.size - 4), size % 2 ** 32);
  },
);
