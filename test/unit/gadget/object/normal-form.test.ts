/** The normal form of objects: whatever order a compiler gave the forward declarations, the same bytes, of the same meaning. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { BtfType } from "../../../../src/gadget/object/format/btf.ts";
import {
  btfParts,
  btfRecords,
  referencesOf,
} from "../../../../src/gadget/object/format/btf-layout.ts";
import { readElf, viewOf } from "../../../../src/gadget/object/format/elf.ts";
import { refuser } from "../../../../src/gadget/object/format/refuse.ts";
import { normalizeObject } from "../../../../src/gadget/object/normal-form.ts";
import { readObject } from "../../../../src/gadget/object/object.ts";
import { spellType } from "../../../../src/gadget/object/types.ts";
import {
  COMPILERS,
  compileObject,
  HEAD,
  manyStructs,
  RICH,
} from "../../../support/gadget/sources.ts";
import { testWith } from "../../../support/process/needs.ts";

const refuse = refuser("test");

/** The same object with its last forward declarations, and their names at the end of the strings, in the order of `ranks`. */
function shuffled(bytes: Uint8Array, ranks: readonly number[]): Uint8Array {
  const copy = bytes.slice();
  const section = readElf(copy, "test").sections.find(({ name }) => name === ".BTF")!;
  const { types, strings } = btfParts(
    copy.subarray(section.offset, section.offset + section.size),
    refuse,
  );
  const records = btfRecords(types, refuse);
  const view = viewOf(types);
  const last = records.findLastIndex(({ kind }) => kind !== "fwd") + 1;
  const forwards = records.slice(last).map(({ id, offset }) => ({
    id,
    at: offset,
    name: view.getUint32(offset, true),
    bytes: types.slice(offset, offset + 12),
  }));
  const others = records.slice(0, last);
  const names = others.map(({ offset }) => view.getUint32(offset, true));
  const first = Math.min(
    ...forwards
      .map(({ name }) => name)
      .filter((name) => !names.includes(name) && name > Math.max(...names)),
  );
  const order = forwards
    .map((item, i) => ({ item, rank: ranks[i % ranks.length]! }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
  const ids = new Map(order.map(({ id }, i) => [id, forwards[i]!.id]));
  for (const record of others) {
    for (const place of referencesOf(record))
      view.setUint32(
        place,
        ids.get(view.getUint32(place, true)) ?? view.getUint32(place, true),
        true,
      );
  }
  const before = Buffer.from(strings);
  const moved = new Map<number, number>();
  let end = first;
  for (const [i, { name, bytes }] of order.entries()) {
    types.set(bytes, forwards[i]!.at);
    if (name < first) continue;
    if (!moved.has(name)) {
      moved.set(name, end);
      end += before.copy(strings, end, name, before.indexOf(0, name) + 1);
    }
    view.setUint32(forwards[i]!.at, moved.get(name)!, true);
  }
  assert.equal(end, strings.length);
  return copy;
}

/** All that an object says, in words that do not depend on the numbers of types and strings. */
function meaning(bytes: Uint8Array) {
  const { btf, btfExt, ...object } = readObject(bytes, "test");
  const spelled = (id: number) => spellType(btf!, id);
  const said = (type: BtfType) =>
    "members" in type ? type.members.map(({ name, type }) => `${name}: ${spelled(type)}`) : [];
  return {
    types: btf!.types
      .filter(({ kind }) => kind !== "fwd")
      .map((type) => [type.id, spelled(type.id), said(type)]),
    forwards: btf!.types
      .filter(({ kind }) => kind === "fwd")
      .map(({ id }) => spelled(id))
      .sort(),
    ext: [btfExt!.lines, btfExt!.coreRelocations, btfExt!.functions],
    programs: object.programs,
    maps: object.maps,
  };
}

for (const compiler of COMPILERS) {
  const { version, clang, strip } = compiler;
  testWith(
    [clang, strip],
    `any order of clang ${version}'s forward declarations has one normal form`,
    () => {
      const original = compileObject(manyStructs(), compiler);
      const normal = normalizeObject(original, "test");
      assert.deepEqual(normalizeObject(normal, "test"), normal);
      assert.deepEqual(meaning(normal), meaning(original));
      const count = readObject(normal, "test").btf!.types.filter(
        ({ kind }) => kind === "fwd",
      ).length;
      assert.ok(count > 100, `${count} forward declarations`);
      fc.assert(
        fc.property(fc.array(fc.nat(), { minLength: count, maxLength: count }), (ranks) => {
          const other = shuffled(original, ranks);
          assert.deepEqual(meaning(other), meaning(original));
          assert.ok(Buffer.compare(normalizeObject(other, "test"), normal) === 0);
        }),
        { numRuns: 20 },
      );
    },
  );
}

testWith(
  ["clang-19", "llvm-strip-19"],
  "forward declarations are in the order in which they are first named",
  () => {
    const source = `${HEAD}
struct zeta; union alpha; struct beta;
struct z { struct alef *a; } ; struct y { struct zeta *z; union alpha *u; struct beta *b; struct zeta *again; struct z *chain; };
struct y *y; int beta;
SEC("xdp") int pass(struct y *y) { return 2; }
`;
    const { types } = readObject(normalizeObject(compileObject(source, COMPILERS[1]), "x"), "x")
      .btf!;
    const named = types
      .flatMap((type) => ("members" in type ? type.members : []))
      .map(({ name }) => name);
    assert.deepEqual(named.slice(0, 4), ["z", "u", "b", "again"]);
    const forwards = types
      .filter(({ kind }) => kind === "fwd")
      .map(({ id, name }) => [id, name] as const);
    const order = forwards.map(([, name]) => name);
    assert.ok(order.length >= 3);
    assert.deepEqual(
      order.filter((name) => name !== "alef" && name !== "z"),
      ["zeta", "alpha", "beta"],
    );
  },
);

testWith(
  ["clang-14", "llvm-strip-14"],
  "an object without forward declarations, or without BTF, stays what it is",
  () => {
    for (const source of ["", "int x;", `${HEAD}SEC("xdp") int pass(void *ctx) { return 2; }`]) {
      const bytes = compileObject(source, COMPILERS[0]);
      assert.equal(normalizeObject(bytes, "x"), bytes);
    }
    const rich = compileObject(RICH, COMPILERS[0]);
    assert.deepEqual(normalizeObject(rich, "x"), rich);
  },
);

test("what is no object is refused", () => {
  assert.throws(() => normalizeObject(new Uint8Array(100), "x"), /7f454c46/);
});
