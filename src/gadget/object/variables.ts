/** Variables with their values, and what an object takes from the kernel. */
import type { Btf, TypeId } from "./format/btf.ts";
import {
  type ElfFile,
  type ElfSection,
  type ElfSymbol,
  SHT_NOBITS,
  STB_WEAK,
} from "./format/elf.ts";
import { typeOf, typeSize, typesNamed } from "./types.ts";

/** A variable in a section of data. */
export interface BpfVariable {
  readonly name: string;
  /** `.rodata`, `.data.x`, `.bss`, … */
  readonly section: string;
  readonly type: TypeId;
  readonly linkage: "static" | "global" | "extern";
  /** Bytes from the section's start, and of the variable. Undefined where no symbol has its name. */
  readonly offset?: number;
  readonly size?: number;
  /** What it is before anyone changes it. Undefined in `.bss`, where that is zeros, and where no symbol has its name. */
  readonly initial?: Uint8Array;
}

/** A section of data; the loader makes a map of it. */
export interface DataSection {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

/** Something of the kernel's that the object names: `.ksyms` or `.kconfig`. */
export interface BpfExtern {
  readonly name: string;
  readonly kind: "func" | "var";
  readonly type: TypeId;
  /** The object can do without it. */
  readonly weak: boolean;
}

/** Whether a section's name is that of data: `.bss`, `.data…` or `.rodata…`. */
export const isData = ({ name }: { readonly name: string }) =>
  name === ".bss" || name.startsWith(".data") || name.startsWith(".rodata");

/** The sections of data, in the file's order. */
export function readDataSections({ sections }: ElfFile): DataSection[] {
  return sections.filter(isData).map(({ name, size }) => ({ name, size }));
}

/** The variables that BTF has of sections of data, in the order of their types. */
export function readVariables({ sections, symbols }: ElfFile, btf: Btf): BpfVariable[] {
  const places = new Map<string, ElfSymbol>();
  for (const symbol of symbols) places.set(`${symbol.section} ${symbol.name}`, symbol);
  const found: BpfVariable[] = [];
  // Of several sections of one name the first: each of a name's types is looked at once.
  const seen = new Set<string>();
  for (const section of sections.filter(isData)) {
    if (seen.has(section.name)) continue;
    seen.add(section.name);
    for (const datasec of typesNamed(btf, section.name, "datasec")) {
      for (const { type, size } of datasec.variables) {
        const variable = typeOf(btf, type);
        if (variable.kind !== "var") continue;
        const { name, linkage } = variable;
        const symbol = places.get(`${section.index} ${name}`);
        found.push({
          name,
          section: section.name,
          type: variable.type,
          linkage,
          ...(symbol && placeOf(section, symbol, symbol.size || size || typeSize(btf, type) || 0)),
        });
      }
    }
  }
  return found;
}

/** Nothing where the place is not in the section: then nobody knows the value. */
function placeOf(section: ElfSection, { value: offset }: ElfSymbol, size: number) {
  if (offset + size > section.size) return {};
  if (section.type === SHT_NOBITS) return { offset, size };
  return { offset, size, initial: section.data.subarray(offset, offset + size) };
}

/** What the object takes from the kernel, by the section's name. */
export function readExterns(elf: ElfFile, btf: Btf, section: ".ksyms" | ".kconfig"): BpfExtern[] {
  const weak = new Set(
    elf.symbols.filter(({ binding }) => binding === STB_WEAK).map(({ name }) => name),
  );
  return typesNamed(btf, section, "datasec").flatMap(({ variables }) =>
    variables.flatMap(({ type: id }) => {
      const item = typeOf(btf, id);
      if (item.kind !== "var" && item.kind !== "func") return [];
      const { name, kind, type } = item;
      return [{ name, kind, type, weak: weak.has(name) }];
    }),
  );
}
