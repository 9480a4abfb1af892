import { type Diagnostic, IngotError, isIngotError } from "../../base/error.ts";
import { stat } from "../../base/fs/file.ts";
import { buildGadget } from "../../build/gadget.ts";
import { checkGadgetImage } from "../../image/gadget.ts";
import { isGadget, type StoredImage, select } from "../../image/select.ts";
import { isLayout, openSources } from "../../source/source.ts";
import { type Context, defineCommand, type ExitCode } from "../args/define-command.ts";
import type { GLOBALS, Options, Values } from "../args/options.ts";
import { readRemoteGadget } from "../inspect/remote-gadget.ts";
import { formatProblem } from "../output/error-messages.ts";
import { plural } from "../output/text.ts";
import { REPOSITORY } from "../shared/name-flags.ts";
import { REGISTRY } from "../shared/registry-flags.ts";
import { imageLine, lazyStore, PLATFORM, parsePlatformFlag } from "../shared/task.ts";
import { VERDICTS } from "../shared/verdict.ts";
import { buildNothing } from "./gadget.ts";
import { FOLDER_OPTIONS } from "./options.ts";
import { problemJson } from "./report.ts";

const OPTIONS = {
  source: {
    type: "positional",
    required: false,
    description:
      "a gadget's folder, a name in the store, docker://REF, oci:DIR[:REF], oci-archive:FILE[:REF], an archive or a layout; default: this folder",
  },
  strict: { type: "boolean", description: "warnings count as errors" },
  platform: PLATFORM,
  repository: REPOSITORY,
  ...FOLDER_OPTIONS,
  ...REGISTRY,
} as const satisfies Options;

type CheckValues = Values<typeof OPTIONS & typeof GLOBALS>;

/** What was found of one gadget. */
interface Checked {
  readonly reference: string | undefined;
  readonly digest: string | undefined;
  readonly problems: readonly Diagnostic[];
}

export const checkCommand = defineCommand({
  name: "check",
  description: "say whether Inspektor Gadget can run a gadget, without running it",
  args: OPTIONS,
  notes: [
    "Looks at the objects for all architectures, at the wasm program and at gadget.yaml, together. Errors are what Inspektor Gadget refuses to build or to run; warnings\nare what is silently without effect: a datasource, field, parameter or program that gadget.yaml names and the programs do not have.",
    "A folder's programs are compiled, as build does, and nothing is kept. Of an image nothing is needed but its blobs: no compiler, no kernel, no root.",
  ],
  examples: [
    { line: "ingot check ./trace", does: "a gadget's folder" },
    {
      line: "ingot check --strict trace.tar",
      does: "every gadget of an archive; warnings are errors",
    },
    {
      line: "ingot check docker://ghcr.io/inspektor-gadget/gadget/trace_exec",
      does: "a gadget in a registry",
    },
  ],
  no: "Inspektor Gadget refuses it (with --strict: or a part of it is without effect)",
  document:
    '{"ok", "gadgets": [{"reference", "digest", "ok", "problems": [{"file", "line", "column", "level", "message", "hint", "section", "symbol"}]}]}',
  async run(values, context) {
    const source = values.source ?? ".";
    const isFolder = stat(source)?.kind === "directory" && !isLayout(source);
    const all = isFolder
      ? [await checkFolder(source, values, context)]
      : await checkImages(source, values, context);
    const { reporter } = context;
    const judged = all.map((one) => ({ ...one, code: codeOf(one, values.strict) }));
    for (const { reference, digest, problems, code } of judged) {
      const name = reference === undefined ? source : imageLine({ reference, digest: digest! });
      const count = (level: string) => problems.filter((problem) => problem.level === level).length;
      reporter.print(
        `${VERDICTS[code]} ${name}: ${plural(count("error"), "error")}, ${plural(count("warning"), "warning")}`,
      );
      for (const problem of problems) reporter.print(`  ${formatProblem(problem)}`);
    }
    const isOk = judged.every(({ code }) => code === 0);
    reporter.document({
      ok: isOk,
      gadgets: judged.map(({ reference, digest, problems, code }) => ({
        ...{ reference: reference ?? null, digest: digest ?? null, ok: code === 0 },
        problems: problems.map(problemJson),
      })),
    });
    return isOk ? 0 : 1;
  },
});

const codeOf = ({ problems }: Checked, strict: boolean | undefined): ExitCode =>
  problems.some(({ level }) => strict || level === "error") ? 1 : 0;

/** Builds the folder into nothing. */
async function checkFolder(
  directory: string,
  values: CheckValues,
  { settings }: Context,
): Promise<Checked> {
  const checked = { reference: undefined, digest: undefined };
  try {
    const { problems } = await buildGadget(buildNothing(directory, values, settings));
    return { ...checked, problems };
  } catch (error) {
    if (!isIngotError(error, "source")) throw error;
    return { ...checked, problems: error.facts.problems };
  }
}

async function checkImages(
  source: string,
  values: CheckValues,
  context: Context,
): Promise<Checked[]> {
  const platforms = parsePlatformFlag(values.platform);
  const { repository } = values;
  const images: readonly StoredImage[] = source.startsWith("docker://")
    ? [await readRemoteGadget(source, platforms, values, context)]
    : await openSources(source, lazyStore(context, values.store), { repository });
  return images.map((whole) => {
    const image = select(whole, platforms);
    const { reference, descriptor, store } = image;
    if (!isGadget(descriptor, store)) {
      throw new IngotError("unsupported", {
        what: "the image",
        at: reference,
        found: "one that is no gadget",
        expected: "a gadget",
        hint: "verify proves images of all kinds",
      });
    }
    return { reference, digest: descriptor.digest, problems: checkGadgetImage(image) };
  });
}
