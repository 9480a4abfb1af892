/** What a gadget offers, in words. */
import type {
  EbpfDescription,
  EbpfParamDescription,
  GadgetDescription,
  WasmDescription,
} from "../../gadget/interface/describe.ts";
import type { MetadataParam } from "../../gadget/interface/metadata-params.ts";
import type { OutlineNode } from "../output/outline.ts";
import { formatBytes, plural, quote, table } from "../output/text.ts";

/** One node for each program, and one for the parameters that only gadget.yaml has. */
export function gadgetOutline({
  ebpf,
  wasm,
  wasmParams,
  customParams,
}: GadgetDescription): OutlineNode[] {
  const [first] = ebpf;
  return [
    ...ebpf.map((object) => ebpfNode(object, first!)),
    ...wasm.map(wasmNode),
    ...group("parameters of the wasm program", rows(wasmParams.map(metadataRow))),
    ...group("parameters of the gadget", rows(customParams.map(metadataRow))),
  ];
}

const rows = (cells: readonly (readonly string[])[]): OutlineNode[] =>
  table(cells).map((text) => ({ text }));

const group = (text: string, children: readonly OutlineNode[]): OutlineNode[] =>
  children.length === 0 ? [] : [{ text, children }];

function ebpfNode(object: EbpfDescription, first: EbpfDescription): OutlineNode {
  const { platforms, digest } = object;
  const text = `eBPF ${platforms.join(", ") || "(no platform)"} ${digest}`;
  if (object === first) return { text, children: offers(object) };
  const other = platformsOf(first);
  if (object.program === first.program) {
    return {
      text,
      children: [{ text: `the same program as for ${other}, with another symbol table` }],
    };
  }
  const same = JSON.stringify(offered(object)) === JSON.stringify(offered(first));
  const differs = `differs from that for ${other} in ${object.differs.map(quote).join(", ")}`;
  const children = [
    { text: same ? `${differs}; it offers the same` : differs },
    ...(same ? [] : offers(object)),
  ];
  return { text, children };
}

const platformsOf = ({ platforms, digest }: EbpfDescription) => platforms.join(", ") || digest;

const offered = ({ digest, program, platforms, differs, ...rest }: EbpfDescription) => rest;

function offers(object: EbpfDescription): OutlineNode[] {
  const { datasources, params, programs, maps, externs, unresolved, license } = object;
  return [
    ...datasources.map((datasource) => ({
      text: [
        `datasource ${datasource.name}`,
        `(${datasource.kind}${datasource.map === undefined ? "" : ` of the map ${datasource.map}`})`,
        ...(datasource.description === undefined ? [] : [datasource.description]),
      ].join(" "),
      children: rows(datasource.fields.map(({ name, kind, type }) => [name, kind, type])),
    })),
    ...group("parameters", rows(params.map(paramRow))),
    ...group(
      "programs",
      rows(
        programs.map(({ name, type, section, attachTo }) => [
          name,
          type,
          section,
          attachTo === "" ? "" : `→ ${attachTo}`,
        ]),
      ),
    ),
    ...group(
      "maps",
      rows(
        maps.map(({ name, type, keySize, valueSize, keyType, valueType, maxEntries }) => [
          name,
          type,
          sizeAndType("key", keySize, keyType),
          sizeAndType("value", valueSize, valueType),
          `at most ${maxEntries}`,
        ]),
      ),
    ),
    ...group("of the kernel", rows(externs.map((name) => [name]))),
    ...group("defined nowhere: it cannot be loaded", rows(unresolved.map((name) => [name]))),
    { text: `licence ${license === undefined ? "(not said)" : quote(license)}` },
  ];
}

const sizeAndType = (what: string, size: number, type: string | undefined) =>
  size === 0 ? "" : `${what} ${type ?? formatBytes(size)}`;

function paramRow({
  key,
  variable,
  type,
  default: value,
  description,
  title,
}: EbpfParamDescription) {
  return [
    key,
    type,
    value === undefined ? "" : `= ${value}`,
    [...(key === variable ? [] : [`(${variable})`]), description ?? title ?? ""].join(" ").trim(),
  ];
}

function metadataRow({ name, key, type, default: value, description, title }: MetadataParam) {
  return [
    key ?? name,
    type ?? "",
    value === undefined ? "" : `= ${value}`,
    description ?? title ?? "",
  ];
}

function wasmNode({ digest, platforms, imports, exports, memory }: WasmDescription): OutlineNode {
  const modules = new Map<string, string[]>();
  for (const { module, name } of imports)
    modules.set(module, [...(modules.get(module) ?? []), name]);
  return {
    text: `wasm ${platforms.join(", ") || "(no platform)"} ${digest}`,
    children: [
      ...group("exports", rows(exports.map(({ name, kind }) => [name, kind]))),
      ...[...modules].map(([module, names]) => ({
        text: `imports from ${quote(module)}`,
        children: rows(names.map((name) => [name])),
      })),
      ...(memory === undefined
        ? []
        : [{ text: `memory of ${plural(memory.least, "page")}, ${most(memory.most)}` }]),
    ],
  };
}

const most = (pages: number | undefined) =>
  pages === undefined ? "without a limit" : `at most ${pages}`;
