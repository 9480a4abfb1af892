import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { makeWasm } from "../../../examples/gadget/hello/make-wasm.ts";
import { isIngotError } from "../../../src/base/error.ts";
import { buildWasm } from "../../../src/gadget/compile/wasm.ts";
import { checkModule } from "../../../src/gadget/wasm/module.ts";
import { faultOf } from "../../support/fault.ts";
import { tempDir } from "../../support/process/temp.ts";
import { writeTree } from "../../support/trees/tree.ts";

const HELLO = join(import.meta.dirname, "../../../examples/gadget/hello");
const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const tools = { commands: {}, environment: process.env };

/** The runtime's own WebAssembly, as far as it is used here: the language's library does not declare it. */
interface Runtime {
  validate(bytes: Uint8Array): boolean;
  instantiate(
    bytes: Uint8Array,
    imports: object,
  ): Promise<{ instance: { exports: Record<string, unknown> } }>;
}
const { WebAssembly } = globalThis as unknown as { WebAssembly: Runtime };

/** Why these bytes are no module; undefined when they are one. */
function refusal(bytes: readonly number[] | Uint8Array): string | undefined {
  try {
    checkModule(Uint8Array.from(bytes), "x.wasm");
    return undefined;
  } catch (error) {
    assert.ok(isIngotError(error, "malformed"));
    return `${error.facts.why}${error.facts.hint === undefined ? "" : ` (${error.facts.hint})`}`;
  }
}

test("checkModule: what is no module, and why", () => {
  assert.equal(refusal(HEADER), undefined);
  assert.equal(refusal([]), "the file is empty");
  assert.match(refusal([1, 2]) ?? "", /^it begins with 0102, not with 0061736d/);
  assert.equal(refusal(HEADER.slice(0, 6)), "it ends within its header of 8 bytes");
  assert.match(
    refusal([...HEADER.slice(0, 4), 0x0d, 0, 1, 0]) ?? "",
    /^it is a component, not a core module/,
  );
  assert.match(
    refusal([...HEADER.slice(0, 4), 2, 0, 0, 0]) ?? "",
    /^its version field is 02000000/,
  );
  assert.match(refusal([0x7f, 0x45, 0x4c, 0x46, 2]) ?? "", /this is an ELF file/);
  assert.match(refusal(new TextEncoder().encode("(module)")) ?? "", /wat2wasm/);
  assert.match(refusal([0x1f, 0x8b, 8, 0]) ?? "", /gzip/);
});

test("checkModule: sections", () => {
  assert.equal(refusal([...HEADER, 0, 1, 0, 1, 1, 0, 0, 1, 0, 3, 1, 0]), undefined);
  assert.equal(refusal([...HEADER, 12, 0, 10, 0, 11, 0]), undefined);
  assert.equal(refusal([...HEADER, 5, 0, 13, 0, 6, 0]), undefined);
  assert.equal(refusal([...HEADER, 1, 0x80, 0x00]), undefined);
  assert.equal(refusal([...HEADER, 14, 0]), "the section at byte 8 has the unknown number 14");
  assert.equal(refusal([...HEADER, 3, 0, 3, 0]), "the section 3 at byte 10 stands twice");
  assert.equal(
    refusal([...HEADER, 3, 0, 1, 0]),
    "the section 1 at byte 10 stands after the section 3",
  );
  assert.match(
    refusal([...HEADER, 1, 2, 0]) ?? "",
    /^the section at byte 8 reaches to byte 12, the file to byte 11/,
  );
  assert.match(refusal([...HEADER, 1]) ?? "", /not a 32-bit LEB128 number/);
  assert.match(
    refusal([...HEADER, 1, 0xff, 0xff, 0xff, 0xff, 0x10]) ?? "",
    /not a 32-bit LEB128 number/,
  );
  assert.match(
    refusal([...HEADER, 1, 0xff, 0xff, 0xff, 0xff, 0x0f]) ?? "",
    /reaches to byte 4294967309/,
  );
});

test("checkModule: a module that was cut passes only at the end of a section", () => {
  const whole = makeWasm();
  const ends = new Set<number>();
  for (let size = 0; size < whole.length; size++)
    if (refusal(whole.subarray(0, size)) === undefined) ends.add(size);
  // The header, and the sections 1, 2, 3, 5, 7 and 10; the data section ends with the file.
  assert.equal(ends.size, 7);
});

test("checkModule: what the runtime's own compiler accepts passes; anything at all ends in an answer", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (tail) => {
      const bytes = Uint8Array.from([...HEADER, ...tail]);
      if (WebAssembly.validate(bytes)) assert.equal(refusal(bytes), undefined);
      else refusal(bytes);
    }),
  );
});

test("a prebuilt module is taken as it is: the example's, which its recipe makes and which says hello", async (t) => {
  const { module, warnings } = await buildWasm({
    root: HELLO,
    source: "program.wasm",
    tools,
    epoch: 0,
    workDir: tempDir(t),
  });
  assert.deepEqual(Buffer.from(module), readFileSync(join(HELLO, "program.wasm")));
  assert.deepEqual(Buffer.from(module), Buffer.from(makeWasm()));
  assert.equal(warnings, "");

  const said: string[] = [];
  const memory = () => (instance.exports.memory as { buffer: ArrayBuffer }).buffer;
  const gadgetLog = (level: number, text: bigint) => {
    said.push(
      `${level} ${Buffer.from(memory(), Number(text & 0xffffffffn), Number(text >> 32n)).toString()}`,
    );
  };
  const { instance } = await WebAssembly.instantiate(Uint8Array.from(module), {
    ig: { gadgetLog },
  });
  const { gadgetAPIVersion, gadgetStart } = instance.exports as Record<string, () => unknown>;
  assert.equal(gadgetAPIVersion!(), 1n);
  assert.equal(gadgetStart!(), 0);
  assert.deepEqual(said, ["2 hello, world"]);
});

test("a file that is no module, and endings that are not known", async (t) => {
  const root = writeTree(tempDir(t), { "bad.wasm": "\0asm", "a.wat": "(module)", noending: "" });
  const source = (name: string) => ({ root, source: name, tools, epoch: 0, workDir: root });
  await faultOf("malformed", () => buildWasm(source("bad.wasm")));
  for (const name of ["a.wat", "noending"]) {
    const { expected } = await faultOf("unsupported", () => buildWasm(source(name)));
    assert.match(expected, /\.go .*\.rs .*\.wasm/);
  }
});
