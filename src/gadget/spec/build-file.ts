import type { Diagnostic } from "../../base/error.ts";
import { isNothing, textOf, YamlDiagnostics } from "../yaml/diagnostics.ts";
import { quoteForeign } from "../yaml/quote.ts";
import { nounOf } from "../yaml/scalar.ts";
import type { YamlEntry, YamlPosition } from "../yaml/tree.ts";
import { readYaml } from "../yaml/yaml.ts";
import { didYouMeanKey, pick } from "./keys.ts";

/**
 * What build.yaml says. A key that is missing or has nothing after it is undefined: its default
 * holds. `wasm` and `metadata` may be "", which means none, as it does to Inspektor Gadget.
 * Paths are relative to the gadget's folder.
 */
export interface BuildFile {
  readonly ebpfsource?: string;
  readonly wasm?: string;
  readonly metadata?: string;
}

const KEYS = ["ebpfsource", "wasm", "metadata"] as const;
type Key = (typeof KEYS)[number];

/**
 * Reads build.yaml, strictly: Inspektor Gadget passes over unknown keys in silence, here they are errors.
 * With an error among the problems the value is what could be read nevertheless. A file without
 * content is a recipe of defaults.
 * @param file the file's name, for the problems
 */
export function parseBuildFile(
  bytes: Uint8Array,
  file: string,
): { value: BuildFile; problems: Diagnostic[] } {
  const { root, problems } = readYaml(bytes, file);
  if (root === undefined || isNothing(root)) return { value: {}, problems };
  const report = new YamlDiagnostics(file);
  if (root.kind !== "mapping") {
    const message = `build.yaml holds ${nounOf(root)}: it should be a mapping`;
    report.error(root.at, message, `write "wasm: FILE", "ebpfsource: FILE" or "metadata: FILE"`);
    return { value: {}, problems: report.problems() };
  }
  const unknown = ({ key, at }: YamlEntry, message: string, near: readonly string[]) =>
    key.toLowerCase() === "cflags"
      ? report.error(
          at,
          `${quoteForeign(key)} is not read: it has had no effect since flags left build.yaml`,
          "set it in the source with #define",
        )
      : report.error(at, `${message}: it knows ${KEYS.join(", ")}`, didYouMeanKey(near));
  const found = pick(root, { known: KEYS, of: "build.yaml", unknown }, report);
  const value: Partial<Record<Key, string>> = {};
  for (const key of KEYS) {
    const entry = found[key];
    const path = entry && textOf(entry, report);
    if (entry === undefined || path === undefined || isNothing(entry.value)) continue;
    checkPath(key, path, entry.value.at, report);
    value[key] = path;
  }
  return { value, problems: report.problems() };
}

/** A path goes onto a compiler's command line, and what it names into an image: it stays a path, in the folder. */
function checkPath(key: Key, path: string, at: YamlPosition, report: YamlDiagnostics): void {
  const quoted = quoteForeign(path);
  if (path === "") {
    if (key === "ebpfsource")
      report.error(at, `${quoteForeign(key)} is "": it should name a file`, "remove the key");
    return;
  }
  if (/^\s*[-@]/.test(path)) {
    report.error(
      at,
      `${quoted} begins like an option: it should be a path`,
      `write "./${path.trim()}"`,
    );
  } else if (/^([/\\]|[A-Za-z]:[/\\])/.test(path)) {
    report.error(at, `${quoted} is an absolute path: it should be relative to the gadget's folder`);
  } else if (hasControls(path)) {
    report.error(at, `${quoted} holds a control character: no path should`);
  } else if (leaves(path)) {
    report.warning(
      at,
      `${quoted} is outside of the gadget's folder: the image depends on more than the folder`,
    );
  }
  if (key === "wasm" && !/\.(go|rs|wasm)$/.test(path)) {
    report.error(at, `${quoted} is no wasm source: it should end in .go, .rs or .wasm`);
  }
  if (key === "ebpfsource" && !/\.c$/.test(path)) {
    report.warning(
      at,
      `${quoted} does not end in .c: clang may take it for something other than C`,
    );
  }
}

function hasControls(path: string): boolean {
  return [...path].some((char) => char < " " || char === "\x7f");
}

/** Whether the path climbs out of the folder it starts in, at any point. */
function leaves(path: string): boolean {
  let depth = 0;
  for (const part of path.split("/")) {
    if (part === "..") depth--;
    else if (part !== "" && part !== ".") depth++;
    if (depth < 0) return true;
  }
  return false;
}
