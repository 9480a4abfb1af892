import { mustBeWhole } from "../archive/volumes/check.ts";
import { Fault } from "../base/error.ts";
import { Tally } from "../base/workers/pool.ts";
import { missingFrom } from "../check/delta.ts";
import { hashAll } from "../check/hash-blobs.ts";
import type { Inventory } from "../check/inventory.ts";
import { gatherFile, gatherLayout } from "../check/scan.ts";
import type { Finding } from "../image/findings.ts";
import { type Holdings, parseHoldings, type Summary, summaryOf } from "../image/layer-list.ts";
import type { Working } from "../jobs/job-context.ts";
import type { Digest } from "../oci/digest.ts";
import { BASE_FILE } from "../oci/layout.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { adoptDocker } from "../source/docker-save.ts";
import {
  type ArchiveSource,
  gatherSource,
  openSource,
  type StreamSource,
} from "../source/open-archive.ts";
import { isLayout } from "../source/source.ts";
import { sizeOf } from "../store/content.ts";
import type { FolderStore } from "../store/folder-store.ts";
import type { Session } from "../store/session.ts";
import type { Named, ReadStore } from "../store/store.ts";
import { prove, type Taking } from "./check-image.ts";
import { StreamTaker, takeAll } from "./stage-blobs.ts";
import { StrayTaker } from "./stage-unnamed.ts";

/** What came into the store. `blobs` and `bytes` = what the images need of the archive; `added` = blobs that were not there whole before. */
export interface Imported {
  readonly images: readonly Named[];
  /** What refers to them. */
  readonly referrers: readonly Named[];
  readonly blobs: number;
  readonly added: number;
  readonly bytes: number;
  /** Of a delta: what it relies on. All of it is in the store, proven. */
  readonly base?: Summary;
  /** Images that were not taken: nobody could check them. */
  readonly skipped: readonly { readonly reference: string; readonly digest: Digest }[];
  /** Platforms of the images that did not come: they were not there, or not whole. */
  readonly absent: readonly Descriptor[];
  readonly warnings: readonly Finding[];
}

/**
 * Takes the images of an archive, or of a layout in a folder, into the store. Afterwards every blob they need is there, proven, and each has its name;
 * on a failure nothing is named that was not before. A blob that was there and damaged is whole again. What an import has
 * staged that was stopped, killed or cut is compared and not written again. What a delta leaves out must be in the store, and
 * is proven there.
 * @throws unproven with every finding, usage for a name that no image or several want, no-space, io
 */
export async function importArchive(
  archive: ArchiveSource,
  store: FolderStore,
  working: Working,
  taking: Taking = {},
): Promise<Imported> {
  if ("volumes" in archive) mustBeWhole(archive.volumes);
  const session = await store.begin({ resumable: true });
  const strays = new StrayTaker(session);
  let inventory: Inventory | undefined;
  try {
    const folder = "path" in archive && isLayout(archive.path) ? archive.path : undefined;
    const { source } =
      folder === undefined ? await openSource(archive, working.tally) : { source: archive };
    inventory =
      folder !== undefined
        ? gatherLayout(folder)
        : "path" in source
          ? await gatherFile(source.path)
          : await receive(source, session, strays, working);
    if (inventory.isDocker) {
      if (!("path" in source)) showStaged(inventory, session);
      await adoptDocker(inventory, working);
    }
    const kept = inventory.brokeOff && session.hasUseful();
    const proven = await prove(inventory, source, { ...taking, kept });
    const { reached: needed, images, referrers, skipped, absent, warnings } = proven;
    const { relies } = inventory;
    if ("path" in source && relies) await mustHave(store, relies, inventory.at, working);
    const reached = new Set([...needed].filter((digest) => !relies?.has(digest)));
    if ("path" in source) {
      await mustBeSound(inventory, reached, working);
      await takeAll(inventory, reached, session, working);
    }
    await strays.settle(reached);
    if (inventory.isDocker || inventory.isMade || taking.platforms?.length)
      putMade(inventory, reached, session);
    const added = await session.commit(reached, [...images, ...referrers]);
    const { blobs } = inventory;
    const bytes = [...reached].reduce((sum, digest) => sum + blobs.get(digest)!.size, 0);
    const base = relies && { base: summaryOf(relies) };
    const came = { blobs: reached.size, added, bytes, ...base };
    return { images, referrers, ...came, skipped, absent, warnings };
  } catch (error) {
    strays.drop();
    session.fail(error, inventory?.brokeOff);
    throw error;
  }
}

/** What a stream brought of compressed blobs is in the session: there it can be decompressed, now that it is known to be asked for. */
function showStaged({ blobs }: Inventory, session: Session): void {
  for (const [digest, held] of blobs) {
    if (held.content !== undefined || held.inside?.compression === undefined) continue;
    const content = session.find(digest);
    if (content !== undefined && sizeOf(content) === held.size)
      blobs.set(digest, { ...held, content });
  }
}

/** Stages what is in memory alone: the manifests that were made, and the configs. */
function putMade(inventory: Inventory, reached: ReadonlySet<Digest>, session: Session): void {
  for (const digest of reached) {
    const content = inventory.find(digest);
    if (content instanceof Uint8Array) session.put(digest, content);
  }
}

/** What no image needs is read as well: an archive that was damaged there was damaged. @throws unproven */
async function mustBeSound(
  inventory: Inventory,
  needed: ReadonlySet<Digest>,
  working: Working,
): Promise<void> {
  const { at, blobs } = inventory;
  const surplus = [...blobs.keys()].filter((digest) => !needed.has(digest));
  if (surplus.length === 0) return;
  const before = new Set(inventory.findings);
  await hashAll(inventory, surplus, { ...working, tally: new Tally() });
  const findings = [...inventory.findings].filter(
    (it) => !before.has(it) && it.level === "finding",
  );
  if (findings.length > 0) throw new Fault("unproven", { at, findings });
}

/** What a delta leaves out must be here, whole. @throws unproven with everything that is not */
async function mustHave(
  store: ReadStore,
  relies: Holdings,
  at: string,
  working: Working,
): Promise<void> {
  const missing = await missingFrom(store, relies, { ...working, tally: new Tally() });
  if (missing !== undefined) throw new Fault("unproven", { at, ...missing });
}

/**
 * Reads an archive from a stream; what it has and the store has not is staged. A delta is read on only where the store has
 * all that it leaves out.
 */
async function receive(
  source: StreamSource,
  session: Session,
  strays: StrayTaker,
  working: Working,
): Promise<Inventory> {
  const taker = new StreamTaker(session);
  let inventory: Inventory;
  try {
    const at = "volumes" in source ? source.volumes.list.at : source.at;
    const heed = (list: Uint8Array) =>
      mustHave(session.store, parseHoldings(list, BASE_FILE), at, working);
    inventory = await gatherSource(
      source,
      { take: taker.take, takeStray: strays.take, heed },
      working,
    );
  } catch (error) {
    await taker.settle().catch(() => {});
    throw error;
  }
  await taker.settle();
  return inventory;
}
