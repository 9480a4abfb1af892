/** Objects from nobody's compiler are read or refused, in bounded time: INGOT_MUTANTS sets how many are tried. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../../../src/base/bytes.ts";
import { isIngotError } from "../../../../src/base/error.ts";
import { checkGadget } from "../../../../src/gadget/check/check.ts";
import { describeGadget } from "../../../../src/gadget/interface/describe.ts";
import { normalizeObject } from "../../../../src/gadget/object/normal-form.ts";
import { readObject, sourceLine } from "../../../../src/gadget/object/object.ts";
import { spellType, typedefsOf, typeSize } from "../../../../src/gadget/object/types.ts";
import { digestOf } from "../../../../src/oci/digest.ts";
import { chance, mutate } from "../../../support/gadget/mutate.ts";
import { compileObject, HEAD, installed, OFFERS, RICH } from "../../../support/gadget/sources.ts";
import { testWith } from "../../../support/process/needs.ts";

const COUNT = Number(process.env.INGOT_MUTANTS ?? 600);

const YAML = {
  ...{ digest: digestOf(new Uint8Array()), platforms: [] },
  bytes: utf8(
    "name: x\ndatasources: {open: {fields: {pid: {}}}}\nparams: {ebpf: {limit: {key: limit}}}\n",
  ),
};

/** Undefined where it is refused; throws what is no refusal. */
function orRefused<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (isIngotError(error, "malformed") || isIngotError(error, "too-large")) return undefined;
    throw error;
  }
}

/** Reads it and asks all there is to ask. Returns whether it could be read; throws what is no refusal. */
function readAll(bytes: Uint8Array): boolean {
  const normal = orRefused(() => normalizeObject(bytes, "mutant"));
  if (normal !== undefined) assert.equal(normal.length, bytes.length);
  const object = orRefused(() => readObject(bytes, "mutant"));
  if (object === undefined) return false;
  const { btf } = object;
  if (btf === undefined) return true;
  for (const { id } of btf.types) {
    assert.ok(spellType(btf, id).length < 1 << 20);
    typeSize(btf, id);
    typedefsOf(btf, id);
  }
  for (const { section, offset } of object.functions) sourceLine(object, section, offset);
  const blob = { digest: digestOf(bytes), platforms: ["linux/amd64"], bytes };
  const described = describeGadget({ metadata: [YAML], ebpf: [blob], wasm: [] });
  assert.equal(described.ebpf.length + described.failures.length, 1);
  orRefused(() =>
    checkGadget({
      ebpf: new Map([["amd64", bytes]]),
      ...{ source: "program.bpf.c", wasm: undefined },
      metadata: { name: "gadget.yaml", bytes: YAML.bytes },
    }),
  );
  return true;
}

testWith(["clang-14", "llvm-strip-14"], `${COUNT} mutants of objects are read or refused`, () => {
  const originals = installed().flatMap((compiler) => [
    compileObject(RICH, compiler),
    compileObject(OFFERS, compiler),
    compileObject(`${HEAD}SEC("xdp") int pass(void *ctx) { return 2; }`, compiler),
    compileObject(RICH, compiler, { keepDebug: true }),
  ]);
  for (const original of originals) assert.ok(readAll(original));
  const random = chance(20261201);
  let [read, slowest] = [0, 0];
  for (let i = 0; i < COUNT; i++) {
    const mutant = mutate(originals[i % originals.length]!, random);
    const start = performance.now();
    if (readAll(mutant)) read++;
    slowest = Math.max(slowest, performance.now() - start);
  }
  // Neither all nor none: the mutations reach both what is checked and what is not.
  assert.ok(read > COUNT / 20 && read < (COUNT * 19) / 20, `${read} of ${COUNT} could be read`);
  if (process.env.INGOT_MUTANTS !== undefined) {
    console.error(
      `${COUNT} mutants, ${read} read; slowest ${slowest.toFixed(1)} ms; ${process.memoryUsage.rss() >> 20} MiB`,
    );
  }
});

test("every beginning of an ELF header is refused", () => {
  const header = new Uint8Array(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header[18] = 247;
  for (let length = 0; length <= 64; length++)
    assert.equal(readAll(header.slice(0, length)), false);
});
