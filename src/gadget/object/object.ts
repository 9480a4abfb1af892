/** An eBPF object: all that a loader of gadgets, or a person, asks of it. */
import { type Btf, readBtf } from "./format/btf.ts";
import { type BtfExt, type LineInfo, readBtfExt } from "./format/btf-ext.ts";
import { type ElfFile, type ElfSection, readElf } from "./format/elf.ts";
import { refuser } from "./format/refuse.ts";
import { type BpfFunction, readFunctions, type UndefinedReference } from "./functions.ts";
import { type BpfMap, readMaps } from "./maps.ts";
import type { ObjectProblem } from "./problem.ts";
import { sectionMeaning } from "./program-types.ts";
import {
  type BpfExtern,
  type BpfVariable,
  type DataSection,
  readDataSections,
  readExterns,
  readVariables,
} from "./variables.ts";

/** A function that the kernel runs by itself. */
export interface BpfProgram extends BpfFunction {
  /** The kernel's name of its type as bpftool writes it; "unspec" where its section's name says nothing. */
  readonly type: string;
  /** What its section's name says it is attached to; "" where it does not. */
  readonly attachTo: string;
}

/** A reference that no loader can fill in: neither this object nor `.ksyms` or `.kconfig` has the symbol. */
export interface UnresolvedReference extends UndefinedReference {
  readonly section: string;
  readonly function: string;
}

export interface BpfObject {
  readonly elf: ElfFile;
  /** Undefined where there is no section `.BTF`: such an object is no gadget's. */
  readonly btf: Btf | undefined;
  readonly btfExt: BtfExt | undefined;
  /** In the order of the file. Functions in `.text` are not programs. */
  readonly programs: readonly BpfProgram[];
  readonly functions: readonly BpfFunction[];
  /** Those of `.maps`; the sections of data are maps, too, when they are loaded. */
  readonly maps: readonly BpfMap[];
  readonly dataSections: readonly DataSection[];
  readonly variables: readonly BpfVariable[];
  readonly ksyms: readonly BpfExtern[];
  readonly kconfig: readonly BpfExtern[];
  /** What the section `license` says; undefined where there is none. */
  readonly license: string | undefined;
  readonly unresolved: readonly UnresolvedReference[];
  /** What cilium/ebpf, which Inspektor Gadget loads with, would refuse to read. */
  readonly problems: readonly ObjectProblem[];
}

/** Bytes of an object that is read at all; the largest gadget's has 2 MiB. */
export const OBJECT_LIMIT = 64 << 20;

/**
 * Reads an eBPF object. Static and bounded: nothing is run, time and memory are linear in the size. Views of `bytes` are kept.
 * What can be read and not be loaded is in `problems`.
 * @param at what people call the object: a path, or "the eBPF program for arm64"
 * @throws malformed, and nothing else, where the bytes are no ELF64 little-endian eBPF object, or its BTF is damaged; too-large
 */
export function readObject(bytes: Uint8Array, at: string): BpfObject {
  if (bytes.length > OBJECT_LIMIT)
    refuser(at)(`it has ${bytes.length} bytes, at most ${OBJECT_LIMIT} are read`);
  const elf = readElf(bytes, at);
  const section = (name: string) => elf.sections.find((section) => section.name === name);
  const types = section(".BTF");
  const btf = types && readBtf(types.data, at);
  const ext = section(".BTF.ext");
  const btfExt = ext && btf && readBtfExt(ext.data, btf, at);
  const { functions, problems } = readFunctions(elf);
  const { programs, twice } = programsOf(functions);
  const maps = readMaps(elf, btf);
  const ksyms = btf === undefined ? [] : readExterns(elf, btf, ".ksyms");
  const kconfig = btf === undefined ? [] : readExterns(elf, btf, ".kconfig");
  return {
    elf,
    btf,
    btfExt,
    programs,
    functions,
    maps: maps.maps,
    dataSections: readDataSections(elf),
    variables: btf === undefined ? [] : readVariables(elf, btf),
    ksyms,
    kconfig,
    license: licenseOf(elf.sections.find(({ name }) => name.startsWith("license"))),
    unresolved: unresolvedOf(functions, [...ksyms, ...kconfig]),
    problems: [...problems, ...twice, ...maps.problems, ...structOps(section(".struct_ops"))],
  };
}

/** Where the source of an instruction is: `section` by name, `offset` in bytes; undefined where the object does not say. */
export function sourceLine(
  { btfExt }: BpfObject,
  section: string,
  offset: number,
): { file: string; line: number; column: number } | undefined {
  const lines = (btfExt && linesOf(btfExt).get(section)) ?? [];
  let [low, high] = [0, lines.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (lines[middle]!.offset <= offset) low = middle + 1;
    else high = middle;
  }
  const best = lines[low - 1];
  return best && { file: best.file, line: best.line, column: best.column };
}

const sortedLines = new WeakMap<BtfExt, ReadonlyMap<string, readonly LineInfo[]>>();

/** The lines of each section, by their place. */
function linesOf(btfExt: BtfExt): ReadonlyMap<string, readonly LineInfo[]> {
  const known = sortedLines.get(btfExt);
  if (known !== undefined) return known;
  const bySection = new Map<string, LineInfo[]>();
  for (const line of btfExt.lines) {
    const lines = bySection.get(line.section);
    if (lines === undefined) bySection.set(line.section, [line]);
    else lines.push(line);
  }
  for (const lines of bySection.values()) lines.sort((a, b) => a.offset - b.offset);
  sortedLines.set(btfExt, bySection);
  return bySection;
}

function programsOf(functions: readonly BpfFunction[]) {
  const names = new Set<string>();
  const twice: ObjectProblem[] = [];
  const programs: BpfProgram[] = [];
  for (const item of functions) {
    if (item.section === ".text") continue;
    if (names.has(item.name)) {
      twice.push({
        code: "program-twice",
        section: item.section,
        symbol: item.name,
        message: "another program has the same name",
      });
    }
    names.add(item.name);
    programs.push({ ...item, ...sectionMeaning(item.section) });
  }
  return { programs, twice };
}

function unresolvedOf(
  functions: readonly BpfFunction[],
  externs: readonly BpfExtern[],
): UnresolvedReference[] {
  const known = new Set(externs.map(({ name }) => name));
  return functions.flatMap(({ name, section, undefined: references }) =>
    references
      .filter(({ symbol }) => !known.has(symbol))
      .map((reference) => ({ ...reference, section, function: name })),
  );
}

/** The text up to the first zero byte. */
function licenseOf(section: ElfSection | undefined): string | undefined {
  if (section === undefined) return undefined;
  const end = section.data.indexOf(0);
  return Buffer.from(section.data.subarray(0, Math.min(end < 0 ? 128 : end, 128))).toString(
    "latin1",
  );
}

function structOps(section: ElfSection | undefined): ObjectProblem[] {
  if (section === undefined) return [];
  return [
    { code: "struct-ops", section: ".struct_ops", message: "gadgets cannot have this section" },
  ];
}
