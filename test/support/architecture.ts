import { posix } from "node:path";
import { codeOnly, importsOf, lineAt } from "./code.ts";

/**
 * The directories of src, from the top to the base: a file imports only from its own directory and
 * from those further down in this list. `.` is main.ts. A directory that is not here is an error.
 */
export const directories: readonly string[] = [
  ".",
  "cli",
  "cli/commands",
  "cli/completion",
  "cli/build",
  "cli/sign",
  "cli/inspect",
  "cli/shared",
  "cli/args",
  "cli/output",
  "build",
  "transfer",
  "verify",
  "source",
  "archive",
  "archive/volumes",
  "check",
  "jobs",
  "image",
  "dockerfile",
  "dockerfile/evaluate",
  "dockerfile/image",
  "dockerfile/syntax",
  "dockerfile/lexer",
  "gadget",
  "gadget/spec",
  "gadget/metadata",
  "gadget/check",
  "gadget/btfgen",
  "gadget/compile",
  "gadget/interface",
  "gadget/wasm",
  "gadget/object",
  "gadget/object/format",
  "gadget/yaml",
  "layer/copy",
  "layer/unpack",
  "layer/pack",
  "layer/tree",
  "registry",
  "registry/auth",
  "registry/http",
  "store",
  "tar/canonical",
  "tar/layer",
  "tar",
  "trust/sign",
  "trust",
  "trust/keyless",
  "trust/forms",
  "trust/keys",
  "oci",
  "base/glob",
  "base/process",
  "base/json",
  "base/compression",
  "base/workers",
  "base/fs",
  "base",
];

/** A thing that not everyone may touch: modules it is imported from, or words of code. */
export interface Touch {
  readonly thing: string;
  readonly module?: RegExp;
  readonly code?: RegExp;
  /** Code by which the word has another meaning in that file. */
  readonly unless?: RegExp;
  /** The files that may. Undefined: none. */
  readonly only?: RegExp;
}

/** What meets the user: the command line. */
const rim = /^src\/(?:cli\/|main\.ts$)/;

/** Who may touch what. */
export const touches: readonly Touch[] = [
  { thing: "node:fs", module: /^node:fs(?:\/|$)/, only: /^src\/base\/fs\// },
  { thing: "node:child_process", module: /^node:child_process$/, only: /^src\/base\/process\// },
  { thing: "node:crypto", module: /^node:crypto$/, only: /^src\/(?:base\/hash\.ts$|trust\/)/ },
  {
    thing: "node:worker_threads",
    module: /^node:worker_threads$/,
    only: /^src\/(?:base\/workers\/|main\.ts$)/,
  },
  { thing: "the compressor", module: /^node:zlib$/, only: /^src\/base\/compression\// },
  { thing: "a runtime's compressor", code: /\bCompressionStream\b/ },
  { thing: "tar-stream", module: /^tar-stream$/, only: /^src\/tar\// },
  { thing: "citty", module: /^citty$/, only: rim },
  { thing: "consola", module: /^consola(?:\/|$)/, only: rim },
  {
    thing: "the network",
    module: /^(?:ufo|node:(?:https?|http2|net|tls|dgram|dns)(?:\/.*)?)$/,
    code: /(?:\bawait|\breturn|[=:?&|>])\s*fetch\s*\(|\bglobalThis\.fetch\b/,
    unless: /\bimport\s*\{[^}]*\bfetch\s*[,}]|\bfunction\s+fetch\b/,
    only: /^src\/registry\//,
  },
  {
    thing: "process.exit and process.argv",
    code: /\bprocess\s*\.\s*(?:exit|exitCode|argv|execArgv)\b/,
    only: /^src\/main\.ts$/,
  },
  {
    thing: "the environment and the terminal",
    module: /^node:(?:process|tty|readline)(?:\/.*)?$/,
    code: /\bprocess\s*(?:\.\s*(?:env|stdout|stderr|stdin)\b|\[)|=\s*process\b(?!\s*\.)|\bconsole\s*\./,
    only: rim,
  },
  {
    thing: "the clock",
    code: /\bDate\s*\.\s*now\b|\bnew\s+Date\b(?!\s*\(\s*[^)\s])|(?<!new\s+)(?<![.\w])Date\s*\(|\bperformance\s*\.\s*now\b|\bprocess\s*\.\s*hrtime\b|\bTemporal\s*\.\s*Now\b/,
    only: rim,
  },
  { thing: "chance", code: /\bMath\s*\.\s*random\b/, only: rim },
  {
    thing: "the locale",
    code: /\blocaleCompare\b|\.\s*toLocale\w*|(?<![.\w])Intl\b/,
    only: rim,
  },
  { thing: "an order that is not of bytes", code: /\.\s*(?:sort|toSorted)\s*\(\s*\)/, only: rim },
  { thing: "Bun and Deno", code: /(?<![.\w])(?:Bun|Deno)\b|\bglobalThis\s*\.\s*(?:Bun|Deno)\b/ },
];

/** Lines that a file may have, and TypeScript files that a directory may have. */
export const longest = 300;
export const widest = 15;

/**
 * Checks a source tree: `files` holds the text of every TypeScript file by its path, `src/…`;
 * `packages` are the declared dependencies. Returns what breaks the rules of the architecture, each as
 * `path:line: what is, what should be`; an empty list where nothing does.
 */
export function checkSource(
  files: ReadonlyMap<string, string>,
  packages: readonly string[],
): readonly string[] {
  const found: string[] = [];
  const within = new Map<string, string[]>();
  const sizes = new Map<string, number>();
  const exporters = new Map<string, string>();
  for (const [path, text] of files) {
    const directory = directoryOf(path);
    if (rankOf(path) === undefined) found.push(`${path}:1: ${directory} is not a listed directory`);
    const count = (sizes.get(directory) ?? 0) + 1;
    sizes.set(directory, count);
    if (count === widest + 1) found.push(`${path}:1: more than ${widest} files in ${directory}`);
    const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
    if (lines > longest)
      found.push(`${path}:${lines}: ${lines} lines, expected at most ${longest}`);
    const code = codeOnly(text);
    for (const { thing, code: pattern, unless, only } of touches) {
      if (pattern === undefined || only?.test(path) || unless?.test(code)) continue;
      for (const match of code.matchAll(new RegExp(pattern, "g"))) {
        found.push(`${path}:${lineAt(code, match.index)}: touches ${thing}, ${allowed(only)}`);
      }
    }
    for (const { line, name } of exportsOf(code)) {
      const other = exporters.get(name);
      if (other === undefined) exporters.set(name, path);
      else if (other !== path) found.push(`${path}:${line}: exports ${name}, as does ${other}`);
    }
    for (const { line, to } of importsOf(text)) {
      const fault = faultOf(path, to, files, packages);
      if (fault !== undefined) found.push(`${path}:${line}: ${fault}`);
      else if (to?.startsWith(".")) {
        const target = resolved(path, to);
        if (directoryOf(target) === directory) {
          within.set(path, [...(within.get(path) ?? []), target]);
        }
      }
    }
  }
  for (const cycle of cyclesOf(within)) found.push(`${cycle[0]}:1: a cycle, ${cycle.join(" → ")}`);
  return found;
}

/** The names that a file declares and exports. A function with overloads is there more than once. */
function exportsOf(code: string): readonly { readonly line: number; readonly name: string }[] {
  const declared =
    /^export\s+(?:async\s+|abstract\s+)*(?:function\s*\*?|const|let|class|interface|type)\s*(\w+)/gm;
  return [...code.matchAll(declared)].map((match) => ({
    line: lineAt(code, match.index),
    name: match[1] ?? "",
  }));
}

/** Why this import is not allowed, or undefined where it is. */
function faultOf(
  path: string,
  to: string | undefined,
  files: ReadonlyMap<string, string>,
  packages: readonly string[],
): string | undefined {
  if (to === undefined) return "imports what it computes, should be a literal";
  const touch = touches.find(({ module }) => module?.test(to));
  if (touch !== undefined && !touch.only?.test(path)) {
    return `imports ${JSON.stringify(to)}, ${allowed(touch.only)}`;
  }
  if (to.startsWith("node:")) return undefined;
  if (!to.startsWith(".")) {
    const name = to.split("/", to.startsWith("@") ? 2 : 1).join("/");
    if (packages.includes(name)) return undefined;
    return `imports ${JSON.stringify(to)}, should be relative, node: or a declared dependency`;
  }
  const target = resolved(path, to);
  if (target === "package.json" && rim.test(path)) return undefined;
  if (!to.endsWith(".ts")) return `imports ${JSON.stringify(to)}, should end in .ts`;
  if (!files.has(target)) return `imports ${JSON.stringify(to)}, but there is no ${target}`;
  const [from, rank] = [rankOf(path), rankOf(target)];
  if (from === undefined || rank === undefined || rank >= from) return undefined;
  return `imports from ${directoryOf(target)}, which is above ${directoryOf(path)}`;
}

function allowed(only: RegExp | undefined): string {
  return only === undefined
    ? "which no file may"
    : `which only ${only.source.replaceAll("\\", "")} may`;
}

function resolved(path: string, to: string): string {
  return posix.join(posix.dirname(path), to);
}

/** The directory of a file, relative to src: "." for main.ts. */
function directoryOf(path: string): string {
  return posix.relative("src", posix.dirname(path)) || ".";
}

/** The place of a file's directory in the list; undefined where it is not listed. */
function rankOf(path: string): number | undefined {
  const directory = directoryOf(path);
  if (directory === "." && path !== "src/main.ts") return undefined;
  const rank = directories.indexOf(directory);
  return rank < 0 ? undefined : rank;
}

/** One cycle for each file at which a walk along the imports meets its own path. */
function cyclesOf(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]) => {
    const met = trail.indexOf(path);
    if (met >= 0) cycles.push([...trail.slice(met), path]);
    if (met >= 0 || done.has(path)) return;
    for (const next of imports.get(path) ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const path of imports.keys()) walk(path, []);
  return cycles;
}
