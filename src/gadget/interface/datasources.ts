/** The datasources of a program: what its tracers, iterators and map iterators give to the user. */
import { IngotError } from "../../base/error.ts";
import type { Btf, BtfStruct } from "../object/format/btf.ts";
import type { BpfMap } from "../object/maps.ts";
import { named } from "../object/named.ts";
import type { BpfObject } from "../object/object.ts";
import { typeOf, typesNamed } from "../object/types.ts";
import { type Field, fieldsOf } from "./fields.ts";
import type { Marker } from "./markers.ts";

export interface Datasource {
  readonly name: string;
  readonly kind: "tracer" | "iterator" | "map-iterator";
  /** The marker that declares it: its symbol in the object. */
  readonly variable: string;
  /** The structs whose members are the fields: of a map iterator the key's, then the value's. */
  readonly structs: readonly string[];
  /** Of a tracer, the map that events come through; of a map iterator, the map that is read. */
  readonly map?: string;
  /** Of an iterator: the programs that it runs. */
  readonly programs: readonly string[];
  readonly fields: readonly Field[];
}

/** A declaration of a datasource that Inspektor Gadget refuses: gadgets with one do not run. */
export interface DatasourceProblem {
  readonly marker: Marker;
  readonly code:
    | "map-missing"
    | "map-type"
    | "map-key"
    | "map-value"
    | "struct-missing"
    | "struct-ambiguous"
    | "program-missing"
    | "program-type";
  /** The name of what it is about: a map, a struct or a program. */
  readonly name: string;
  /** What the type is, and what it should be: "hash", "ringbuf or perf_event_array"; of a program, its section. */
  readonly found?: string;
  readonly expected?: string;
}

/** More than all gadgets have together; without a bound a small object could ask for millions. */
const MOST_FIELDS = 20_000;

/**
 * The datasources that an object declares, in the order of its types, and the declarations that are refused.
 * @throws too-large for more fields than anyone shows
 */
export function readDatasources(
  object: BpfObject,
  markers: readonly Marker[],
): {
  readonly datasources: readonly Datasource[];
  readonly problems: readonly DatasourceProblem[];
} {
  const datasources: Datasource[] = [];
  const problems: DatasourceProblem[] = [];
  let count = 0;
  for (const marker of markers) {
    const read = READERS[marker.kind];
    if (read === undefined) continue;
    const result = read(object, marker);
    if ("code" in result) problems.push({ marker, ...result });
    else datasources.push({ name: marker.parts[0]!, variable: marker.variable, ...result });
    if (!("code" in result)) count += result.fields.length + 1;
    if (count > MOST_FIELDS) {
      const what = "the datasources of the eBPF object: the one named";
      throw new IngotError("too-large", {
        what,
        at: marker.parts[0]!,
        limit: MOST_FIELDS,
        unit: "fields",
      });
    }
  }
  return { datasources, problems };
}

type Problem = Omit<DatasourceProblem, "marker">;
type Read = (object: BpfObject, marker: Marker) => Problem | Omit<Datasource, "name" | "variable">;

const READERS: Readonly<Partial<Record<Marker["kind"], Read>>> = {
  tracer: readTracer,
  iterator: readIterator,
  "map-iterator": readMapIterator,
};

/** What events may come through. */
const EVENT_MAPS = new Set(["ringbuf", "perf_event_array"]);

function readTracer({ maps, btf }: BpfObject, { parts }: Marker): ReturnType<Read> {
  const [, map = "", struct = ""] = parts;
  const found = named(maps, map);
  if (found === undefined) return { code: "map-missing", name: map };
  if (!EVENT_MAPS.has(found.typeName)) {
    const expected = "ringbuf or perf_event_array";
    return { code: "map-type", name: map, found: found.typeName, expected };
  }
  const type = findStruct(btf, struct);
  if ("code" in type) return type;
  return { kind: "tracer", structs: [struct], map, programs: [], fields: fieldsOf(btf!, type) };
}

function readIterator(object: BpfObject, { parts }: Marker): ReturnType<Read> {
  const [, struct = "", ...programs] = parts;
  for (const name of programs) {
    const program = named(object.programs, name);
    if (program === undefined) return { code: "program-missing", name };
    if (program.type !== "tracing" || !program.section.startsWith("iter/")) {
      return { code: "program-type", name, found: program.section, expected: "iter/…" };
    }
  }
  const type = findStruct(object.btf, struct);
  if ("code" in type) return type;
  return { kind: "iterator", structs: [struct], programs, fields: fieldsOf(object.btf!, type) };
}

function readMapIterator({ maps, btf }: BpfObject, { parts }: Marker): ReturnType<Read> {
  const [, map = ""] = parts;
  const found = named(maps, map);
  if (found === undefined) return { code: "map-missing", name: map };
  if (found.typeName !== "hash") {
    return { code: "map-type", name: map, found: found.typeName, expected: "hash" };
  }
  const key = structOf(btf!, found, "key");
  if (key === undefined) return { code: "map-key", name: map };
  const value = structOf(btf!, found, "value");
  if (value === undefined) return { code: "map-value", name: map };
  const fields = [...fieldsOf(btf!, key), ...fieldsOf(btf!, value)];
  return { kind: "map-iterator", structs: [key.name, value.name], map, programs: [], fields };
}

/** The key or value of a map where it is a struct itself, no typedef of one. */
function structOf(btf: Btf, map: BpfMap, part: "key" | "value"): BtfStruct | undefined {
  const id = map[`${part}Type`];
  const type = id === undefined ? undefined : typeOf(btf, id);
  return type?.kind === "struct" ? type : undefined;
}

function findStruct(btf: Btf | undefined, name: string): BtfStruct | Problem {
  const [struct, second] = btf === undefined ? [] : typesNamed(btf, name, "struct");
  if (struct === undefined) return { code: "struct-missing", name };
  return second === undefined ? struct : { code: "struct-ambiguous", name };
}
