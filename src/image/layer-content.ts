/** What the files of a layer contain, as one digest: the half of a layer's key that costs reading them. */
import { utf8 } from "../base/bytes.ts";
import { isUnchanged } from "../base/file-stamp.ts";
import { Sha256, sha256Hex } from "../base/hash.ts";
import { work } from "../base/pool.ts";
import type { Entry, Source } from "../layer/entry.ts";
import type { KnownLayer } from "../store/layer-cache.ts";
import type { ReadStore } from "../store/store.ts";
import { type Checked, type CheckTask, perform } from "./work.ts";
import { batches, threadsFor, type Working } from "./working.ts";

interface File {
  readonly size: number;
  readonly source: Source;
}

const filesOf = (entries: readonly Entry[]): File[] =>
  entries.flatMap(({ node }) => (node?.kind === "file" ? [node] : []));

/** Gathers the digests of files as they are read, in the order of the entries. */
export class Contents {
  readonly #files: readonly File[];
  readonly #digests: string[] = [];

  constructor(entries: readonly Entry[]) {
    this.#files = filesOf(entries);
  }

  /** The content of the next file has this SHA-256. */
  add(hex: string): void {
    this.#digests.push(hex);
  }

  /** All of them as one; undefined when something has no name by which it is known again. */
  hex(): string | undefined {
    return total(this.#files, this.#digests);
  }
}

/**
 * The same, by reading the files again in several threads; undefined also when one cannot be read as it was listed:
 * whoever makes the layer will say why.
 */
export async function contentOf(
  entries: readonly Entry[],
  working: Working,
): Promise<string | undefined> {
  const files = filesOf(entries);
  const digests = files.map(({ source }) =>
    source.kind === "bytes" ? sha256Hex(source.bytes) : "",
  );
  const onDisk = files.flatMap(({ size, source }, i) =>
    source.kind === "disk" ? [{ i, extent: { path: source.path, offset: 0, size }, source }] : [],
  );
  const groups = batches(onDisk, ({ extent }) => extent.size);
  const checked = await check(
    groups.map((group) => group.map(({ extent }) => extent)),
    working,
  );
  for (const [g, group] of groups.entries()) {
    for (const [j, { i, source }] of group.entries()) {
      const found = checked[g]![j]!;
      if (!("digest" in found) || !isUnchanged({ ...source, size: group[j]!.extent.size }))
        return undefined;
      digests[i] = found.digest.slice("sha256:".length);
    }
  }
  return total(files, digests);
}

/** Whether the layer's blob is in the store, whole. */
export async function isProvenBlob(
  { digest, size }: KnownLayer,
  store: ReadStore,
  working: Working,
): Promise<boolean> {
  const content = store.find(digest);
  if (content === undefined || content instanceof Uint8Array || content.size !== size) return false;
  const [[found] = []] = await check([[content]], working);
  return found !== undefined && "digest" in found && found.digest === digest;
}

async function check(
  groups: readonly CheckTask["extents"][],
  working: Working,
): Promise<Checked[][]> {
  const bytes = groups.flat().reduce((sum, { size }) => sum + size, 0);
  const tasks = groups.map((extents): CheckTask => ({ kind: "check", extents }));
  const threads = threadsFor(bytes, working);
  return (await work(tasks, { ...working, threads, handler: perform })) as Checked[][];
}

function total(files: readonly File[], digests: readonly string[]): string | undefined {
  const hash = new Sha256();
  for (const [i, { source }] of files.entries()) {
    const name = source.kind === "packed" ? packedName(source) : digests[i];
    if (name === undefined) return undefined;
    hash.update(utf8(`${name}\n`));
  }
  return hash.hex();
}

const packedName = ({ archive, offset }: Extract<Source, { kind: "packed" }>) =>
  archive.id === undefined ? undefined : `${archive.id} ${offset}`;
