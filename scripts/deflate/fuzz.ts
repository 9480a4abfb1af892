/**
 * bun scripts/deflate/fuzz.ts [INPUTS] [FIRST_SEED]     default: 10000 inputs from seed 1
 *
 * Random inputs, cut into chunks at random: the encoder and its twin give the same bytes, and zlib
 * decodes them to what went in. One encoder is used for all. Prints what was tried and a digest of all that was
 * encoded, which is the same on every runtime and processor; exits 1 at the first difference.
 */
import { inflateRawSync } from "node:zlib";
import { sameBytes } from "../../src/base/bytes.ts";
import { ChunkEncoder, WINDOW } from "../../src/base/compression/deflate-chunk.ts";
import { Sha256 } from "../../src/base/hash.ts";
import { Dice, kindNames, make } from "../../test/support/deflate/corpus.ts";
import { encodeTwin } from "../../test/support/deflate/twin.ts";

const [inputs = 10_000, first = 1] = process.argv.slice(2).map(Number);
const encoder = new ChunkEncoder();
const digest = new Sha256();
let bytes = 0;
let chunks = 0;
let encoded = 0;
let longest = 0;

for (let seed = first; seed < first + inputs; seed++) {
  const dice = new Dice(seed);
  const kind = kindNames[dice.below(kindNames.length)]!;
  const size = dice.below(2 ** (1 + dice.below(dice.below(40) === 0 ? 22 : 18)));
  const data = make(kind, size, dice.next());
  const parts: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < size; ) {
    const end = Math.min(size, at + 1 + dice.below(dice.below(2) === 0 ? 2 ** 20 : 70_000));
    const before = Math.min(at, WINDOW);
    const wasm = encoder.encode(data.subarray(at - before, end), before, end === size).slice();
    const twin = encodeTwin(data.subarray(at - before, at), data.subarray(at, end), end === size);
    if (!sameBytes(wasm, twin)) fail(`the twin differs in the chunk ${at}..${end}`);
    parts.push(wasm);
    digest.update(wasm);
    encoded += wasm.length;
    chunks++;
    at = end;
    if (size === 0) break;
  }
  if (!sameBytes(inflateRawSync(Buffer.concat(parts)), data)) fail("zlib decodes something else");
  bytes += size;
  longest = Math.max(longest, size);

  function fail(how: string): never {
    console.error(`seed ${seed}, ${kind}, ${size} bytes: ${how}`);
    process.exit(1);
  }
}
console.log(
  `${inputs} inputs, ${chunks} chunks, ${bytes} bytes (the longest ${longest}) became ${encoded}; ${digest.hex()}`,
);
