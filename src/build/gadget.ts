import { join } from "node:path";
import { type Diagnostic, IngotError } from "../base/error.ts";
import { directoryIn } from "../base/fs/atomic-file.ts";
import { readFile, stat } from "../base/fs/file.ts";
import { sortedUnique } from "../base/order.ts";
import { rfc3339 } from "../base/time.ts";
import { checkGadget } from "../gadget/check/check.ts";
import { type Arch, compileProgram } from "../gadget/compile/clang.ts";
import type { CompileContext, Tools } from "../gadget/compile/toolchain.ts";
import { buildWasm } from "../gadget/compile/wasm.ts";
import { type GadgetFolder, readGadgetFolder } from "../gadget/folder.ts";
import { BUILDER_VERSION, type GadgetMetadata, gadgetImage } from "../gadget/image.ts";
import { lastCommit, newestChange } from "../gadget/source-epoch.ts";
import { type BuildFile, parseBuildFile } from "../gadget/spec/build-file.ts";
import { parseMetadata } from "../gadget/spec/metadata.ts";
import { nameToGive } from "../image/complete-name.ts";
import type { StoredImage } from "../image/select.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { Platform } from "../oci/platform.ts";
import { formatPlatform } from "../oci/platform.ts";
import type { FolderStore } from "../store/folder-store.ts";
import { MemoryStore } from "../store/memory-store.ts";
import { type BtfOutcome, type BtfSource, btfLayers } from "./btf-layers.ts";
import type { EpochChoice } from "./epoch.ts";

export interface GadgetBuildOptions {
  readonly directory: string;
  /** The recipe's path; undefined = `build.yaml` in the folder, if there is one. */
  readonly recipeFile: string | undefined;
  /** Names for the image, complete or short. */
  readonly names: readonly string[];
  /** Empty = linux/amd64 and linux/arm64. */
  readonly platforms: readonly Platform[];
  readonly epoch: EpochChoice;
  readonly builderVersion: string | undefined;
  /** Whether warnings in the YAML files are errors. */
  readonly strict: boolean;
  readonly tools: Tools;
  readonly includes: readonly string[];
  readonly headers: string | undefined;
  /** Where the types of kernels that have none of their own come from. */
  readonly btf: BtfSource | undefined;
  /** A folder where compilers may leave files; a new one in it is used and removed. */
  readonly scratch: string;
  /** Whether everything is looked at before anything is refused; else the first part with an error ends the build. */
  readonly late?: boolean;
  /** Told of the warnings about the YAML files before anything is compiled. */
  readonly warn: (problems: readonly Diagnostic[]) => void;
}

/** An image that was just made, nowhere yet but in memory. */
export interface BuiltGadget {
  readonly images: readonly StoredImage[];
  readonly descriptor: Descriptor;
  readonly manifests: readonly Descriptor[];
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
  readonly created: string;
  /** Warnings about the YAML files. */
  readonly problems: readonly Diagnostic[];
  /** What compilers said though they succeeded. */
  readonly compilers: readonly string[];
  /** What became of the types of kernels, by architecture; none where they were not asked for. */
  readonly btf: readonly BtfOutcome[];
}

/** What a gadget can be built for. */
const ARCHITECTURES: readonly Arch[] = ["amd64", "arm64"];

/** The longest YAML file that is read. Bytes. */
const YAML_LIMIT = 1024 * 1024;

/** Where Inspektor Gadget's own gadgets keep their wasm program; only build.yaml says that it is one. */
const GO_PROGRAM = "go/program.go";

/** The longest source that is looked into for the places of problems. Bytes. */
const SOURCE_LIMIT = 64 << 20;

/**
 * Builds the gadget in a folder. The result is a function of the sources, the compilers, `epoch` and `builderVersion`
 * alone: not of where the folder lies, who builds, when or with what environment.
 * @throws source with every problem, not-found, program-missing, program-failed, malformed
 */
export async function buildGadget(options: GadgetBuildOptions): Promise<BuiltGadget> {
  const { directory, names, builderVersion = BUILDER_VERSION } = options;
  const references = sortedUnique(names.map((name) => nameToGive(name, "gadget")));
  const architectures = architecturesOf(options.platforms);
  const problems: Diagnostic[] = [];
  const { recipe, recipeFile } = readRecipe(options, problems);
  refuse(problems, options);
  const folder = readGadgetFolder(
    directory,
    recipe,
    recipeFile === undefined ? {} : { recipeFile },
  );
  const metadata = readMetadata(folder, problems);
  if (!options.late) refuse(problems, options);
  options.warn(problems);
  const workDir = directoryIn(options.scratch, "ingot");
  try {
    const work: CompileContext = { tools: options.tools, epoch: 0, workDir: workDir.path };
    const epoch = await epochOf(options.epoch, folder, work);
    const { ebpf, wasm, compilers } = await compile(
      folder,
      architectures,
      { ...work, epoch },
      options,
    );
    const checked = checkBuilt(folder, { ebpf, wasm, metadata, recipe });
    problems.push(...checked);
    refuse(problems, options);
    options.warn(checked);
    const created = rfc3339(epoch);
    const { layers: btf, outcomes } =
      options.btf === undefined
        ? { layers: new Map<Arch, Uint8Array>(), outcomes: [] }
        : await btfLayers(options.btf, ebpf, { ...work, epoch });
    const made = gadgetImage({ metadata, ebpf, wasm, btf, architectures, created, builderVersion });
    const store = new MemoryStore(directory);
    for (const bytes of made.blobs.values()) store.put(bytes);
    const images = references.map((reference) => ({
      reference,
      descriptor: made.descriptor,
      store,
    }));
    return { ...made, images, created, problems, compilers, btf: outcomes };
  } finally {
    workDir.remove();
  }
}

/** Afterwards the image is in the store, under each of its names. */
export async function storeBuilt(
  { blobs, images }: BuiltGadget,
  store: FolderStore,
): Promise<void> {
  const session = await store.begin();
  try {
    for (const [digest, bytes] of blobs) session.put(digest, bytes);
    await session.commit(new Set(blobs.keys()), images);
  } finally {
    session.drop();
  }
}

function architecturesOf(platforms: readonly Platform[]): readonly Arch[] {
  if (platforms.length === 0) return ARCHITECTURES;
  return platforms.map((platform) => {
    const { os, architecture, variant } = platform;
    const known = ARCHITECTURES.find((arch) => arch === architecture);
    if (os === "linux" && known !== undefined && variant === undefined) return known;
    throw new IngotError("unsupported", {
      what: "the platform",
      at: "--platform",
      found: formatPlatform(platform),
      expected: ARCHITECTURES.map((arch) => `linux/${arch}`).join(" or "),
    });
  });
}

function readRecipe(
  { directory, recipeFile }: Pick<GadgetBuildOptions, "directory" | "recipeFile">,
  problems: Diagnostic[],
): { recipe: BuildFile; recipeFile: string | undefined } {
  const at = recipeFile ?? join(directory, "build.yaml");
  if (recipeFile === undefined && stat(at) === undefined)
    return { recipe: {}, recipeFile: undefined };
  const read = parseBuildFile(readFile(at, YAML_LIMIT), at);
  problems.push(...read.problems);
  return { recipe: read.value, recipeFile: at };
}

/** Where a gadget's metadata are, or would be. @throws source for a recipe that is wrong, usage for one that says there are none */
export function metadataFile(
  options: Pick<GadgetBuildOptions, "directory" | "recipeFile">,
): string {
  const problems: Diagnostic[] = [];
  const { recipe, recipeFile } = readRecipe(options, problems);
  if (recipe.metadata === "") {
    throw new IngotError("usage", {
      message: `${recipeFile} says that the gadget has no metadata (metadata: "")`,
    });
  }
  return join(options.directory, recipe.metadata ?? "gadget.yaml");
}

function readMetadata(
  { root, metadata }: GadgetFolder,
  problems: Diagnostic[],
): GadgetMetadata | undefined {
  if (metadata === undefined) return undefined;
  const at = join(root, metadata);
  const bytes = readFile(at, YAML_LIMIT);
  const read = parseMetadata(bytes, at);
  problems.push(...read.problems);
  return { ...read.value, bytes };
}

/** What Inspektor Gadget refuses of what was built, or passes over. */
function checkBuilt(
  { root, ebpfsource, wasm: wasmSource, metadata: yaml }: GadgetFolder,
  {
    ebpf,
    wasm,
    metadata,
    recipe,
  }: {
    readonly recipe: BuildFile;
    readonly ebpf: ReadonlyMap<Arch, Uint8Array>;
    readonly wasm: Uint8Array | undefined;
    readonly metadata: GadgetMetadata | undefined;
  },
): Diagnostic[] {
  const source = ebpfsource === undefined ? undefined : join(root, ebpfsource);
  const unnamed = join(root, GO_PROGRAM);
  const left: Diagnostic[] =
    recipe.wasm !== undefined || stat(unnamed) === undefined
      ? []
      : [
          {
            ...{ file: unnamed, line: 0, column: 0, level: "warning" },
            message: "no build.yaml names this program: the image is made without it",
            hint: `write wasm: ${GO_PROGRAM} into build.yaml, or wasm: "" where that is meant`,
          },
        ];
  const found = checkGadget({
    ebpf,
    source: source === undefined ? "" : { name: source, bytes: readFile(source, SOURCE_LIMIT) },
    wasm: wasm && { name: join(root, wasmSource!), bytes: wasm },
    metadata: metadata && { name: join(root, yaml!), bytes: metadata.bytes },
  });
  return [...found, ...left];
}

/** @throws source when something would build a wrong image, or is suspicious and `strict` */
function refuse(problems: readonly Diagnostic[], { directory, strict }: GadgetBuildOptions): void {
  if (problems.some(({ level }) => strict || level === "error"))
    throw new IngotError("source", { what: "the gadget", at: directory, problems });
}

async function epochOf(
  choice: EpochChoice,
  folder: GadgetFolder,
  work: CompileContext,
): Promise<number> {
  if (choice === "mtime") return newestChange(folder);
  if (choice === "git") return lastCommit(folder, work);
  return choice;
}

/** Compiles everything side by side; the first failure ends the others. */
async function compile(
  folder: GadgetFolder,
  architectures: readonly Arch[],
  work: CompileContext,
  options: GadgetBuildOptions,
) {
  const { root, ebpfsource, wasm } = folder;
  const abort = new AbortController();
  const shared = { ...work, root, signal: abort.signal };
  const { includes, headers } = options;
  const programs = ebpfsource === undefined ? [] : architectures;
  const compiling = Promise.all(
    programs.map(async (arch) => {
      const compiled = await compileProgram({
        ...shared,
        source: ebpfsource!,
        arch,
        includes,
        ...(headers === undefined ? {} : { headers }),
      });
      return { arch, ...compiled };
    }),
  );
  const building = wasm === undefined ? undefined : buildWasm({ ...shared, source: wasm });
  try {
    const [compiled, module] = await Promise.all([compiling, building]);
    const ebpf = new Map<Arch, Uint8Array>(compiled.map(({ arch, object }) => [arch, object]));
    const said = [...compiled.map(({ warnings }) => warnings), module?.warnings ?? ""].filter(
      (text) => text !== "",
    );
    return { ebpf, wasm: module?.module, compilers: [...new Set(said)] };
  } catch (error) {
    abort.abort();
    await Promise.allSettled([compiling, building]);
    throw error;
  }
}
