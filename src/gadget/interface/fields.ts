/** The fields that Inspektor Gadget makes of a struct's members. */
import type { Btf, BtfStruct, BtfType, TypeId } from "../object/format/btf.ts";
import { resolveType, spellType, typedefsOf, typeOf, typeSize } from "../object/types.ts";

export interface Field {
  /** `parent.child` for a member of a struct within the struct. */
  readonly name: string;
  /**
   * What Inspektor Gadget takes it for: `bool`, `int8` … `uint64`, `float32`, `float64`, `string` (an array of char), `bytes` (a struct
   * or union, whose members are fields as well), or an array, as in `uint8[16]`.
   */
  readonly kind: string;
  /** In C. */
  readonly type: string;
  /** Bytes from the start of the event, and of the value. */
  readonly offset: number;
  readonly size: number;
  /** The typedefs that the type goes through, the outer one first: some have a meaning, as `gadget_timestamp`. */
  readonly typedefs: readonly string[];
  /** The names of an enum's values are shown in a field beside it. */
  readonly isEnum: boolean;
}

/** Structs within each other; and fields of one struct in all. More than anyone has; a struct that holds itself has no end. */
const DEEPEST = 16;
const MOST = 4096;
const MOST_MEMBERS = 1 << 17;

/**
 * The fields of `struct`, in the order of its members: those of a struct within follow it. Left out is what is not shown at run time:
 * members that begin with `__`, pointers, functions, empty arrays, arrays of arrays, integers of more than 64 bits, and structs behind a typedef.
 */
export function fieldsOf(btf: Btf, struct: BtfStruct): readonly Field[] {
  const known = read.get(struct);
  if (known !== undefined) return known;
  const fields: Field[] = [];
  addFields(btf, struct, { prefix: "", offset: 0, depth: 0, seen: { members: 0 } }, fields);
  read.set(struct, fields);
  return fields;
}

/** Several datasources may have one struct. */
const read = new WeakMap<BtfStruct, readonly Field[]>();

interface Place {
  readonly prefix: string;
  readonly offset: number;
  readonly depth: number;
  /** How many members were looked at, in all. */
  readonly seen: { members: number };
}

function addFields(btf: Btf, struct: BtfStruct, place: Place, fields: Field[]): void {
  if (place.depth > DEEPEST) return;
  for (const { name: own, type: id, bitOffset } of struct.members) {
    if (fields.length >= MOST || place.seen.members++ > MOST_MEMBERS) return;
    if (own.startsWith("__")) continue;
    const name = `${place.prefix}${own}`;
    const offset = place.offset + Math.floor(bitOffset / 8);
    const direct = typeOf(btf, id);
    const isStruct = direct.kind === "struct" || direct.kind === "union";
    const kind = isStruct ? "bytes" : kindOf(btf, id);
    const size = typeSize(btf, id);
    if (kind === undefined || size === undefined || (size === 0 && !isStruct)) continue;
    fields.push({
      ...{ name, kind, type: spellType(btf, id), offset, size },
      typedefs: typedefsOf(btf, id),
      isEnum: resolveType(btf, id).kind === "enum",
    });
    if (!isStruct) continue;
    addFields(
      btf,
      direct,
      { ...place, prefix: `${name}.`, offset, depth: place.depth + 1 },
      fields,
    );
  }
}

/** Undefined for what is no field. */
function kindOf(btf: Btf, id: TypeId): string | undefined {
  const type = resolveType(btf, id);
  if (type.kind !== "array") return simpleKind(type);
  const element = resolveType(btf, type.element);
  const kind = simpleKind(element);
  if (kind === undefined) return undefined;
  if (element.kind === "int" && element.name === "char" && kind === "int8") return "string";
  return `${kind}[${type.length}]`;
}

/** The kind of a number, as Inspektor Gadget names its own; undefined for what is none. */
export function simpleKind(type: BtfType): string | undefined {
  switch (type.kind) {
    case "int": {
      if (type.bool) return "bool";
      // The encodings are taken one at a time: char alone is a byte.
      if (type.char && !type.signed) return "uint8";
      return number(type.signed ? "int" : "uint", type.size, [1, 2, 4, 8]);
    }
    case "enum":
      return number(type.signed ? "int" : "uint", type.size, [1, 2, 4, 8]);
    case "float":
      return number("float", type.size, [4, 8]);
    default:
      return undefined;
  }
}

const number = (word: string, size: number, sizes: readonly number[]) =>
  sizes.includes(size) ? `${word}${8 * size}` : undefined;
