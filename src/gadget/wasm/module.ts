/** The outer structure of a WebAssembly module (WebAssembly Core Specification, "Binary Format", "Modules"). */
import { IngotError } from "../../base/error.ts";

/** Sections in the order in which they must stand, each at most once; custom ones (0) may stand anywhere. */
const ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

/**
 * Passes when `bytes` are a core module of version 1 whose sections have known numbers, stand in order and reach
 * exactly to the end. What is inside the sections is left to the runtime. Time is linear in the number of sections.
 * @param at what the bytes are, for the IngotError `malformed`
 */
export function checkModule(bytes: Uint8Array, at: string): void {
  const refuse = (why: string, hint?: string): never => {
    throw new IngotError("malformed", {
      what: "WebAssembly",
      at,
      why,
      ...(hint !== undefined && { hint }),
    });
  };
  if (bytes.length === 0) refuse("the file is empty");
  if (hex(bytes.subarray(0, 4)) !== "0061736d") {
    refuse(
      `it begins with ${hex(bytes.subarray(0, 4))}, not with 0061736d (\\0asm)`,
      whatItIs(bytes),
    );
  }
  if (bytes.length < 8) refuse("it ends within its header of 8 bytes");
  const version = hex(bytes.subarray(4, 8));
  if (version === "0d000100") {
    refuse(
      "it is a component, not a core module",
      "build it for wasm32-wasip1, without turning it into a component",
    );
  }
  if (version !== "01000000") refuse(`its version field is ${version}, not 01000000 (version 1)`);

  let offset = 8;
  let last = -1;
  while (offset < bytes.length) {
    const id = bytes[offset]!;
    const start = offset;
    const size =
      readSize(bytes, offset + 1) ??
      refuse(`the size of the section at byte ${start} is not a 32-bit LEB128 number`);
    offset = size.next + size.value;
    if (offset > bytes.length) {
      refuse(
        `the section at byte ${start} reaches to byte ${offset}, the file to byte ${bytes.length}`,
        "the file was cut off",
      );
    }
    if (id === 0) continue;
    const place = ORDER.indexOf(id);
    if (place === -1) refuse(`the section at byte ${start} has the unknown number ${id}`);
    if (place === last) refuse(`the section ${id} at byte ${start} stands twice`);
    if (place < last)
      refuse(`the section ${id} at byte ${start} stands after the section ${ORDER[last]}`);
    last = place;
  }
}

/** An unsigned LEB128 number of at most 32 bits: at most five bytes, the last of which adds four bits. */
export function readSize(
  bytes: Uint8Array,
  at: number,
): { value: number; next: number } | undefined {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[at + i];
    if (byte === undefined || (i === 4 && byte > 0x0f)) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, next: at + i + 1 };
  }
  return undefined;
}

function whatItIs(bytes: Uint8Array): string | undefined {
  const start = hex(bytes.subarray(0, 4));
  if (start === "7f454c46")
    return "this is an ELF file: build it for WebAssembly (GOOS=wasip1 GOARCH=wasm, wasm32-wasip1)";
  if (start.startsWith("1f8b")) return "this is gzip: decompress it first";
  if (/^(28|3b3b)/.test(start))
    return "this looks like WebAssembly text: wat2wasm makes a module of it";
  return undefined;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
