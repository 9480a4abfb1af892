import { suggest } from "../../base/suggest.ts";
import { mappingOf, scalarOf, textsOf, type YamlDiagnostics } from "../yaml/diagnostics.ts";
import { quoteForeign, tame } from "../yaml/quote.ts";
import { nounOf, runtimeText } from "../yaml/scalar.ts";
import type { YamlEntry } from "../yaml/tree.ts";
import { didYouMeanKey, pick } from "./keys.ts";
import { type Check, checkValue } from "./values.ts";

type Options = Readonly<Record<string, Check | "texts">>;

/** What gadget.yaml can set of Inspektor Gadget's own operators. */
const OPERATORS: ReadonlyMap<string, Options> = new Map(
  Object.entries<Options>({
    ebpf: { emitstats: "boolean" },
    process: {
      emitstats: "boolean",
      interval: "duration",
      "first-interval": "duration",
      count: "integer",
      fields: "texts",
    },
    cgroup: {
      emitstats: "boolean",
      interval: "duration",
      "first-interval": "duration",
      count: "integer",
    },
  }),
);

/** Checks `operator`. Operators that are not known here are left alone, unless they are nearly one that is. */
export function checkOperators(entry: YamlEntry, report: YamlDiagnostics): void {
  for (const operator of mappingOf(entry, report)?.entries.values() ?? []) {
    const options = OPERATORS.get(operator.key.toLowerCase());
    if (options !== undefined)
      checkOptions(operator, options, `operator ${quoteForeign(operator.key)}`, report);
    else {
      const near = suggest(operator.key, OPERATORS.keys());
      if (near.length > 0)
        report.warning(
          operator.at,
          `${quoteForeign(operator.key)} is no operator that is known`,
          didYouMeanKey(near),
        );
    }
  }
}

const PERF: Options = {
  type: { usually: ["software"] },
  config: { usually: ["count_sw_cpu_clock"] },
  sampleType: { usually: ["sample_raw"] },
};

/** Checks `programs`: by the name of an eBPF program, how it is attached. */
export function checkPrograms(entry: YamlEntry, report: YamlDiagnostics): void {
  for (const program of mappingOf(entry, report)?.entries.values() ?? []) {
    const mapping = mappingOf(program, report);
    if (mapping === undefined) continue;
    const of = "a program: it knows attach_to, perf and sampler";
    const found = pick(
      mapping,
      { known: ["attach_to", "perf", "sampler"], of, anyCase: "fine" } as const,
      report,
    );
    if (found.attach_to) scalarOf(found.attach_to, report);
    if (found.perf) checkOptions(found.perf, PERF, '"perf"', report);
    if (found.sampler) {
      const [frequency] = checkOptions(
        found.sampler,
        { frequency: "integer" },
        '"sampler"',
        report,
      );
      checkFrequency(frequency, report);
    }
  }
}

function checkFrequency(entry: YamlEntry | undefined, report: YamlDiagnostics): void {
  if (entry?.value.kind !== "scalar") return;
  const text = runtimeText(entry.value) ?? "";
  if (!/^[-+]?\d+$/.test(text) || /^\+?0*[1-9]/.test(text)) return;
  report.error(entry.value.at, `"frequency" is ${tame(text)}: it should be above 0`);
}

/** Checks the options under `entry`; returns those that are known. */
function checkOptions(
  entry: YamlEntry,
  options: Options,
  of: string,
  report: YamlDiagnostics,
): YamlEntry[] {
  const mapping = mappingOf(entry, report);
  if (mapping === undefined) return [];
  const found = pick(mapping, { known: Object.keys(options), of, anyCase: "fine" }, report);
  for (const [name, check] of Object.entries(options)) {
    const option = found[name];
    if (option === undefined) continue;
    if (check === "texts") {
      textsOf(option, report);
      continue;
    }
    const scalar = scalarOf(option, report);
    if (scalar !== undefined) checkValue(name, scalar, check, report);
  }
  return Object.values(found).filter((option) => option !== undefined);
}

/** Checks `paramDefaults`: full names of parameters, each with a default value. */
export function checkParamDefaults(entry: YamlEntry, report: YamlDiagnostics): void {
  for (const value of mappingOf(entry, report)?.entries.values() ?? []) {
    if (value.value.kind !== "scalar") {
      const message = `${quoteForeign(value.key)} is ${nounOf(value.value)}: it has no effect, a default is text`;
      const hint = `write the whole name on one line: ${quoteForeign(`${value.key}.….NAME: VALUE`)}`;
      report.warning(value.value.at, message, value.value.kind === "mapping" ? hint : undefined);
      continue;
    }
    checkValue(value.key, value.value, "text", report);
    if (value.key.includes(".")) continue;
    const message = `${quoteForeign(value.key)} is not the full name of a parameter: it has no effect`;
    report.warning(value.at, message, 'a full name is "operator.OPERATOR.NAME" or "custom.NAME"');
  }
}
