import { join } from "node:path";
import { type Diagnostic, IngotError } from "../base/error.ts";
import { readFile, stat } from "../base/fs/file.ts";
import { sortedUnique } from "../base/order.ts";
import { rfc3339 } from "../base/time.ts";
import { IGNORE_LIMIT, ignoreFiles, ignoreFor } from "../dockerfile/dockerignore.ts";
import { unusedArgs } from "../dockerfile/evaluate/stage.ts";
import { DOCKERFILE_LIMIT, type Dockerfile, parseDockerfile } from "../dockerfile/read.ts";
import type { Tools } from "../gadget/compile/toolchain.ts";
import { nameToGive } from "../image/complete-name.ts";
import { packedSize } from "../layer/pack/pack.ts";
import { diskTree, type Modes } from "../layer/tree/disk-tree.ts";
import { BuildMembers } from "../layer/tree/limits.ts";
import type { Times } from "../layer/tree/times.ts";
import type { ReadTree } from "../layer/tree/tree.ts";
import { readXattrs } from "../layer/tree/xattrs-disk.ts";
import type { Annotations } from "../oci/manifest.ts";
import { formatPlatform, type Platform } from "../oci/platform.ts";
import type { FolderStore } from "../store/folder-store.ts";
import { evaluateTarget, type StageResult } from "./container-stages.ts";
import { contextEpoch, type EpochChoice } from "./epoch.ts";
import { type BuildOutput, excludeOutputs } from "./exclude-outputs.ts";

export interface ContainerOptions {
  /** The context: the folder that COPY and ADD see. */
  readonly directory: string;
  /** The Dockerfile's path; undefined = the one in the context. */
  readonly dockerfile: string | undefined;
  readonly names: readonly string[];
  /** Empty = linux/amd64: what comes out must not depend on where it is made. */
  readonly platforms: readonly Platform[];
  readonly target: string | undefined;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: Annotations;
  /** The time of the image, of its history and, unless `timestamps` says otherwise, of its files. */
  readonly epoch: EpochChoice;
  readonly timestamps: Times["timestamps"];
  /** The modes of the context's files and folders. */
  readonly modes?: Modes;
  readonly xattrs: boolean;
  readonly strict: boolean;
  readonly tools: Tools;
  /** A folder where programs may leave files. */
  readonly scratch: string;
  /** Where the images of FROM are looked for. */
  readonly openStore: () => FolderStore;
  /** Brings an image of FROM that the store does not have into it; undefined = it is a fault. */
  readonly pull: ((text: string) => Promise<void>) | undefined;
  readonly warn: (problems: readonly Diagnostic[]) => void;
  /** Where the build writes to: no part of the context. */
  readonly written: BuildOutput;
  /** Told once of each that the context would have. */
  readonly onLeftOut: (what: keyof BuildOutput) => void;
}

/** What a Dockerfile makes, platform by platform, before any layer is. */
export interface BuildPlan {
  readonly references: readonly string[];
  readonly images: readonly StageResult[];
  readonly annotations: Annotations;
  readonly labels: ReadonlyMap<string, string>;
  readonly created: string;
  readonly problems: readonly Diagnostic[];
  /** Bytes of all layers to be made, uncompressed. */
  readonly size: number;
}

/** What a Dockerfile is called in a context, the first before the others. */
export const DOCKERFILES = ["Dockerfile", "Containerfile"];

/**
 * Reads the Dockerfile and what it copies, down to the list of every layer. Nothing is written, and no file's content is read yet.
 * @throws source with every mistake of the Dockerfile, not-found, unsupported, io
 */
export async function planContainer(options: ContainerOptions): Promise<BuildPlan> {
  const { names, timestamps, annotations, strict, directory } = options;
  const references = sortedUnique(names.map((name) => nameToGive(name, "container")));
  const { file, path } = readDockerfile(options);
  if (!strict) options.warn(distinct(file.problems));
  const context = await readContext(directory, path, options);
  const epoch = await contextEpoch(options.epoch, { ...options, context });
  const created = rfc3339(epoch);
  const platforms = options.platforms.length > 0 ? options.platforms : [DEFAULT_PLATFORM];
  platforms.forEach(refuseWindows);
  const images: StageResult[] = [];
  const { buildArgs, target } = options;
  const members = new BuildMembers(path);
  for (const platform of platforms) {
    const scope = { buildArgs, platform, buildPlatform: platform, epoch, target };
    const times = { epoch, timestamps };
    const { openStore, pull } = options;
    const around = { file, target, context, directory, members, created, openStore, pull };
    images.push(await evaluateTarget({ ...around, scope, times }));
  }
  const problems = distinct([
    ...file.problems,
    ...images.flatMap((image) => image.problems),
    ...unusedArgs(file, { buildArgs, platform: DEFAULT_PLATFORM, buildPlatform: DEFAULT_PLATFORM }),
  ]);
  if (strict && problems.length > 0)
    throw new IngotError("source", { what: "the Dockerfile", at: path, problems });
  options.warn(problems.slice(distinct(file.problems).length));
  const size = images
    .flatMap(({ parts }) => parts)
    .reduce((sum, part) => sum + ("entries" in part ? packedSize(part.entries) : 0), 0);
  const { labels } = options;
  return { references, images, annotations, labels, created, problems, size };
}

/** @throws unsupported: what Windows takes for a layer has its files in a folder of their own, and more beside it */
function refuseWindows(platform: Platform): void {
  if (platform.os !== "windows") return;
  throw new IngotError("unsupported", {
    what: "the platform",
    at: formatPlatform(platform),
    found: "Windows, whose layers have a form of their own",
    expected: "a system whose layers are plain file systems, as linux",
  });
}

/** Each problem once, where it came first: a stage is worked out for every platform. */
function distinct(problems: readonly Diagnostic[]): Diagnostic[] {
  const key = ({ line, column, message }: Diagnostic) => `${line}:${column}: ${message}`;
  return [...new Map(problems.map((problem) => [key(problem), problem])).values()];
}

const DEFAULT_PLATFORM: Platform = { architecture: "amd64", os: "linux" };

/** The file, as `-f` names it, else as it is called in the context. */
export function findDockerfile({
  directory,
  dockerfile,
}: Pick<ContainerOptions, "directory" | "dockerfile">): string | undefined {
  if (dockerfile !== undefined) return dockerfile;
  return DOCKERFILES.map((name) => join(directory, name)).find((at) => stat(at)?.kind === "file");
}

function readDockerfile(options: ContainerOptions): { file: Dockerfile; path: string } {
  const path = findDockerfile(options);
  if (path === undefined)
    throw new IngotError("not-found", {
      what: "the Dockerfile",
      at: join(options.directory, "Dockerfile"),
      hint: "write one, or name another with -f FILE",
    });
  return { file: parseDockerfile(readFile(path, DOCKERFILE_LIMIT), path), path };
}

/** The context without what its list of ignored files leaves out, and what the build itself writes. */
async function readContext(
  directory: string,
  dockerfile: string,
  { modes, xattrs, tools, written, onLeftOut, timestamps, epoch }: ContainerOptions,
): Promise<ReadTree> {
  const [own, shared] = ignoreFiles(dockerfile);
  const at = [own!, join(directory, shared!)].find((name) => stat(name)?.kind === "file");
  const ignore = at === undefined ? undefined : ignoreFor(readFile(at, IGNORE_LIMIT), at);
  const env = { PATH: tools.environment.PATH ?? "" };
  const absent = excludeOutputs(directory, written, (what, path) => {
    if (!ignore?.excluded(path, what === "store")) onLeftOut(what);
  });
  return diskTree(directory, {
    ...(ignore && {
      excluded: (path, isDirectory) => ignore.excluded(path, isDirectory),
      ignores: (path) => ignore.ignores(path),
    }),
    ...(absent && { absent }),
    modes,
    timed: timestamps !== "set" || epoch === "mtime",
    ...(xattrs && { xattrs: await readXattrs(directory, { env }) }),
  });
}
