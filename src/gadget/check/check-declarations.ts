/** What a program declares to Inspektor Gadget (GADGET_TRACER and the like), and Inspektor Gadget refuses or passes over. */
import { type DatasourceProblem, readDatasources } from "../interface/datasources.ts";
import { paramProblem } from "../interface/ebpf-params.ts";
import { type Marker, type MarkerProblem, readMarkers } from "../interface/markers.ts";
import { named } from "../object/named.ts";
import type { BpfObject } from "../object/object.ts";
import { quoteForeign } from "../yaml/quote.ts";
import type { ProblemList } from "./problem.ts";

/** Checks all declarations of an object. */
export function checkDeclarations(object: BpfObject, problems: ProblemList): void {
  const { markers, problems: odd } = readMarkers(object);
  for (const problem of odd) reportMarker(problem, problems);
  const { datasources, problems: refused } = readDatasources(object, markers);
  for (const problem of refused) reportDatasource(problem, problems);
  for (const { variable, deprecated } of markers) {
    if (!deprecated) continue;
    problems.warning(`${quoteForeign(variable)} has the older prefix gadget_snapshotter_`, {
      symbol: variable,
      hint: "GADGET_ITER makes one with gadget_iter_",
    });
  }
  const names = new Map<string, string>();
  for (const { name, kind, variable, fields } of datasources) {
    if (names.has(name)) {
      const message = `a second datasource is called ${quoteForeign(name)}`;
      const is = kind === "map-iterator" && names.get(name) === kind ? "error" : "warning";
      problems[is](
        `${message}: ${is === "error" ? "Inspektor Gadget refuses it" : "only one of them is there when the gadget runs"}`,
        { symbol: variable },
      );
    }
    names.set(name, kind);
    const stack = fields.find(({ typedefs }) => typedefs.includes("gadget_kernel_stack"));
    if (stack === undefined || named(object.maps, "ig_kstack") !== undefined) continue;
    problems.error(
      `the field ${quoteForeign(stack.name)} is a gadget_kernel_stack, and there is no map ig_kstack`,
      {
        symbol: variable,
        hint: "include <gadget/kernel_stack_map.h>",
      },
    );
  }
  for (const marker of markers) CHECKS[marker.kind]?.(marker, object, problems);
  checkTargets(markers, problems);
  const run = new Set(
    markers.flatMap(({ kind, parts }) => (kind === "iterator" ? parts.slice(2) : [])),
  );
  for (const { name, section, offset } of object.programs) {
    if (!section.startsWith("iter/") || run.has(name)) continue;
    problems.warning(`no GADGET_ITER names ${quoteForeign(name)}: nothing runs it`, {
      section,
      symbol: name,
      offset,
    });
  }
}

const WHY: Readonly<Record<Exclude<MarkerProblem["code"], "parts">, string>> = {
  "not-global": "it is not a global variable",
  "not-a-pointer": "it is not a pointer",
  "not-const": "what it points to is not const",
  "not-void": "it does not point to void",
};

function reportMarker({ variable, code, expected }: MarkerProblem, problems: ProblemList): void {
  if (code === "parts") {
    problems.error(
      `${quoteForeign(variable)} has another number of parts than ${expected}: Inspektor Gadget refuses it`,
      { symbol: variable },
    );
    return;
  }
  problems.warning(`${quoteForeign(variable)} declares nothing: ${WHY[code]}`, {
    symbol: variable,
    hint: "the macros of <gadget/macros.h> make it a const void *",
  });
}

function reportDatasource(
  { marker, code, name, found, expected }: DatasourceProblem,
  problems: ProblemList,
): void {
  const [datasource = ""] = marker.parts;
  const of = `the datasource ${quoteForeign(datasource)}`;
  const quoted = quoteForeign(name);
  const message = {
    "map-missing": `there is no map ${quoted}`,
    "map-type": `the map ${quoted} is of the type ${found}, should be ${expected}`,
    "map-key": `the key of the map ${quoted} is not a struct`,
    "map-value": `the value of the map ${quoted} is not a struct`,
    "struct-missing": `there is no struct ${quoted} in the program's types`,
    "struct-ambiguous": `there are several structs ${quoted} in the program's types`,
    "program-missing": `there is no program ${quoted}`,
    "program-type": `the program ${quoted} is in the section ${found}, should be in ${expected}`,
  }[code];
  problems.error(`Inspektor Gadget refuses ${of}: ${message}`, { symbol: marker.variable });
}

type Check = (marker: Marker, object: BpfObject, problems: ProblemList) => void;

const CHECKS: Readonly<Partial<Record<Marker["kind"], Check>>> = {
  "tracer-map": ({ variable, parts: [map = ""] }, { maps }, problems) => {
    if (named(maps, map) !== undefined) return;
    problems.error(
      `Inspektor Gadget refuses GADGET_TRACER_MAP: there is no map ${quoteForeign(map)}`,
      { symbol: variable },
    );
  },
  param: ({ variable, parts: [name = ""] }, object, problems) => {
    const code = paramProblem(object, name);
    const quoted = quoteForeign(name);
    if (code === "missing" || code === "ambiguous") {
      const message = code === "missing" ? "there is no variable" : "there are several variables";
      problems.error(`Inspektor Gadget refuses the parameter ${quoted}: ${message} ${quoted}`, {
        symbol: variable,
      });
    } else if (code === "not-global") {
      problems.error(`Inspektor Gadget refuses the parameter ${quoted}: the variable is static`, {
        symbol: variable,
        hint: "take out static",
      });
    } else if (code !== undefined) {
      const what = code === "not-const" ? "const" : "volatile";
      problems.warning(`the parameter ${quoted} is not ${what}: should be const volatile`, {
        symbol: name,
        hint: "in gadget.yaml it is refused",
      });
    }
  },
  "iterator-target": ({ variable, parts: [program = "", map = ""] }, object, problems) => {
    const found = named(object.programs, program);
    const why =
      found === undefined
        ? `there is no program ${quoteForeign(program)}`
        : found.section !== "iter/bpf_map_elem"
          ? `the program ${quoteForeign(program)} is in the section ${found.section}, should be in iter/bpf_map_elem`
          : withoutMap(object, map);
    if (why !== undefined)
      problems.error(`Inspektor Gadget refuses GADGET_ITER_TARGET_MAP: ${why}`, {
        symbol: variable,
      });
  },
  "sk-target": ({ variable, parts: [program = "", map = ""] }, object, problems) => {
    const found = named(object.programs, program);
    const type = named(object.maps, map)?.typeName;
    const why =
      found === undefined
        ? `there is no program ${quoteForeign(program)}`
        : found.type !== "sk_skb" && found.type !== "sk_msg"
          ? `the program ${quoteForeign(program)} is of the type ${found.type}, should be sk_skb or sk_msg`
          : type !== undefined && type !== "sockmap" && type !== "sockhash"
            ? `the map ${quoteForeign(map)} is of the type ${type}, should be sockmap or sockhash`
            : withoutMap(object, map);
    if (why !== undefined)
      problems.error(`Inspektor Gadget refuses GADGET_SK_TARGET_MAP: ${why}`, { symbol: variable });
  },
};

const withoutMap = ({ maps }: BpfObject, map: string): string | undefined =>
  named(maps, map) !== undefined ? undefined : `there is no map ${quoteForeign(map)}`;

/** A program has one map that it runs over. */
function checkTargets(markers: readonly Marker[], problems: ProblemList): void {
  const bound = new Set<string>();
  for (const { kind, variable, parts } of markers) {
    if (kind !== "iterator-target" && kind !== "sk-target") continue;
    const name = parts[0] ?? "";
    if (bound.has(name))
      problems.error(
        `Inspektor Gadget refuses a second map for the program ${quoteForeign(name)}`,
        { symbol: variable },
      );
    bound.add(name);
  }
}
