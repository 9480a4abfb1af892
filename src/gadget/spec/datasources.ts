import { mappingOf, textsOf, type YamlDiagnostics } from "../yaml/diagnostics.ts";
import { quoteForeign } from "../yaml/quote.ts";
import { scalarText } from "../yaml/scalar.ts";
import type { YamlEntry } from "../yaml/tree.ts";
import { checkAnnotations, isFieldAnnotation } from "./annotations.ts";
import { didYouMeanKey, pick } from "./keys.ts";

/** Checks `datasources`: for each datasource its annotations, and its fields with theirs. */
export function checkDatasources(entry: YamlEntry, report: YamlDiagnostics): void {
  for (const datasource of mappingOf(entry, report)?.entries.values() ?? []) {
    checkDatasource(datasource, report);
  }
}

function checkDatasource(entry: YamlEntry, report: YamlDiagnostics): void {
  const mapping = mappingOf(entry, report);
  if (mapping === undefined) return;
  const unknown = (key: YamlEntry, message: string, near: readonly string[]) => {
    const field = key.value.kind === "mapping" ? 'a field goes under "fields"' : undefined;
    const annotation =
      key.value.kind === "scalar" ? 'an annotation goes under "annotations"' : undefined;
    report.warning(key.at, message, didYouMeanKey(near) ?? field ?? annotation);
  };
  const of = "a datasource: it knows annotations, fields and tags";
  const keys = {
    known: ["annotations", "fields", "tags"],
    of,
    anyCase: "doubtful",
    unknown,
  } as const;
  const found = pick(mapping, keys, report);
  if (found.annotations)
    checkOutputModes(checkAnnotations(found.annotations, "datasource", report), report);
  if (found.tags) textsOf(found.tags, report);
  if (found.fields === undefined) return;
  for (const field of mappingOf(found.fields, report)?.entries.values() ?? [])
    checkField(field, report);
}

function checkField(entry: YamlEntry, report: YamlDiagnostics): void {
  const mapping = mappingOf(entry, report, 'write "annotations:" under the field');
  if (mapping === undefined) return;
  const unknown = (key: YamlEntry, message: string, near: readonly string[]) => {
    const annotation = isFieldAnnotation(key.key) ? 'put it under "annotations"' : undefined;
    report.warning(key.at, message, annotation ?? didYouMeanKey(near));
  };
  const of = "a field: it knows annotations and tags";
  const found = pick(
    mapping,
    { known: ["annotations", "tags"], of, anyCase: "doubtful", unknown } as const,
    report,
  );
  if (found.annotations) checkAnnotations(found.annotations, "field", report);
  if (found.tags) textsOf(found.tags, report);
}

/** The default output mode has to be one of those supported, when both are given. */
function checkOutputModes(
  annotations: ReadonlyMap<string, YamlEntry>,
  report: YamlDiagnostics,
): void {
  const supported = annotations.get("cli.supported-output-modes")?.value;
  const mode = annotations.get("cli.default-output-mode")?.value;
  if (supported?.kind !== "scalar" || mode?.kind !== "scalar" || report.templates) return;
  const modes = scalarText(supported).split(",");
  const text = scalarText(mode);
  if (modes.includes(text)) return;
  const message = `"cli.default-output-mode" is ${quoteForeign(text)}: "cli.supported-output-modes" does not list it`;
  const trimmed = modes.find((name) => name.trim() === text);
  report.warning(
    mode.at,
    message,
    trimmed ? "list the modes without spaces" : didYouMeanKey(modes.slice(0, 3)),
  );
}
