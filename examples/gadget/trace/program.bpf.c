// Reports each call of execve: a tracepoint, a ring buffer, a hash map, a parameter, and code that differs by
// architecture. It needs the headers of the kernel and of libbpf, no others.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

// The number of a system call is the architecture's own.
#ifdef __TARGET_ARCH_arm64
#define NR_EXECVE 221
#else
#define NR_EXECVE 59
#endif

// Inspektor Gadget turns a field of this type into a time that people can read.
typedef __u64 gadget_timestamp;

struct event {
	gadget_timestamp timestamp_raw;
	__u32 pid;
	__u32 uid;
	__u64 calls;
	char comm[16];
};

// /sys/kernel/tracing/events/raw_syscalls/sys_enter/format
struct sys_enter {
	__u64 common;
	long id;
	unsigned long args[6];
};

// A parameter: the loader writes its value before the program is loaded. 0 means every process.
const volatile __u32 target_pid = 0;
const void *gadget_param_target_pid __attribute__((unused));

// Calls of each process.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} events SEC(".maps");

// How many events had no room in the ring buffer. The name tells Inspektor Gadget.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} events_lost_samples SEC(".maps");

// These names say: the data source `exec` is fed by the map `events` with `struct event`.
const void *gadget_map_tracer_events __attribute__((unused));
const void *gadget_tracer_exec___events___event __attribute__((unused));
const struct event *__gadget_tracer_type_exec __attribute__((unused));

static __always_inline __u64 count_call(__u32 pid)
{
	__u64 one = 1;
	__u64 *count = bpf_map_lookup_elem(&counts, &pid);

	if (!count) {
		bpf_map_update_elem(&counts, &pid, &one, BPF_ANY);
		return one;
	}
	return __sync_fetch_and_add(count, 1) + 1;
}

static __always_inline void count_lost(void)
{
	__u32 zero = 0;
	__u64 *lost = bpf_map_lookup_elem(&events_lost_samples, &zero);

	if (lost)
		*lost += 1;
}

SEC("tracepoint/raw_syscalls/sys_enter")
int trace_execve(struct sys_enter *ctx)
{
	struct event *event;
	__u32 pid;
	__u64 calls;

	if (ctx->id != NR_EXECVE)
		return 0;
	pid = bpf_get_current_pid_tgid() >> 32;
	if (target_pid && pid != target_pid)
		return 0;

	calls = count_call(pid);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		count_lost();
		return 0;
	}
	event->timestamp_raw = bpf_ktime_get_boot_ns();
	event->pid = pid;
	event->uid = (__u32)bpf_get_current_uid_gid();
	event->calls = calls;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

// It calls nothing that the kernel keeps for programs under the GPL.
char LICENSE[] SEC("license") = "Apache-2.0";
