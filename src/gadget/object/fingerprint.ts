/** What of an object runs, without its table of symbols: compilers differ in the labels that they leave there. */
import { utf8 } from "../../base/bytes.ts";
import { sorted } from "../../base/order.ts";
import { type Digest, digestOf } from "../../oci/digest.ts";
import {
  type ElfFile,
  type ElfSymbol,
  SHT_REL,
  STB_LOCAL,
  STT_FUNC,
  STT_OBJECT,
} from "./format/elf.ts";
import type { BpfObject } from "./object.ts";

/** Sections that hold or number symbols, and nothing of a program. */
const SYMBOLIC = new Set(["", ".symtab", ".strtab", ".shstrtab", ".llvm_addrsig"]);

/**
 * The parts of an object by their names: each section with the digest of its bytes, its relocations, and the symbols that a loader
 * looks up by name. Neither the order of sections nor the numbers of symbols, nor local labels, are in it.
 */
export function partsOf({ elf }: BpfObject): ReadonlyMap<string, string> {
  const parts = new Map<string, string[]>();
  const add = (name: string, line: unknown) => {
    const lines = parts.get(name);
    if (lines === undefined) parts.set(name, [JSON.stringify(line)]);
    else lines.push(JSON.stringify(line));
  };
  for (const { name, type, flags, size, data } of elf.sections) {
    if (SYMBOLIC.has(name) || type === SHT_REL) continue;
    add(name, ["section", type, flags, size, digestOf(data)]);
  }
  for (const { section, offset, type, symbol } of elf.relocations) {
    const { name } = elf.sections[section]!;
    if (!SYMBOLIC.has(name)) add(name, ["relocation", offset, type, ...meaningOf(elf, symbol)]);
  }
  for (const symbol of elf.symbols) {
    const { name, type, binding, section, value, size } = symbol;
    const isLabel = binding === STB_LOCAL && type !== STT_FUNC && type !== STT_OBJECT;
    const place = elf.sections[section];
    if (isLabel || place === undefined || place.index === 0) continue;
    add(place.name, ["symbol", name, type, binding, value, size]);
  }
  return new Map([...parts].map(([name, lines]) => [name, sorted(lines).join("\n")]));
}

/** What a relocation refers to: a place in a section, or a name that is defined elsewhere. */
const meaningOf = ({ sections }: ElfFile, { name, section, value }: ElfSymbol) => {
  const place = sections[section];
  return place === undefined || place.index === 0 ? [name, section] : [place.name, value];
};

/** The digest of `partsOf`: equal for two objects that differ in nothing but their tables of symbols. */
export function programDigest(object: BpfObject): Digest {
  const parts = [...partsOf(object)].map(([name, part]) => `${JSON.stringify(name)}\n${part}\n`);
  return digestOf(utf8(sorted(parts).join("")));
}
