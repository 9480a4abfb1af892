/**
 * What a program says to Inspektor Gadget: its macros (GADGET_TRACER and the like) leave global variables of type `const void *`
 * that are never used, and whose names say everything, in parts between three underscores.
 */
import { IngotError } from "../../base/error.ts";
import type { BpfObject } from "../object/object.ts";
import { typeOf } from "../object/types.ts";

export type MarkerKind =
  | "tracer"
  | "tracer-map"
  | "iterator"
  | "map-iterator"
  | "param"
  | "iterator-target"
  | "sk-target";

/** The parts of a marker, by kind: at least and at most so many, and what they are. */
const KINDS: readonly {
  readonly kind: MarkerKind;
  readonly prefix: string;
  readonly least: number;
  readonly most: number;
  readonly form: string;
  readonly deprecated?: true;
}[] = [
  { kind: "tracer", prefix: "gadget_tracer_", least: 3, most: 3, form: "NAME___MAP___STRUCT" },
  { kind: "tracer-map", prefix: "gadget_map_tracer_", least: 1, most: 1, form: "MAP" },
  {
    kind: "iterator",
    prefix: "gadget_iter_",
    ...{ least: 3, most: Number.POSITIVE_INFINITY, form: "NAME___STRUCT___PROGRAM[___PROGRAM…]" },
  },
  {
    kind: "iterator",
    prefix: "gadget_snapshotter_",
    ...{ least: 3, most: Number.POSITIVE_INFINITY, form: "NAME___STRUCT___PROGRAM[___PROGRAM…]" },
    deprecated: true,
  },
  { kind: "map-iterator", prefix: "gadget_mapiter_", least: 2, most: 2, form: "NAME___MAP" },
  { kind: "param", prefix: "gadget_param_", least: 1, most: 1, form: "VARIABLE" },
  {
    kind: "iterator-target",
    prefix: "gadget_mapelem_iter_target_",
    ...{ least: 2, most: 2, form: "PROGRAM___MAP" },
  },
  {
    kind: "sk-target",
    prefix: "gadget_sk_prog_target_",
    ...{ least: 2, most: 2, form: "PROGRAM___MAP" },
  },
];

/** A marker that is as it should be: a global `const void *`, with the right number of parts. */
export interface Marker {
  readonly kind: MarkerKind;
  /** The variable's whole name, the symbol in the object. */
  readonly variable: string;
  /** What stands behind the prefix, cut at three underscores. None is empty but in iterators' programs. */
  readonly parts: readonly string[];
  /** Written with the older prefix `gadget_snapshotter_`. */
  readonly deprecated: boolean;
}

/** A variable with a marker's name that Inspektor Gadget does not take for one, or refuses. */
export interface MarkerProblem {
  readonly kind: MarkerKind;
  readonly variable: string;
  /** `parts`: a running gadget stops there; the others are passed over by it, and stop `--update-metadata`. */
  readonly code: "not-global" | "not-a-pointer" | "not-const" | "not-void" | "parts";
  /** Of `parts`: how they should be. */
  readonly expected?: string;
}

/** More than all gadgets have together. */
const MOST = 1000;

/** The markers of an object, in the order of its types, and what looks like one and is none. @throws too-large */
export function readMarkers({ btf }: BpfObject): {
  readonly markers: readonly Marker[];
  readonly problems: readonly MarkerProblem[];
} {
  const markers: Marker[] = [];
  const problems: MarkerProblem[] = [];
  for (const variable of btf?.types ?? []) {
    if (variable.kind !== "var" || !variable.name.startsWith("gadget_")) continue;
    const found = KINDS.find(({ prefix }) => variable.name.startsWith(prefix));
    if (found === undefined) continue;
    if (markers.length + problems.length >= MOST) {
      const what = "the object with so many declarations: the one named";
      throw new IngotError("too-large", { what, at: variable.name, limit: MOST, unit: "of them" });
    }
    const { kind, prefix, least, most, form, deprecated = false } = found;
    const refuse = (code: MarkerProblem["code"], expected?: string) =>
      problems.push({ kind, variable: variable.name, code, ...(expected && { expected }) });
    const pointer = typeOf(btf!, variable.type);
    const target = pointer.kind === "ptr" ? typeOf(btf!, pointer.type) : pointer;
    const parts = variable.name.slice(prefix.length).split("___");
    if (variable.linkage !== "global") refuse("not-global");
    else if (pointer.kind !== "ptr") refuse("not-a-pointer");
    else if (target.kind !== "const") refuse("not-const");
    else if (target.type !== 0) refuse("not-void");
    else if (parts.length < least || parts.length > most) refuse("parts", `${prefix}${form}`);
    else markers.push({ kind, variable: variable.name, parts, deprecated });
  }
  return { markers, problems };
}
