/** Maps: variables of the section `.maps`, each a struct whose members say what the map is (libbpf, bpf_helpers.h). */
import { isZero } from "../../base/bytes.ts";
import type { Btf, BtfStruct, BtfVar, TypeId } from "./format/btf.ts";
import type { ElfFile, ElfSection, ElfSymbol } from "./format/elf.ts";
import { SHT_NOBITS, STT_OBJECT } from "./format/elf.ts";
import type { ObjectProblem } from "./problem.ts";
import { resolveType, typeOf, typeSize, typesNamed } from "./types.ts";

export interface BpfMap {
  readonly name: string;
  /** BPF_MAP_TYPE_…, and the kernel's name of it as bpftool writes it. */
  readonly type: number;
  readonly typeName: string;
  /** Bytes; 0 where the map has none, or nothing says how many. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** LIBBPF_PIN_…: 1 by its name. */
  readonly pinning: number;
  readonly extra: number;
  /** As it is written: a typedef is not skipped. Undefined where only a size is given. */
  readonly keyType?: TypeId;
  readonly valueType?: TypeId;
  /** Of a map of maps: what is in it, as far as its definition says. */
  readonly inner?: BpfMap;
}

const MAP_TYPES = [
  ...["unspec", "hash", "array", "prog_array", "perf_event_array", "percpu_hash", "percpu_array"],
  ...["stack_trace", "cgroup_array", "lru_hash", "lru_percpu_hash", "lpm_trie", "array_of_maps"],
  ...["hash_of_maps", "devmap", "sockmap", "cpumap", "xskmap", "sockhash", "cgroup_storage"],
  ...["reuseport_sockarray", "percpu_cgroup_storage", "queue", "stack", "sk_storage"],
  ...["devmap_hash", "struct_ops", "ringbuf", "inode_storage", "task_storage", "bloom_filter"],
  ...["user_ringbuf", "cgrp_storage", "arena", "insn_array"],
];

/** The kernel's name of a map type: `ringbuf`; a number that is not known yet is its own name. */
export function mapTypeName(type: number): string {
  return MAP_TYPES[type] ?? String(type);
}

/** The maps of `.maps` in the order of their types, and what of their definitions no loader takes. Without BTF there are none. */
export function readMaps(
  { sections, symbols }: ElfFile,
  btf: Btf | undefined,
): { maps: readonly BpfMap[]; problems: readonly ObjectProblem[] } {
  const section = sections.find(({ name }) => name === ".maps");
  if (section === undefined || btf === undefined) return { maps: [], problems: [] };
  const own = new Map<string, ElfSymbol>();
  for (const symbol of symbols) {
    if (symbol.section === section.index && symbol.name !== "" && symbol.type === STT_OBJECT)
      own.set(symbol.name, symbol);
  }
  const maps: BpfMap[] = [];
  const problems: ObjectProblem[] = [];
  for (const datasec of typesNamed(btf, ".maps", "datasec")) {
    for (const { type } of datasec.variables) {
      const variable = typeOf(btf, type);
      if (variable.kind !== "var") continue;
      if (maps.length >= MOST_MAPS) {
        const message = `it has more than ${MOST_MAPS} maps`;
        problems.push({ code: "map-definition", section: ".maps", message });
        return { maps, problems };
      }
      const report = (code: ObjectProblem["code"], message: string) =>
        problems.push({ code, section: ".maps", symbol: variable.name, message });
      const symbol = own.get(variable.name);
      if (symbol === undefined)
        report("map-without-symbol", "no symbol of the section has its name");
      else if (!isZero(bytesOf(section, symbol))) {
        report("map-definition", "its definition has an initial value (expected none)");
      }
      maps.push(readMap(btf, variable, (why) => report("map-definition", why)));
    }
  }
  return { maps, problems };
}

function bytesOf({ type, data }: ElfSection, { value, size }: ElfSymbol): Uint8Array {
  return type === SHT_NOBITS ? data : data.subarray(value, value + size);
}

function readMap(btf: Btf, variable: BtfVar, report: (why: string) => void): BpfMap {
  const type = resolveType(btf, variable.type);
  if (type.kind !== "struct") report("it is not a struct");
  return mapOf(btf, variable.name, type.kind === "struct" ? type : undefined, report, 0);
}

/** More than anyone loads. */
const MOST_MAPS = 4096;

/** There are ten; many maps may share one definition, which is read again for each. */
const MOST_FIELDS = 32;

const NUMBERS = {
  type: "type",
  max_entries: "maxEntries",
  map_flags: "flags",
  key_size: "keySize",
  value_size: "valueSize",
  pinning: "pinning",
  map_extra: "extra",
} as const;

function mapOf(
  btf: Btf,
  name: string,
  struct: BtfStruct | undefined,
  report: (why: string) => void,
  depth: number,
): BpfMap {
  const numbers = {
    type: 0,
    maxEntries: 0,
    flags: 0,
    keySize: 0,
    valueSize: 0,
    pinning: 0,
    extra: 0,
  };
  if (struct !== undefined && struct.members.length > MOST_FIELDS) {
    report(`its definition has ${struct.members.length} fields (expected at most ${MOST_FIELDS})`);
    struct = undefined;
  }
  const given = new Set(struct?.members.map(({ name }) => name));
  const types: { keyType?: TypeId; valueType?: TypeId } = {};
  let inner: BpfMap | undefined;
  for (const member of struct?.members ?? []) {
    const field = Object.hasOwn(NUMBERS, member.name)
      ? NUMBERS[member.name as keyof typeof NUMBERS]
      : undefined;
    if (field !== undefined) {
      const value = numberOf(btf, member.type);
      if (value === undefined)
        report(`its "${member.name}" is not a number made with __uint or __ulong`);
      else numbers[field] = value;
    } else if (member.name === "key" || member.name === "value") {
      const pointer = typeOf(btf, member.type);
      const target = pointer.kind === "ptr" ? pointer.type : undefined;
      const size = target === undefined ? undefined : typeSize(btf, target);
      if (given.has(`${member.name}_size`)) {
        report(`both "${member.name}" and "${member.name}_size" are given (expected one)`);
      }
      if (target === undefined || size === undefined) {
        report(`its "${member.name}" is not a type with a size, made with __type`);
        continue;
      }
      numbers[member.name === "key" ? "keySize" : "valueSize"] = size;
      types[member.name === "key" ? "keyType" : "valueType"] = target;
    } else if (member.name === "values") {
      if (depth === 0) inner = innerOf(btf, member.type, report);
    } else {
      report(`"${member.name}" is not a field of a map definition`);
    }
  }
  return {
    name,
    typeName: mapTypeName(numbers.type),
    ...numbers,
    ...types,
    ...(inner && { inner }),
  };
}

/** `__uint(x, 5)` is a pointer to an array of five; `__ulong(x, 5)` an enum whose first value is 5. */
function numberOf(btf: Btf, id: TypeId): number | undefined {
  const type = typeOf(btf, id);
  if (type.kind === "ptr") {
    const array = typeOf(btf, type.type);
    return array.kind === "array" ? array.length : undefined;
  }
  if (type.kind !== "enum" && type.kind !== "enum64") return undefined;
  const first = type.values[0]?.value;
  return first === undefined ? undefined : Number(first);
}

/** `__array(values, struct {…})` is an array of pointers to the definition of a map, or to functions. */
function innerOf(btf: Btf, id: TypeId, report: (why: string) => void): BpfMap | undefined {
  const array = typeOf(btf, id);
  const pointer = array.kind === "array" ? typeOf(btf, array.element) : array;
  const target = pointer.kind === "ptr" ? resolveType(btf, pointer.type) : undefined;
  if (target?.kind !== "struct") return undefined;
  return mapOf(btf, target.name, target, (why) => report(`the map in it: ${why}`), 1);
}
