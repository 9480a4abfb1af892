/** One object for one source: what the compiler orders by chance is put in order (docs/gadget-objects.md). */

import { text } from "../../base/bytes.ts";
import { byBytes } from "../../base/order.ts";
import { extRecords } from "./format/btf-ext.ts";
import {
  type BtfRecord,
  btfParts,
  btfRecords,
  namesOf,
  referencesOf,
} from "./format/btf-layout.ts";
import { readElf, viewOf } from "./format/elf.ts";
import { type Refuse, refuser } from "./format/refuse.ts";

/** The version of the form. Another order would be another version: it changes digests. */
export const OBJECT_FORM = "ingot-object/1";

/**
 * The object in its normal form, `OBJECT_FORM`: the forward declarations that end `.BTF`, which LLVM since 17 writes in the
 * order of addresses in its own memory, are in the order in which the other types first name them; so are their names. Every number that
 * names them follows. No section moves, nothing else changes, and doing it twice is doing it once.
 * `bytes` stay as they are, and are what is returned where there is nothing to order.
 * @throws malformed for what is no eBPF object
 */
export function normalizeObject(bytes: Uint8Array, at: string): Uint8Array {
  const refuse = refuser(at);
  const { sections } = readElf(bytes, at);
  const btf = sections.find(({ name }) => name === ".BTF");
  if (btf === undefined) return bytes;
  const original = btfParts(btf.data, refuse);
  const records = btfRecords(original.types, refuse);
  const count = trailingForwards(records);
  if (count < 2) return bytes;

  const changed = bytes.slice();
  const inCopy = ({ offset, size }: { offset: number; size: number }) =>
    changed.subarray(offset, offset + size);
  const copy = btfParts(inCopy(btf), refuse);
  const types = viewOf(copy.types);
  const others = records.slice(0, -count);
  const forwards = records.slice(-count);
  const order = byFirstReference(forwards, others, viewOf(original.types), original.strings);
  const first = forwards[0]!.id;
  const renumbered = new Map(order.map(({ id }, i) => [id, first + i]));
  const renumber = (view: DataView, place: number) => {
    const id = renumbered.get(view.getUint32(place, true));
    if (id !== undefined) view.setUint32(place, id, true);
  };
  for (const record of others) for (const place of referencesOf(record)) renumber(types, place);
  for (const [i, { offset, length }] of order.entries()) {
    copy.types.set(original.types.subarray(offset, offset + length), forwards[i]!.offset);
  }

  const ext = sections.find(({ name }) => name === ".BTF.ext");
  const named = new Set<number>();
  for (const record of others)
    for (const place of namesOf(record)) named.add(types.getUint32(place, true));
  if (ext !== undefined) {
    const view = viewOf(inCopy(ext));
    const names = extTypesAndNames(inCopy(ext), refuse, (place) => renumber(view, place));
    for (const name of names) named.add(name);
  }
  orderNames(forwards, types, copy.strings, named);
  return changed;
}

/** How many forward declarations the types end with. */
function trailingForwards(records: readonly BtfRecord[]): number {
  let count = 0;
  while (records[records.length - 1 - count]?.kind === "fwd") count++;
  return count;
}

/** Those that nothing names come last, by their names' bytes, structs before unions. */
function byFirstReference(
  forwards: readonly BtfRecord[],
  others: readonly BtfRecord[],
  types: DataView,
  strings: Uint8Array,
): BtfRecord[] {
  const left = new Map(forwards.map((record) => [record.id, record]));
  const order: BtfRecord[] = [];
  for (const record of others) {
    for (const place of referencesOf(record)) {
      const named = left.get(types.getUint32(place, true));
      if (named === undefined) continue;
      left.delete(named.id);
      order.push(named);
    }
  }
  const nameOf = ({ offset }: BtfRecord) =>
    text(stringAt(strings, types.getUint32(offset, true))) ?? "";
  const rest = [...left.values()].sort(
    (a, b) => byBytes(nameOf(a), nameOf(b)) || Number(a.flag) - Number(b.flag),
  );
  return [...order, ...rest];
}

/** The bytes of a string without its zero. */
function stringAt(strings: Uint8Array, offset: number): Uint8Array {
  const end = strings.indexOf(0, offset);
  return strings.subarray(offset, end < 0 ? strings.length : end);
}

/** Calls `onType` with the place of each type that `.BTF.ext` names, and returns the offsets of the strings that it names. */
function extTypesAndNames(
  ext: Uint8Array,
  refuse: Refuse,
  onType: (place: number) => void,
): number[] {
  const view = viewOf(ext);
  const names: number[] = [];
  const name = (place: number) => names.push(view.getUint32(place, true));
  for (const part of ["functions", "lines", "coreRelocations"] as const) {
    for (const { name: section, offset } of extRecords(ext, part, refuse).records) {
      names.push(section);
      if (part === "lines") name(offset + 4);
      else onType(offset + 4);
      if (part !== "functions") name(offset + 8);
    }
  }
  return names;
}

/**
 * Puts those strings at the table's end that nothing but `forwards` names into the order of `forwards`. Strings of others, `named`,
 * keep their place.
 */
function orderNames(
  forwards: readonly BtfRecord[],
  types: DataView,
  strings: Uint8Array,
  named: ReadonlySet<number>,
): void {
  const own = new Set(
    forwards.map(({ offset }) => types.getUint32(offset, true)).filter((name) => !named.has(name)),
  );
  const start = startOfOwn(own, named, strings);
  const before = strings.slice();
  const moved = new Map<number, number>();
  let end = start;
  for (const { offset } of forwards) {
    const name = types.getUint32(offset, true);
    if (!own.has(name) || name < start) continue;
    if (!moved.has(name)) {
      moved.set(name, end);
      const string = stringAt(before, name);
      strings.set(string, end);
      strings[end + string.length] = 0;
      end += string.length + 1;
    }
    types.setUint32(offset, moved.get(name)!, true);
  }
}

/** Where the run of strings of `own` begins that ends the table; its length where there is none. */
function startOfOwn(
  own: ReadonlySet<number>,
  named: ReadonlySet<number>,
  strings: Uint8Array,
): number {
  let start = strings.length;
  for (const name of [...own].sort((a, b) => b - a)) {
    if (name === 0 || strings[name - 1] !== 0 || strings.indexOf(0, name) + 1 !== start) break;
    start = name;
  }
  for (const name of named) if (name >= start) return strings.length;
  return start;
}
