import { mappingOf, shouldBe, textOf, textsOf, type YamlDiagnostics } from "../yaml/diagnostics.ts";
import { quoteForeign } from "../yaml/quote.ts";
import { scalarText } from "../yaml/scalar.ts";
import type { Mapping, YamlEntry } from "../yaml/tree.ts";
import { pick } from "./keys.ts";
import { checkValue } from "./values.ts";

const TYPES = [
  ...["bool", "string", "bytes", "int", "int8", "int16", "int32", "int64"],
  ...["uint", "uint8", "uint16", "uint32", "uint64", "float32", "float64"],
  ...["duration", "ip", "[]string"],
];

const PARAM = [
  ...["key", "alternativeKey", "alias", "title", "defaultValue", "description"],
  ...["isMandatory", "tags", "type", "valueHint", "possibleValues"],
] as const;

/** Parameters of wasm programs are read under the name `typeHint` too. */
const WASM_PARAM = [...PARAM, "typeHint"] as const;

const CUSTOM = ["alias", "defaultValue", "description", "patch", "values"] as const;

/**
 * Checks `params`: by operator, the parameters that a gadget offers.
 * @param patch checks a piece of metadata that a custom parameter lays over the rest
 */
export function checkParams(
  entry: YamlEntry,
  report: YamlDiagnostics,
  patch: (part: Mapping) => void,
): void {
  const mapping = mappingOf(entry, report);
  if (mapping === undefined) return;
  const of = "params: Inspektor Gadget reads ebpf, wasm and custom";
  const found = pick(
    mapping,
    { known: ["ebpf", "wasm", "custom"], of, anyCase: "doubtful" } as const,
    report,
  );
  for (const param of entriesOf(found.ebpf, report)) checkParam(param, "ebpf", report);
  for (const param of entriesOf(found.wasm, report)) checkParam(param, "wasm", report);
  for (const param of entriesOf(found.custom, report)) checkCustom(param, report, patch);
}

/** Checks `ebpfParams`, the older place of `params.ebpf`, which is still read where the newer has nothing. */
export function checkLegacyParams(entry: YamlEntry, report: YamlDiagnostics): void {
  for (const param of entriesOf(entry, report)) checkParam(param, "legacy", report);
}

function entriesOf(entry: YamlEntry | undefined, report: YamlDiagnostics): Iterable<YamlEntry> {
  return (entry && mappingOf(entry, report)?.entries.values()) ?? [];
}

function checkParam(
  entry: YamlEntry,
  kind: "ebpf" | "wasm" | "legacy",
  report: YamlDiagnostics,
): void {
  const mapping = mappingOf(entry, report);
  if (mapping === undefined) {
    if (kind === "ebpf" && entry.value.kind === "scalar") keyMissing(entry, report);
    return;
  }
  const known = kind === "wasm" ? WASM_PARAM : PARAM;
  const found = pick<(typeof WASM_PARAM)[number]>(
    mapping,
    { known, of: "a parameter", anyCase: "doubtful" },
    report,
  );
  for (const name of ["alternativeKey", "alias", "title", "description", "valueHint"] as const) {
    if (found[name]) textOf(found[name], report);
  }
  const key = found.key && textOf(found.key, report);
  if (kind === "ebpf" && (found.key === undefined || key === ""))
    keyMissing(found.key ?? entry, report);
  const value = found.defaultValue && checkDefault(found.defaultValue, report);
  if (found.isMandatory?.value.kind === "scalar") {
    checkValue("isMandatory", found.isMandatory.value, "boolean", report);
  } else if (found.isMandatory) {
    report.error(found.isMandatory.value.at, shouldBe(found.isMandatory, "true or false"));
  }
  if (found.tags) textsOf(found.tags, report);
  if (found.type?.value.kind === "scalar") {
    checkValue("type", found.type.value, { usually: TYPES }, report);
  } else if (found.type) report.error(found.type.value.at, shouldBe(found.type, "text"));
  if (found.typeHint) textOf(found.typeHint, report);
  const possible = found.possibleValues && textsOf(found.possibleValues, report);
  if (found.defaultValue && value && possible && !possible.includes(value)) {
    const message = `"defaultValue" is ${quoteForeign(value)}: "possibleValues" does not list it`;
    report.warning(found.defaultValue.value.at, message);
  }
}

function keyMissing(entry: YamlEntry, report: YamlDiagnostics): void {
  const message = `the parameter has no "key": Inspektor Gadget refuses it`;
  report.error(entry.at, message, 'write "key: NAME", the name that users type');
}

/** The default value's text. Nothing is as good as "". */
function checkDefault(entry: YamlEntry, report: YamlDiagnostics): string | undefined {
  if (entry.value.kind === "scalar") {
    checkValue(entry.key, entry.value, "text", report);
    return scalarText(entry.value);
  }
  report.error(entry.value.at, shouldBe(entry, "text"));
  return undefined;
}

function checkCustom(
  entry: YamlEntry,
  report: YamlDiagnostics,
  patch: (part: Mapping) => void,
): void {
  const mapping = mappingOf(entry, report);
  if (mapping === undefined) return;
  const of = "a custom parameter";
  const found = pick(mapping, { known: CUSTOM, of, anyCase: "fine" }, report);
  for (const name of ["alias", "description"] as const)
    if (found[name]) textOf(found[name], report);
  if (found.defaultValue) checkDefault(found.defaultValue, report);
  if (found.patch === undefined && found.values === undefined) {
    const message = `${quoteForeign(entry.key)} has neither "values" nor "patch": the parameter is left out`;
    report.warning(entry.at, message);
  }
  const patches = [found.patch];
  for (const value of entriesOf(found.values, report)) {
    const choice = mappingOf(value, report);
    if (choice)
      patches.push(
        pick(choice, { known: ["patch"], of: "a choice", anyCase: "fine" } as const, report).patch,
      );
  }
  for (const part of patches) {
    const mapped = part && mappingOf(part, report);
    if (mapped) patch(mapped);
  }
}
