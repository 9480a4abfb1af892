/** The layers of an archive of Docker's old form: where they are, and what they are uncompressed. */

import type { DockerImage } from "../archive/docker-manifest.ts";
import { compressionOf, HEAD } from "../base/compression/decompress.ts";
import { deserializeError, IngotError } from "../base/error.ts";
import { checkDigest } from "../check/check-digest.ts";
import type { ScannedArchive, UnnamedFile } from "../check/inventory.ts";
import { inflatingThreads } from "../jobs/diff-id.ts";
import { batches, type JobContext, threadsForBytes } from "../jobs/job-context.ts";
import { runJobs } from "../jobs/perform.ts";
import { digestAt } from "../oci/layout.ts";
import { type FileExtent, isAbsent, readExtent } from "../store/content.ts";
import { cleanName } from "../tar/member-name.ts";

/** A file of the archive. */
export interface ArchiveFile {
  readonly name: string;
  readonly file: UnnamedFile;
}

/** The file of the archive that a path of `manifest.json` means, a link followed once. */
export function findFile(inventory: ScannedArchive, path: string): ArchiveFile | undefined {
  const clean = cleanName(path) ?? "";
  const name = inventory.links.get(clean)?.target ?? clean;
  const digest = digestAt(name);
  const blob = digest && inventory.blobs.get(digest);
  const file = blob === undefined ? inventory.strays.get(name) : { ...blob, digest: digest! };
  return file && { name, file };
}

/**
 * Looks into layers that can be read: how they are compressed, and what those are uncompressed, also where their names are their
 * digests. @throws unsupported where nothing else is wrong, and one has passed by that nobody decompressed
 */
export async function inspectLayers(
  inventory: ScannedArchive,
  list: readonly DockerImage[],
  working: JobContext,
): Promise<void> {
  const compressed: { name: string; extent: FileExtent }[] = [];
  const names = new Set(
    list.flatMap(({ Layers }) => Layers.map((path) => findFile(inventory, path)?.name ?? "")),
  );
  for (const name of names) {
    const { file } = findFile(inventory, name) ?? {};
    const { content: extent, inside } = file ?? {};
    if (file === undefined || inside?.inflated !== undefined) continue;
    if (extent === undefined) mustBeKnown(inventory, name, file);
    if (extent === undefined || extent instanceof Uint8Array || isAbsent(extent)) continue;
    const compression = compressionOf(readExtent(extent, Math.min(HEAD, extent.size)));
    if (compression === undefined) see(inventory, name, { inside: { compression } });
    else compressed.push({ name, extent });
  }
  const groups = batches(compressed, ({ extent }) => extent.size);
  const tasks = groups.map((items) => ({
    kind: "inflate" as const,
    extents: items.map(({ extent }) => extent),
  }));
  const total = compressed.reduce((sum, { extent }) => sum + extent.size, 0);
  const extents = compressed.map(({ extent }) => extent);
  const threads = inflatingThreads(extents, threadsForBytes(total, working));
  const results = await runJobs(tasks, working, threads);
  for (const [i, items] of groups.entries())
    for (const [j, { name }] of items.entries()) {
      const looked = results[i]![j]!;
      if ("fault" in looked) throw deserializeError(looked.fault);
      see(inventory, name, looked);
    }
}

/** Notes what was seen of a file. One whose name is a digest must be that. */
function see(
  inventory: ScannedArchive,
  name: string,
  seen: Pick<UnnamedFile, "digest" | "inside">,
): void {
  const digest = digestAt(name);
  const held = digest && inventory.blobs.get(digest);
  if (digest === undefined || held === undefined) {
    inventory.strays.set(name, { ...inventory.strays.get(name)!, ...seen });
    return;
  }
  inventory.blobs.set(digest, { ...held, ...(seen.inside && { inside: seen.inside }) });
  if (seen.digest === undefined) return;
  inventory.bytes += held.size;
  inventory.findings.push(...checkDigest(digest, seen.digest));
}

/** A blob of a stream passes by before anybody knows that the archive is of Docker's form, whose layers have to be decompressed. */
function mustBeKnown({ findings }: ScannedArchive, at: string, { inside }: UnnamedFile): void {
  if (inside?.compression === undefined) return;
  if ([...findings].some(({ level }) => level === "finding")) return;
  throw new IngotError("unsupported", {
    what: "a layer in a stream",
    at,
    found: `${inside.compression} compression in an archive of Docker's form`,
    expected: "a plain layer",
    hint: "let it be decompressed as it passes by: ingot verify --layers; or give the archive as an uncompressed file",
  });
}
