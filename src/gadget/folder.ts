/** What there is to build in a gadget folder. */
import * as path from "node:path";
import { IngotError } from "../base/error.ts";
import { readDirectory, stat } from "../base/fs/file.ts";
import { sortedUnique } from "../base/order.ts";
import { suggest } from "../base/suggest.ts";

/** The names that build.yaml gives. Undefined: the usual name, if it is there. Empty: none, even if it is there. */
export interface BuildFileNames {
  readonly ebpfsource?: string;
  readonly wasm?: string;
  readonly metadata?: string;
}

/** The parts that exist, as clean names relative to `root`. At least one is there. */
export interface GadgetFolder {
  readonly root: string;
  readonly ebpfsource?: string;
  readonly wasm?: string;
  readonly metadata?: string;
  /** The recipe, as it was given; undefined where there is none. */
  readonly recipeFile?: string;
}

const USUAL = { ebpfsource: "program.bpf.c", metadata: "gadget.yaml" } as const;
const WHAT = {
  ebpfsource: "the eBPF source",
  wasm: "the wasm source",
  metadata: "the metadata",
} as const;

/**
 * Finds the parts of the gadget in `dir`. A part of the usual name may be missing, a named one may not.
 *
 * Names are relative to `dir` and do not lead out of it, by their text: what a gadget is made of lies in its folder, so it
 * can be moved as one. (`ig` accepts `../x` only when it compiles on the host; no published gadget has one.) A link
 * in the folder is followed, wherever it leads: the person put it there.
 * IngotErrors: `not-found`, `usage`, `unsupported` (not a file).
 */
export function readGadgetFolder(
  dir: string,
  names: BuildFileNames,
  { recipeFile }: { recipeFile?: string } = {},
): GadgetFolder {
  const found = stat(dir);
  if (found === undefined)
    throw new IngotError("not-found", { what: "the gadget folder", at: dir, near: namesNear(dir) });
  if (found.kind !== "directory") {
    throw new IngotError("unsupported", {
      what: "the gadget folder",
      at: dir,
      found: "a file",
      expected: "a folder with gadget.yaml, program.bpf.c or build.yaml in it",
    });
  }
  const place = { dir, recipe: recipeFile ?? "build.yaml" };
  const ebpfsource =
    names.ebpfsource === undefined
      ? usual(dir, "ebpfsource")
      : named(place, "ebpfsource", names.ebpfsource);
  const wasm = names.wasm === undefined ? undefined : named(place, "wasm", names.wasm);
  const metadata =
    names.metadata === undefined
      ? usual(dir, "metadata")
      : named(place, "metadata", names.metadata);
  if (ebpfsource === undefined && wasm === undefined && metadata === undefined) throw nothing(dir);
  return {
    root: dir,
    ...(ebpfsource !== undefined && { ebpfsource }),
    ...(wasm !== undefined && { wasm }),
    ...(metadata !== undefined && { metadata }),
    ...(recipeFile !== undefined && { recipeFile }),
  };
}

function usual(dir: string, part: keyof typeof USUAL): string | undefined {
  const name = USUAL[part];
  const found = stat(path.join(dir, name));
  if (found !== undefined) mustBeFile(found.kind, part, path.join(dir, name));
  return found && name;
}

function named(
  { dir, recipe }: { dir: string; recipe: string },
  part: keyof BuildFileNames,
  name: string,
): string | undefined {
  if (name === "") return undefined;
  const clean = path.normalize(name);
  const refuse = (why: string) =>
    new IngotError("usage", {
      message: `${recipe}: ${part}: ${JSON.stringify(name)} ${why}`,
      hint: `${WHAT[part]} is a file in the gadget folder, named relative to it`,
    });
  if (name.includes("\0")) throw refuse("holds a zero byte");
  if (path.isAbsolute(clean)) throw refuse("is an absolute path");
  if (clean === ".." || clean.startsWith(`..${path.sep}`))
    throw refuse("leads out of the gadget folder");
  const at = path.join(dir, clean);
  const found = stat(at);
  if (found === undefined) {
    throw new IngotError("not-found", {
      what: WHAT[part],
      at,
      near: namesNear(at),
      hint: `${recipe} names it: ${part}: ${name}`,
    });
  }
  mustBeFile(found.kind, part, at);
  return clean;
}

function mustBeFile(kind: string, part: keyof BuildFileNames, at: string): void {
  if (kind === "file") return;
  throw new IngotError("unsupported", {
    what: WHAT[part],
    at,
    found: kind === "directory" ? "a folder" : "neither file nor folder",
    expected: "a file",
  });
}

/** Names beside where `at` should be that look like it. */
export function namesNear(at: string): string[] {
  const folder = path.dirname(at);
  if (stat(folder)?.kind !== "directory") return [];
  return suggest(path.basename(at), readDirectory(folder)).map((name) => path.join(folder, name));
}

function nothing(dir: string): IngotError {
  const { near, hint } = likelyParts(dir);
  return new IngotError("not-found", {
    what: "an eBPF source, metadata or wasm, at least one",
    at: path.join(dir, "{program.bpf.c,gadget.yaml,build.yaml}"),
    near,
    ...(hint && { hint }),
  });
}

/** What in `dir` may have been meant for a part of a gadget: names like the usual ones, and how sources under others can be named. */
export function likelyParts(dir: string): { near: string[]; hint: string | undefined } {
  const names = sortedUnique(readDirectory(dir));
  const like = new Set([...suggest("program.bpf.c", names), ...suggest("gadget.yaml", names)]);
  const sources = names.filter((name) => /\.(?:bpf\.c|c|go|rs|wasm)$/.test(name));
  const wasm = sources.find((name) => /\.(?:go|rs|wasm)$/.test(name));
  const ebpf = sources.find((name) => name.endsWith(".c"));
  const line = ebpf ? `ebpfsource: ${ebpf}` : wasm ? `wasm: ${wasm}` : undefined;
  return {
    near: [...like].map((name) => path.join(dir, name)),
    hint: line && `build.yaml can name it: ${line}`,
  };
}
