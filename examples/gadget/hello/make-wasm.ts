/**
 * Makes program.wasm, byte by byte: `bun make-wasm.ts` or `deno run -A make-wasm.ts` writes it beside this file. In WebAssembly text it is:
 *
 *   (module
 *     (import "ig" "gadgetLog" (func $log (param i32 i64)))  ;; level (2: info); length << 32 | address
 *     (memory (export "memory") 1)
 *     (func (export "gadgetAPIVersion") (result i64) i64.const 1)
 *     (func (export "gadgetStart") (result i32)
 *       i32.const 2
 *       i64.const 0x0000000c_00000400
 *       call $log
 *       i32.const 0)
 *     (data (i32.const 0x400) "hello, world"))
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const MESSAGE = "hello, world";
const ADDRESS = 0x400;
const I32 = 0x7f;
const I64 = 0x7e;

/** The module's bytes. */
export function makeWasm(): Uint8Array {
  const types = [
    [0x60, ...list([[I32], [I64]]), ...list([])],
    [0x60, ...list([]), ...list([[I64]])],
    [0x60, ...list([]), ...list([[I32]])],
  ];
  const version = [0x00, 0x42, ...signed(1n), 0x0b];
  const message = (BigInt(MESSAGE.length) << 32n) | BigInt(ADDRESS);
  const start = [
    0x00,
    0x41,
    ...signed(2n),
    0x42,
    ...signed(message),
    0x10,
    0,
    0x41,
    ...signed(0n),
    0x0b,
  ];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, list(types)),
    ...section(2, list([[...name("ig"), ...name("gadgetLog"), 0x00, 0]])),
    ...section(3, list([[1], [2]])),
    ...section(5, list([[0x00, 1]])),
    ...section(
      7,
      list([
        [...name("memory"), 0x02, 0],
        [...name("gadgetAPIVersion"), 0x00, 1],
        [...name("gadgetStart"), 0x00, 2],
      ]),
    ),
    ...section(10, list([version, start].map((body) => [...unsigned(body.length), ...body]))),
    ...section(11, list([[0x00, 0x41, ...signed(BigInt(ADDRESS)), 0x0b, ...name(MESSAGE)]])),
  ]);
}

function section(id: number, content: number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function list(items: number[][]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function name(text: string): number[] {
  const bytes = [...new TextEncoder().encode(text)];
  return [...unsigned(bytes.length), ...bytes];
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: bigint): number[] {
  const low = Number(value & 0x7fn);
  const rest = value >> 7n;
  const done = (rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40);
  return done ? [low] : [low | 0x80, ...signed(rest)];
}

const self = fileURLToPath(import.meta.url);
if (process.argv[1] === self) writeFileSync(new URL("program.wasm", import.meta.url), makeWasm());
