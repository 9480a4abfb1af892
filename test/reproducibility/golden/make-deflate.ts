/**
 * bun test/reproducibility/golden/make-deflate.ts > test/reproducibility/golden/deflate-v1.json
 *
 * How the golden digests of `ingot-deflate/1` were made, by the plain TypeScript twin. They are only ever added to, never edited.
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type Kind, kindNames, make } from "../../support/deflate/corpus.ts";
import { deflateTwin } from "../../support/deflate/twin.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

const inputs: readonly (readonly [Kind, number, number])[] = [
  ["zeros", 0, 1],
  ["text", 1, 1],
  ["text", 100, 1],
  ...kindNames.map((kind) => [kind, 600_000, 2] as const),
  ["zeros", 2 ** 20, 3],
  ["random", 2 ** 20 + 1, 3],
  ["text", 2_500_000, 4],
  ["records", 2_500_000, 4],
  ["mixed", 10_000_000, 5],
];

const members = inputs.map(([kind, size, seed]) => {
  const data = make(kind, size, seed);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(data), 0);
  trailer.writeUInt32LE(size, 4);
  const member = Buffer.concat([Buffer.from("1f8b08000000000000ff", "hex"), deflateTwin(data), trailer]);
  return { kind, size, seed, input: sha256(data), gzip: sha256(member), gzipSize: member.length };
});
console.log(JSON.stringify({ format: "ingot-deflate/1", members }, undefined, 2));
