/** What of a wasm program Inspektor Gadget refuses. */
import type { WasmInterface } from "../wasm/interface.ts";
import { quoteForeign } from "../yaml/quote.ts";
import type { ProblemList } from "./problem.ts";

const WASI = "wasi_snapshot_preview1";

/** The functions of the module `ig` (Inspektor Gadget 0.55). */
const IG: ReadonlySet<string> = new Set([
  ...["setConfig", "newDataSource", "getDataSource", "dataSourceSubscribe", "dataSourceGetField"],
  ...["dataSourceAddField", "dataSourceNewPacketSingle", "dataSourceNewPacketArray"],
  ...["dataSourceEmitAndRelease", "dataSourceRelease", "dataSourceUnreference"],
  ...["dataSourceIsReferenced", "dataArrayNew", "dataArrayAppend", "dataArrayRelease"],
  ...["dataArrayLen", "dataArrayGet", "fieldGetScalar", "fieldGetBuffer", "fieldSet"],
  ...["fieldAddTag", "shouldDiscardMntnsID", "releaseHandle", "kallsymsSymbolExists"],
  ...["gadgetLog", "gadgetShouldLog", "newMap", "getMap", "mapLookup", "mapUpdate", "mapDelete"],
  ...["mapRelease", "getParamValue", "newPerfReader", "perfReaderPause", "perfReaderResume"],
  ...["perfReaderRead", "perfReaderClose", "getSyscallName", "getSyscallID"],
  ...["getSyscallDeclaration"],
]);

/** Pages of 64 KiB. */
const MOST_MEMORY = 256;

/** Checks what a module takes and gives. */
export function checkWasm(
  { imports, exports, memory }: WasmInterface,
  problems: ProblemList,
): void {
  const functions = new Set(
    exports.filter(({ kind }) => kind === "function").map(({ name }) => name),
  );
  if (!functions.has("gadgetAPIVersion")) {
    problems.error(
      "the wasm program does not export gadgetAPIVersion: Inspektor Gadget does not run it",
      {
        hint: "it is a function that returns 1",
      },
    );
  }
  if (functions.has("_start") && !functions.has("_initialize")) {
    problems.warning(
      "the wasm program is a command (_start), not a reactor (_initialize): nothing calls its start",
      {
        hint: 'Go: -buildmode=c-shared; Rust: crate-type = ["cdylib"]',
      },
    );
  }
  for (const { module, name } of imports) {
    if (module !== "ig" && module !== WASI) {
      problems.error(
        `the wasm program imports from ${quoteForeign(module)}: Inspektor Gadget has ig and ${WASI} only`,
      );
    } else if (module === "ig" && !IG.has(name)) {
      problems.error(
        `the wasm program imports ${quoteForeign(name)} from ig: Inspektor Gadget 0.55 has no such function`,
      );
    }
  }
  if (memory !== undefined && memory.least > MOST_MEMORY) {
    problems.error(
      `the wasm program wants ${memory.least} pages of memory: Inspektor Gadget gives at most ${MOST_MEMORY}`,
    );
  }
}
