/** What a program offers: datasources with their fields, parameters with their types and defaults. */
import assert from "node:assert/strict";
import { readDatasources } from "../../../../src/gadget/interface/datasources.ts";
import { readParams } from "../../../../src/gadget/interface/ebpf-params.ts";
import { readMarkers } from "../../../../src/gadget/interface/markers.ts";
import { readObject } from "../../../../src/gadget/object/object.ts";
import {
  COMPILERS,
  compileObject,
  HEAD,
  MARKERS,
  OFFERS,
} from "../../../support/gadget/sources.ts";
import { testWith } from "../../../support/process/needs.ts";

for (const compiler of COMPILERS) {
  const { version, clang, strip } = compiler;
  testWith([clang, strip], `all that a gadget offers, of clang ${version}`, () => {
    const object = readObject(compileObject(OFFERS, compiler), "x");
    const { markers, problems } = readMarkers(object);
    assert.deepEqual(problems, []);
    const read = readDatasources(object, markers);
    assert.deepEqual(read.problems, []);
    assert.deepEqual(
      read.datasources.map(({ name, kind, structs, map, programs }) =>
        [name, kind, structs.join("+"), map, programs.join()].join(" "),
      ),
      [
        "open tracer event events ",
        "tasks iterator value  each",
        "stats map-iterator key+value counts ",
      ],
    );
    const [open, tasks, stats] = read.datasources.map(({ fields }) =>
      fields.map(({ name, kind, offset, size }) => `${name} ${kind} ${offset} ${size}`),
    );
    assert.deepEqual(tasks, ["count uint64 0 8", "total bytes 8 8", "total.sum uint64 8 8"]);
    assert.deepEqual(stats, [
      "cpu uint32 0 4",
      "count uint64 0 8",
      "total bytes 8 8",
      "total.sum uint64 8 8",
    ]);
    assert.deepEqual(open, [
      "timestamp_raw uint64 0 8",
      "proc bytes 8 20",
      "proc.comm string 8 16",
      "proc.pid uint32 24 4",
      "outcome_raw uint32 28 4",
      "last uint32 32 4",
      "number bytes 40 8",
      "number.low uint32 40 4",
      "number.whole uint64 40 8",
      " bytes 48 4",
      ".inner int32 48 4",
      "path string 52 64",
      "address uint8[16] 116 16",
      "answer int32 132 4",
      "code int8 136 1",
      "ok bool 137 1",
      "ratio float64 144 8",
      "part float32 152 4",
      "bits int32 224 4",
    ]);
    const fields = read.datasources[0]!.fields;
    assert.deepEqual(
      fields.filter(({ isEnum }) => isEnum).map(({ name }) => name),
      ["outcome_raw", "last"],
    );
    assert.deepEqual(fields[2]!.typedefs, ["gadget_comm"]);
    const params = readParams(object, markers);
    assert.deepEqual(params.problems, []);
    assert.deepEqual(
      params.params.map(({ variable, key, type, length, default: value, isWellKnown }) =>
        [variable, key, type, length, value, isWellKnown].join(" "),
      ),
      [
        "limit limit int32  -5 false",
        "quick quick bool  true false",
        "large large uint64  18446744073709551615 false",
        "targ_pid pid uint32  0 true",
        "targ_comm comm string 16  true",
        "prefix prefix string 8  false",
        "wanted wanted unknown   false",
        "from from ip  0.0.0.0 false",
        "rate rate float64   false",
      ],
    );
  });
}

const PROGRAM = `SEC("tracepoint/a/b") int program(void *ctx) { return 0; }
char LICENSE[] SEC("license") = "GPL";
`;

const WRONG: Readonly<Record<string, string>> = {
  "GADGET_TRACER(open, nomap, event);": "open: map-missing nomap",
  'struct { __uint(type, 1); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32); } table SEC(".maps"); GADGET_TRACER(open, table, event);':
    "open: map-type table: hash, not ringbuf or perf_event_array",
  "GADGET_TRACER(open, events, other);": "open: struct-missing other",
  "GADGET_ITER(tasks, event, nosuch);": "tasks: program-missing nosuch",
  "GADGET_ITER(tasks, event, program);": "tasks: program-type program: tracepoint/a/b, not iter/…",
  "GADGET_MAPITER(stats, nomap);": "stats: map-missing nomap",
  "GADGET_MAPITER(stats, events);": "stats: map-type events: ringbuf, not hash",
  'struct { __uint(type, 1); __uint(max_entries, 1); __type(key, __u32); __type(value, struct event); } table SEC(".maps"); GADGET_MAPITER(stats, table);':
    "stats: map-key table",
  'struct { __uint(type, 1); __uint(max_entries, 1); __type(key, struct event); __type(value, __u32); } table SEC(".maps"); GADGET_MAPITER(stats, table);':
    "stats: map-value table",
  "GADGET_PARAM(nosuch);": "nosuch: missing",
  "static const volatile int p = 5; int use(void) { return p; } GADGET_PARAM(p);": "p: not-global",
  "volatile int p = 5; GADGET_PARAM(p);": "p: not-const",
  "const int p = 5; GADGET_PARAM(p);": "p: not-volatile",
  "MARKER(gadget_tracer_open___events);":
    "gadget_tracer_open___events: parts gadget_tracer_NAME___MAP___STRUCT",
  "static MARKER(gadget_param_p); const void **use(void) { return &gadget_param_p; }":
    "gadget_param_p: not-global",
  "int gadget_param_p;": "gadget_param_p: not-a-pointer",
  "void *gadget_param_p;": "gadget_param_p: not-const",
  "const int *gadget_param_p;": "gadget_param_p: not-void",
};

testWith(["clang-14", "llvm-strip-14"], "declarations that Inspektor Gadget refuses", () => {
  for (const [declared, said] of Object.entries(WRONG)) {
    const source = `${HEAD}${MARKERS}struct event { __u32 pid; } *event;\nGADGET_TRACER_MAP(events, 4096);\n${declared}\n${PROGRAM}`;
    const object = readObject(compileObject(source, COMPILERS[0]), "x");
    const { markers, problems } = readMarkers(object);
    const found = [
      ...problems.map(
        ({ variable, code, expected }) => `${variable}: ${code}${expected ? ` ${expected}` : ""}`,
      ),
      ...readDatasources(object, markers).problems.map(
        ({ marker, code, name, found, expected }) =>
          `${marker.parts[0]}: ${code} ${name}${found ? `: ${found}, not ${expected}` : ""}`,
      ),
      ...readParams(object, markers).problems.map(({ variable, code }) => `${variable}: ${code}`),
    ];
    assert.deepEqual(found, [said], declared);
  }
});
