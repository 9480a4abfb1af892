/** Builds a gadget's folder, and says what came of it. */
import { tmpdir } from "node:os";
import { planArchive } from "../../archive/write.ts";
import { IngotError } from "../../base/error.ts";
import type { BtfOutcome, BtfSource } from "../../build/btf-layers.ts";
import { buildGadget, type GadgetBuildOptions, storeBuilt } from "../../build/gadget.ts";
import type { Tools } from "../../gadget/compile/toolchain.ts";
import { FolderStore } from "../../store/folder-store.ts";
import type { Context } from "../args/define-command.ts";
import { type Settings, storePath } from "../args/settings.ts";
import type { Reporter } from "../output/reporter.ts";
import { plural } from "../output/text.ts";
import { archiveTarget } from "../shared/archive-target.ts";
import { reportUnloadable } from "../shared/name-flags.ts";
import { parsePlatformFlag, readJobs, withProgress } from "../shared/task.ts";
import { parseEpochChoice } from "./epoch.ts";
import type { BuildValues, FolderValues } from "./options.ts";
import { printBuild, warner } from "./report.ts";

export async function runGadget(values: BuildValues, context: Context): Promise<void> {
  const { reporter, settings } = context;
  const { output } = values;
  const write = output === undefined ? undefined : archiveTarget(output);
  const store =
    write === undefined ? new FolderStore(storePath(settings, values.store)) : undefined;
  const built = await buildGadget({
    directory: values.path ?? ".",
    recipeFile: values.file,
    names: values.tag,
    platforms: parsePlatformFlag(values.platform),
    epoch: parseEpochChoice(values["source-date-epoch"], settings),
    builderVersion: values["builder-version"],
    strict: values.strict,
    tools: gadgetTools(values, settings),
    includes: values.include,
    headers: values.headers,
    btf: btfSource(values),
    scratch: tmpdir(),
    warn: warner(reporter),
  });
  for (const text of built.compilers) reporter.warn(`the compiler said:\n${text.trimEnd()}`);
  for (const outcome of built.btf) reportBtf(outcome, reporter);
  if (store !== undefined) await storeBuilt(built, store);
  if (write !== undefined) {
    const plan = await planArchive(built.images);
    reportUnloadable(plan.unloadable, context.reporter);
    await withProgress(
      context,
      { label: "write", total: plan.size, threads: readJobs(values.jobs) },
      (working) => write(plan, working),
    );
  }
  const blobs = [...built.blobs].map(([digest, { length }]) => ({ digest, size: length }));
  const btf = built.btf.map(({ arch, files, without }) => ({
    ...{ platform: `linux/${arch}`, files, without: without ?? null },
  }));
  printBuild({ ...built, blobs, output }, reporter, { btf });
}

type ToolValues = Pick<BuildValues, "clang" | "llvm-strip" | "go" | "cargo"> & {
  readonly bpftool?: string | undefined;
};

/** The programs that words and environment name. */
export function gadgetTools(values: ToolValues, settings: Settings): Tools {
  const commands = {
    clang: values.clang ?? settings.clang,
    "llvm-strip": values["llvm-strip"] ?? settings.llvmStrip,
    go: values.go ?? settings.go,
    cargo: values.cargo ?? settings.cargo,
    bpftool: values.bpftool,
  };
  return { commands: given(commands), environment: settings.environment };
}

/** How a folder is built into nothing, to see what it compiles to: all that is wrong with it is in one error. */
export const buildNothing = (
  directory: string,
  values: FolderValues & { readonly platform?: string | undefined },
  settings: Settings,
): GadgetBuildOptions => ({
  directory,
  recipeFile: values.file,
  names: ["check"],
  platforms: parsePlatformFlag(values.platform),
  ...{ epoch: 0, builderVersion: undefined, strict: false, late: true, btf: undefined },
  tools: gadgetTools(values, settings),
  includes: values.include,
  headers: values.headers,
  scratch: tmpdir(),
  warn: () => {},
});

/** @throws usage where both are given */
function btfSource({ btf, btfhub, jobs }: BuildValues): BtfSource | undefined {
  if (btf !== undefined && btfhub !== undefined) {
    throw new IngotError("usage", {
      message: "--btf and --btfhub are both given, should be one of them",
      hint: "--btf takes files that are minimal already, --btfhub reduces those of a clone of btfhub-archive",
    });
  }
  const folder = btf ?? btfhub;
  if (folder === undefined) return undefined;
  return { kind: btf === undefined ? "btfhub" : "btf", folder, jobs: readJobs(jobs) };
}

function reportBtf({ arch, files, without }: BtfOutcome, reporter: Reporter): void {
  if (without === undefined) {
    reporter.info(`types of ${plural(files, "kernel")} for linux/${arch}`);
  } else if (without === "files") {
    reporter.warn(`there are no BTF files for linux/${arch}: its image has none`);
  } else {
    const hint =
      "the macros of bpf_core_read.h, or __attribute__((preserve_access_index)), make some";
    reporter.warn(
      `the program for linux/${arch} has no CO-RE relocations: it needs no types of kernels, and its image has none`,
      hint,
    );
  }
}

/** Those of the entries that have a value. */
function given<K extends string>(
  entries: Readonly<Record<K, string | undefined>>,
): Partial<Record<K, string>> {
  const there: Partial<Record<K, string>> = {};
  for (const name of Object.keys(entries) as K[])
    if (entries[name] !== undefined) there[name] = entries[name];
  return there;
}
