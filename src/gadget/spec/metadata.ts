import type { Diagnostic } from "../../base/error.ts";
import { isNothing, mappingOf, textOf, YamlDiagnostics } from "../yaml/diagnostics.ts";
import { quoteForeign } from "../yaml/quote.ts";
import { nounOf, scalarText } from "../yaml/scalar.ts";
import type { Mapping, YamlEntry, YamlNode } from "../yaml/tree.ts";
import { readYaml } from "../yaml/yaml.ts";
import { checkAnnotations } from "./annotations.ts";
import { checkDatasources } from "./datasources.ts";
import { didYouMeanKey, pick, sameWord, warnCase } from "./keys.ts";
import { checkOperators, checkParamDefaults, checkPrograms } from "./operators.ts";
import { checkLegacyParams, checkParams } from "./params.ts";

/** What gadget.yaml says of the image. A key that is missing is "". */
export interface Metadata {
  readonly name: string;
  readonly description: string;
  readonly homepageURL: string;
  readonly documentationURL: string;
  readonly sourceURL: string;
  /** Annotations of the image, numbers and booleans as they are written. */
  readonly annotations: ReadonlyMap<string, string>;
}

const TEXTS = ["name", "description", "homepageURL", "documentationURL", "sourceURL"] as const;
const SECTIONS = [
  "datasources",
  "params",
  "operator",
  "programs",
  "paramDefaults",
  "ebpfParams",
  "gadgetParams",
] as const;
const KNOWN = [...TEXTS, "annotations", ...SECTIONS] as const;

/**
 * Reads gadget.yaml: the part that becomes annotations of the image, and for the rest, which is read
 * when the gadget runs, whether it says what it seems to say.
 *
 * Errors are what makes a wrong image or one that Inspektor Gadget refuses; what it passes over in
 * silence are warnings. With an error among the problems the value is what could be read nevertheless.
 * @param file the file's name, for the problems
 */
export function parseMetadata(
  bytes: Uint8Array,
  file: string,
): { value: Metadata; problems: Diagnostic[] } {
  const { root, problems } = readYaml(bytes, file);
  const report = new YamlDiagnostics(file);
  if (root?.kind === "mapping") {
    const value = readMetadata(root, report);
    return { value, problems: report.problems() };
  }
  if (problems.length > 0) return { value: EMPTY, problems };
  const hint = 'write at least "name: NAME"';
  const what = root === undefined || isNothing(root) ? "is empty" : `holds ${nounOf(root)}`;
  report.error(
    root?.at ?? { line: 1, column: 1 },
    `gadget.yaml ${what}: it should hold a mapping`,
    hint,
  );
  return { value: EMPTY, problems: report.problems() };
}

const EMPTY: Metadata = {
  name: "",
  description: "",
  homepageURL: "",
  documentationURL: "",
  sourceURL: "",
  annotations: new Map(),
};

function readMetadata(root: Mapping, report: YamlDiagnostics): Metadata {
  const found = pick(
    root,
    { known: KNOWN, of: "gadget.yaml", unknown: unknownIn(root, report) },
    report,
  );
  const value = { ...EMPTY, annotations: new Map<string, string>() };
  for (const key of TEXTS) {
    const entry = found[key];
    if (entry === undefined) continue;
    const text = textOf(entry, report);
    if (text === undefined) continue;
    value[key] = text;
    checkText(entry, text, report);
  }
  if (found.name === undefined) {
    report.warning(
      { line: 1, column: 1 },
      `"name" is missing: the image has no title`,
      'write "name: NAME"',
    );
  }
  if (found.annotations) {
    for (const [key, { at, value: node }] of checkAnnotations(
      found.annotations,
      "gadget",
      report,
    )) {
      if (node.kind === "scalar") value.annotations.set(key, scalarText(node));
      if (key !== "org.opencontainers.image.created") continue;
      report.warning(
        at,
        `${quoteForeign(key)} has no effect: it is the time for which the image is built`,
        "set SOURCE_DATE_EPOCH",
      );
    }
  }
  checkSections(found, report);
  checkTwins(root, report);
  return value;
}

/** Reports an unknown key: an error where it takes the place of one that the image is made from. */
function unknownIn(root: Mapping, report: YamlDiagnostics) {
  return (entry: YamlEntry, message: string, near: readonly string[]) => {
    const section = SECTIONS.find((key) => sameWord(key, entry.key));
    if (section !== undefined) {
      warnCase(entry, section, report);
      if (!root.entries.has(section)) checkSections({ [section]: entry }, report);
      return;
    }
    const image = [...TEXTS, "annotations"].find((key) => near[0] === key);
    if (image === undefined || root.entries.has(image)) {
      report.warning(entry.at, message, didYouMeanKey(near));
    } else
      report.error(entry.at, `${message}: the image lacks what it says`, didYouMeanKey([image]));
  };
}

/** A text that stands in the image for people to read. */
function checkText({ key, value }: YamlEntry, text: string, report: YamlDiagnostics): void {
  if (/^TODO\b/.test(text)) {
    report.warning(
      value.at,
      `${quoteForeign(key)} is ${quoteForeign(text)}: a placeholder was left`,
      "fill it or remove it",
    );
  } else if (key.endsWith("URL") && text !== "" && !/^[a-z][a-z0-9+.-]*:\S+$/i.test(text)) {
    report.warning(value.at, `${quoteForeign(key)} is ${quoteForeign(text)}: it should be a URL`);
  } else if (key === "name" && text === "" && !isNothing(value)) {
    report.warning(value.at, `"name" is empty: the image has no title`);
  }
}

type Sections = Partial<Record<(typeof SECTIONS)[number], YamlEntry>>;

function checkSections(found: Sections, report: YamlDiagnostics): void {
  if (found.datasources) checkDatasources(found.datasources, report);
  if (found.params)
    checkParams(found.params, report, (part) => checkPatch(part, report.forTemplates()));
  if (found.operator) checkOperators(found.operator, report);
  if (found.programs) checkPrograms(found.programs, report);
  if (found.paramDefaults) checkParamDefaults(found.paramDefaults, report);
  if (found.ebpfParams) checkLegacyParams(found.ebpfParams, report);
  if (found.gadgetParams) {
    const message = `"gadgetParams" has no effect: Inspektor Gadget no longer reads it`;
    report.warning(
      found.gadgetParams.at,
      message,
      'parameters of the eBPF program go under "params", "ebpf"',
    );
  }
}

/** A patch is laid over the metadata when the gadget runs, so what it says of the image comes too late. */
function checkPatch(patch: Mapping, report: YamlDiagnostics): void {
  const found = pick(patch, { known: KNOWN, of: "gadget.yaml", anyCase: "fine" }, report);
  if (found.annotations) mappingOf(found.annotations, report);
  checkSections(found, report);
}

/** Reports keys that differ from a neighbour by capitals only: to a running gadget they are one key, with either value. */
function checkTwins(node: YamlNode, report: YamlDiagnostics, seen = new Set<YamlNode>()): void {
  if (node.kind === "scalar" || seen.has(node)) return;
  seen.add(node);
  if (node.kind === "list") {
    for (const item of node.items) checkTwins(item, report, seen);
    return;
  }
  const keys = new Map<string, YamlEntry>();
  for (const entry of node.entries.values()) {
    const twin = keys.get(entry.key.toLowerCase());
    if (twin === undefined) keys.set(entry.key.toLowerCase(), entry);
    else {
      const message = `${quoteForeign(entry.key)} and ${quoteForeign(twin.key)} (line ${twin.at.line}) are one key to Inspektor Gadget, which does not mind capitals`;
      report.warning(entry.at, message, "rename or remove one");
    }
    checkTwins(entry.value, report, seen);
  }
}
