/** Whether Inspektor Gadget can run a gadget: its programs, its wasm program, and gadget.yaml together. */

import { text } from "../../base/bytes.ts";
import type { Diagnostic } from "../../base/error.ts";
import { type BpfObject, readObject, sourceLine } from "../object/object.ts";
import { readWasmInterface } from "../wasm/interface.ts";
import { readYaml } from "../yaml/yaml.ts";
import { checkAttaching } from "./check-attaching.ts";
import { checkDeclarations } from "./check-declarations.ts";
import { checkMetadata, checkWithoutProgram } from "./check-metadata.ts";
import { checkObject } from "./check-object.ts";
import { checkWasm } from "./check-wasm.ts";
import { type GadgetProblem, ProblemList } from "./problem.ts";

/** A file of a gadget: what people call it, and its bytes. */
export interface GadgetFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A gadget, as it is to be or as it is in an image. */
export interface CheckedGadget {
  /** Compiled objects by architecture. */
  readonly ebpf: ReadonlyMap<string, Uint8Array>;
  /** What the objects were compiled from, where it is there: its lines are shown. Only the name, where it is not. */
  readonly source: GadgetFile | string;
  readonly wasm: GadgetFile | undefined;
  readonly metadata: GadgetFile | undefined;
}

/**
 * What of the gadget Inspektor Gadget refuses to build or run (errors), and what is silently without effect (warnings): errors first. Both
 * architectures are looked at; what is of one alone says so.
 * @throws malformed for an object or a module that cannot be read
 */
export function checkGadget({ ebpf, source, wasm, metadata }: CheckedGadget): Diagnostic[] {
  const yaml = metadata && readYaml(metadata.bytes, metadata.name).root;
  const file = typeof source === "string" ? source : source.name;
  const code = typeof source === "string" ? undefined : text(source.bytes);
  const found: { problem: Diagnostic; arch?: string }[] = [];
  for (const [arch, bytes] of ebpf) {
    const object = readObject(bytes, `${file} (${arch})`);
    const problems = new ProblemList();
    checkObject(object, problems);
    checkDeclarations(object, problems);
    checkAttaching(object, yaml, problems);
    checkMetadata(object, { yaml, hasWasm: wasm !== undefined }, problems);
    for (const problem of problems.found) {
      const place =
        problem.at === undefined
          ? { file, ...placeOf(problem, { object, code }) }
          : { file: metadata!.name, ...problem.at };
      found.push({ problem: diagnostic(problem, place), arch });
    }
  }
  const others = new ProblemList();
  if (ebpf.size === 0) checkWithoutProgram(yaml, others);
  if (wasm !== undefined) checkWasm(readWasmInterface(wasm.bytes, wasm.name), others);
  for (const problem of others.found) {
    const name = problem.at === undefined ? wasm!.name : metadata!.name;
    found.push({ problem: diagnostic(problem, { file: name, line: 0, column: 0, ...problem.at }) });
  }
  return sortedBySeverity(merged(found, ebpf.size));
}

interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

const diagnostic = (
  { level, message, hint, section, symbol }: GadgetProblem,
  place: Place,
): Diagnostic => ({
  ...place,
  level,
  message,
  ...(hint !== undefined && { hint }),
  ...(section !== undefined && { section }),
  ...(symbol !== undefined && { symbol }),
});

/** Of an instruction, what the compiler wrote down; of a declaration, where the source has it; else 0. */
function placeOf(
  { section, symbol, offset }: GadgetProblem,
  { object, code }: { readonly object: BpfObject; readonly code: string | undefined },
): { line: number; column: number } {
  const known =
    section !== undefined && offset !== undefined && sourceLine(object, section, offset);
  if (known) return { line: known.line, column: Math.max(1, known.column) };
  const at = code === undefined || symbol === undefined ? -1 : placeIn(code, symbol);
  if (at < 0) return { line: 0, column: 0 };
  const before = code!.slice(0, at).split("\n");
  return { line: before.length, column: before.at(-1)!.length + 1 };
}

/** How the macros begin whose markers have these prefixes. */
const MACROS: readonly (readonly [prefix: string, macro: string])[] = [
  ["gadget_tracer_", "GADGET_TRACER"],
  ["gadget_map_tracer_", "GADGET_TRACER_MAP"],
  ["gadget_iter_", "GADGET_ITER"],
  ["gadget_mapiter_", "GADGET_MAPITER"],
  ["gadget_param_", "GADGET_PARAM"],
  ["gadget_mapelem_iter_target_", "GADGET_ITER_TARGET_MAP"],
  ["gadget_sk_prog_target_", "GADGET_SK_TARGET_MAP"],
];

/** Where a source says a symbol: its name, or the macro that makes it of its first part. -1 where it does not. */
function placeIn(code: string, symbol: string): number {
  const word = (text: string) => new RegExp(`(?<!\\w)${text}(?!\\w)`).exec(code)?.index ?? -1;
  const plain = /^\w+$/.test(symbol) ? word(symbol) : -1;
  if (plain >= 0) return plain;
  const [prefix, macro] = MACROS.find(([prefix]) => symbol.startsWith(prefix)) ?? [];
  const [first] = prefix === undefined ? [] : symbol.slice(prefix.length).split("___");
  return first !== undefined && /^\w+$/.test(first) ? word(`${macro}\\s*\\(\\s*${first}`) : -1;
}

/** What all architectures have is said once. */
function merged(
  found: readonly { problem: Diagnostic; arch?: string }[],
  count: number,
): Diagnostic[] {
  const groups = new Map<string, { problem: Diagnostic; archs: Set<string> }>();
  for (const { problem, arch } of found) {
    const { level, message, symbol } = problem;
    const key = JSON.stringify([level, message, symbol]);
    const group = groups.get(key) ?? { problem, archs: new Set<string>() };
    if (arch !== undefined) group.archs.add(arch);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ problem, archs }) =>
    archs.size === 0 || archs.size === count
      ? problem
      : { ...problem, message: `for ${[...archs].join(", ")} alone: ${problem.message}` },
  );
}

const sortedBySeverity = (problems: readonly Diagnostic[]): Diagnostic[] => [
  ...problems.filter(({ level }) => level === "error"),
  ...problems.filter(({ level }) => level === "warning"),
];
