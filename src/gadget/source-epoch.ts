/** The time of a gadget's sources, for `--source-date-epoch mtime` and `git`. Whole seconds since 1970. */
import * as path from "node:path";
import { IngotError } from "../base/error.ts";
import { lstat, readDirectory, realPath, stat } from "../base/fs/file.ts";
import { parseEpoch } from "../base/time.ts";
import { type CompileContext, runTool } from "./compile/toolchain.ts";
import type { GadgetFolder } from "./folder.ts";

/**
 * Which files go in: the parts themselves and build.yaml; with eBPF, every C file and header; with Go or Rust, every file
 * of the language and of its package manager. The compilers see no other kind of file without being told to.
 */
const ENDINGS: Readonly<Record<string, readonly string[]>> = {
  ".c": [".c", ".h"],
  ".go": [".go", "go.mod", "go.sum"],
  ".rs": [".rs", "Cargo.toml", "Cargo.lock"],
};

/** Names of folders that hold what was made, not what is made from; hidden ones are skipped as well. */
const SKIPPED = new Set(["target", "node_modules"]);
const FILE_LIMIT = 100_000;

interface Wanted {
  readonly named: readonly string[];
  readonly endings: readonly string[];
}

function wanted({ ebpfsource, wasm, metadata, recipeFile, root }: GadgetFolder): Wanted {
  const named = [ebpfsource, wasm, metadata].filter((name) => name !== undefined);
  const endings = new Set([
    ...(ebpfsource ? ENDINGS[".c"]! : []),
    ...((wasm && ENDINGS[path.extname(wasm)]) ?? []),
  ]);
  const recipe =
    recipeFile === undefined ? [] : [path.relative(realPath(root), realPath(recipeFile))];
  return { named: [...named, ...recipe], endings: [...endings] };
}

/** The newest modification time among the files of the gadget that go in. Links are followed to files, not to folders. */
export function newestChange(folder: GadgetFolder): number {
  const root = realPath(folder.root);
  const { named, endings } = wanted(folder);
  let newest = 0;
  for (const name of named) newest = Math.max(newest, stat(path.join(root, name))?.mtime ?? 0);
  let seen = 0;
  const walk = (at: string): void => {
    for (const name of readDirectory(at)) {
      if (name.startsWith(".") || SKIPPED.has(name)) continue;
      if (++seen > FILE_LIMIT)
        throw new IngotError("too-large", {
          what: "the gadget folder",
          at: root,
          actual: seen,
          limit: FILE_LIMIT,
          unit: "files",
        });
      const file = path.join(at, name);
      if (lstat(file)?.kind === "directory") walk(file);
      else if (endings.some((ending) => name.endsWith(ending)))
        newest = Math.max(newest, stat(file)?.mtime ?? 0);
    }
  };
  if (endings.length > 0) walk(root);
  return newest;
}

/** The time of the last commit that touched one of the files that go in. @throws as `lastCommitTo` */
export function lastCommit(folder: GadgetFolder, work: CompileContext): Promise<number> {
  const { named, endings } = wanted(folder);
  const paths = [
    ...named.map((name) => `:(literal)${name}`),
    ...endings.map((ending) => `:(glob)**/*${ending}`),
  ];
  return lastCommitTo(paths, folder.root, work);
}

/**
 * The time of the last commit that touched one of `paths`, git's pathspecs in the folder. What is not committed yet does not count.
 * IngotErrors: `usage` when no commit did, or when a shallow clone cannot tell; those of git (`program-failed`).
 */
export async function lastCommitTo(
  paths: readonly string[],
  folder: string,
  work: CompileContext,
): Promise<number> {
  const root = realPath(folder);
  const git = async (args: readonly string[]) =>
    (
      await runTool(
        {
          program: "git",
          args: ["--no-replace-objects", ...args],
          cwd: root,
          needed: "for --source-date-epoch git",
          allow: ["HOME", "XDG_CONFIG_HOME"],
          settings: { GIT_OPTIONAL_LOCKS: "0" },
          hint: (output) =>
            /not a git repository/.test(output)
              ? "the folder is no git checkout: give --source-date-epoch a number, or mtime"
              : undefined,
        },
        work,
      )
    ).stdout.trim();
  const log = await git(["log", "--no-show-signature", "-1", "--format=%ct %P", "--", ...paths]);
  const [seconds = "", parent] = log.split(" ");
  const hint = "give --source-date-epoch a number, or mtime";
  if (seconds === "")
    throw new IngotError("usage", {
      message: `--source-date-epoch git: no commit has a file of ${folder}`,
      hint,
    });
  if (parent === undefined && (await git(["rev-parse", "--is-shallow-repository"])) === "true") {
    throw new IngotError("usage", {
      message: `--source-date-epoch git: the repository is a shallow clone, and its history ends before it says when ${folder} was last changed`,
      hint: `git fetch --unshallow; or ${hint}`,
    });
  }
  const epoch = parseEpoch(seconds);
  if (epoch === undefined)
    throw new IngotError("usage", {
      message: `--source-date-epoch git: the last commit's time is ${seconds}, which is no time after 1970`,
      hint,
    });
  return epoch;
}
