/**
 * BTF, the types of an eBPF object (Linux, Documentation/bpf/btf.rst): all nineteen kinds. No well-kept library for JavaScript
 * reads it.
 */
import { type BtfRecord, btfParts, btfRecords, referencesOf } from "./btf-layout.ts";
import { viewOf } from "./elf.ts";
import { refuser } from "./refuse.ts";
import { StringTable } from "./string-table.ts";

/** A type by its number in its BTF; 0 is void. */
export type TypeId = number;

interface Named {
  readonly id: TypeId;
  /** "" for what has none. */
  readonly name: string;
}

/** Kinds that stand for one other type. */
export type BtfModifier = Named & {
  readonly kind: "ptr" | "typedef" | "volatile" | "const" | "restrict" | "type-tag";
  readonly type: TypeId;
};

export type BtfInt = Named & {
  readonly kind: "int";
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
  readonly char: boolean;
  readonly bool: boolean;
  /** How many bits of it count, from `bitOffset` on. */
  readonly bits: number;
  readonly bitOffset: number;
};

export interface BtfMember {
  readonly name: string;
  readonly type: TypeId;
  readonly bitOffset: number;
  /** Of a bit field; 0 for all others. */
  readonly bitSize: number;
}

export type BtfStruct = Named & {
  readonly kind: "struct" | "union";
  /** Bytes. */
  readonly size: number;
  readonly members: readonly BtfMember[];
};

export type BtfEnum = Named & {
  readonly kind: "enum" | "enum64";
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
};

export type BtfVar = Named & {
  readonly kind: "var";
  readonly type: TypeId;
  readonly linkage: "static" | "global" | "extern";
};

export type BtfDatasec = Named & {
  readonly kind: "datasec";
  /** Bytes; clang writes 0 here and for `offset`: the symbols have both. */
  readonly size: number;
  readonly variables: readonly {
    readonly type: TypeId;
    readonly offset: number;
    readonly size: number;
  }[];
};

export type BtfType =
  | (Named & { readonly kind: "void" })
  | BtfInt
  | BtfModifier
  | (Named & {
      readonly kind: "array";
      readonly element: TypeId;
      readonly index: TypeId;
      readonly length: number;
    })
  | BtfStruct
  | BtfEnum
  | (Named & { readonly kind: "fwd"; readonly of: "struct" | "union" })
  | (Named & {
      readonly kind: "func";
      readonly type: TypeId;
      readonly linkage: "static" | "global" | "extern";
    })
  | (Named & {
      readonly kind: "func-proto";
      readonly result: TypeId;
      /** The last one of type 0 and without a name is `...`. */
      readonly parameters: readonly { readonly name: string; readonly type: TypeId }[];
    })
  | BtfVar
  | BtfDatasec
  | (Named & { readonly kind: "float"; readonly size: number })
  /** `component`: the member or parameter that is tagged, -1 for the type itself. */
  | (Named & { readonly kind: "decl-tag"; readonly type: TypeId; readonly component: number });

export interface Btf {
  /** By id: `types[0]` is void. Every id that a type names is in here. */
  readonly types: readonly BtfType[];
  /** The types of a name, in the order of their ids; what has none is not in it. */
  readonly byName: ReadonlyMap<string, readonly BtfType[]>;
  readonly strings: StringTable;
}

/**
 * The types of a `.BTF` section, or of a kernel's BTF file. Every reference is to a type that exists, but they may form circles
 * that no compiler writes: follow them with the functions of `object/types.ts`, which are bounded.
 * @param at what people call the object, for the only error: an IngotError `malformed` @param what it is, if no object
 */
export function readBtf(section: Uint8Array, at: string, what?: string): Btf {
  const refuse = refuser(at, what);
  const parts = btfParts(section, refuse);
  const strings = new StringTable(parts.strings, ".BTF", refuse);
  const records = btfRecords(parts.types, refuse);
  const view = viewOf(parts.types);
  const types: BtfType[] = [{ id: 0, kind: "void", name: "" }];
  const byName = new Map<string, BtfType[]>();
  for (const record of records) {
    for (const place of referencesOf(record)) {
      const to = view.getUint32(place, true);
      if (to > records.length) {
        refuse(
          `the BTF type ${record.id} (${record.kind}) names the type ${to}, the last one is ${records.length}`,
        );
      }
    }
    const type =
      readType(record, view, strings) ?? refuse(`the BTF type ${record.id} has an unknown linkage`);
    types.push(type);
    if (type.name === "") continue;
    const same = byName.get(type.name);
    if (same === undefined) byName.set(type.name, [type]);
    else same.push(type);
  }
  return { types, byName, strings };
}

const LINKAGE = ["static", "global", "extern"] as const;

/** Undefined for a linkage that does not exist. */
function readType(record: BtfRecord, view: DataView, strings: StringTable): BtfType | undefined {
  const { id, kind, count, flag, offset } = record;
  const u32 = (at: number) => view.getUint32(offset + at, true);
  const i32 = (at: number) => view.getInt32(offset + at, true);
  const named = { id, name: strings.at(u32(0)) };
  const each = <T>(width: number, read: (at: number) => T): T[] =>
    Array.from({ length: count }, (_, i) => read(12 + width * i));
  const value = u32(8);
  switch (kind) {
    case "int": {
      const word = u32(12);
      const encoding = (word >>> 24) & 15;
      return {
        ...named,
        kind,
        size: value,
        signed: (encoding & 1) !== 0,
        char: (encoding & 2) !== 0,
        bool: (encoding & 4) !== 0,
        bits: word & 0xff,
        bitOffset: (word >>> 16) & 0xff,
      };
    }
    case "array":
      return { ...named, kind, element: u32(12), index: u32(16), length: u32(20) };
    case "struct":
    case "union":
      return {
        ...named,
        kind,
        size: value,
        members: each(12, (at) => {
          const place = u32(at + 8);
          return {
            name: strings.at(u32(at)),
            type: u32(at + 4),
            bitOffset: flag ? place & 0xffffff : place,
            bitSize: flag ? place >>> 24 : 0,
          };
        }),
      };
    case "enum":
    case "enum64":
      return {
        ...named,
        kind,
        size: value,
        // Without the flag it is unsigned (Linux 6.0); clang 14, which knows no flag, says so of every enum.
        signed: flag,
        values: each(kind === "enum" ? 8 : 12, (at) => ({
          name: strings.at(u32(at)),
          value:
            kind === "enum64"
              ? BigInt[flag ? "asIntN" : "asUintN"](
                  64,
                  (BigInt(u32(at + 8)) << 32n) | BigInt(u32(at + 4)),
                )
              : BigInt(flag ? i32(at + 4) : u32(at + 4)),
        })),
      };
    case "fwd":
      return { ...named, kind, of: flag ? "union" : "struct" };
    case "func": {
      const linkage = LINKAGE[count];
      return linkage && { ...named, kind, type: value, linkage };
    }
    case "func-proto":
      return {
        ...named,
        kind,
        result: value,
        parameters: each(8, (at) => ({ name: strings.at(u32(at)), type: u32(at + 4) })),
      };
    case "var": {
      const linkage = LINKAGE[u32(12)];
      return linkage && { ...named, kind, type: value, linkage };
    }
    case "datasec":
      return {
        ...named,
        kind,
        size: value,
        variables: each(12, (at) => ({ type: u32(at), offset: u32(at + 4), size: u32(at + 8) })),
      };
    case "float":
      return { ...named, kind, size: value };
    case "decl-tag":
      return { ...named, kind, type: value, component: i32(12) };
    case "void":
      return undefined;
    default:
      return { ...named, kind, type: value };
  }
}
