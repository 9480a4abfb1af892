/** Builds a gadget's folder, and says what came of it. */
import { tmpdir } from "node:os";
import { planArchive } from "../../archive/write.ts";
import { buildGadget, storeBuilt } from "../../build/gadget.ts";
import { FolderStore } from "../../store/folder-store.ts";
import type { Context } from "../args/define-command.ts";
import { storePath } from "../args/settings.ts";
import { archiveTarget } from "../shared/archive-target.ts";
import { reportUnloadable } from "../shared/name-flags.ts";
import { parsePlatformFlag, readJobs, withProgress } from "../shared/task.ts";
import { parseEpochChoice } from "./epoch.ts";
import type { BuildValues } from "./options.ts";
import { printBuild, warner } from "./report.ts";

export async function runGadget(values: BuildValues, context: Context): Promise<void> {
  const { reporter, settings } = context;
  const { output } = values;
  const write = output === undefined ? undefined : archiveTarget(output);
  const store =
    write === undefined ? new FolderStore(storePath(settings, values.store)) : undefined;
  const commands = {
    clang: values.clang ?? settings.clang,
    "llvm-strip": values["llvm-strip"] ?? settings.llvmStrip,
    go: values.go ?? settings.go,
    cargo: values.cargo ?? settings.cargo,
  };
  const built = await buildGadget({
    directory: values.path ?? ".",
    recipeFile: values.file,
    names: values.tag,
    platforms: parsePlatformFlag(values.platform),
    epoch: parseEpochChoice(values["source-date-epoch"], settings),
    builderVersion: values["builder-version"],
    strict: values.strict,
    tools: { commands: given(commands), environment: settings.environment },
    includes: values.include,
    headers: values.headers,
    scratch: tmpdir(),
    warn: warner(reporter),
  });
  for (const text of built.compilers) reporter.warn(`the compiler said:\n${text.trimEnd()}`);
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
  printBuild({ ...built, blobs, output }, reporter);
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
