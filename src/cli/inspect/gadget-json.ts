/** What a gadget offers, as JSON: with null for what is not there. */
import type {
  EbpfDescription,
  GadgetDescription,
  WasmDescription,
} from "../../gadget/interface/describe.ts";
import type { MetadataParam } from "../../gadget/interface/metadata-params.ts";
import { describeError } from "../output/error-messages.ts";
import type { JsonAnswer } from "../output/reporter.ts";

/** The member `gadget` of an image's answer. */
export function gadgetJson({
  ebpf,
  wasm,
  wasmParams,
  customParams,
  failures,
}: GadgetDescription): JsonAnswer {
  return {
    ebpf: ebpf.map(ebpfJson),
    wasm: wasm.map(wasmJson),
    wasmParams: wasmParams.map(paramJson),
    customParams: customParams.map(paramJson),
    failures: failures.map(({ digest, error }) => ({
      digest,
      message: describeError(error).message,
    })),
  };
}

function ebpfJson({
  datasources,
  params,
  programs,
  maps,
  license,
  ...object
}: EbpfDescription): JsonAnswer {
  const { digest, program, platforms, differs, externs, unresolved } = object;
  return {
    ...{ digest, program, platforms, differs },
    license: license ?? null,
    datasources: datasources.map((datasource) => ({
      name: datasource.name,
      kind: datasource.kind,
      description: datasource.description ?? null,
      structs: datasource.structs,
      map: datasource.map ?? null,
      programs: datasource.programs,
      fields: datasource.fields.map(({ name, kind, type, offset, size }) => ({
        ...{ name, kind, type, offset, size },
      })),
    })),
    params: params.map((param) => ({
      key: param.key,
      variable: param.variable,
      type: param.type,
      length: param.length ?? null,
      default: param.default ?? null,
      title: param.title ?? null,
      description: param.description ?? null,
    })),
    programs: programs.map((program) => ({ ...program })),
    maps: maps.map(({ keyType, valueType, ...map }) => ({
      ...map,
      keyType: keyType ?? null,
      valueType: valueType ?? null,
    })),
    externs,
    unresolved,
  };
}

const paramJson = ({
  name,
  key,
  type,
  default: value,
  title,
  description,
}: MetadataParam): JsonAnswer => ({
  name,
  key: key ?? name,
  type: type ?? null,
  default: value ?? null,
  title: title ?? null,
  description: description ?? null,
});

const wasmJson = ({
  digest,
  platforms,
  imports,
  exports,
  memory,
}: WasmDescription): JsonAnswer => ({
  digest,
  platforms,
  exports: exports.map(({ name, kind }) => ({ name, kind })),
  imports: imports.map(({ module, name, kind }) => ({ module, name, kind })),
  memory: memory === undefined ? null : { least: memory.least, most: memory.most ?? null },
});
