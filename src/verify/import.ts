import { requireComplete } from "../archive/volumes/check.ts";
import { IngotError } from "../base/error.ts";
import { Progress } from "../base/workers/pool.ts";
import { missingBaseLayers } from "../check/delta.ts";
import { hashAll } from "../check/hash-blobs.ts";
import type { ScannedArchive } from "../check/inventory.ts";
import { scanFile, scanLayout } from "../check/scan.ts";
import type { Finding } from "../image/findings.ts";
import { type BaseLayers, parseBaseLayers, type Summary, summaryOf } from "../image/layer-list.ts";
import type { JobContext } from "../jobs/job-context.ts";
import type { Digest } from "../oci/digest.ts";
import { BASE_FILE } from "../oci/layout.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { adoptDocker } from "../source/docker-save.ts";
import {
  type ArchiveSource,
  openSource,
  type StreamSource,
  scanSource,
} from "../source/open-archive.ts";
import { isLayout } from "../source/source.ts";
import { sizeOf } from "../store/content.ts";
import type { FolderStore } from "../store/folder-store.ts";
import type { Session } from "../store/session.ts";
import type { NamedDescriptor, ReadStore } from "../store/store.ts";
import type { ImageVerdict } from "../trust/verdict.ts";
import { type VerifyPass, verifyStoredImage } from "./check-image.ts";
import { StreamStager, stageAll } from "./stage-blobs.ts";
import { UnnamedStager } from "./stage-unnamed.ts";

/** What came into the store. `blobs` and `bytes` = what the images need of the archive; `added` = blobs that were not there whole before. */
export interface Imported {
  readonly images: readonly NamedDescriptor[];
  /** What refers to them. */
  readonly referrers: readonly NamedDescriptor[];
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
  /** Who signed them; undefined where that was not asked. */
  readonly trust?: readonly ImageVerdict[] | undefined;
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
  working: JobContext,
  taking: VerifyPass = {},
): Promise<Imported> {
  if ("volumes" in archive) requireComplete(archive.volumes);
  const session = await store.begin({ resumable: true });
  const strays = new UnnamedStager(session);
  let inventory: ScannedArchive | undefined;
  try {
    const folder = "path" in archive && isLayout(archive.path) ? archive.path : undefined;
    const { source } =
      folder === undefined ? await openSource(archive, working.tally) : { source: archive };
    inventory =
      folder !== undefined
        ? scanLayout(folder)
        : "path" in source
          ? await scanFile(source.path)
          : await receive(source, session, strays, working);
    if (inventory.isDocker) {
      if (!("path" in source)) showStaged(inventory, session);
      await adoptDocker(inventory, working);
    }
    const kept = inventory.brokeOff && session.hasUseful();
    const proven = await verifyStoredImage(inventory, source, { ...taking, kept });
    const { reached: needed, images, referrers, skipped, absent, warnings, trust } = proven;
    const { relies } = inventory;
    if ("path" in source && relies) await mustHave(store, relies, inventory.at, working);
    const reached = new Set([...needed].filter((digest) => !relies?.has(digest)));
    if ("path" in source) {
      await mustBeSound(inventory, reached, working);
      await stageAll(inventory, reached, session, working);
    }
    await strays.settle(reached);
    if (inventory.isDocker || inventory.isMade || taking.platforms?.length)
      putMade(inventory, reached, session);
    const added = await session.commit(reached, [...images, ...referrers]);
    const { blobs } = inventory;
    const bytes = [...reached].reduce((sum, digest) => sum + blobs.get(digest)!.size, 0);
    const base = relies && { base: summaryOf(relies) };
    const came = { blobs: reached.size, added, bytes, ...base };
    return { images, referrers, ...came, skipped, absent, warnings, trust };
  } catch (error) {
    strays.drop();
    session.fail(error, inventory?.brokeOff);
    throw error;
  }
}

/** What a stream brought of compressed blobs is in the session: there it can be decompressed, now that it is known to be asked for. */
function showStaged({ blobs }: ScannedArchive, session: Session): void {
  for (const [digest, held] of blobs) {
    if (held.content !== undefined || held.inside?.compression === undefined) continue;
    const content = session.find(digest);
    if (content !== undefined && sizeOf(content) === held.size)
      blobs.set(digest, { ...held, content });
  }
}

/** Stages what is in memory alone: the manifests that were made, and the configs. */
function putMade(inventory: ScannedArchive, reached: ReadonlySet<Digest>, session: Session): void {
  for (const digest of reached) {
    const content = inventory.find(digest);
    if (content instanceof Uint8Array) session.put(digest, content);
  }
}

/** What no image needs is read as well: an archive that was damaged there was damaged. @throws unproven */
async function mustBeSound(
  inventory: ScannedArchive,
  needed: ReadonlySet<Digest>,
  working: JobContext,
): Promise<void> {
  const { at, blobs } = inventory;
  const surplus = [...blobs.keys()].filter((digest) => !needed.has(digest));
  if (surplus.length === 0) return;
  const before = new Set(inventory.findings);
  await hashAll(inventory, surplus, { ...working, tally: new Progress() });
  const findings = [...inventory.findings].filter(
    (it) => !before.has(it) && it.level === "finding",
  );
  if (findings.length > 0) throw new IngotError("unproven", { at, findings });
}

/** What a delta leaves out must be here, whole. @throws unproven with everything that is not */
async function mustHave(
  store: ReadStore,
  relies: BaseLayers,
  at: string,
  working: JobContext,
): Promise<void> {
  const missing = await missingBaseLayers(store, relies, { ...working, tally: new Progress() });
  if (missing !== undefined) throw new IngotError("unproven", { at, ...missing });
}

/**
 * Reads an archive from a stream; what it has and the store has not is staged. A delta is read on only where the store has
 * all that it leaves out.
 */
async function receive(
  source: StreamSource,
  session: Session,
  strays: UnnamedStager,
  working: JobContext,
): Promise<ScannedArchive> {
  const taker = new StreamStager(session);
  let inventory: ScannedArchive;
  try {
    const at = "volumes" in source ? source.volumes.list.at : source.at;
    const heed = (list: Uint8Array) =>
      mustHave(session.store, parseBaseLayers(list, BASE_FILE), at, working);
    inventory = await scanSource(
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
