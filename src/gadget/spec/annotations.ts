import { suggest } from "../../base/suggest.ts";
import { isNothing, mappingOf, scalarOf, type YamlDiagnostics } from "../yaml/diagnostics.ts";
import { quoteForeign } from "../yaml/quote.ts";
import type { YamlEntry } from "../yaml/tree.ts";
import { didYouMeanKey, sameWord } from "./keys.ts";
import { type Check, checkValue } from "./values.ts";

/** What an annotation is attached to. */
export type AnnotatedKind = "gadget" | "datasource" | "field";

type Table = Readonly<Record<string, Check>>;

/** The templates of field annotations that Inspektor Gadget brings. */
const TEMPLATES = [
  ...["timestamp", "bytes", "duration", "node", "pod", "container", "namespace", "comm", "pcomm"],
  ...["containerImageName", "containerImageDigest", "containerPid", "containerStartedAt"],
  ...["pid", "ppid", "tid", "ptid", "uid", "gid", "ns", "mntns_id", "netns_id", "l4endpoint"],
  ...["syscall", "errorString", "user_stack"],
];

const FIELD: Table = {
  description: "text",
  template: { usually: TEMPLATES },
  "value.one-of": "text",
  "columns.width": "width",
  "columns.minwidth": "width",
  "columns.maxwidth": "width",
  "columns.precision": "integer",
  "columns.alignment": { oneOf: ["left", "right"] },
  "columns.ellipsis": { oneOf: ["", "start", "middle", "end"] },
  "columns.hidden": "boolean",
  "columns.fixed": "boolean",
  "columns.hex": "boolean",
  "columns.alias": "text",
  "columns.replace": "text",
  "json.skip": "boolean",
  "metrics.type": { usually: ["key", "counter", "gauge", "histogram"] },
  "metrics.name": "text",
  "metrics.description": "text",
  "metrics.unit": "text",
  "metrics.boundaries": "text",
  "logs.name": "text",
  "uidgidresolver.target": "text",
  "formatters.timestamp.target": "text",
  "formatters.timestamp.format": "text",
  "formatters.syscall.target": "text",
  "formatters.signal.target": "text",
  "formatters.errno.target": "text",
  "formatters.bytes.target": "text",
  "formatters.duration.target": "text",
  "formatters.file_mode.target": "text",
  "formatters.file_flags.target": "text",
  "ebpf.formatter.kstack": "text",
  "ebpf.formatter.enum": "text",
  "ebpf.formatter.bitfield.separator": "text",
  "flamegraph.level": "integer",
  "flamegraph.type": "text",
  "pcap.interface-key": "boolean",
  "pcap.interface-var": "text",
  "profiles.sample-attribute": "boolean",
  "content-type": "text",
};

const DATASOURCE: Table = {
  description: "text",
  "fetch-interval": "duration",
  "fetch-count": "integer",
  "cli.clear-screen-before": "boolean",
  "cli.supported-output-modes": "text",
  "cli.default-output-mode": "text",
  "cli.raw.fields": "text",
  "ebpf.map.flush-on-stop": "boolean",
  "ebpf.iter.fetch-on-stop": "boolean",
  "ebpf.rest.name": "text",
  "ebpf.rest.len": "text",
  "pcap.payload": "text",
  "pcap.timestamp": "text",
  "pcap.packet-length": "text",
  "metrics.collect": "boolean",
  "metrics.print": "boolean",
  "metrics.implicit-counter.name": "text",
  "metrics.implicit-counter.description": "text",
  "profiles.stack-fields": "text",
  "profiles.value-field": "text",
  "profiles.name": "text",
  "profiles.type": "text",
  "profiles.unit": "text",
  "logs.name": "text",
  "logs.body": "text",
  "logs.severity": "text",
  "logs.array-handling": { usually: ["array", "elements"] },
  "views.modes.flamegraph": "boolean",
  "views.defaults.mode": "text",
  "generate_networkpolicy.enable": "boolean",
  "kubenameresolver.enable": "boolean",
};

const GADGET: Table = {
  "enable-containers-datasource": "boolean",
  ...Object.fromEntries(
    [
      "authors",
      "url",
      "documentation",
      "source",
      "version",
      "revision",
      "vendor",
      "licenses",
      "title",
      "description",
    ]
      .concat(["created", "ref.name", "base.digest", "base.name"])
      .map((name) => [`org.opencontainers.image.${name}`, "text"]),
  ),
  "io.inspektor-gadget.builder.version": "text",
};

const TABLES: Readonly<Record<AnnotatedKind, Table>> = {
  gadget: GADGET,
  datasource: DATASOURCE,
  field: FIELD,
};

/**
 * Checks the annotations under `entry`. They are free: an unknown one is reported only when it is
 * nearly a known one, or a known one of something else. Capitals do not matter to Inspektor Gadget.
 * @returns the entries, for checks of one against another
 */
export function checkAnnotations(
  entry: YamlEntry,
  subject: AnnotatedKind,
  report: YamlDiagnostics,
): ReadonlyMap<string, YamlEntry> {
  const hint = 'write one "key: value" a line';
  const mapping = mappingOf(entry, report, hint);
  for (const annotation of mapping?.entries.values() ?? []) {
    const nested = `write ${quoteForeign(`${annotation.key}.…: value`)}, each on a line of its own`;
    const scalar = scalarOf(
      annotation,
      report,
      annotation.value.kind === "mapping" ? nested : undefined,
    );
    const name = Object.keys(TABLES[subject]).find((key) => sameWord(key, annotation.key));
    if (name === undefined) checkUnknown(annotation, subject, report);
    if (scalar === undefined) continue;
    const check = TABLES[subject][name ?? ""] ?? "text";
    if (isNothing(scalar) && check === "text") {
      report.warning(
        annotation.at,
        `${quoteForeign(annotation.key)} has no value`,
        "fill it or remove it",
      );
    } else checkValue(annotation.key, scalar, check, report);
  }
  return mapping?.entries ?? new Map();
}

/** Whether `key` is the name of a known annotation of fields. */
export function isFieldAnnotation(key: string): boolean {
  return Object.keys(FIELD).some((name) => sameWord(name, key));
}

function checkUnknown(
  { key, at }: YamlEntry,
  subject: AnnotatedKind,
  report: YamlDiagnostics,
): void {
  const near = nearAnnotations(key, subject);
  if (near.length > 0) {
    report.warning(
      at,
      `${quoteForeign(key)} is no annotation that Inspektor Gadget knows`,
      didYouMeanKey(near),
    );
    return;
  }
  if (subject === "gadget") return;
  const other = subject === "field" ? "datasource" : "field";
  if (Object.keys(TABLES[other]).some((known) => sameWord(known, key))) {
    const message = `${quoteForeign(key)} has no effect here: it is an annotation of a ${other}, and this is a ${subject}`;
    report.warning(at, message, `move it to a ${other}`);
  }
}

/**
 * The known annotations that `key` is a slip of. Dotted names are compared by their parts, or else
 * two short endings under one long beginning would always be near each other.
 */
export function nearAnnotations(key: string, subject: AnnotatedKind): string[] {
  const known = Object.keys(TABLES[subject]);
  const squeezed = squeeze(key);
  const same = known.filter((name) => squeeze(name) === squeezed);
  if (same.length > 0) return same;
  const [head, rest] = split(key);
  const parts = known.map((name) => ({ name, head: split(name)[0], rest: split(name)[1] }));
  const ends = parts.filter((part) => sameWord(part.head, head));
  const byEnd = suggest(
    rest,
    ends.map((part) => part.rest),
  );
  if (byEnd.length > 0)
    return byEnd.map((end) => ends.find((part) => part.rest === end)?.name ?? end);
  const begins = parts.filter((part) => sameWord(part.rest, rest) && rest !== "");
  const byHead = suggest(
    head,
    begins.map((part) => part.head),
  );
  return byHead.map((begin) => `${begin}.${rest}`);
}

/** A name's first part and all others; a name without a dot has only a last part. */
function split(name: string): [string, string] {
  const prefix = /^(org\.opencontainers\.image|[^.]*)\.(.*)$/s.exec(name);
  return prefix === null ? ["", name] : [prefix[1] ?? "", prefix[2] ?? ""];
}

const squeeze = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, "");
