/** eBPF programs in C that need no header, and their objects as compilers leave them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { which } from "../process/needs.ts";
import { chance } from "./mutate.ts";

/** The clang and llvm-strip that may be installed, by version: Debian's names of them. */
export const COMPILERS = [
  { version: 14, clang: "clang-14", strip: "llvm-strip-14" },
  { version: 19, clang: "clang-19", strip: "llvm-strip-19" },
  { version: 22, clang: "clang-22", strip: "llvm-strip-22" },
] as const;

/** Those of `COMPILERS` that are here. */
export const installed = () =>
  COMPILERS.filter(({ clang, strip }) => [clang, strip].every((name) => which(name)));

export const HEAD = `typedef unsigned char __u8;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef _Bool bool;
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]
#define __type(name, value) typeof(value) *name
static long (*bpf_map_lookup_elem)(void *, const void *) = (void *)1;
static __u64 (*bpf_ktime_get_ns)(void) __attribute__((unused)) = (void *)5;
`;

/** The macros of Inspektor Gadget's headers that tell it what a program offers: what they leave in an object. */
export const MARKERS = `#define MARKER(name) const void *name __attribute__((unused))
#define GADGET_TRACER(name, map, type) MARKER(gadget_tracer_##name##___##map##___##type); const struct type *keep_##name
#define GADGET_ITER(name, type, program) MARKER(gadget_iter_##name##___##type##___##program); const struct type *keep_##name
#define GADGET_MAPITER(name, map) MARKER(gadget_mapiter_##name##___##map)
#define GADGET_PARAM(name) MARKER(gadget_param_##name)
#define GADGET_TRACER_MAP(name, size) \\
	struct { __uint(type, 27); __uint(max_entries, size); } name SEC(".maps"); \\
	MARKER(gadget_map_tracer_##name)
typedef __u64 gadget_timestamp;
typedef __u32 gadget_pid;
typedef char gadget_comm[16];
struct gadget_l3endpoint_t { __u8 version; __u8 padding[3]; __u8 address[16]; };
`;

/** A gadget with datasources of each kind, and parameters of each type. */
export const OFFERS = `${HEAD}${MARKERS}
enum outcome { FINE, BROKEN };
typedef enum outcome outcome_t;
struct process { gadget_comm comm; gadget_pid pid; };
typedef struct process hidden_process;
struct event {
	gadget_timestamp timestamp_raw;
	struct process proc;
	enum outcome outcome_raw;
	outcome_t last;
	union { __u32 low; __u64 whole; } number;
	struct { int inner; };
	char path[64];
	__u8 address[16];
	const volatile int answer;
	signed char code;
	bool ok;
	double ratio;
	float part;
	hidden_process behind;
	void *pointer;
	__int128 wide;
	int grid[2][2];
	int none[0];
	int bits : 3;
	__u32 __secret;
};
struct key { __u32 cpu; };
struct value { __u64 count; struct { __u64 sum; } total; };
GADGET_TRACER_MAP(events, 4096);
struct { __uint(type, 1); __uint(max_entries, 64); __type(key, struct key); __type(value, struct value); } counts SEC(".maps");
GADGET_TRACER(open, events, event);
GADGET_ITER(tasks, value, each);
GADGET_MAPITER(stats, counts);

const volatile int limit = -5; GADGET_PARAM(limit);
const volatile bool quick = 1; GADGET_PARAM(quick);
const volatile __u64 large = 18446744073709551615ULL; GADGET_PARAM(large);
const volatile gadget_pid targ_pid = 0; GADGET_PARAM(targ_pid);
const volatile gadget_comm targ_comm = {}; GADGET_PARAM(targ_comm);
const volatile char prefix[8] = {}; GADGET_PARAM(prefix);
const volatile enum outcome wanted = BROKEN; GADGET_PARAM(wanted);
const volatile struct gadget_l3endpoint_t from = {}; GADGET_PARAM(from);
const volatile double rate = 0.5; GADGET_PARAM(rate);

SEC("tracepoint/syscalls/sys_enter_openat") int on_open(void *ctx)
{
	struct key key = { limit + quick + large + targ_pid + targ_comm[0] + prefix[1] + wanted + from.version };
	struct value *value = (void *)bpf_map_lookup_elem(&counts, &key);
	if (bpf_map_lookup_elem(&events, &key)) return *(volatile char *)&rate;
	return value != 0;
}
SEC("iter/task") int each(void *ctx) { struct event *event = ctx; return event ? event->outcome_raw : 0; }
char LICENSE[] SEC("license") = "GPL";
`;

/** Something of each thing that an object may hold. */
export const RICH = `${HEAD}
enum color { RED, GREEN = 5, BLUE = -1 };
union both { __u32 a; char b[8]; };
struct inner { __u32 x; struct { __u64 y; }; union both u; };
struct event {
	__u64 timestamp;
	__u32 pid : 20, flags : 12;
	char comm[16];
	enum color color;
	struct inner inner;
	void *pointer;
	int matrix[2][3];
	int (*callback)(void *, __u32, ...);
};
struct opaque;
struct task { int pid; struct task *parent; } __attribute__((preserve_access_index));

struct { __uint(type, 27); __uint(max_entries, 4096); } events SEC(".maps");
struct { __uint(type, 1); __uint(max_entries, 64); __type(key, __u32); __type(value, struct event); } table SEC(".maps");
struct { __uint(type, 12); __uint(max_entries, 2); __uint(key_size, 4);
	struct { __uint(type, 2); __uint(max_entries, 7); __uint(key_size, 4); __uint(value_size, 8); } *values[]; } nested SEC(".maps");

const void *gadget_tracer_open___events___event __attribute__((unused));
const void *gadget_param_limit __attribute__((unused));
const volatile int limit = 42;
static const volatile bool hidden = 1;
volatile __u64 counter = 7;
__u32 zeros[4];
struct opaque *far_away;

extern int kernel_function(int) __attribute__((section(".ksyms")));
extern int maybe(int) __attribute__((section(".ksyms"), weak));
extern int CONFIG_HZ __attribute__((section(".kconfig")));
extern int nobody(int);

static __attribute__((noinline)) int helper(int x) { return x * bpf_ktime_get_ns(); }

SEC("kprobe/do_sys_open") int on_open(struct task *task)
{
	__u32 key = limit + hidden;
	struct event *event = (void *)bpf_map_lookup_elem(&table, &key);
	if (bpf_map_lookup_elem(&nested, &key) || bpf_map_lookup_elem(&events, &key)) return 3;
	if (event) counter += event->pid;
	zeros[1]++;
	return helper(key) + task->parent->pid;
}
SEC("?tracepoint/sched/sched_process_exec") int on_exec(void *ctx)
{
	return nobody(kernel_function(CONFIG_HZ)) + (maybe ? maybe(1) : 0) + helper(2) + (far_away != 0);
}
SEC("iter/task") int each(void *ctx) { return 0; }
char LICENSE[] SEC("license") = "Dual MIT/GPL";
`;

/**
 * A program of many structs that name each other, most of them only by pointers: its BTF ends with forward declarations, which
 * compilers since LLVM 17 order by addresses in their memory, that is by lengths of paths and variables. The same text each time.
 */
export function manyStructs(count = 600): string {
  const random = chance(5);
  const below = (limit: number) => Math.floor(random() * limit);
  const structs = Array.from({ length: count }, (_, i) => {
    const members = Array.from({ length: 1 + below(25) }, (_, j) =>
      random() < 0.6
        ? `\t${random() < 0.1 ? "union u" : "struct s"}${below(count)} *f${j}_${"x".repeat(1 + below(30))};`
        : `\t__u64 g${j}_${"y".repeat(1 + below(30))};`,
    );
    return `struct s${i} {\n${members.join("\n")}\n};\nunion u${i} { struct s${i} *s; };`;
  });
  const taken = Array.from({ length: 40 }, (_, i) => `\tstruct s${(i * 37) % count} p${i};`);
  return `${HEAD}
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
${Array.from({ length: count }, (_, i) => `struct s${i}; union u${i};`).join(" ")}
${structs.join("\n")}
#pragma clang attribute pop
struct event {\n${taken.join("\n")}\n\tint s7, u9;\n};
struct { __uint(type, 1); __uint(max_entries, 1); __type(key, __u32); __type(value, struct event); } m SEC(".maps");
SEC("tracepoint/sched/sched_process_exec") int on_exec(struct s5 *context)
{
	__u32 key = 0;
	return bpf_map_lookup_elem(&m, &key) ? 1 : 0;
}
char LICENSE[] SEC("license") = "GPL";
`;
}

/** The object that `source` compiles to, stripped of its debug information as gadgets are. */
export function compileObject(
  source: string,
  { clang, strip }: { clang: string; strip: string },
  { keepDebug = false, flags = [] }: { keepDebug?: boolean; flags?: readonly string[] } = {},
): Uint8Array {
  const dir = mkdtempSync(join(tmpdir(), "ingot-object-"));
  try {
    writeFileSync(join(dir, "program.bpf.c"), source);
    const run = (program: string, ...args: string[]) =>
      execFileSync(program, args, { cwd: dir, stdio: ["ignore", "pipe", "pipe"] });
    run(
      clang,
      ...["-target", "bpf", "-g", "-O2", "-fdebug-compilation-dir=."],
      ...flags,
      "-c",
      "program.bpf.c",
      "-o",
      "program.o",
    );
    if (!keepDebug) run(strip, "-g", "program.o");
    return new Uint8Array(readFileSync(join(dir, "program.o")));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
