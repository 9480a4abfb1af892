/** Functions of an object, and what their instructions refer to (Linux, Documentation/bpf/standardization/instruction-set.rst). */
import {
  type ElfFile,
  type ElfRelocation,
  type ElfSection,
  type ElfSymbol,
  SHF_EXECINSTR,
  SHT_PROGBITS,
  STB_LOCAL,
  STT_FUNC,
  STT_NOTYPE,
  STT_SECTION,
  viewOf,
} from "./format/elf.ts";
import type { ObjectProblem } from "./problem.ts";

/** A function with code: a program, or, in `.text`, one that programs call. */
export interface BpfFunction {
  readonly name: string;
  /** The name of its section, and the section's index. */
  readonly section: string;
  readonly sectionIndex: number;
  /** Bytes from the section's start, and of its code. */
  readonly offset: number;
  readonly size: number;
  /** Numbers of the helpers (BPF_FUNC_…) that it calls itself, ascending, each once. */
  readonly helpers: readonly number[];
  /** The functions of this object that it calls or passes on, by name, in the order of the code, each once. */
  readonly calls: readonly string[];
  /** Symbols of its code that this object does not define, in the order of the code. */
  readonly undefined: readonly UndefinedReference[];
}

export interface UndefinedReference {
  readonly symbol: string;
  /** The instruction's number in its function, from 0; one of 16 bytes counts twice. */
  readonly instruction: number;
  readonly call: boolean;
}

/** Where the code of a program or a subprogram is. */
export const isCode = ({ type, flags, size }: ElfSection) =>
  type === SHT_PROGBITS && (flags & SHF_EXECINSTR) !== 0 && size > 0;

/** All functions, by section and place in it, and what of the code no loader takes. */
export function readFunctions(elf: ElfFile): {
  functions: readonly BpfFunction[];
  problems: readonly ObjectProblem[];
} {
  const problems: ObjectProblem[] = [];
  const spans = new Map<number, Span[]>();
  const symbols = groupBy(elf.symbols.filter(isFunction), ({ section }) => section);
  for (const section of elf.sections.filter(isCode)) {
    const found = spansOf(section, symbols.get(section.index) ?? []);
    spans.set(section.index, found);
    if (found.length === 0) {
      problems.push({
        code: "section-without-symbols",
        section: section.name,
        message: "its code belongs to no function: no symbol names it",
      });
    }
    for (const { name, size } of found) {
      if (size > 0) continue;
      problems.push({
        code: "function-empty",
        section: section.name,
        symbol: name,
        message: "it has no instructions",
      });
    }
  }
  const relocations = groupBy(elf.relocations, ({ section }) => section);
  const functions = elf.sections.filter(isCode).flatMap((section) => {
    const own = relocations.get(section.index) ?? [];
    const references = groupBy(own, ({ offset }) => indexOfSpan(spans.get(section.index)!, offset));
    return spans.get(section.index)!.map((span, i) => ({
      name: span.name,
      section: section.name,
      sectionIndex: section.index,
      offset: span.offset,
      size: span.size,
      ...contentOf(section, span, references.get(i) ?? [], spans),
    }));
  });
  return { functions, problems };
}

interface Span {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

const isFunction = ({ name, type, binding }: ElfSymbol) =>
  name !== "" && (type === STT_FUNC || (type === STT_NOTYPE && binding !== STB_LOCAL));

/** From each symbol to the next, or to the end. Symbols beyond the end are of no function. */
function spansOf({ size }: ElfSection, symbols: readonly ElfSymbol[]): Span[] {
  const ordered = symbols
    .filter(({ value }) => value <= size)
    .sort((a, b) => a.value - b.value || a.index - b.index);
  return ordered.map(({ name, value }, i) => ({
    name,
    offset: value,
    size: (ordered[i + 1]?.value ?? size) - value,
  }));
}

/** The last span that begins at `offset` or before; -1 where there is none. */
function indexOfSpan(spans: readonly Span[], offset: number): number {
  let [low, high] = [0, spans.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (spans[middle]!.offset <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const WIDTH = 8;
const LOAD_64 = 0x18;
const CALL = 0x85;
const PSEUDO_CALL = 1;
const PSEUDO_FUNC = 4;

/** What the code of `span` calls and refers to. */
function contentOf(
  { index, data }: ElfSection,
  { offset, size }: Span,
  relocations: readonly ElfRelocation[],
  spans: ReadonlyMap<number, readonly Span[]>,
): Pick<BpfFunction, "helpers" | "calls" | "undefined"> {
  const helpers = new Set<number>();
  const calls = new Set<string>();
  const missing: UndefinedReference[] = [];
  const byOffset = new Map(relocations.map((relocation) => [relocation.offset, relocation]));
  const view = viewOf(data);
  const called = (section: number, at: number) => {
    const there = spans.get(section) ?? [];
    const target = there[indexOfSpan(there, at)];
    if (target !== undefined) calls.add(target.name);
  };
  const end = Math.min(offset + size, data.length);
  for (let at = offset; at + WIDTH <= end; at += WIDTH) {
    const opcode = view.getUint8(at);
    const source = view.getUint8(at + 1) >>> 4;
    const value = view.getInt32(at + 4, true);
    const symbol = byOffset.get(at)?.symbol;
    const wide = opcode === LOAD_64;
    if (symbol?.section === 0 && symbol.name !== "") {
      missing.push({
        symbol: symbol.name,
        instruction: (at - offset) / WIDTH,
        call: opcode === CALL,
      });
    } else if (symbol !== undefined && spans.has(symbol.section)) {
      // Against a section the place is in the instruction: of a call in words from the next one, of an address in bytes.
      const within = wide ? value : (value + 1) * WIDTH;
      called(symbol.section, symbol.type === STT_SECTION ? within : symbol.value);
    } else if (opcode === CALL && source === 0) {
      helpers.add(value);
    } else if (symbol === undefined && opcode === CALL && source === PSEUDO_CALL) {
      called(index, at + (value + 1) * WIDTH);
    } else if (symbol === undefined && wide && source === PSEUDO_FUNC) {
      called(index, at + (value + 1) * WIDTH);
    }
    if (wide) at += WIDTH;
  }
  return {
    helpers: [...helpers].sort((a, b) => a - b),
    calls: [...calls],
    undefined: missing,
  };
}

function groupBy<T, K>(items: readonly T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}
