/** A Dockerfile's stages become file systems, and the layers that make them. Nothing is compressed here. */
import { type Diagnostic, IngotError, isIngotError } from "../base/error.ts";
import {
  type BuildScope,
  type CopyStep,
  evaluate,
  type From,
  fromOf,
  neededStages,
  type Step,
} from "../dockerfile/evaluate/stage.ts";
import { type ContainerConfig, emptyConfig } from "../dockerfile/image/config.ts";
import type { History } from "../dockerfile/image/image.ts";
import type { Dockerfile } from "../dockerfile/read.ts";
import { copyInto } from "../layer/copy/copy.ts";
import { addWorkdir } from "../layer/copy/workdir.ts";
import { entriesOf } from "../layer/pack/entries.ts";
import type { Changes } from "../layer/tree/changes.ts";
import type { Entry } from "../layer/tree/entry.ts";
import type { BuildMembers } from "../layer/tree/limits.ts";
import type { Times } from "../layer/tree/times.ts";
import { type ReadTree, Tree } from "../layer/tree/tree.ts";
import { formatPlatform, type Platform } from "../oci/platform.ts";
import type { FolderStore } from "../store/folder-store.ts";
import type { ReadStore } from "../store/store.ts";
import { type BaseImage, type BaseLayer, openBase } from "./base-image.ts";

/** The most layers of an image that is built: twice what Linux mounts as one file system (overlayfs, OVL_MAX_STACK). */
export const LAYERS_LIMIT = 1000;

/** What goes into an image, in order: layers of a base as they are, and entries of which layers are to be made. */
export type ImageContent = BaseLayer | { readonly entries: readonly Entry[] };

/** An image for one platform, before its layers are made. */
export interface StageResult {
  readonly config: ContainerConfig;
  /** All of it, the base's first. */
  readonly history: readonly History[];
  readonly parts: readonly ImageContent[];
  /** Warnings. */
  readonly problems: readonly Diagnostic[];
  /** Where the blobs of base layers are. */
  readonly stores: readonly ReadStore[];
}

export interface StageOptions {
  readonly file: Dockerfile;
  readonly target: string | undefined;
  readonly scope: BuildScope;
  readonly context: ReadTree;
  /** The context's folder: what paths of FROM are relative to. */
  readonly directory: string;
  readonly times: Times;
  /** What is made for every platform counts. */
  readonly members: BuildMembers;
  /** RFC 3339: the time of every line of history that is written. */
  readonly created: string;
  readonly openStore: () => FolderStore;
  /** Brings an image that the store does not have into it; undefined = what is not there is a fault. */
  readonly pull: ((text: string) => Promise<void>) | undefined;
}

interface Stage extends StageResult {
  readonly tree: Tree;
}

/**
 * What the Dockerfile's target is for the platform of `scope`: each stage that it needs is made once, in the order of the file.
 * @throws source with every mistake of the Dockerfile's stages, not-found for what is copied and not there, too-large
 */
export async function evaluateTarget(options: StageOptions): Promise<StageResult> {
  const made = new Map<number, Stage>();
  const bases = new Bases(options);
  let last: Stage | undefined;
  for (const index of neededStages(options.file, options.target, options.scope)) {
    last = await make(index, made, bases, options);
    made.set(index, last);
  }
  if (last === undefined)
    throw new IngotError("internal", { message: "a Dockerfile without a stage" });
  return last;
}

async function make(
  index: number,
  made: ReadonlyMap<number, Stage>,
  bases: Bases,
  options: StageOptions,
): Promise<Stage> {
  const { file, scope } = options;
  const start = await begin(fromOf(file, index, scope), made, bases, scope);
  const { config, steps, problems } = evaluate(file, index, { base: start.config, scope });
  const history = [...start.history];
  const parts = [...start.parts];
  for (const step of steps) {
    const changes = await apply(step, start.tree, made, bases, options);
    const entries = changes === undefined ? [] : entriesOf(changes, options.times);
    options.members.add(entries.length);
    if (entries.length > 0) parts.push({ entries });
    if (parts.length > LAYERS_LIMIT)
      throw new IngotError("too-large", {
        what: "what comes of the Dockerfile",
        at: file.file,
        actual: parts.length,
        limit: LAYERS_LIMIT,
        unit: "layers",
      });
    history.push({
      created: options.created,
      created_by: step.createdBy,
      ...(entries.length === 0 ? { empty_layer: true } : {}),
    });
  }
  return { ...start, config, history, parts, problems: [...start.problems, ...problems] };
}

async function begin(
  from: From,
  made: ReadonlyMap<number, Stage>,
  bases: Bases,
  { platform }: BuildScope,
): Promise<Stage> {
  if (from.kind === "scratch")
    return {
      config: emptyConfig(platform),
      history: [],
      parts: [],
      problems: [],
      stores: [],
      tree: new Tree("the image"),
    };
  if (from.kind === "stage") {
    const stage = made.get(from.index)!;
    return { ...stage, tree: stage.tree.copy() };
  }
  const base = await bases.open(from.text, from.platform ?? platform, from.place);
  const { config, layers, store } = base;
  return {
    config,
    history: config.history,
    parts: layers,
    problems: [],
    stores: [store],
    tree: (await base.tree()).copy(),
  };
}

async function apply(
  step: Step,
  tree: Tree,
  made: ReadonlyMap<number, Stage>,
  bases: Bases,
  options: StageOptions,
): Promise<Changes | undefined> {
  if (step.kind === "empty") return undefined;
  if (step.kind === "workdir") return addWorkdir(tree, step.path, step.user);
  const { copy } = step;
  return copyInto(tree, { ...copy, from: await treeFor(copy, made, bases, options) });
}

async function treeFor(
  { from, place }: CopyStep,
  made: ReadonlyMap<number, Stage>,
  bases: Bases,
  { context, scope }: StageOptions,
): Promise<ReadTree> {
  if (from.kind === "context") return context;
  if (from.kind === "stage") return made.get(from.index)!.tree;
  return (await bases.open(from.text, scope.platform, place)).tree();
}

/** The images that are built on or copied from, each opened once. */
class Bases {
  readonly #options: StageOptions;
  readonly #open = new Map<string, Promise<BaseImage>>();

  constructor(options: StageOptions) {
    this.#options = options;
  }

  /** @param place where it is named, for messages */
  open(text: string, platform: Platform, place: string): Promise<BaseImage> {
    const key = `${formatPlatform(platform)} ${text}`;
    const open = this.#open.get(key) ?? this.#find(text, platform, place);
    this.#open.set(key, open);
    return open;
  }

  async #find(text: string, platform: Platform, place: string): Promise<BaseImage> {
    const { openStore, directory, pull } = this.#options;
    const around = { openStore, directory, place };
    try {
      return await openBase(text, platform, around);
    } catch (error) {
      if (!isIngotError(error, "not-found") || error.facts.hint !== undefined) throw error;
      if (pull !== undefined) {
        await pull(text);
        return openBase(text, platform, around);
      }
      throw new IngotError("not-found", {
        ...error.facts,
        hint: "bring it into the store with ingot pull or ingot import, or build with --pull; or name an archive: oci-archive:FILE",
      });
    }
  }
}
