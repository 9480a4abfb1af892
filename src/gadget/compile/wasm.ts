/** The wasm module of a gadget: compiled from Go or Rust, or taken as it is after a check. */
import * as path from "node:path";
import { IngotError } from "../../base/error.ts";
import { readFile } from "../../base/fs/file.ts";
import { checkModule } from "../wasm/module.ts";
import { compileGo } from "./go.ts";
import { compileRust } from "./rust.ts";
import type { CompilerInput } from "./toolchain.ts";

export interface WasmBuilt {
  readonly module: Uint8Array;
  /** What the compiler said though it succeeded; empty when nothing. */
  readonly warnings: string;
}

/** Bytes. A Go program with much of its library in it is about 10 MiB. */
const MODULE_LIMIT = 256 << 20;

/**
 * From a `.go`, `.rs` or `.wasm` file: the bytes of a core WebAssembly module. The source tree is not written to, and where it lies does not matter.
 * IngotErrors: `unsupported` for another ending, `malformed` for what is no module, and those of the compilers.
 */
export async function buildWasm(wasm: CompilerInput): Promise<WasmBuilt> {
  const at = path.join(wasm.root, wasm.source);
  const ending = path.extname(wasm.source);
  if (ending === ".wasm") return { module: readModule(at), warnings: "" };
  if (ending !== ".go" && ending !== ".rs") {
    throw new IngotError("unsupported", {
      what: "the wasm source",
      at: wasm.source,
      found: ending === "" ? "a name without an ending" : `the ending ${ending}`,
      expected: ".go (compiled with Go), .rs (compiled with Cargo) or .wasm (taken as it is)",
    });
  }
  const built = ending === ".go" ? await compileGo(wasm) : await compileRust(wasm);
  return { module: readModule(built.file), warnings: built.warnings };
}

function readModule(at: string): Uint8Array {
  const bytes = readFile(at, MODULE_LIMIT);
  checkModule(bytes, at);
  return bytes;
}
