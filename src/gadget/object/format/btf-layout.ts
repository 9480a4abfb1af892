/** Where things are in the bytes of BTF (Linux, Documentation/bpf/btf.rst): all that a reader and a writer must agree on. */
import { viewOf } from "./elf.ts";
import type { Refuse } from "./refuse.ts";

export const BTF_MAGIC = 0xeb9f;

/** The kinds, at their numbers. */
export const KINDS = [
  ...["void", "int", "ptr", "array", "struct", "union", "enum", "fwd", "typedef", "volatile"],
  ...["const", "restrict", "func", "func-proto", "var", "datasec", "float", "decl-tag", "type-tag"],
  "enum64",
] as const;

export type BtfKind = (typeof KINDS)[number];

/** The largest id and the largest offset of a name that the kernel takes (BTF_MAX_TYPE, BTF_MAX_NAME_OFFSET). */
const MOST_TYPES = 0x000fffff;
const MOST_STRINGS = 0x00ffffff;

/** The parts of a `.BTF` section. */
export interface BtfParts {
  /** Bytes of the header; what follows counts from its end. */
  readonly header: number;
  /** Bytes from the section's start. */
  readonly typesAt: number;
  readonly types: Uint8Array;
  readonly stringsAt: number;
  readonly strings: Uint8Array;
}

/** The parts of the section `bytes`; an IngotError `malformed` where its header is not true. */
export function btfParts(bytes: Uint8Array, refuse: Refuse): BtfParts {
  if (bytes.length < 24) return refuse(`its BTF has ${bytes.length} bytes, a header alone has 24`);
  const view = viewOf(bytes);
  const magic = view.getUint16(0, true);
  if (magic !== BTF_MAGIC) refuse(`its BTF begins with ${magic.toString(16)} (expected eb9f)`);
  if (bytes[2] !== 1) refuse(`its BTF is of version ${bytes[2]} (expected 1)`);
  const header = view.getUint32(4, true);
  if (header < 24 || header > bytes.length) refuse(`its BTF header has ${header} bytes`);
  const part = (at: number, what: string, most: number) => {
    const start = header + view.getUint32(at, true);
    const size = view.getUint32(at + 4, true);
    if (start + size > bytes.length) {
      refuse(`the BTF ${what} reach to byte ${start + size} of ${bytes.length}`);
    }
    if (size > most) refuse(`the BTF ${what} have ${size} bytes (expected at most ${most})`);
    return { start, data: bytes.subarray(start, start + size) };
  };
  const types = part(8, "types", 2 ** 31);
  const strings = part(16, "strings", MOST_STRINGS);
  return {
    header,
    typesAt: types.start,
    types: types.data,
    stringsAt: strings.start,
    strings: strings.data,
  };
}

/** One type as it lies in the bytes. */
export interface BtfRecord {
  readonly id: number;
  readonly kind: BtfKind;
  /** How many members, values, parameters or variables; the linkage of a func. */
  readonly count: number;
  readonly flag: boolean;
  /** Bytes from the start of the types, and how many it has. */
  readonly offset: number;
  readonly length: number;
}

/** Bytes beside the common twelve: a fixed number, and for each member, value, parameter or variable. */
const EXTRA: Readonly<Partial<Record<BtfKind, readonly [number, number]>>> = {
  int: [4, 0],
  array: [12, 0],
  struct: [0, 12],
  union: [0, 12],
  enum: [0, 8],
  "func-proto": [0, 8],
  var: [4, 0],
  datasec: [0, 12],
  "decl-tag": [4, 0],
  enum64: [0, 12],
};

/** The types in their order, ids from 1; an IngotError `malformed` where one is unknown or cut off. */
export function btfRecords(types: Uint8Array, refuse: Refuse): BtfRecord[] {
  const view = viewOf(types);
  const records: BtfRecord[] = [];
  for (let offset = 0; offset < types.length; ) {
    const id = records.length + 1;
    if (id > MOST_TYPES) refuse(`it has more than ${MOST_TYPES} BTF types`);
    if (offset + 12 > types.length) refuse(`the BTF type ${id} is cut off`);
    const info = view.getUint32(offset + 4, true);
    const number = (info >>> 24) & 31;
    const kind = KINDS[number];
    if (kind === undefined || kind === "void")
      return refuse(`the BTF type ${id} is of the unknown kind ${number}`);
    const count = info & 0xffff;
    const [fixed, each] = EXTRA[kind] ?? [0, 0];
    const length = 12 + fixed + each * count;
    if (offset + length > types.length) refuse(`the BTF type ${id} (${kind}) is cut off`);
    records.push({ id, kind, count, flag: info >>> 31 === 1, offset, length });
    offset += length;
  }
  return records;
}

/** Where in the types the ids are that this one refers to, in their order. Bytes. */
export function* referencesOf({ kind, count, offset }: BtfRecord): Generator<number> {
  switch (kind) {
    case "ptr":
    case "typedef":
    case "volatile":
    case "const":
    case "restrict":
    case "func":
    case "var":
    case "decl-tag":
    case "type-tag":
      yield offset + 8;
      break;
    case "array":
      yield offset + 12;
      yield offset + 16;
      break;
    case "struct":
    case "union":
      for (let i = 0; i < count; i++) yield offset + 16 + 12 * i;
      break;
    case "func-proto":
      yield offset + 8;
      for (let i = 0; i < count; i++) yield offset + 16 + 8 * i;
      break;
    case "datasec":
      for (let i = 0; i < count; i++) yield offset + 12 + 12 * i;
      break;
    default:
  }
}

/** Where in the types the offsets of names are that this one has: its own, then its parts'. Bytes. */
export function* namesOf({ kind, count, offset }: BtfRecord): Generator<number> {
  yield offset;
  const each = { struct: 12, union: 12, enum64: 12, enum: 8, "func-proto": 8 }[kind as string];
  if (each !== undefined) for (let i = 0; i < count; i++) yield offset + 12 + each * i;
}
