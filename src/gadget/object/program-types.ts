/** What a section's name says about the programs in it, as cilium/ebpf and libbpf read it. */

export interface SectionMeaning {
  /** The kernel's name of the program type, as bpftool writes it; "unspec" where the name says nothing. */
  readonly type: string;
  /** What the program is attached to: what stands behind the first slash, for types that are attached by name; else "". */
  readonly attachTo: string;
}

/**
 * In this order. With `+` at the end the section's name is this, or this and a slash and what to attach to; without, the name
 * begins with it.
 */
const PATTERNS: readonly (readonly [type: string, patterns: string])[] = [
  ["socket_filter", "socket"],
  ["sk_reuseport", "sk_reuseport"],
  [
    "kprobe",
    "kprobe+ uprobe+ uprobe.s+ kretprobe+ uretprobe+ uretprobe.s+ kprobe.multi+ kretprobe.multi+ kprobe.session+ uprobe.multi+ uretprobe.multi+ uprobe.session+ uprobe.multi.s+ uretprobe.multi.s+ uprobe.session.s+ ksyscall+ kretsyscall+ usdt+ usdt.s+",
  ],
  ["sched_cls", "tc/ingress tc/egress tcx/ingress tcx/egress tc classifier"],
  ["sched_act", "action"],
  ["sched_cls", "netkit/primary netkit/peer"],
  ["tracepoint", "tracepoint+ tp+"],
  ["raw_tracepoint", "raw_tracepoint+ raw_tp+"],
  ["raw_tracepoint_writable", "raw_tracepoint.w+ raw_tp.w+"],
  ["tracing", "tp_btf+ fentry+ fmod_ret+ fexit+ fentry.s+ fmod_ret.s+ fexit.s+"],
  ["ext", "freplace+"],
  ["lsm", "lsm+ lsm.s+ lsm_cgroup+"],
  ["tracing", "iter+ iter.s+"],
  ["syscall", "syscall"],
  ["xdp", "xdp"],
  ["perf_event", "perf_event"],
  ["lwt_in", "lwt_in"],
  ["lwt_out", "lwt_out"],
  ["lwt_xmit", "lwt_xmit"],
  ["lwt_seg6local", "lwt_seg6local"],
  ["sock_ops", "sockops"],
  ["sk_skb", "sk_skb"],
  ["sk_msg", "sk_msg"],
  ["lirc_mode2", "lirc_mode2"],
  ["flow_dissector", "flow_dissector"],
  ["cgroup_skb", "cgroup_skb/ingress cgroup_skb/egress cgroup/skb"],
  [
    "cgroup_sock",
    "cgroup/sock_create cgroup/sock_release cgroup/sock cgroup/post_bind4 cgroup/post_bind6",
  ],
  [
    "cgroup_sock_addr",
    "cgroup/bind4 cgroup/bind6 cgroup/connect4 cgroup/connect6 cgroup/connect_unix cgroup/sendmsg4 cgroup/sendmsg6 cgroup/sendmsg_unix cgroup/recvmsg4 cgroup/recvmsg6 cgroup/recvmsg_unix cgroup/getpeername4 cgroup/getpeername6 cgroup/getpeername_unix cgroup/getsockname4 cgroup/getsockname6 cgroup/getsockname_unix",
  ],
  ["cgroup_sysctl", "cgroup/sysctl"],
  ["cgroup_sockopt", "cgroup/getsockopt cgroup/setsockopt"],
  ["cgroup_device", "cgroup/dev"],
  ["struct_ops", "struct_ops+ struct_ops.s+"],
  ["sk_lookup", "sk_lookup"],
  ["netfilter", "netfilter"],
];

const ROWS = PATTERNS.flatMap(([type, patterns]) =>
  patterns.split(" ").map((pattern) => ({ type, pattern })),
);

/** What the name of the section `section` says. A leading `?` (not loaded unless asked for) is dropped. */
export function sectionMeaning(section: string): SectionMeaning {
  const name = section.replace(/^\?/, "");
  const slash = name.indexOf("/");
  const first = slash < 0 ? name : name.slice(0, slash);
  for (const { type, pattern } of ROWS) {
    if (!pattern.endsWith("+")) {
      if (name.startsWith(pattern)) return { type, attachTo: "" };
    } else if (first === pattern.slice(0, -1)) {
      return { type, attachTo: slash < 0 ? "" : name.slice(slash + 1) };
    }
  }
  return { type: "unspec", attachTo: "" };
}
