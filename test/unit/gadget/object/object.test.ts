/** Reading objects: as compilers of several years write them, and as bpftool reads them. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { BtfType } from "../../../../src/gadget/object/format/btf.ts";
import { readObject, sourceLine } from "../../../../src/gadget/object/object.ts";
import { sectionMeaning } from "../../../../src/gadget/object/program-types.ts";
import {
  resolveType,
  spellType,
  typedefsOf,
  typeSize,
  typesNamed,
} from "../../../../src/gadget/object/types.ts";
import { COMPILERS, compileObject, HEAD, RICH } from "../../../support/gadget/sources.ts";
import { testWith } from "../../../support/process/needs.ts";
import { succeed } from "../../../support/process/run.ts";
import { tempDir } from "../../../support/process/temp.ts";

for (const compiler of COMPILERS) {
  const { version, clang, strip } = compiler;
  testWith([clang, strip], `everything in an object of clang ${version}`, () => {
    const object = readObject(compileObject(RICH, compiler), "rich");
    assert.deepEqual(
      object.programs.map(({ name, section, type, attachTo }) => [name, section, type, attachTo]),
      [
        ["on_open", "kprobe/do_sys_open", "kprobe", "do_sys_open"],
        [
          "on_exec",
          "?tracepoint/sched/sched_process_exec",
          "tracepoint",
          "sched/sched_process_exec",
        ],
        ["each", "iter/task", "tracing", "task"],
      ],
    );
    assert.deepEqual(
      object.functions.map(({ name, section, helpers, calls }) => [name, section, helpers, calls]),
      [
        ["helper", ".text", [5], []],
        ["on_open", "kprobe/do_sys_open", [1], ["helper"]],
        ["on_exec", "?tracepoint/sched/sched_process_exec", [], ["helper"]],
        ["each", "iter/task", [], []],
      ],
    );
    assert.deepEqual(
      object.unresolved.map(({ symbol, function: name, call }) => [symbol, name, call]),
      [["nobody", "on_exec", true]],
    );
    const maps = object.maps.map(({ keyType, valueType, inner, ...map }) => map);
    assert.deepEqual(
      maps.map(({ name, typeName, keySize, valueSize, maxEntries }) =>
        [name, typeName, keySize, valueSize, maxEntries].join(" "),
      ),
      ["table hash 4 96 64", "nested array_of_maps 4 0 2", "events ringbuf 0 0 4096"],
    );
    assert.equal(object.maps[1]?.inner?.typeName, "array");
    assert.equal(object.maps[1]?.inner?.maxEntries, 7);
    const btf = object.btf!;
    assert.equal(spellType(btf, object.maps[0]!.keyType!), "__u32");
    assert.equal(spellType(btf, object.maps[0]!.valueType!), "struct event");
    const variables = object.variables.filter(({ name }) => !name.startsWith("gadget_"));
    assert.deepEqual(
      variables.map(({ name, section, linkage, type, initial }) => [
        name,
        section,
        linkage,
        spellType(btf, type),
        initial && Buffer.from(initial).toString("hex"),
      ]),
      [
        ["limit", ".rodata", "global", "const volatile int", "2a000000"],
        ["hidden", ".rodata", "static", "const volatile bool", "01"],
        ["counter", ".data", "global", "volatile __u64", "0700000000000000"],
        ["zeros", ".bss", "global", "__u32[4]", undefined],
        ["far_away", ".bss", "global", "struct opaque *", undefined],
      ],
    );
    assert.deepEqual(
      [...object.ksyms, ...object.kconfig].map(({ name, kind, weak }) => [name, kind, weak]),
      [
        ["kernel_function", "func", false],
        ["maybe", "func", true],
        ["CONFIG_HZ", "var", false],
      ],
    );
    assert.equal(object.license, "Dual MIT/GPL");
    assert.deepEqual(object.problems, []);
    assert.deepEqual(
      object.btfExt?.coreRelocations.map(({ access, kind }) => [access, kind]),
      [
        ["0:1", 0],
        ["0:0", 0],
      ],
    );
    assert.match(sourceLine(object, "iter/task", 0)?.file ?? "", /program\.bpf\.c$/);
    const line = RICH.slice(0, RICH.indexOf('SEC("iter/task")')).split("\n").length;
    assert.equal(sourceLine(object, "iter/task", 0)?.line, line);
    const [event] = typesNamed(btf, "event", "struct");
    assert.deepEqual(
      event!.members.map(({ name, type, bitOffset, bitSize }) =>
        [name, spellType(btf, type), bitOffset, bitSize, typeSize(btf, type)].join(" "),
      ),
      [
        "timestamp __u64 0 0 8",
        "pid __u32 64 20 4",
        "flags __u32 84 12 4",
        "comm char[16] 96 0 16",
        "color enum color 224 0 4",
        "inner struct inner 256 0 24",
        "pointer void * 448 0 8",
        "matrix int[2][3] 512 0 24",
        "callback int (*)(void *, __u32, ...) 704 0 8",
      ],
    );
    const [color] = typesNamed(btf, "color", "enum");
    // clang 14 has no way to say that an enum is signed.
    assert.equal(color!.values[2]!.value, version === 14 ? 0xffffffffn : -1n);
    assert.deepEqual(typesNamed(btf, "__u32", "struct"), []);
    const [limit] = typesNamed(btf, "limit", "var");
    assert.equal(resolveType(btf, limit!.type).kind, "int");
    assert.deepEqual(typedefsOf(btf, object.variables[2]!.type), ["__u64"]);
  });
}

const EXTRA = `${HEAD}
#define tag(text) __attribute__((btf_decl_tag(text)))
enum large { FAR = 0x7fffffffff };
enum below { NEAR = -0x7fffffffff };
struct tagged { int a tag("a's"); double real; enum large large; enum below below; volatile int *restrict r; } tag("whole") tagged;
int __attribute__((btf_type_tag("user"))) *user;
union { struct tagged *t; long x; } either;
int later(int x tag("x's"));
SEC("xdp") int pass(void *ctx) { return later(tagged.a) + *user + (int)either.x; }
`;

for (const compiler of COMPILERS) {
  const { version, clang, strip } = compiler;
  testWith(
    [clang, strip, "bpftool"],
    `the types that bpftool reads, of clang ${version}`,
    async (t) => {
      const dir = tempDir(t);
      for (const [i, source] of [RICH, EXTRA].entries()) {
        const bytes = compileObject(source, compiler);
        const file = join(dir, `${i}.o`);
        writeFileSync(file, bytes);
        const { stdout } = await succeed(["bpftool", "-j", "btf", "dump", "file", file]);
        const btf = readObject(bytes, file).btf!;
        assert.deepEqual(
          btf.types.slice(1).map(asBpftool),
          JSON.parse(`${stdout}`).types.map(known),
        );
        const kinds = new Set(btf.types.map(({ kind }) => kind));
        if (i === 1 && version > 14)
          for (const kind of ["enum64", "decl-tag", "float"])
            assert.ok(kinds.has(kind as "enum64"), kind);
      }
    },
  );
}

type Dumped = Record<string, unknown>;

/** What of bpftool's answer both say. It writes enums of 32 bits by its own rule, so their values are compared as 32 bits. */
function known(type: Dumped): Dumped {
  const {
    id,
    kind,
    name,
    size,
    type_id,
    ret_type_id,
    nr_elems,
    members,
    params,
    vars,
    values,
    linkage,
    component_idx,
  } = type;
  const list = (items: unknown) => items as Dumped[] | undefined;
  return plain({
    id,
    kind,
    name: name === "(anon)" ? "" : name,
    size,
    type_id,
    ret_type_id,
    nr_elems,
    linkage,
    component_idx,
    members: list(members)?.map(({ name, type_id, bits_offset, bitfield_size }) => [
      name === "(anon)" ? "" : name,
      type_id,
      bits_offset,
      bitfield_size ?? 0,
    ]),
    params: list(params)?.map(({ name, type_id }) => [name === "(anon)" ? "" : name, type_id]),
    vars: list(vars)?.map(({ type_id, offset, size }) => [type_id, offset, size]),
    values: list(values)?.map(({ name, val }) => [
      name,
      kind === "ENUM64"
        ? BigInt.asUintN(64, BigInt(val as number)).toString()
        : unsigned(Number(val)),
    ]),
  });
}

/** bpftool writes -1 of an enum that does not say that it is signed as 2^64 - 1. */
const unsigned = (value: number) => (value > 2 ** 53 ? 2 ** 32 - 1 : value >>> 0);

const plain = (value: Dumped): Dumped => JSON.parse(JSON.stringify(value));

const asBpftool = (type: BtfType): Dumped => {
  const { id, name } = type;
  const common = {
    id,
    kind: type.kind === "func-proto" ? "FUNC_PROTO" : type.kind.toUpperCase().replace("-", "_"),
    name,
  };
  switch (type.kind) {
    case "int":
    case "float":
      return { ...common, size: type.size };
    case "array":
      return { ...common, type_id: type.element, nr_elems: type.length };
    case "struct":
    case "union":
      return {
        ...common,
        size: type.size,
        members: type.members.map(({ name, type, bitOffset, bitSize }) => [
          name,
          type,
          bitOffset,
          bitSize,
        ]),
      };
    case "enum":
      return {
        ...common,
        size: type.size,
        values: type.values.map(({ name, value }) => [name, Number(BigInt.asUintN(32, value))]),
      };
    case "enum64":
      return {
        ...common,
        size: type.size,
        values: type.values.map(({ name, value }) => [name, BigInt.asUintN(64, value).toString()]),
      };
    case "func-proto":
      return {
        ...common,
        ret_type_id: type.result,
        params: type.parameters.map(({ name, type }) => [name, type]),
      };
    case "func":
    case "var":
      return { ...common, type_id: type.type, linkage: type.linkage };
    case "datasec":
      return {
        ...common,
        size: type.size,
        vars: type.variables.map(({ type, offset, size }) => [type, offset, size]),
      };
    case "decl-tag":
      return { ...common, type_id: type.type, component_idx: type.component };
    case "fwd":
    case "void":
      return common;
    default:
      return { ...common, type_id: type.type };
  }
};

test("what a section's name says", () => {
  const of = (section: string) => {
    const { type, attachTo } = sectionMeaning(section);
    return attachTo === "" ? type : `${type} → ${attachTo}`;
  };
  const said = {
    "kprobe/do_x": "kprobe → do_x",
    kprobe: "kprobe",
    "kprobe.multi/x*": "kprobe → x*",
    kprobes: "unspec",
    "?uretprobe/libc:malloc": "kprobe → libc:malloc",
    "tracepoint/a/b": "tracepoint → a/b",
    "raw_tp/sys_enter": "raw_tracepoint → sys_enter",
    "tp_btf/x": "tracing → x",
    "iter/task": "tracing → task",
    "fentry/x": "tracing → x",
    "lsm/file_open": "lsm → file_open",
    socket1: "socket_filter",
    sockops: "sock_ops",
    "classifier/ingress/x": "sched_cls",
    tcx: "sched_cls",
    "xdp.frags/devmap": "xdp",
    "perf_event/x": "perf_event",
    "cgroup/skb": "cgroup_skb",
    "cgroup/sock_create": "cgroup_sock",
    "foo/bar": "unspec",
    ".text": "unspec",
  };
  assert.deepEqual(Object.fromEntries(Object.keys(said).map((name) => [name, of(name)])), said);
});

testWith(["clang-14", "llvm-strip-14"], "definitions that no loader takes are problems", () => {
  const source = `${HEAD}
struct { __uint(type, 1); __type(key, __u32); __uint(key_size, 4); __type(value, void); } both SEC(".maps");
struct { __uint(type, 1); __uint(sort, 4); } unknown SEC(".maps");
int number SEC(".maps");
SEC("xdp") int pass(void *ctx) { return bpf_map_lookup_elem(&both, &number) + bpf_map_lookup_elem(&unknown, 0); }
int filled[4] SEC(".struct_ops") = { 1 };
`;
  const { problems } = readObject(compileObject(source, COMPILERS[0]), "x");
  assert.deepEqual(
    problems.map(
      ({ code, section, symbol, message }) => `${code} ${section} ${symbol}: ${message}`,
    ),
    [
      'map-definition .maps both: both "key" and "key_size" are given (expected one)',
      'map-definition .maps both: its "value" is not a type with a size, made with __type',
      "map-definition .maps number: it is not a struct",
      'map-definition .maps unknown: "sort" is not a field of a map definition',
      "struct-ops .struct_ops undefined: gadgets cannot have this section",
    ],
  );
});
