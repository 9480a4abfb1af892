/** Whether Inspektor Gadget can attach the programs: by their sections, and by what gadget.yaml says of them under `programs`. */

import { readMarkers } from "../interface/markers.ts";
import { nodeAt, textAt } from "../interface/metadata-params.ts";
import type { BpfObject, BpfProgram } from "../object/object.ts";
import { quoteForeign } from "../yaml/quote.ts";
import type { YamlNode } from "../yaml/tree.ts";
import type { ProblemList } from "./problem.ts";

const DISABLED = "gadget_program_disabled";

const ITERATORS = ["task", "task_file", "tcp", "udp", "ksym", "bpf_map_elem"];

/** Sections of types that more is attached of than Inspektor Gadget does, and what they must begin with. */
const PREFIXES: Readonly<Record<string, readonly string[]>> = {
  kprobe: ["kprobe/", "kretprobe/", "uprobe/", "uretprobe/", "usdt/"],
  tracing: ["iter/", "fentry/", "fexit/", "tp_btf/"],
};

/** Types of which every section is good. */
const ANY = new Set(["socket_filter", "raw_tracepoint", "sock_ops", "lsm"]);

/** Checks the programs of an object. @param yaml gadget.yaml, where there is one */
export function checkAttaching(
  object: BpfObject,
  yaml: YamlNode | undefined,
  problems: ProblemList,
): void {
  const { markers } = readMarkers(object);
  const targets = new Set(
    markers.flatMap(({ kind, parts }) =>
      kind === "iterator-target" || kind === "sk-target" ? [parts[0]] : [],
    ),
  );
  for (const program of object.programs) {
    const { name, section, offset } = program;
    const attachTo = textAt(yaml, "programs", name, "attach_to") ?? program.attachTo;
    if (attachTo === DISABLED) continue;
    const why = hindrance(program, { attachTo, hasTarget: targets.has(name), yaml });
    if (why === undefined) continue;
    problems.error(`Inspektor Gadget cannot attach the program ${quoteForeign(name)}: ${why}`, {
      ...{ section, symbol: name, offset },
    });
  }
  checkNames(object, yaml, problems);
}

interface Attaching {
  readonly attachTo: string;
  readonly hasTarget: boolean;
  readonly yaml: YamlNode | undefined;
}

/** Why it cannot be attached; undefined where it can. */
function hindrance(
  { type, section }: BpfProgram,
  { attachTo, hasTarget, yaml }: Attaching,
): string | undefined {
  if (ANY.has(type)) return undefined;
  const quoted = quoteForeign(section);
  const prefixes = PREFIXES[type];
  if (prefixes !== undefined && !prefixes.some((prefix) => section.startsWith(prefix))) {
    return `the section ${quoted} begins with none of ${prefixes.join(", ")}`;
  }
  switch (type) {
    case "kprobe":
      return undefined;
    case "tracing":
      if (!section.startsWith("iter/")) return undefined;
      if (!ITERATORS.includes(attachTo))
        return `of iterators it knows ${ITERATORS.join(", ")}, not ${quoteForeign(attachTo)}`;
      return attachTo === "bpf_map_elem" && !hasTarget
        ? "no GADGET_ITER_TARGET_MAP names its map"
        : undefined;
    case "tracepoint":
      return /^[^/]+\/[^/]/.test(attachTo)
        ? undefined
        : `${quoteForeign(attachTo)} is no CATEGORY/NAME of a tracepoint`;
    case "sched_cls":
      return /^classifier\/(?:ingress|egress)\/[^/]+$/.test(section)
        ? undefined
        : `the section ${quoted} should be classifier/ingress/NAME or classifier/egress/NAME`;
    case "sk_skb":
    case "sk_msg":
      return hasTarget ? undefined : "no GADGET_SK_TARGET_MAP names its map";
    case "perf_event":
      return perfHindrance(section, yaml);
    default:
      return type === "unspec"
        ? `the section ${quoted} says no type of program`
        : `it attaches no programs of the type ${type}`;
  }
}

/** What `programs.NAME` must say, by the section's name; one value each is known. */
const PERF: readonly (readonly [readonly string[], string])[] = [
  [["perf", "type"], "software"],
  [["perf", "config"], "count_sw_cpu_clock"],
  [["perf", "sampleType"], "sample_raw"],
];

function perfHindrance(section: string, yaml: YamlNode | undefined): string | undefined {
  if (!section.startsWith("perf_event/"))
    return `the section ${quoteForeign(section)} should be perf_event/NAME`;
  const name = section.slice("perf_event/".length);
  for (const [path, value] of PERF) {
    const key = ["programs", name, ...path].join(".");
    const found = textAt(yaml, "programs", name, ...path);
    if (found === undefined) return `gadget.yaml lacks ${key}: ${value}`;
    if (found !== value)
      return `in gadget.yaml ${key} is ${quoteForeign(found)}, should be ${value}`;
  }
  const frequency = textAt(yaml, "programs", name, "sampler", "frequency");
  if (frequency !== undefined && /^\d+$/.test(frequency) && Number(frequency) > 0) return undefined;
  const key = `programs.${name}.sampler.frequency`;
  return frequency === undefined
    ? `gadget.yaml lacks ${key}: a number above 0`
    : `in gadget.yaml ${key} is ${quoteForeign(frequency)}, should be a number above 0`;
}

/** `programs.X` for an X that is no program, nor the name of a perf event's section, has no effect. */
function checkNames(
  { programs }: BpfObject,
  yaml: YamlNode | undefined,
  problems: ProblemList,
): void {
  const mapping = nodeAt(yaml, "programs");
  if (mapping?.kind !== "mapping") return;
  const known = new Set(
    programs.flatMap(({ name, section }) =>
      [name, section.replace(/^perf_event\//, "")].map((it) => it.toLowerCase()),
    ),
  );
  for (const { key, at } of mapping.entries.values()) {
    if (known.has(key.toLowerCase())) continue;
    problems.warning(
      `"programs" names ${quoteForeign(key)}, and there is no such program: it has no effect`,
      { at },
    );
  }
}
