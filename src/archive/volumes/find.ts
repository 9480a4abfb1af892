/** The volumes of one archive, found: those that were named, and those that lie beside them. */
import { dirname, join, resolve } from "node:path";
import { deserializeError, IngotError } from "../../base/error.ts";
import { stat } from "../../base/fs/file.ts";
import { sortedUnique } from "../../base/order.ts";
import { type JobContext, threadsForBytes } from "../../jobs/job-context.ts";
import { type Checked, type CheckTask, runJobs } from "../../jobs/perform.ts";
import type { Digest } from "../../oci/digest.ts";
import {
  classifyFile,
  filesIn,
  type KnownLists,
  listOf,
  placeByName,
  type VolumeFile,
  type VolumeList,
  volumeOf,
} from "./classify.ts";
import { listName, volumeName } from "./format.ts";

/** All volumes of an archive, from front to back. */
export interface VolumeSet {
  readonly list: VolumeList;
  readonly files: readonly VolumeFile[];
}

/** How many volumes there are, and where their list is. */
export const volumeSummary = ({ list, files }: VolumeSet): { list: string; count: number } => ({
  list: list.at,
  count: files.length,
});

/**
 * The archive whose list, or volumes, `paths` are, in any order and under any names; undefined where the one path is no such thing. The
 * list is the one that was named, else the one beside a volume. What was not named is looked for beside the list and beside the volumes that
 * were. Only where neither name nor size tells volumes apart they are hashed: whether they are what they should be is found out as they are read.
 * @throws usage for volumes of several archives, and for several archives; not-found where there is no list; volumes-missing
 */
export async function openVolumes(
  paths: readonly string[],
  working: JobContext,
): Promise<VolumeSet | undefined> {
  const known: KnownLists = new Map();
  const looked = paths.map((path) => ({ path, look: classifyFile(path, known) }));
  if (looked.length === 1 && looked[0]!.look.kind === "archive") return undefined;
  const list = listOf(looked);
  const given = looked.flatMap(({ path, look }) => (look.kind === "list" ? [] : [path]));
  const finder = new Finder(list, working);
  await finder.give(given);
  finder.look(sortedUnique([list.at, ...given].map((path) => dirname(resolve(path)))));
  await finder.lookByDigest();
  return { list, files: finder.found() };
}

/** What is known of where the volumes of a list are. */
class Finder {
  readonly #list: VolumeList;
  readonly #working: JobContext;
  readonly #files: (VolumeFile | undefined)[];
  /** Files that nobody named, and that have the name of a volume and not its size. */
  readonly #odd: (VolumeFile | undefined)[];
  readonly #used = new Set<string>();
  /** The places of the volumes that have a size, or a digest. */
  readonly #places = new Map<number | Digest, number[]>();
  #folders: readonly string[] = [];

  constructor(list: VolumeList, working: JobContext) {
    this.#list = list;
    this.#working = working;
    this.#files = list.volumes.map(() => undefined);
    this.#odd = list.volumes.map(() => undefined);
    for (const [i, { size, digest }] of list.volumes.entries())
      for (const what of [size, digest]) {
        const places = this.#places.get(what) ?? [];
        places.push(i);
        this.#places.set(what, places);
      }
  }

  /** Takes the files that were named. @throws usage for what is no volume of the list, or is named twice */
  async give(paths: readonly string[]): Promise<void> {
    const unsure: VolumeFile[] = [];
    for (const path of paths) {
      const file = { path, size: stat(path)?.size ?? 0 };
      const named = placeByName(this.#list, path);
      const places = this.#places.get(file.size) ?? [];
      const [only, ...more] = places;
      if (named !== undefined && this.#list.volumes[named]!.size === file.size)
        this.#put(named, file);
      else if (named === undefined && only !== undefined && more.length === 0)
        this.#put(only, file);
      else if (only !== undefined) unsure.push(file);
      else if (named !== undefined) this.#put(named, file);
      else throw this.#stranger(path, `it has ${file.size} bytes, and no volume has`);
    }
    for (const [i, checked] of (await this.#hash(unsure)).entries()) {
      if ("fault" in checked) throw deserializeError(checked.fault);
      const file = unsure[i]!;
      const { digest } = checked;
      const places = this.#places.get(digest) ?? [];
      const free = places.find((place) => this.#files[place] === undefined);
      const place = free ?? places[0] ?? placeByName(this.#list, file.path);
      if (place === undefined) throw this.#stranger(file.path, `it is ${digest}, and no volume is`);
      this.#put(place, file);
    }
  }

  /** Looks in `folders` for what has the name and the size of a volume. */
  look(folders: readonly string[]): void {
    this.#folders = folders;
    const { volumes, stem } = this.#list;
    for (const [i, { size }] of volumes.entries())
      for (const folder of folders) {
        if (this.#files[i] !== undefined) break;
        const path = join(folder, volumeName(stem, i + 1, volumes.length));
        const found = this.#used.has(path) ? undefined : stat(path);
        if (found?.kind !== "file") continue;
        const file = { path, size: found.size };
        if (found.size === size) this.#put(i, file);
        else this.#odd[i] ??= file;
      }
  }

  /** Looks in the folders for what is still missing, whatever it is called. */
  async lookByDigest(): Promise<void> {
    const missing = this.#list.volumes.filter((_, i) => this.#files[i] === undefined);
    if (missing.length === 0) return;
    const sizes = new Set(missing.map(({ size }) => size));
    const files = this.#folders
      .flatMap(filesIn)
      .filter(({ path, size }) => sizes.has(size) && !this.#used.has(path))
      .filter(({ path }) => !isOfOthers(path, this.#list));
    for (const [i, checked] of (await this.#hash(files)).entries()) {
      const places = "digest" in checked ? this.#places.get(checked.digest) : undefined;
      const place = places?.find((one) => this.#files[one] === undefined);
      if (place !== undefined) this.#put(place, files[i]!);
    }
  }

  /** The files of all volumes, also those that have another size than they should. @throws volumes-missing */
  found(): VolumeFile[] {
    const { volumes, at, stem } = this.#list;
    const files = volumes.flatMap((_, i) => this.#files[i] ?? this.#odd[i] ?? []);
    if (files.length === volumes.length) return files;
    throw new IngotError("volumes-missing", {
      at,
      count: volumes.length,
      missing: volumes.flatMap(({ digest, size }, i) => {
        const found = this.#files[i] ?? this.#odd[i];
        if (found?.size === size) return [];
        const file = volumeName(stem, i + 1, volumes.length);
        return [{ file, number: i + 1, size, digest, ...(found && { found }) }];
      }),
      folders: this.#folders,
    });
  }

  #put(place: number, file: VolumeFile): void {
    const before = this.#files[place];
    if (before !== undefined)
      throw new IngotError("usage", {
        message: `volume ${place + 1} of ${this.#list.volumes.length} is named twice, should be once: it is ${JSON.stringify(before.path)} and ${JSON.stringify(file.path)}`,
      });
    this.#files[place] = file;
    this.#used.add(resolve(file.path));
  }

  #stranger(path: string, why: string): IngotError {
    return new IngotError("usage", {
      message: `${JSON.stringify(path)} is not a volume of the archive of ${JSON.stringify(this.#list.at)}: ${why}`,
      hint: "leave it out, or copy that volume again: it is damaged, cut short, or of another archive",
    });
  }

  async #hash(files: readonly VolumeFile[]): Promise<Checked[]> {
    const total = files.reduce((sum, { size }) => sum + size, 0);
    const tasks = files.map(({ path, size }): CheckTask => {
      return { kind: "check", extents: [{ path, offset: 0, size }] };
    });
    const threads = threadsForBytes(total, this.#working);
    return (await runJobs(tasks, this.#working, threads)).flat();
  }
}

/** Whether the file has the name of a volume of another archive, whose list lies beside it. */
function isOfOthers(path: string, { stem }: VolumeList): boolean {
  const name = volumeOf(path);
  if (name === undefined || name.stem === stem) return false;
  return stat(join(dirname(path), listName(name.stem))) !== undefined;
}
