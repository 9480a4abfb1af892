/**
 * ELF, as far as eBPF objects use it: 64 bits, little-endian (System V ABI, "Object Files"). Written here because it is a few
 * structures of fixed size, and readers from elsewhere are neither bounded nor strict about what they read.
 */
import { type Refuse, refuser } from "./refuse.ts";
import { StringTable } from "./string-table.ts";

/** Types of sections. */
export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;

/** A flag of sections: it holds code. */
export const SHF_EXECINSTR = 4;

/** Types and bindings of symbols. */
export const STT_NOTYPE = 0;
export const STT_OBJECT = 1;
export const STT_FUNC = 2;
export const STT_SECTION = 3;
export const STB_LOCAL = 0;
export const STB_WEAK = 2;

/** e_machine of eBPF. */
const EM_BPF = 247;

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  /** SHF_…; of those above 32 bits none is known. */
  readonly flags: number;
  /** Where its bytes are in the file. Bytes. */
  readonly offset: number;
  /** Bytes; also of SHT_NOBITS, which has none in the file. */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  /** A view of the file's bytes; empty for SHT_NOBITS. */
  readonly data: Uint8Array;
}

export interface ElfSymbol {
  readonly index: number;
  readonly name: string;
  /** STT_… */
  readonly type: number;
  /** STB_…: 0 local, 1 global, 2 weak. */
  readonly binding: number;
  /** The index of its section; 0 where it is not defined here, 0xfff1 (absolute) and others that are no section. */
  readonly section: number;
  /** Bytes from the start of its section. */
  readonly value: number;
  /** Bytes. */
  readonly size: number;
}

/** A place in a section that a loader fills in. */
export interface ElfRelocation {
  /** The index of the section that is changed. */
  readonly section: number;
  /** Bytes from its start. */
  readonly offset: number;
  /** R_BPF_…: 1 a 64-bit immediate, 2 and 3 data, 4 BTF.ext's, 10 a call. */
  readonly type: number;
  readonly symbol: ElfSymbol;
}

export interface ElfFile {
  readonly sections: readonly ElfSection[];
  readonly symbols: readonly ElfSymbol[];
  /** In the order of the file. */
  readonly relocations: readonly ElfRelocation[];
}

/**
 * The sections, symbols and relocations of an ELF file for eBPF. Nothing is copied. Time and memory are linear in the file's
 * size: no section reaches over the end, and together they have no more bytes than the file.
 * @param at what people call the object, for the only error: an IngotError `malformed`
 */
export function readElf(bytes: Uint8Array, at: string): ElfFile {
  const refuse = refuser(at);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  checkHeader(bytes, view, refuse);
  const sections = readSections(bytes, view, refuse);
  const symbols = readSymbols(sections, refuse);
  return { sections, symbols, relocations: readRelocations(sections, symbols, refuse) };
}

const MAGIC = [0x7f, 0x45, 0x4c, 0x46];

function checkHeader(bytes: Uint8Array, view: DataView, refuse: Refuse): void {
  if (bytes.length === 0) refuse("it is empty");
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) {
    refuse("it does not begin with 7f454c46: it is no ELF file");
  }
  if (bytes.length < 64) refuse(`it has ${bytes.length} bytes, an ELF header has 64`);
  if (bytes[4] !== 2) refuse("it is not an ELF file of 64 bits");
  if (bytes[5] !== 1) {
    refuse("it is big-endian (expected little-endian)", "compile it with -target bpf or bpfel");
  }
  const machine = view.getUint16(18, true);
  if (machine !== 0 && machine !== EM_BPF) {
    refuse(
      `it is for the machine ${machine} (expected ${EM_BPF}, eBPF)`,
      "compile it with -target bpf",
    );
  }
}

const HEADER = 64;

function readSections(bytes: Uint8Array, view: DataView, refuse: Refuse): ElfSection[] {
  const start = size64(view, 0x28);
  const entry = view.getUint16(0x3a, true);
  const count = view.getUint16(0x3c, true);
  const namesIndex = view.getUint16(0x3e, true);
  if (start === 0 || count === 0) return refuse("it has no sections");
  if (entry !== HEADER) refuse(`its section headers have ${entry} bytes (expected ${HEADER})`);
  if (start + count * HEADER > bytes.length) {
    refuse(
      `its section headers reach to byte ${start + count * HEADER}, the file to byte ${bytes.length}`,
    );
  }
  if (namesIndex >= count)
    refuse(`the section ${namesIndex} with the names of sections does not exist`);
  let total = 0;
  const bare = Array.from({ length: count }, (_, index) => {
    const o = start + index * HEADER;
    const type = view.getUint32(o + 4, true);
    const offset = size64(view, o + 0x18);
    const size = size64(view, o + 0x20);
    const stored = type === SHT_NOBITS || type === 0 ? 0 : size;
    if (stored > 0 && offset + stored > bytes.length) {
      refuse(
        `its section ${index} reaches to byte ${offset + stored}, the file to byte ${bytes.length}`,
      );
    }
    total += stored;
    return {
      nameOffset: view.getUint32(o, true),
      index,
      type,
      flags: view.getUint32(o + 8, true),
      offset,
      size,
      link: view.getUint32(o + 0x28, true),
      info: view.getUint32(o + 0x2c, true),
      data: stored === 0 ? bytes.subarray(0, 0) : bytes.subarray(offset, offset + stored),
    };
  });
  if (total > bytes.length) refuse("its sections have more bytes together than the file");
  const names = new StringTable(bare[namesIndex]!.data, "of section names", refuse);
  return bare.map(({ nameOffset, ...section }) => ({ ...section, name: names.at(nameOffset) }));
}

const SYMBOL = 24;

function readSymbols(sections: readonly ElfSection[], refuse: Refuse): ElfSymbol[] {
  const table = sections.find(({ type }) => type === SHT_SYMTAB);
  if (table === undefined) return [];
  const strings = sections[table.link];
  if (strings === undefined)
    return refuse(`its symbols' names are in section ${table.link}, which does not exist`);
  if (table.size % SYMBOL !== 0)
    refuse(`its symbol table has ${table.size} bytes, no multiple of ${SYMBOL}`);
  const names = new StringTable(strings.data, "of symbol names", refuse);
  const view = viewOf(table.data);
  return Array.from({ length: table.size / SYMBOL }, (_, index) => {
    const o = index * SYMBOL;
    const info = view.getUint8(o + 4);
    return {
      index,
      name: names.at(view.getUint32(o, true)),
      type: info & 15,
      binding: info >> 4,
      section: view.getUint16(o + 6, true),
      value: size64(view, o + 8),
      size: size64(view, o + 16),
    };
  });
}

const RELOCATION = 16;

function readRelocations(
  sections: readonly ElfSection[],
  symbols: readonly ElfSymbol[],
  refuse: Refuse,
): ElfRelocation[] {
  const found: ElfRelocation[] = [];
  for (const { name, type, info, data } of sections) {
    if (type !== SHT_REL) continue;
    const target = sections[info];
    if (target === undefined)
      return refuse(`its section ${name} is for section ${info}, which does not exist`);
    if (data.length % RELOCATION !== 0) {
      refuse(`its section ${name} has ${data.length} bytes, no multiple of ${RELOCATION}`);
    }
    const view = viewOf(data);
    for (let o = 0; o < data.length; o += RELOCATION) {
      const offset = size64(view, o);
      const symbol = symbols[view.getUint32(o + 12, true)];
      if (symbol === undefined) {
        return refuse(`its section ${name} names a symbol that does not exist`);
      }
      if (offset >= target.size) {
        refuse(
          `its section ${name} changes byte ${offset} of ${target.name}, which has ${target.size}`,
        );
      }
      found.push({ section: info, offset, type: view.getUint32(o + 8, true), symbol });
    }
  }
  return found;
}

/** A DataView of the same bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** 64 bits at `offset`. Above 2^53 it is rounded: far more than any file has, and compared with nothing else. */
function size64(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
}
