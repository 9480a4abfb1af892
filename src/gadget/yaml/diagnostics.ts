import type { Problem } from "../../base/error.ts";
import { quote } from "./quote.ts";
import { nounOf, scalarText, scalarType } from "./scalar.ts";
import type { Entry, List, Mapping, Node, Place, Scalar } from "./tree.ts";

/** Collects the problems of one file. */
export class Report {
  readonly #file: string;
  readonly #found: Map<string, Problem>;
  /** Whether the part that is looked at may hold `{{…}}`, to be filled in when the gadget runs. */
  readonly templates: boolean;

  constructor(file: string, of?: { found: Map<string, Problem>; templates: boolean }) {
    this.#file = file;
    this.#found = of?.found ?? new Map();
    this.templates = of?.templates ?? false;
  }

  /** The same report, for a part that may hold templates. */
  forTemplates(): Report {
    return new Report(this.#file, { found: this.#found, templates: true });
  }

  /** Something that would make a wrong image, or one that Inspektor Gadget refuses. */
  error(at: Place, message: string, hint?: string): void {
    this.#add("error", at, message, hint);
  }

  /** Something that is silently without effect, or unlikely to be meant. */
  warning(at: Place, message: string, hint?: string): void {
    this.#add("warning", at, message, hint);
  }

  #add(level: Problem["level"], { line, column }: Place, message: string, hint?: string): void {
    const problem = { file: this.#file, line, column, level, message, ...(hint && { hint }) };
    this.#found.set(JSON.stringify([line, column, message]), problem);
  }

  /** All problems, each once (aliases lead to one place several times), in the order of the file. */
  problems(): Problem[] {
    return [...this.#found.values()].sort((a, b) => a.line - b.line || a.column - b.column);
  }
}

/** The mapping under `entry`; undefined, and reported, when it is something else or nothing at all. */
export function mappingOf(entry: Entry, report: Report, hint?: string): Mapping | undefined {
  const { value } = entry;
  if (value.kind === "mapping") return value;
  if (isNothing(value))
    report.warning(entry.at, `${quote(entry.key)} has nothing under it`, "fill it or remove it");
  else report.error(value.at, shouldBe(entry, "a mapping"), hint);
  return undefined;
}

/** The scalar under `entry`; undefined, and reported, when it is a list or a mapping. */
export function scalarOf(entry: Entry, report: Report, hint?: string): Scalar | undefined {
  if (entry.value.kind === "scalar") return entry.value;
  report.error(entry.value.at, shouldBe(entry, "text"), hint);
  return undefined;
}

/** The text under `entry`; nothing is "", with a warning. Undefined, and reported, when it is a list or a mapping. */
export function textOf(entry: Entry, report: Report): string | undefined {
  const scalar = scalarOf(entry, report);
  if (scalar === undefined) return undefined;
  if (isNothing(scalar))
    report.warning(entry.at, `${quote(entry.key)} has no value`, "fill it or remove it");
  return scalarText(scalar);
}

/** The texts listed under `entry`; what is no list, and what in it is no text, is reported. */
export function textsOf(entry: Entry, report: Report): readonly string[] | undefined {
  const list: List | undefined = entry.value.kind === "list" ? entry.value : undefined;
  if (list === undefined) {
    if (isNothing(entry.value))
      report.warning(entry.at, `${quote(entry.key)} has no value`, "fill it or remove it");
    else report.error(entry.value.at, shouldBe(entry, "a list"), 'write "- " before each item');
    return undefined;
  }
  const texts: string[] = [];
  for (const item of list.items) {
    if (item.kind === "scalar") texts.push(scalarText(item));
    else
      report.error(item.at, `an item of ${quote(entry.key)} is ${nounOf(item)}: it should be text`);
  }
  return texts;
}

/** Whether `node` is left empty or says so (`~`, `null`). */
export function isNothing(node: Node): boolean {
  return node.kind === "scalar" && scalarType(node) === "nothing";
}

/** `"x" is a list: it should be a mapping`. */
export function shouldBe(entry: Entry, what: string): string {
  return `${quote(entry.key)} is ${nounOf(entry.value)}: it should be ${what}`;
}
