/** Imports and exports of modules: as the engine sees them, and of what is no module. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeWasm } from "../../../../examples/gadget/hello/make-wasm.ts";
import { isIngotError } from "../../../../src/base/error.ts";
import { readWasmInterface } from "../../../../src/gadget/wasm/interface.ts";
import { chance, mutate } from "../../../support/gadget/mutate.ts";

/** The engine's own reader, which the language's library does not declare. */
interface Engine {
  Module: {
    new (bytes: Uint8Array): object;
    imports(module: object): { module: string; name: string; kind: string }[];
    exports(module: object): { name: string; kind: string }[];
  };
}
const { Module } = (globalThis as unknown as { WebAssembly: Engine }).WebAssembly;

/** Sections by number, with their content. */
const moduleOf = (...sections: readonly (readonly [number, readonly number[]])[]) =>
  new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...sections.flatMap(([id, bytes]) => [id, bytes.length, ...bytes]),
  ]);

const name = (text: string) => [text.length, ...Buffer.from(text)];

const FUNCTION_TYPE = [1, [1, 0x60, 0, 0]] as const;

const MODULES = [
  makeWasm(),
  moduleOf(),
  moduleOf(
    FUNCTION_TYPE,
    [
      2,
      [
        ...[5, ...name("ig"), ...name("f"), 0, 0],
        ...[...name("m"), ...name("table"), 1, 0x70, 1, 2, 3],
        ...[...name("m"), ...name("memory"), 2, 1, 2, 0x80, 2],
        ...[...name("m"), ...name("global"), 3, 0x7f, 0],
        ...[...name("ü".normalize("NFD").slice(0, 1)), ...name(""), 0, 0],
      ],
    ],
    [7, [2, ...name("again"), 0, 0, ...name("mem"), 2, 0]],
  ),
];

test("imports and exports as the engine sees them", () => {
  for (const bytes of MODULES) {
    const found = readWasmInterface(bytes, "x");
    const module = new Module(bytes);
    assert.deepEqual(
      found.imports.map(({ module, name, kind }) => [module, name, kind]),
      Module.imports(module).map(({ module, name, kind }) => [module, name, kind]),
    );
    assert.deepEqual(
      found.exports.map(({ name, kind }) => [name, kind]),
      Module.exports(module).map(({ name, kind }) => [name, kind]),
    );
  }
  assert.deepEqual(readWasmInterface(MODULES[0]!, "x").memory, { least: 1, most: undefined });
  assert.equal(readWasmInterface(MODULES[1]!, "x").memory, undefined);
  assert.deepEqual(readWasmInterface(MODULES[2]!, "x").memory, { least: 2, most: 256 });
});

test("what leads over the end of its section is refused", () => {
  const sections: readonly (readonly [number, readonly number[]])[] = [
    [7, [1]],
    [7, [1, 5, 0x61]],
    [7, [1, ...name("f"), 9, 0]],
    [7, [1, 2, 0xff, 0xfe, 0, 0]],
    [7, [0xff, 0xff, 0xff, 0xff, 0x0f]],
    [2, [1, ...name("m"), ...name("f")]],
    [5, [1, 5]],
  ];
  for (const section of sections) {
    assert.throws(
      () => readWasmInterface(moduleOf(section), "x"),
      (error) => isIngotError(error, "malformed"),
    );
  }
});

test("mutants of modules are read or refused, and never read otherwise than by the engine", () => {
  const random = chance(7);
  let compared = 0;
  for (let i = 0; i < 3000; i++) {
    const mutant = mutate(MODULES[i % 3]!, random);
    let found: ReturnType<typeof readWasmInterface> | undefined;
    try {
      found = readWasmInterface(mutant, "x");
    } catch (error) {
      if (!isIngotError(error, "malformed")) throw error;
    }
    let module: object;
    try {
      module = new Module(mutant);
    } catch {
      continue;
    }
    compared++;
    assert.deepEqual(
      found?.exports.map(({ name }) => name),
      Module.exports(module).map(({ name }) => name),
    );
    assert.deepEqual(
      found?.imports.map(({ name }) => name),
      Module.imports(module).map(({ name }) => name),
    );
  }
  assert.ok(compared > 20, `${compared} mutants are modules`);
});
