/** The parameters of an eBPF program: constants that the user may set before it is loaded. */
import type { Btf, BtfVar, TypeId } from "../object/format/btf.ts";
import { named } from "../object/named.ts";
import type { BpfObject } from "../object/object.ts";
import { resolveType, typedefsOf, typeOf, typesNamed } from "../object/types.ts";
import { simpleKind } from "./fields.ts";
import type { Marker } from "./markers.ts";

export interface EbpfParam {
  /** The name of the variable, and so of the parameter in gadget.yaml. */
  readonly variable: string;
  /** The key where gadget.yaml gives none: that of a well-known parameter, else the variable's name. */
  readonly key: string;
  /** `bool`, `int8` … `uint64`, `float32`, `float64`, `string`, `ip`; "unknown" for the others, which are taken as text. */
  readonly type: string;
  /** The most bytes of a string. */
  readonly length?: number;
  /** What it is in the code, as text; undefined where Inspektor Gadget reads none: arrays, enums, numbers with a point. */
  readonly default?: string;
  /** Inspektor Gadget has a key, a title and a description of its own for it. */
  readonly isWellKnown: boolean;
}

/** A parameter that Inspektor Gadget refuses. */
export interface ParamProblem {
  readonly variable: string;
  /** `missing`, `not-global`: a gadget with it does not run. The other two: it is not built. */
  readonly code: "missing" | "ambiguous" | "not-global" | "not-const" | "not-volatile";
}

/** The outermost type and the variable, and the key that users know it by. */
const WELL_KNOWN = new Map([
  ["gadget_pid targ_pid", "pid"],
  ["gadget_tid targ_tid", "tid"],
  ["gadget_uid targ_uid", "uid"],
  ["gadget_gid targ_gid", "gid"],
  ["gadget_comm targ_comm", "comm"],
  ["bool collect_ustack", "collect-ustack"],
  ["bool collect_build_id", "collect-build-id"],
  ["bool collect_otel_stack", "collect-otel-stack"],
]);

/** The key that Inspektor Gadget gives a variable by itself: `pid` for `gadget_pid targ_pid`; undefined for most. */
export function wellKnownKey(
  btf: Btf,
  { name, type }: Pick<BtfVar, "name" | "type">,
): string | undefined {
  const array = resolveType(btf, type, "typedefs");
  const element = array.kind === "array" ? array.element : type;
  const names = [...typedefsOf(btf, type), ...typedefsOf(btf, element)];
  const base = resolveType(btf, type);
  if (base.kind === "int") names.push(base.bool ? "bool" : base.name);
  for (const typedef of names) {
    const key = WELL_KNOWN.get(`${typedef} ${name}`);
    if (key !== undefined) return key;
  }
  return undefined;
}

/** Why the variable `name` cannot be a parameter; undefined where it can. */
export function paramProblem({ btf }: BpfObject, name: string): ParamProblem["code"] | undefined {
  const [variable, second] = btf === undefined ? [] : typesNamed(btf, name, "var");
  if (variable === undefined) return "missing";
  if (second !== undefined) return "ambiguous";
  if (variable.linkage !== "global") return "not-global";
  const type = typeOf(btf!, variable.type);
  const outer = type.kind === "array" ? typeOf(btf!, type.element) : type;
  if (outer.kind !== "const") return "not-const";
  return typeOf(btf!, outer.type).kind === "volatile" ? undefined : "not-volatile";
}

/** The parameters that an object offers (GADGET_PARAM), in the order of its types, each once, and those that are refused. */
export function readParams(
  object: BpfObject,
  markers: readonly Marker[],
): { readonly params: readonly EbpfParam[]; readonly problems: readonly ParamProblem[] } {
  const params: EbpfParam[] = [];
  const problems: ParamProblem[] = [];
  const names = markers.flatMap(({ kind, parts }) => (kind === "param" ? [parts[0]!] : []));
  for (const variable of new Set(names)) {
    const code = paramProblem(object, variable);
    if (code !== undefined) {
      problems.push({ variable, code });
      continue;
    }
    params.push(paramOf(object, typesNamed(object.btf!, variable, "var")[0]!));
  }
  return { params, problems };
}

function paramOf({ btf, variables }: BpfObject, variable: BtfVar): EbpfParam {
  const { name } = variable;
  const known = wellKnownKey(btf!, variable);
  const there = named(variables, name);
  const value =
    there?.initial !== undefined && there.section.startsWith(".rodata")
      ? defaultOf(btf!, variable.type, there.initial)
      : undefined;
  return {
    variable: name,
    key: known ?? name,
    ...kindOf(btf!, variable.type),
    ...(value !== undefined && { default: value }),
    isWellKnown: known !== undefined,
  };
}

const ENDPOINT = "gadget_l3endpoint_t";

function kindOf(btf: Btf, id: TypeId): { readonly type: string; readonly length?: number } {
  const type = resolveType(btf, id);
  if (type.kind === "array") {
    const element = resolveType(btf, type.element);
    return element.kind === "int" && element.name === "char"
      ? { type: "string", length: type.length }
      : { type: "unknown" };
  }
  if (type.kind === "struct") return { type: type.name === ENDPOINT ? "ip" : "unknown" };
  // Of an enum nobody knows which text stands for which value.
  return { type: (type.kind === "enum" ? undefined : simpleKind(type)) ?? "unknown" };
}

/** Only of const → volatile → [typedef …] → a number or an endpoint. */
function defaultOf(btf: Btf, id: TypeId, bytes: Uint8Array): string | undefined {
  const constant = typeOf(btf, id);
  if (constant.kind !== "const") return undefined;
  const volatile = typeOf(btf, constant.type);
  if (volatile.kind !== "volatile") return undefined;
  const type = resolveType(btf, volatile.type);
  if (type.kind === "struct" && type.name === ENDPOINT) return "0.0.0.0";
  if (type.kind !== "int" || ![1, 2, 4, 8].includes(type.size) || bytes.length < type.size) {
    return undefined;
  }
  let value = 0n;
  for (let i = type.size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  if (type.bool) return value === 0n ? "false" : "true";
  return String(type.signed ? BigInt.asIntN(8 * type.size, value) : value);
}
