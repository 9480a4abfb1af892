/** A wasm module from Rust. */
import * as path from "node:path";
import { IngotError } from "../../base/error.ts";
import { readDirectory, realPath, stat } from "../../base/fs/file.ts";
import { sortedBy, sortedUnique } from "../../base/order.ts";
import { which } from "../../base/process/run.ts";
import { type CompilerInput, locate, NETWORK, runTool, type Tools } from "./toolchain.ts";

const TARGET = "wasm32-wasip1";
const ALLOW = [
  ...NETWORK,
  ...[
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_AUTO_INSTALL",
    "CARGO_NET_OFFLINE",
    "CARGO_NET_GIT_FETCH_WITH_CLI",
  ],
];

/**
 * Compiles the package around a Rust file, as `ig image build` does, plus what makes it the same everywhere: the locked
 * versions, no paths, no symbols, nothing incremental. Flags of the user's and of `.cargo/config.toml` files are not used
 * (cargo takes them from one place only, and that is ours). Returns the file in `workDir`; the source tree is not written to.
 */
export async function compileRust(
  wasm: CompilerInput,
): Promise<{ file: string; warnings: string }> {
  const root = realPath(wasm.root);
  const workDir = realPath(wasm.workDir);
  const manifest = findManifest(root, wasm.source);
  const cwd = path.dirname(manifest);
  const needed = `to compile ${wasm.source}`;
  const rust = await toolchain(wasm, cwd, needed);
  const common = { cwd, needed, allow: ALLOW, hint: hintFor } as const;
  const settings = {
    RUSTC: rust.rustc,
    CARGO_TARGET_DIR: path.join(workDir, "cargo"),
    CARGO_INCREMENTAL: "0",
  };

  const ask = [
    "metadata",
    "--format-version",
    "1",
    "--locked",
    "--filter-platform",
    TARGET,
    "--manifest-path",
    manifest,
  ];
  const told = await runTool(
    { ...common, program: "cargo", args: ask, settings, keep: 128 << 20 },
    wasm,
  );
  const maps = [
    [root, "/gadget"] as const,
    ...localPackages(told.stdout),
    ...homes(wasm.tools, rust),
    [workDir, "/work"] as const,
  ];
  const flags = maps.map(([from, to]) => `--remap-path-prefix=${from}=${to}`);
  const { stderr } = await runTool(
    {
      ...common,
      program: "cargo",
      args: ["build", "--target", TARGET, "--release", "--locked", "--manifest-path", manifest],
      settings: {
        ...settings,
        CARGO_PROFILE_RELEASE_STRIP: "symbols",
        CARGO_ENCODED_RUSTFLAGS: flags.join("\x1f"),
      },
    },
    wasm,
  );
  return {
    file: result(path.join(settings.CARGO_TARGET_DIR, TARGET, "release"), wasm.source),
    warnings: warningsOf(stderr),
  };
}

/** The nearest Cargo.toml above `source`, not above the gadget folder. */
function findManifest(root: string, source: string): string {
  const file = path.join(root, source);
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, "Cargo.toml");
    if (stat(manifest)?.kind === "file") return manifest;
    if (folder === root || folder === path.dirname(folder)) break;
  }
  throw new IngotError("not-found", {
    what: "Cargo.toml",
    at: path.join(path.dirname(path.dirname(source)), "Cargo.toml"),
    hint: `${source} must be part of a Cargo package within the gadget folder: for rust/src/lib.rs, rust/Cargo.toml`,
  });
}

interface Rust {
  readonly rustc: string;
  readonly sysroot: string;
  readonly commit: string;
}

/** The rustc beside cargo, else that of the PATH; it must have the target. */
async function toolchain(wasm: CompilerInput, cwd: string, needed: string): Promise<Rust> {
  const cargo = locate(wasm.tools, "cargo", needed);
  const beside = which(path.join(path.dirname(cargo), "rustc"), "");
  const commands = { ...(beside !== undefined && { rustc: beside }), ...wasm.tools.commands };
  const work = { ...wasm, tools: { ...wasm.tools, commands } };
  const rustc = locate(work.tools, "rustc", needed);
  const ask = async (args: string[]) =>
    (await runTool({ program: "rustc", args, cwd, needed, allow: ALLOW, hint: hintFor }, work))
      .stdout;
  const [sysroot = "", libraries = ""] = (
    await ask(["--print", "sysroot", "--print", "target-libdir", "--target", TARGET])
  ).split(/\r?\n/);
  if (stat(libraries)?.kind !== "directory") {
    throw new IngotError("not-found", {
      what: "Rust's target",
      at: TARGET,
      hint: `rustup target add ${TARGET}`,
    });
  }
  const commit = /^commit-hash: (\S+)$/m.exec(await ask(["-vV"]))?.[1] ?? "unknown";
  return { rustc, sysroot, commit };
}

/** Folders of packages that are no registry's, outer ones first: of two that fit, rustc takes the last. */
function localPackages(metadata: string): (readonly [string, string])[] {
  const at = "cargo metadata";
  let packages: unknown;
  try {
    packages = (JSON.parse(metadata) as { packages?: unknown }).packages;
  } catch (error) {
    throw new IngotError(
      "malformed",
      { what: "JSON", at, why: (error as Error).message },
      { cause: error },
    );
  }
  if (!Array.isArray(packages))
    throw new IngotError("malformed", { what: "JSON", at, why: "it has no list of packages" });
  const local = (
    packages as { name: string; version: string; source: string | null; manifest_path: string }[]
  )
    .filter(({ source }) => source === null)
    .map(
      ({ name, version, manifest_path }) =>
        [path.dirname(manifest_path), `/${name}-${version}`] as const,
    );
  return sortedBy(local, ([folder]) => folder);
}

/**
 * Names for what cargo downloaded and for Rust itself. The library's source, where it is installed, gets the name
 * that it has where it is not.
 */
function homes(tools: Tools, { sysroot, commit }: Rust): (readonly [string, string])[] {
  const { CARGO_HOME, HOME } = tools.environment;
  const cargoHome = CARGO_HOME ?? (HOME && path.join(HOME, ".cargo"));
  return [
    ...(cargoHome ? [[cargoHome, "/cargo"] as const] : []),
    [sysroot, "/rust"],
    [path.join(sysroot, "lib/rustlib/src/rust"), `/rustc/${commit}`],
  ];
}

/** The one module among what cargo built. */
function result(folder: string, source: string): string {
  const names =
    stat(folder) === undefined
      ? []
      : sortedUnique(readDirectory(folder).filter((name) => name.endsWith(".wasm")));
  const [name] = names;
  if (name !== undefined && names.length === 1) return path.join(folder, name);
  if (names.length > 1)
    throw new IngotError("unsupported", {
      what: "the Cargo package",
      at: source,
      found: `wasm modules ${names.join(", ")}`,
      expected: "one wasm module",
    });
  throw new IngotError("not-found", {
    what: "a wasm module among what cargo built",
    at: source,
    hint: 'the package must make one: crate-type = ["cdylib"] under [lib] in Cargo.toml',
  });
}

/** Cargo's progress is no warning. */
function warningsOf(stderr: string): string {
  const progress =
    /^\s*(?:Compiling|Finished|Downloading|Downloaded|Updating|Locking|Blocking|Fresh) /;
  return stderr
    .split("\n")
    .filter((line) => !progress.test(line))
    .join("\n")
    .trim();
}

function hintFor(output: string): string | undefined {
  if (/target may not be installed|can't find crate for `(?:core|std)`/.test(output))
    return `rustup target add ${TARGET}`;
  if (/because --locked was passed|Cargo\.lock needs to be updated/.test(output)) {
    return "Cargo.lock decides what is built and must be complete: run `cargo generate-lockfile` there and keep the file with the source";
  }
  if (/could not be downloaded|failed to download|Could not resolve host|--offline/.test(output)) {
    return "crates could not be downloaded: `cargo vendor` keeps them with the source, and no network is needed";
  }
  return undefined;
}
