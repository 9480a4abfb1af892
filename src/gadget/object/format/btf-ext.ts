/** `.BTF.ext`: what belongs to instructions (Linux, Documentation/bpf/btf.rst, "BTF.ext Section"). */
import type { Btf, TypeId } from "./btf.ts";
import { BTF_MAGIC } from "./btf-layout.ts";
import { viewOf } from "./elf.ts";
import { type Refuse, refuser } from "./refuse.ts";

/** A place in the code: a section by name, and bytes from its start. */
export interface CodePlace {
  readonly section: string;
  readonly offset: number;
}

export type FunctionInfo = CodePlace & { readonly type: TypeId };

export type LineInfo = CodePlace & {
  readonly file: string;
  /** The line of the source; "" where the compiler has kept none. */
  readonly text: string;
  /** Both count from 1; 0 is unknown. */
  readonly line: number;
  readonly column: number;
};

/** A "compile once, run everywhere" relocation: the loader looks at the running kernel's types. */
export type CoreRelocation = CodePlace & {
  readonly type: TypeId;
  /** Indexes of members, `0:1:2`; of a value of an enum, `0`. */
  readonly access: string;
  /** bpf_core_relo_kind: 0–5 of a field, 6–8 and 12 of a type, 9 and 10 … of an enum's value. */
  readonly kind: number;
};

export interface BtfExt {
  readonly functions: readonly FunctionInfo[];
  readonly lines: readonly LineInfo[];
  /** Empty also where the section is of an older form that has no place for them. */
  readonly coreRelocations: readonly CoreRelocation[];
}

/** The part's name, where its offset and length are in the header, and the bytes that a record has at least. */
const PARTS = { functions: [8, 8], lines: [16, 16], coreRelocations: [24, 16] } as const;

/** A part of the section: `at` and `size` in bytes of the whole, and where its records are, of `width` bytes each. */
export interface ExtPart {
  readonly at: number;
  readonly size: number;
  readonly records: readonly { readonly name: number; readonly offset: number }[];
}

/**
 * Where the records of one part are: by the name of their code section (an offset in BTF's strings). For readers and writers.
 */
export function extRecords(bytes: Uint8Array, part: keyof typeof PARTS, refuse: Refuse): ExtPart {
  const none = { at: 0, size: 0, records: [] };
  if (bytes.length < 8) return refuse(`its section .BTF.ext has ${bytes.length} bytes`);
  const view = viewOf(bytes);
  if (view.getUint16(0, true) !== BTF_MAGIC || bytes[2] !== 1) {
    refuse("its section .BTF.ext does not begin with eb9f and version 1");
  }
  const header = view.getUint32(4, true);
  const [field, least] = PARTS[part];
  if (header > bytes.length || header < 24) refuse(`its .BTF.ext header has ${header} bytes`);
  if (field + 8 > header) return none;
  const at = header + view.getUint32(field, true);
  const size = view.getUint32(field + 4, true);
  if (size === 0) return none;
  const end = at + size;
  if (size < 4 || end > bytes.length) {
    refuse(`a part of .BTF.ext reaches to byte ${end}, the section to byte ${bytes.length}`);
  }
  const width = view.getUint32(at, true);
  if (width < least)
    refuse(`the records of .BTF.ext have ${width} bytes (expected at least ${least})`);
  const records: { name: number; offset: number }[] = [];
  for (let offset = at + 4; offset < end; ) {
    if (offset + 8 > end) refuse("a section of .BTF.ext is cut off");
    const name = view.getUint32(offset, true);
    const count = view.getUint32(offset + 4, true);
    offset += 8;
    if (offset + count * width > end) refuse("the records of .BTF.ext are cut off");
    for (let i = 0; i < count; i++, offset += width) records.push({ name, offset });
  }
  return { at, size, records };
}

/**
 * What the section `.BTF.ext` says of the instructions, whose types and strings are `btf`'s.
 * @param at what people call the object, for the only error: an IngotError `malformed`
 */
export function readBtfExt(section: Uint8Array, { types, strings }: Btf, at: string): BtfExt {
  const refuse = refuser(at);
  const view = viewOf(section);
  const typeAt = (offset: number): TypeId => {
    const id = view.getUint32(offset, true);
    if (id >= types.length)
      refuse(`.BTF.ext names the type ${id}, the last one is ${types.length - 1}`);
    return id;
  };
  const each = <T>(part: keyof typeof PARTS, read: (offset: number) => T): (CodePlace & T)[] =>
    extRecords(section, part, refuse).records.map(({ name, offset }) => ({
      section: strings.at(name),
      offset: view.getUint32(offset, true),
      ...read(offset),
    }));
  return {
    functions: each("functions", (offset) => ({ type: typeAt(offset + 4) })),
    lines: each("lines", (offset) => {
      const place = view.getUint32(offset + 12, true);
      return {
        file: strings.at(view.getUint32(offset + 4, true)),
        text: strings.at(view.getUint32(offset + 8, true)),
        line: place >>> 10,
        column: place & 0x3ff,
      };
    }),
    coreRelocations: each("coreRelocations", (offset) => ({
      type: typeAt(offset + 4),
      access: strings.at(view.getUint32(offset + 8, true)),
      kind: view.getUint32(offset + 12, true),
    })),
  };
}
