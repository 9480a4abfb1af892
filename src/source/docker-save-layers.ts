/** The layers of an archive of Docker's old form: where they are, and what they are uncompressed. */

import type { DockerImage } from "../archive/docker-manifest.ts";
import { compressionOf, HEAD } from "../base/compression/decompress.ts";
import { Fault, unpackFault } from "../base/error.ts";
import { work } from "../base/workers/pool.ts";
import { checkDigest, type Inventory, type Stray } from "../check/inventory.ts";
import { inflatingThreads, type Looked } from "../jobs/diff-id.ts";
import { batches, threadsFor, type Working } from "../jobs/job-context.ts";
import { perform } from "../jobs/perform.ts";
import { digestAt } from "../oci/layout.ts";
import { type Extent, readExtent } from "../store/content.ts";
import { cleanName } from "../tar/member-name.ts";

/** A file of the archive. */
export interface Found {
  readonly name: string;
  readonly file: Stray;
}

/** The file of the archive that a path of `manifest.json` means, a link followed once. */
export function find(inventory: Inventory, path: string): Found | undefined {
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
export async function lookInside(
  inventory: Inventory,
  list: readonly DockerImage[],
  working: Working,
): Promise<void> {
  const compressed: { name: string; extent: Extent }[] = [];
  const names = new Set(
    list.flatMap(({ Layers }) => Layers.map((path) => find(inventory, path)?.name ?? "")),
  );
  for (const name of names) {
    const { file } = find(inventory, name) ?? {};
    const { content: extent, inside } = file ?? {};
    if (file === undefined || inside?.inflated !== undefined) continue;
    if (extent === undefined) mustBeKnown(inventory, name, file);
    if (extent === undefined || extent instanceof Uint8Array) continue;
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
  const threads = inflatingThreads(extents, threadsFor(total, working));
  const results = (await work(tasks, { ...working, threads, handler: perform })) as Looked[][];
  for (const [i, items] of groups.entries())
    for (const [j, { name }] of items.entries()) {
      const looked = results[i]![j]!;
      if ("fault" in looked) throw unpackFault(looked.fault);
      see(inventory, name, looked);
    }
}

/** Notes what was seen of a file. One whose name is a digest must be that. */
function see(inventory: Inventory, name: string, seen: Pick<Stray, "digest" | "inside">): void {
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
function mustBeKnown({ findings }: Inventory, at: string, { inside }: Stray): void {
  if (inside?.compression === undefined) return;
  if ([...findings].some(({ level }) => level === "finding")) return;
  throw new Fault("unsupported", {
    what: "a layer in a stream",
    at,
    found: `${inside.compression} compression in an archive of Docker's form`,
    expected: "a plain layer",
    hint: "let it be decompressed as it passes by: ingot verify --layers; or give the archive as an uncompressed file",
  });
}
