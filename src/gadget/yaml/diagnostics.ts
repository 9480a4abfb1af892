import type { Diagnostic } from "../../base/error.ts";
import { quoteForeign } from "./quote.ts";
import { nounOf, scalarText, scalarType } from "./scalar.ts";
import type { List, Mapping, Scalar, YamlEntry, YamlNode, YamlPosition } from "./tree.ts";

/** Collects the problems of one file. */
export class YamlDiagnostics {
  readonly #file: string;
  readonly #found: Map<string, Diagnostic>;
  /** Whether the part that is looked at may hold `{{…}}`, to be filled in when the gadget runs. */
  readonly templates: boolean;

  constructor(file: string, of?: { found: Map<string, Diagnostic>; templates: boolean }) {
    this.#file = file;
    this.#found = of?.found ?? new Map();
    this.templates = of?.templates ?? false;
  }

  /** The same report, for a part that may hold templates. */
  forTemplates(): YamlDiagnostics {
    return new YamlDiagnostics(this.#file, { found: this.#found, templates: true });
  }

  /** Something that would make a wrong image, or one that Inspektor Gadget refuses. */
  error(at: YamlPosition, message: string, hint?: string): void {
    this.#add("error", at, message, hint);
  }

  /** Something that is silently without effect, or unlikely to be meant. */
  warning(at: YamlPosition, message: string, hint?: string): void {
    this.#add("warning", at, message, hint);
  }

  #add(
    level: Diagnostic["level"],
    { line, column }: YamlPosition,
    message: string,
    hint?: string,
  ): void {
    const problem = { file: this.#file, line, column, level, message, ...(hint && { hint }) };
    this.#found.set(JSON.stringify([line, column, message]), problem);
  }

  /** All problems, each once (aliases lead to one place several times), in the order of the file. */
  problems(): Diagnostic[] {
    return [...this.#found.values()].sort((a, b) => a.line - b.line || a.column - b.column);
  }
}

/** The mapping under `entry`; undefined, and reported, when it is something else or nothing at all. */
export function mappingOf(
  entry: YamlEntry,
  report: YamlDiagnostics,
  hint?: string,
): Mapping | undefined {
  const { value } = entry;
  if (value.kind === "mapping") return value;
  if (isNothing(value))
    report.warning(
      entry.at,
      `${quoteForeign(entry.key)} has nothing under it`,
      "fill it or remove it",
    );
  else report.error(value.at, shouldBe(entry, "a mapping"), hint);
  return undefined;
}

/** The scalar under `entry`; undefined, and reported, when it is a list or a mapping. */
export function scalarOf(
  entry: YamlEntry,
  report: YamlDiagnostics,
  hint?: string,
): Scalar | undefined {
  if (entry.value.kind === "scalar") return entry.value;
  report.error(entry.value.at, shouldBe(entry, "text"), hint);
  return undefined;
}

/** The text under `entry`; nothing is "", with a warning. Undefined, and reported, when it is a list or a mapping. */
export function textOf(entry: YamlEntry, report: YamlDiagnostics): string | undefined {
  const scalar = scalarOf(entry, report);
  if (scalar === undefined) return undefined;
  if (isNothing(scalar))
    report.warning(entry.at, `${quoteForeign(entry.key)} has no value`, "fill it or remove it");
  return scalarText(scalar);
}

/** The texts listed under `entry`; what is no list, and what in it is no text, is reported. */
export function textsOf(entry: YamlEntry, report: YamlDiagnostics): readonly string[] | undefined {
  const list: List | undefined = entry.value.kind === "list" ? entry.value : undefined;
  if (list === undefined) {
    if (isNothing(entry.value))
      report.warning(entry.at, `${quoteForeign(entry.key)} has no value`, "fill it or remove it");
    else report.error(entry.value.at, shouldBe(entry, "a list"), 'write "- " before each item');
    return undefined;
  }
  const texts: string[] = [];
  for (const item of list.items) {
    if (item.kind === "scalar") texts.push(scalarText(item));
    else
      report.error(
        item.at,
        `an item of ${quoteForeign(entry.key)} is ${nounOf(item)}: it should be text`,
      );
  }
  return texts;
}

/** Whether `node` is left empty or says so (`~`, `null`). */
export function isNothing(node: YamlNode): boolean {
  return node.kind === "scalar" && scalarType(node) === "nothing";
}

/** `"x" is a list: it should be a mapping`. */
export function shouldBe(entry: YamlEntry, what: string): string {
  return `${quoteForeign(entry.key)} is ${nounOf(entry.value)}: it should be ${what}`;
}
