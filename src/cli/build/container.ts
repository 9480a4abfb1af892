/** Builds a container from a Dockerfile, and says what came of it. */
import { tmpdir } from "node:os";
import { DOCKER_LAYERS } from "../../archive/docker-manifest.ts";
import { planArchive } from "../../archive/write.ts";
import { IngotError, isIngotError } from "../../base/error.ts";
import { directoryBeside, directoryIn } from "../../base/fs/atomic-file.ts";
import { stat } from "../../base/fs/file.ts";
import { type BuiltContainer, buildContainer } from "../../build/container.ts";
import { type BuildPlan, planContainer } from "../../build/container-plan.ts";
import { nameToKeep } from "../../build/resolve-from.ts";
import { formatReference, parseReference } from "../../oci/reference.ts";
import { FolderStore } from "../../store/folder-store.ts";
import { resolveRemote, type TransferOptions } from "../../transfer/endpoint.ts";
import { bytesToFetch, pullImages, reachOf } from "../../transfer/pull.ts";
import type { Context } from "../args/define-command.ts";
import { type Settings, storePath } from "../args/settings.ts";
import { quote } from "../output/text.ts";
import { archiveTarget, type WritePlan } from "../shared/archive-target.ts";
import { reportUnloadable } from "../shared/name-flags.ts";
import { withRegistries } from "../shared/registry-flags.ts";
import { imageLine, lazyStore, parsePlatformFlag, readJobs, withProgress } from "../shared/task.ts";
import { parseEpochChoice } from "./epoch.ts";
import type { BuildValues } from "./options.ts";
import { printBuild, warner } from "./report.ts";

export async function runContainer(values: BuildValues, context: Context): Promise<void> {
  const { reporter, settings } = context;
  const { output, compression = "gzip", timestamps = "set", modes = "keep" } = values;
  const write = output === undefined ? undefined : archiveTarget(output);
  const openStore = lazyStore(context, values.store);
  const { environment } = settings;
  const args = buildArgs(values["build-arg"], environment);
  const isFile = output !== undefined && output !== "-" && stat(output)?.kind !== "other";
  const written = {
    output: isFile ? output : undefined,
    store: storeIfAny(values.store, settings),
  };
  const prepared = await planContainer({
    pull: values.pull ? (text) => pullBase(text, openStore(), context) : undefined,
    directory: values.path ?? ".",
    dockerfile: values.file,
    names: values.tag,
    platforms: parsePlatformFlag(values.platform),
    target: values.target,
    buildArgs: args,
    labels: new Map(values.label.map((text) => pair("label", text))),
    annotations: Object.fromEntries(values.annotation.map((text) => pair("annotation", text))),
    epoch: parseEpochChoice(values["source-date-epoch"], settings, args.get("SOURCE_DATE_EPOCH")),
    timestamps,
    modes,
    xattrs: values.xattrs,
    strict: values.strict,
    tools: { commands: {}, environment },
    scratch: tmpdir(),
    openStore,
    warn: warner(reporter),
    written,
    onLeftOut: (what) =>
      reporter.warn(
        `${quote(written[what] ?? "")} is not part of the image: it lies in the context, and is ${what === "store" ? "the store" : "what this build writes"}`,
      ),
  });
  const threads = readJobs(values.jobs);
  const make = (into: FolderStore) =>
    withProgress(context, { label: "build", total: prepared.size, threads }, (working) => {
      const cached = !values["no-cache"];
      return buildContainer(
        prepared,
        { into, compression, cached, whole: write === undefined },
        working,
      );
    });
  if (write === undefined || output === undefined) {
    const built = await make(openStore());
    if (built.layers.length > DOCKER_LAYERS)
      context.reporter.warn(
        `the image has ${built.layers.length} layers: Docker takes at most ${DOCKER_LAYERS}`,
        "join steps: COPY and ADD take several sources, and a stage of its own can be copied as one layer",
      );
    say(built, prepared, values, context);
  } else {
    const built = await aside(output, make, (built) => archive(built, write, threads, context));
    say(built, prepared, values, context);
  }
}

/** Takes all platforms of an image into the store: it stays the image that it is. */
async function pullBase(text: string, store: FolderStore, context: Context): Promise<void> {
  const [short = "", ...digest] = text.split("@");
  const name = [formatReference(parseReference(short, "container")), ...digest].join("@");
  const reference = nameToKeep(text, store);
  const threads = readJobs(undefined);
  await withRegistries(context, NO_WORDS, async (openRepository) => {
    const choice: TransferOptions = {
      platforms: [],
      along: "none",
      openStore: () => store,
      openRepository,
    };
    const found = await resolveRemote(name, choice);
    const images = found.images.map((image) => ({ ...image, reference }));
    const total = bytesToFetch(reachOf(images).needed);
    await withProgress(context, { label: `pull ${name}`, total, threads }, (working) =>
      pullImages(images, store, working),
    );
    for (const { reference, descriptor } of images)
      context.reporter.info(imageLine({ reference, digest: descriptor.digest }));
  });
}

/** The store that the words or the environment name, for a build that need not have one. */
function storeIfAny(flag: string | undefined, settings: Settings): string | undefined {
  try {
    return storePath(settings, flag);
  } catch (error) {
    if (isIngotError(error, "usage")) return undefined;
    throw error;
  }
}

/** No flag of those that say how registries are reached. */
const NO_WORDS = {
  "plain-http": false,
  "ca-file": undefined,
  cert: undefined,
  key: undefined,
  authfile: undefined,
} as const;

/** Builds in a folder of its own, and removes it after `use`. */
async function aside(
  output: string,
  make: (into: FolderStore) => Promise<BuiltContainer>,
  use: (built: BuiltContainer) => Promise<void>,
): Promise<BuiltContainer> {
  const isFile = output !== "-" && stat(output)?.kind !== "other";
  const folder = isFile ? directoryBeside(output) : directoryIn(tmpdir(), "ingot");
  try {
    const built = await make(new FolderStore(folder.path));
    await use(built);
    return built;
  } finally {
    folder.remove();
  }
}

async function archive(
  { images }: BuiltContainer,
  write: WritePlan,
  threads: number,
  context: Context,
): Promise<void> {
  const plan = await planArchive(images);
  reportUnloadable(plan.unloadable, context.reporter);
  await withProgress(context, { label: "write", total: plan.size, threads }, (working) =>
    write(plan, working),
  );
}

function say(
  built: BuiltContainer,
  { created, problems }: BuildPlan,
  { output }: BuildValues,
  { reporter }: Context,
): void {
  const layers = built.layers.map(({ descriptor: { digest, size }, diffID, known }) => ({
    digest,
    size,
    diffID,
    known,
  }));
  printBuild({ ...built, created, problems, output }, reporter, { layers });
}

/** KEY=VALUE. @throws usage */
function pair(flag: string, text: string): [string, string] {
  const equals = text.indexOf("=");
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  throw new IngotError("usage", {
    message: `--${flag} is ${JSON.stringify(text)}, should be KEY=VALUE`,
  });
}

/** As Docker has them: a lone KEY takes the value that the environment has, and none where it has none. */
function buildArgs(
  texts: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Map<string, string> {
  return new Map(
    texts.flatMap((text) => {
      if (text.includes("=")) return [pair("build-arg", text)];
      const value = environment[text];
      return value === undefined ? [] : [[text, value] as [string, string]];
    }),
  );
}
