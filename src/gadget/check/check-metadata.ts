/** Whether what gadget.yaml says of parameters and datasources is about something that the programs have. */
import { suggest } from "../../base/suggest.ts";
import { type Datasource, readDatasources } from "../interface/datasources.ts";
import { type EbpfParam, paramProblem, readParams } from "../interface/ebpf-params.ts";
import { readMarkers } from "../interface/markers.ts";
import { nodeAt, textAt } from "../interface/metadata-params.ts";
import type { BpfObject } from "../object/object.ts";
import { quoteForeign } from "../yaml/quote.ts";
import type { Mapping, YamlEntry, YamlNode } from "../yaml/tree.ts";
import type { ProblemList } from "./problem.ts";

/** Checks gadget.yaml against an object. @param hasWasm a wasm program may add any datasource and field */
export function checkMetadata(
  object: BpfObject,
  { yaml, hasWasm }: { readonly yaml: YamlNode | undefined; readonly hasWasm: boolean },
  problems: ProblemList,
): void {
  const { params } = readParams(object, readMarkers(object).markers);
  const constants = new Set(
    object.variables.flatMap(({ name, section }) => (section.startsWith(".rodata") ? [name] : [])),
  );
  for (const entry of entriesAt(yaml, "params", "ebpf"))
    checkParam(entry, { object, params, constants }, problems);
  if (!hasWasm) checkDatasources(object, yaml, problems);
}

const entriesAt = (
  yaml: YamlNode | undefined,
  ...path: readonly string[]
): readonly YamlEntry[] => {
  const node = nodeAt(yaml, ...path);
  return node?.kind === "mapping" ? [...node.entries.values()] : [];
};

/** Without an eBPF program there are no parameters of one. */
export function checkWithoutProgram(yaml: YamlNode | undefined, problems: ProblemList): void {
  const [first] = entriesAt(yaml, "params", "ebpf");
  if (first === undefined) return;
  problems.error(`"params.ebpf" needs an eBPF program, and there is none`, { at: first.at });
}

/** An object, the parameters that it offers, and the names of its constants. */
interface ParamsOf {
  readonly object: BpfObject;
  readonly params: readonly EbpfParam[];
  readonly constants: ReadonlySet<string>;
}

function checkParam(
  { key: name, at, value }: YamlEntry,
  { object, params, constants }: ParamsOf,
  problems: ProblemList,
): void {
  const code = paramProblem(object, name);
  const quoted = quoteForeign(name);
  if (code !== undefined) {
    const message = {
      missing: `there is no variable ${quoted} in the eBPF program`,
      ambiguous: `there are several variables ${quoted} in the eBPF program`,
      "not-global": `the variable ${quoted} is static`,
      "not-const": `the variable ${quoted} is not const volatile`,
      "not-volatile": `the variable ${quoted} is const, and not volatile`,
    }[code];
    const like = code === "missing" ? near(name, constants) : [];
    problems.error(`${message}: Inspektor Gadget refuses to build it`, {
      at,
      ...(like.length > 0 && { hint: `perhaps ${like.map(quoteForeign).join(" or ")} is meant` }),
    });
    return;
  }
  const param = params.find(({ variable }) => variable === name);
  if (param === undefined) {
    const hint = `write GADGET_PARAM(${name}); in the program`;
    problems.warning(`no GADGET_PARAM names the variable ${quoted}: nobody can set the parameter`, {
      at,
      hint,
    });
    return;
  }
  const said = textAt(value, "defaultValue");
  if (said === undefined || param.default === undefined || same(said, param.default)) return;
  problems.warning(
    `the default of ${quoted} is ${quoteForeign(said)} here and ${param.default} in the program: this one wins`,
    { at: nodeAt(value, "defaultValue")?.at ?? at },
  );
}

/** Names that look like `name`, where there are not so many that nobody would look for one. */
function near(name: string, names: ReadonlySet<string>): readonly string[] {
  return names.size > 500 ? [] : suggest(name, names);
}

/** `0x10` is 16, `1` is true. */
function same(a: string, b: string): boolean {
  const plain = (text: string) => ({ true: "1", false: "0" })[text.toLowerCase()] ?? text;
  const [x, y] = [plain(a), plain(b)];
  return x === y || (/^0x[\da-f]+$/i.test(x) && /^\d+$/.test(y) && BigInt(x) === BigInt(y));
}

/** Datasources that operators of Inspektor Gadget bring, where gadget.yaml asks for them. */
const OF_OPERATORS: ReadonlySet<string> = new Set(["processes", "cgroups", "containers", "ebpf"]);

function checkDatasources(
  object: BpfObject,
  yaml: YamlNode | undefined,
  problems: ProblemList,
): void {
  const { markers, problems: odd } = readMarkers(object);
  const { datasources, problems: refused } = readDatasources(object, markers);
  // What is refused is said already.
  const isRefused = (key: string) =>
    refused.some(({ marker }) => marker.parts[0]?.toLowerCase() === key) ||
    odd.some(({ variable }) => variable.toLowerCase().includes(`_${key}___`));
  const names = datasources.map(({ name }) => name);
  const hasStats = nodeAt(yaml, "operator") !== undefined;
  for (const { key, at, value } of entriesAt(yaml, "datasources")) {
    const found = datasources.filter(({ name }) => name.toLowerCase() === key.toLowerCase());
    if (found.length > 0) {
      const known = fieldNames(found, nodeAt(yaml, "datasources", key) as Mapping);
      for (const field of entriesAt(value, "fields"))
        checkField(field, { known, of: key }, problems);
    } else if (
      !isRefused(key.toLowerCase()) &&
      !OF_OPERATORS.has(key.toLowerCase()) &&
      !(hasStats && key.toLowerCase().startsWith("ebpf"))
    ) {
      const like = near(key, new Set(names));
      const those = like.length > 0 ? like : names.slice(0, 10);
      problems.warning(
        `the program has no datasource ${quoteForeign(key)}: what is said of it has no effect`,
        {
          at,
          ...(those.length > 0 && { hint: `it has ${those.map(quoteForeign).join(", ")}` }),
        },
      );
    }
  }
}

interface KnownFields {
  readonly names: ReadonlySet<string>;
  /** Fields that others are put under when the gadget runs. */
  readonly parents: readonly string[];
}

function checkField(
  { key, at }: YamlEntry,
  { known, of }: { readonly known: KnownFields; readonly of: string },
  problems: ProblemList,
): void {
  const name = key.toLowerCase();
  if (known.names.has(name) || known.parents.some((parent) => name.startsWith(`${parent}.`)))
    return;
  const like = near(key, known.names);
  problems.warning(
    `the datasource ${quoteForeign(of)} has no field ${quoteForeign(key)}: what is said of it has no effect`,
    {
      at,
      ...(like.length > 0 && { hint: `perhaps ${like.map(quoteForeign).join(" or ")} is meant` }),
    },
  );
}

/** Structs that Inspektor Gadget adds fields to. */
const EXPANDED = /^(?:struct )?gadget_(?:l[34]endpoint_t|user_stack)$/;
/** With an id of a namespace, the container is looked up. */
const NAMESPACES: ReadonlySet<string> = new Set(["gadget_mntns_id", "gadget_netns_id"]);
/** The user's and the group's name are put beside their ids. */
const IDS: ReadonlyMap<string, string> = new Map([
  ["gadget_uid", "user"],
  ["gadget_gid", "group"],
]);
/** Annotations whose value is the name of a field that is made. */
const TARGETS =
  /^(?:formatters\..+\.target|ebpf\.formatter\.(?:enum|kstack)|uidgidresolver\.target|ebpf\.rest\.name)$/;

/** The fields that a datasource may have when the gadget runs: the program's, and those that are made of them. In lower case. */
function fieldNames(datasources: readonly Datasource[], yaml: Mapping): KnownFields {
  const names = new Set<string>();
  const parents = ["k8s", "runtime"];
  for (const { name, type, typedefs } of datasources.flatMap(({ fields }) => fields)) {
    const lower = name.toLowerCase();
    names.add(lower);
    if (lower.endsWith("_raw")) names.add(lower.slice(0, -"_raw".length));
    if (EXPANDED.test(type)) parents.push(lower);
    if (typedefs.some((typedef) => NAMESPACES.has(typedef))) parents.push(lower);
    for (const typedef of typedefs) {
      const made = IDS.get(typedef);
      if (made !== undefined) names.add(`${lower.slice(0, lower.lastIndexOf(".") + 1)}${made}`);
    }
  }
  for (const made of targetsIn(yaml)) names.add(made.toLowerCase());
  return { names, parents };
}

/** The names that annotations give to fields that are made. One is relative to the parent of its field. */
function* targetsIn(datasource: Mapping): Generator<string> {
  for (const { key, value } of entriesAt(datasource, "annotations")) {
    if (TARGETS.test(key.toLowerCase()) && value.kind === "scalar") yield value.text;
  }
  for (const { key: field, value } of entriesAt(datasource, "fields")) {
    const parent = field.slice(0, field.lastIndexOf(".") + 1);
    for (const { key, value: target } of entriesAt(value, "annotations")) {
      if (!TARGETS.test(key.toLowerCase()) || target.kind !== "scalar") continue;
      yield target.text;
      yield `${parent}${target.text}`;
    }
  }
}
