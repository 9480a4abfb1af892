/** Gadgets that Inspektor Gadget refuses, or that are in part without effect, and what is said of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeWasm } from "../../../../examples/gadget/hello/make-wasm.ts";
import { formatProblem } from "../../../../src/cli/output/error-messages.ts";
import { checkGadget } from "../../../../src/gadget/check/check.ts";
import {
  COMPILERS,
  compileObject,
  HEAD,
  MARKERS,
  OFFERS,
} from "../../../support/gadget/sources.ts";
import { testWith } from "../../../support/process/needs.ts";

const TOOLS = ["clang-14", "llvm-strip-14"];

/** What is said, without places, of a gadget; of several architectures, of each. */
function said(
  sources: string | Readonly<Record<string, string>>,
  yaml = "name: x\n",
  wasm?: Uint8Array,
): string[] {
  const all = typeof sources === "string" ? { amd64: sources } : sources;
  const ebpf = new Map(
    Object.entries(all).map(([arch, source]) => [arch, compileObject(source, COMPILERS[0])]),
  );
  const problems = checkGadget({
    ebpf,
    source: { name: "program.bpf.c", bytes: Buffer.from(Object.values(all)[0] ?? "") },
    wasm: wasm && { name: "program.wasm", bytes: wasm },
    metadata: { name: "gadget.yaml", bytes: Buffer.from(yaml) },
  });
  return problems.map(
    ({ level, message, hint }) => `${level}: ${message}${hint ? ` (${hint})` : ""}`,
  );
}

const EVENT = `struct event { __u32 pid; enum kind { A, B } kind_raw; gadget_uid uid; gadget_mntns_id ns; };
GADGET_TRACER_MAP(events, 4096);
`;
const START = `${HEAD}${MARKERS}typedef __u32 gadget_uid; typedef __u64 gadget_mntns_id;
${EVENT}`;
const program = (section: string, body = "return bpf_map_lookup_elem(&events, context) != 0;") =>
  `SEC("${section}") int program(void *context) { ${body} }\n`;
const LICENSE = 'char LICENSE[] SEC("license") = "GPL";\n';
const TRACEPOINT = program("tracepoint/syscalls/sys_enter_openat");
const TRACER = "GADGET_TRACER(open, events, event);\n";
const SOUND = `${START}${TRACER}${TRACEPOINT}${LICENSE}`;
const SOUND_YAML = `name: x
datasources:
  open:
    fields:
      pid: {annotations: {description: p}}
      kind: {annotations: {description: made of kind_raw}}
      user: {annotations: {description: made of uid}}
      k8s.pod: {annotations: {columns.hidden: "true"}}
`;
const PARAM = "const volatile int p = 5; GADGET_PARAM(p); int use(void) { return p; }\n";
const PARAM_YAML = "name: x\nparams:\n  ebpf:\n    p:\n      key: p\n";
const HASH =
  'struct { __uint(type, 1); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32); } hash SEC(".maps");\n';
const ELEM =
  "#define GADGET_ITER_TARGET_MAP(program, map) MARKER(gadget_mapelem_iter_target_##program##___##map)\n";
const SK =
  "#define GADGET_SK_TARGET_MAP(program, map) MARKER(gadget_sk_prog_target_##program##___##map)\n";
const PERF = (more: string) => `name: x\nprograms:\n  sampler:\n${more}`;

/** Source and gadget.yaml of a gadget, and all that is said of it. */
const CASES: Readonly<
  Record<string, readonly [source: string, yaml: string, said: readonly string[]]>
> = {
  sound: [SOUND, SOUND_YAML, []],
  "all that a gadget may offer": [OFFERS, "name: x\n", []],
  "a parameter": [SOUND + PARAM, PARAM_YAML, []],
  "nothing in it": [
    "",
    "name: x\n",
    [
      "error: the program has no types (.BTF): Inspektor Gadget does not run it (does the source hold a program or a variable?)",
    ],
  ],
  "an unknown section": [
    START + TRACER + program("foo/bar") + LICENSE,
    "name: x\n",
    [
      'error: Inspektor Gadget cannot attach the program "program": the section "foo/bar" says no type of program',
    ],
  ],
  "a section that is loaded and not attached": [
    START + TRACER + program("xdp") + LICENSE,
    "name: x\n",
    [
      'error: Inspektor Gadget cannot attach the program "program": it attaches no programs of the type xdp',
    ],
  ],
  "the same, switched off": [
    START + TRACER + program("xdp") + LICENSE,
    "name: x\nprograms: {program: {attach_to: gadget_program_disabled}}\n",
    [],
  ],
  "a kprobe of another kind": [
    START + TRACER + program("kprobe.multi/x") + LICENSE,
    "name: x\n",
    [
      'error: Inspektor Gadget cannot attach the program "program": the section "kprobe.multi/x" begins with none of kprobe/, kretprobe/, uprobe/, uretprobe/, usdt/',
    ],
  ],
  "a classifier": [
    START + TRACER + program("classifier/foo") + LICENSE,
    "name: x\n",
    [
      'error: Inspektor Gadget cannot attach the program "program": the section "classifier/foo" should be classifier/ingress/NAME or classifier/egress/NAME',
    ],
  ],
  "a tracepoint of no category": [
    START + TRACER + program("tracepoint/x") + LICENSE,
    "name: x\n",
    [
      'error: Inspektor Gadget cannot attach the program "program": "x" is no CATEGORY/NAME of a tracepoint',
    ],
  ],
  "an iterator that is unknown": [
    `${START}GADGET_ITER(all, event, program);\n${program("iter/bpf_map")}${LICENSE}`,
    "name: x\n",
    [
      'error: Inspektor Gadget cannot attach the program "program": of iterators it knows task, task_file, tcp, udp, ksym, bpf_map_elem, not "bpf_map"',
    ],
  ],
  "an iterator that nothing runs": [
    START + program("iter/task") + LICENSE,
    "name: x\n",
    ['warning: no GADGET_ITER names "program": nothing runs it'],
  ],
  "an iterator of elements without a map": [
    `${START}GADGET_ITER(all, event, program);\n${program("iter/bpf_map_elem")}${LICENSE}`,
    "name: x\n",
    [
      'error: Inspektor Gadget cannot attach the program "program": no GADGET_ITER_TARGET_MAP names its map',
    ],
  ],
  "one with a map": [
    `${START}${ELEM}GADGET_ITER(all, event, program); GADGET_ITER_TARGET_MAP(program, events);\n${program("iter/bpf_map_elem")}${LICENSE}`,
    "name: x\n",
    [],
  ],
  "a map that is not there": [
    `${START}${ELEM}GADGET_ITER(all, event, program); GADGET_ITER_TARGET_MAP(program, nomap);\n${program("iter/bpf_map_elem")}${LICENSE}`,
    "name: x\n",
    ['error: Inspektor Gadget refuses GADGET_ITER_TARGET_MAP: there is no map "nomap"'],
  ],
  "a map for another program": [
    `${START}${SK}GADGET_SK_TARGET_MAP(program, events);\n${TRACER}${TRACEPOINT}${LICENSE}`,
    "name: x\n",
    [
      'error: Inspektor Gadget refuses GADGET_SK_TARGET_MAP: the program "program" is of the type tracepoint, should be sk_skb or sk_msg',
    ],
  ],
  "perf events without their settings": [
    START + TRACER + program("perf_event/sampler") + LICENSE,
    "name: x\n",
    [
      'error: Inspektor Gadget cannot attach the program "program": gadget.yaml lacks programs.sampler.perf.type: software',
    ],
  ],
  "perf events": [
    START + TRACER + program("perf_event/sampler") + LICENSE,
    PERF(
      "    perf: {type: software, config: count_sw_cpu_clock, sampleType: sample_raw}\n    sampler: {frequency: 99}\n",
    ),
    [],
  ],
  "perf events that never come": [
    START + TRACER + program("perf_event/sampler") + LICENSE,
    PERF(
      "    perf: {type: software, config: count_sw_cpu_clock, sampleType: sample_raw}\n    sampler: {frequency: 0}\n",
    ),
    [
      'error: Inspektor Gadget cannot attach the program "program": in gadget.yaml programs.sampler.sampler.frequency is "0", should be a number above 0',
    ],
  ],
  "programs.X for no X": [
    SOUND,
    "name: x\nprograms: {nosuch: {attach_to: y}}\n",
    ['warning: "programs" names "nosuch", and there is no such program: it has no effect'],
  ],
  "a call of nothing": [
    `${START}extern int nobody(int);\n${TRACER}${program("tracepoint/a/b", "return nobody(1) + (bpf_map_lookup_elem(&events, context) != 0);")}${LICENSE}`,
    "name: x\n",
    [
      'error: nothing defines the function "nobody": the program program cannot be loaded (a helper without a declaration? The compiler warns of an implicit one; a kernel function belongs into .ksyms (__ksym))',
    ],
  ],
  "a call that is left out": [
    `${START}extern int nobody(int); __attribute__((noinline)) int unused(void) { return nobody(1); }\n${TRACER}${TRACEPOINT}${LICENSE}`,
    "name: x\n",
    [],
  ],
  "a helper for the GPL": [
    `${START}static int (*probe_read)(void *, int, void *) = (void *)113;\n${TRACER}${program("tracepoint/a/b", "return probe_read(context, 0, &events);")}`,
    "name: x\n",
    [
      'warning: there is no licence, and program calls helpers that the kernel keeps for the GPL (char LICENSE[] SEC("license") = "GPL"; or another that the kernel takes for it: "Dual BSD/GPL", "Dual MIT/GPL")',
    ],
  ],
  "no licence, and no such helper": [START + TRACER + TRACEPOINT, "name: x\n", []],
  "a tracer of a wrong map": [
    `${START}${HASH}GADGET_TRACER(open, hash, event);\n${TRACEPOINT}${LICENSE}`,
    SOUND_YAML,
    [
      'error: Inspektor Gadget refuses the datasource "open": the map "hash" is of the type hash, should be ringbuf or perf_event_array',
    ],
  ],
  "two datasources of one name": [
    `${SOUND}struct other { int x; } *other;\nMARKER(gadget_tracer_open___events___other);\n`,
    "name: x\n",
    [
      'warning: a second datasource is called "open": only one of them is there when the gadget runs',
    ],
  ],
  "a marker of too few parts": [
    `${START}MARKER(gadget_tracer_open___events);\n${TRACEPOINT}${LICENSE}`,
    SOUND_YAML,
    [
      'error: "gadget_tracer_open___events" has another number of parts than gadget_tracer_NAME___MAP___STRUCT: Inspektor Gadget refuses it',
    ],
  ],
  "a marker that is none": [
    `${SOUND}const int *gadget_param_p;\n`,
    "name: x\n",
    [
      'warning: "gadget_param_p" declares nothing: it does not point to void (the macros of <gadget/macros.h> make it a const void *)',
    ],
  ],
  "the older prefix": [
    `${START}MARKER(gadget_snapshotter_all___event___program);\n${program("iter/task")}${LICENSE}struct event *event;\n`,
    "name: x\n",
    [
      'warning: "gadget_snapshotter_all___event___program" has the older prefix gadget_snapshotter_ (GADGET_ITER makes one with gadget_iter_)',
    ],
  ],
  "a kernel stack without its map": [
    `${START}typedef __u32 gadget_kernel_stack; struct deep { gadget_kernel_stack stack; };\nGADGET_TRACER(open, events, deep);\n${TRACEPOINT}${LICENSE}`,
    "name: x\n",
    [
      'error: the field "stack" is a gadget_kernel_stack, and there is no map ig_kstack (include <gadget/kernel_stack_map.h>)',
    ],
  ],
  "a filter that is no constant": [
    `${SOUND}int gadget_filter_by_mntns = 1;\n`,
    "name: x\n",
    ['error: "gadget_filter_by_mntns" is not const volatile: Inspektor Gadget refuses it'],
  ],
  "a parameter of no variable": [
    `${SOUND}GADGET_PARAM(p);\n`,
    "name: x\n",
    ['error: Inspektor Gadget refuses the parameter "p": there is no variable "p"'],
  ],
  "a static parameter": [
    `${SOUND}static ${PARAM}`,
    "name: x\n",
    ['error: Inspektor Gadget refuses the parameter "p": the variable is static (take out static)'],
  ],
  "a parameter that is not volatile": [
    `${SOUND}const int p = 5; GADGET_PARAM(p);\n`,
    PARAM_YAML,
    [
      'error: the variable "p" is const, and not volatile: Inspektor Gadget refuses to build it',
      'warning: the parameter "p" is not volatile: should be const volatile (in gadget.yaml it is refused)',
    ],
  ],
  "a variable that is no parameter": [
    SOUND + PARAM.replace("GADGET_PARAM(p);", ""),
    PARAM_YAML,
    [
      'warning: no GADGET_PARAM names the variable "p": nobody can set the parameter (write GADGET_PARAM(p); in the program)',
    ],
  ],
  "a parameter that is not there": [
    SOUND + PARAM.replaceAll(/\bp\b/g, "limits"),
    PARAM_YAML.replaceAll(/\bp\b/g, "limit"),
    [
      'error: there is no variable "limit" in the eBPF program: Inspektor Gadget refuses to build it (perhaps "limits" is meant)',
    ],
  ],
  "another default": [
    SOUND + PARAM,
    `${PARAM_YAML}      defaultValue: "6"\n`,
    ['warning: the default of "p" is "6" here and 5 in the program: this one wins'],
  ],
  "the same default": [SOUND + PARAM, `${PARAM_YAML}      defaultValue: 0x5\n`, []],
  "a datasource that is not there": [
    SOUND,
    SOUND_YAML.replace("open", "opne"),
    [
      'warning: the program has no datasource "opne": what is said of it has no effect (it has "open")',
    ],
  ],
  "a field that is not there": [
    SOUND,
    SOUND_YAML.replace("pid", "pdi"),
    [
      'warning: the datasource "open" has no field "pdi": what is said of it has no effect (perhaps "pid" is meant)',
    ],
  ],
  "a field that an annotation makes": [
    SOUND,
    SOUND_YAML.replace(
      "kind: {annotations: {description: made of kind_raw}}",
      "kind_raw: {annotations: {ebpf.formatter.enum: sort}}\n      sort: {annotations: {description: s}}",
    ),
    [],
  ],
};

for (const [name, [source, yaml, expected]] of Object.entries(CASES)) {
  testWith(TOOLS, `a gadget: ${name}`, () => assert.deepEqual(said(source, yaml), expected));
}

testWith(TOOLS, "with a wasm program any datasource and any field may be there", () => {
  assert.deepEqual(said(SOUND, SOUND_YAML.replace("open", "other"), makeWasm()), []);
});

testWith(TOOLS, "what one architecture alone has is said to be so", () => {
  const other = SOUND.replace("tracepoint/syscalls/sys_enter_openat", "foo/bar");
  assert.deepEqual(said({ amd64: SOUND, arm64: other }), [
    'error: for arm64 alone: Inspektor Gadget cannot attach the program "program": the section "foo/bar" says no type of program',
  ]);
  assert.equal(said({ amd64: other, arm64: other }).length, 1);
});

testWith(TOOLS, "a problem names file, line and column, symbol and section", () => {
  const source = `${START}${TRACER}${program("foo/bar")}GADGET_PARAM(p);\n${LICENSE}`;
  const problems = checkGadget({
    ebpf: new Map([["amd64", compileObject(source, COMPILERS[0])]]),
    source: { name: "dir/program.bpf.c", bytes: Buffer.from(source) },
    wasm: undefined,
    metadata: { name: "dir/gadget.yaml", bytes: Buffer.from("name: x\nprograms:\n  nosuch: {}\n") },
  });
  const lineOf = (text: string) => source.slice(0, source.indexOf(text)).split("\n").length;
  assert.deepEqual(
    problems.map((problem) =>
      formatProblem(problem).replace(
        /: (error|warning): .*(\[.*\])?$/,
        (_, level) => ` ${level} ${problem.symbol} ${problem.section}`,
      ),
    ),
    [
      `dir/program.bpf.c:${lineOf("GADGET_PARAM(p);")}:1 error gadget_param_p undefined`,
      `dir/program.bpf.c:${lineOf('SEC("foo/bar")')}:1 error program foo/bar`,
      "dir/gadget.yaml:3:3 warning undefined undefined",
    ],
  );
  assert.match(formatProblem(problems[1]!), / \[symbol program in section foo\/bar\]$/);
});

test("parameters of an eBPF program that is not there", () => {
  assert.deepEqual(said({}, PARAM_YAML), [
    'error: "params.ebpf" needs an eBPF program, and there is none',
  ]);
});

test("wasm programs", () => {
  const name = (text: string) => [text.length, ...Buffer.from(text)];
  const module = (...sections: readonly (readonly [number, readonly number[]])[]) =>
    new Uint8Array([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0],
      ...sections.flatMap(([id, bytes]) => [id, bytes.length, ...bytes]),
    ]);
  assert.deepEqual(said({}, "name: x\n", makeWasm()), []);
  const found = said(
    {},
    "name: x\n",
    module(
      [2, [2, ...name("env"), ...name("f"), 0, 0, ...name("ig"), ...name("nosuch"), 0, 0]],
      [5, [1, 0, 0x81, 0x02]],
      [7, [1, ...name("_start"), 0, 0]],
    ),
  );
  assert.deepEqual(found, [
    "error: the wasm program does not export gadgetAPIVersion: Inspektor Gadget does not run it (it is a function that returns 1)",
    'error: the wasm program imports from "env": Inspektor Gadget has ig and wasi_snapshot_preview1 only',
    'error: the wasm program imports "nosuch" from ig: Inspektor Gadget 0.55 has no such function',
    "error: the wasm program wants 257 pages of memory: Inspektor Gadget gives at most 256",
    'warning: the wasm program is a command (_start), not a reactor (_initialize): nothing calls its start (Go: -buildmode=c-shared; Rust: crate-type = ["cdylib"])',
  ]);
});
