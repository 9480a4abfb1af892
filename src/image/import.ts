import { Fault } from "../base/fault.ts";
import { Tally } from "../base/pool.ts";
import type { Digest } from "../oci/digest.ts";
import {
  BASE_FILE,
  checkLayout,
  DOCKER_FILE,
  INDEX_FILE,
  LAYOUT_FILE,
  LAYOUT_LIMIT,
  nameOf,
} from "../oci/layout.ts";
import { type Descriptor, INDEX_LIMIT, parseIndex } from "../oci/manifest.ts";
import { REF_NAME } from "../oci/media.ts";
import { refersOf } from "../oci/referrer.ts";
import { bytesOf, sizeOf } from "../store/content.ts";
import type { FolderStore } from "../store/folder.ts";
import type { Session } from "../store/session.ts";
import type { Named, ReadStore } from "../store/store.ts";
import { checkCanonical } from "./canonical.ts";
import { missingFrom, readBase, surplusOf } from "./delta.ts";
import { adoptDocker } from "./docker-archive.ts";
import { normalEntries } from "./entries.ts";
import { type Finding, type FindingCode, finding, note, uniqueFindings } from "./finding.ts";
import { gatherFile } from "./gather.ts";
import { type Holdings, parseHoldings, type Summary, summaryOf } from "./holdings.ts";
import { dockerOf, type Inventory } from "./inventory.ts";
import { judge, nameTwice } from "./judge.ts";
import { completeNames, isTagOnly, mustBeName } from "./name.ts";
import { fullNameOf, nameRoots } from "./naming.ts";
import { type ArchiveSource, gatherSource, openSource, type StreamSource } from "./opening.ts";
import { StrayTaker } from "./strays.ts";
import { StreamTaker, takeAll } from "./take.ts";
import { checkList, mustBeWhole } from "./volume-check.ts";
import type { Working } from "./working.ts";

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
  readonly warnings: readonly Finding[];
}

/** What is wrong with an archive and yet no reason to refuse it: only what is proven is taken. */
const TOLERATED: ReadonlySet<FindingCode> = new Set<FindingCode>([
  "unexpected-member",
  "unreachable",
]);

const BROKE_OFF =
  "nothing was changed: bring the archive again from where it came from; what has come of it is kept for a day, and not written again";

/**
 * Takes an archive's images into the store. Afterwards every blob they need is there, proven, and each has its name;
 * on a failure nothing is named that was not before. A blob that was there and damaged is whole again. What an import has
 * staged that was stopped, killed or cut is compared and not written again. What a delta leaves out must be in the store, and
 * is proven there.
 * @param name what to call the one image that the archive gives no name
 * @throws unproven with every finding, usage for a name that no image or several want, no-space, io
 */
export async function importArchive(
  archive: ArchiveSource,
  store: FolderStore,
  working: Working,
  name?: string,
): Promise<Imported> {
  if ("volumes" in archive) mustBeWhole(archive.volumes);
  const session = await store.begin({ resumable: true });
  const strays = new StrayTaker(session);
  let inventory: Inventory | undefined;
  try {
    const { source } = await openSource(archive);
    inventory =
      "path" in source
        ? await gatherFile(source.path)
        : await receive(source, session, strays, working);
    if (inventory.isDocker) {
      if (!("path" in source)) showStaged(inventory, session);
      await adoptDocker(inventory, working);
    }
    const kept = inventory.brokeOff && session.hasUseful();
    const { reached: needed, images, referrers } = await prove(inventory, source, { name, kept });
    const { relies } = inventory;
    if ("path" in source && relies) await mustHave(store, relies, inventory.at, working);
    const reached = new Set([...needed].filter((digest) => !relies?.has(digest)));
    if ("path" in source) await takeAll(inventory, reached, session, working);
    await strays.settle(reached);
    if (inventory.isDocker) putMade(inventory, reached, session);
    const added = await session.commit(reached, [...images, ...referrers]);
    const { blobs, findings } = inventory;
    const bytes = [...reached].reduce((sum, digest) => sum + blobs.get(digest)!.size, 0);
    const warnings = [...findings];
    const base = relies && { base: summaryOf(relies) };
    return { images, referrers, blobs: reached.size, added, bytes, ...base, warnings };
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

/**
 * The archive's named images, under their complete names, and the blobs that they reach.
 * @param kept whether what has come of it stays for the next import @throws unproven, malformed
 */
async function prove(
  inventory: Inventory,
  source: ArchiveSource,
  { name, kept }: { readonly name: string | undefined; readonly kept: boolean },
): Promise<{ reached: ReadonlySet<Digest>; images: Named[]; referrers: Named[] }> {
  const { at, findings } = inventory;
  const hint = kept ? { hint: BROKE_OFF } : {};
  const refuse = (more: Iterable<Finding>) => {
    const grave = uniqueFindings([...findings, ...more]).filter(
      ({ level, code }) => level === "finding" && !TOLERATED.has(code),
    );
    if (grave.length > 0) throw new Fault("unproven", { at, findings: grave, ...hint });
  };
  refuse([]);
  if (!inventory.isDocker) {
    readBase(inventory);
    refuse([]);
    readIndex(inventory, refuse);
  }
  if ("volumes" in source) refuse(checkList(source.volumes, inventory));
  if (name !== undefined) inventory.roots = nameOne(inventory, name);
  const roots = inventory.roots.filter((root) => fullNameOf(root) !== undefined);
  const referrers = inventory.roots.filter((root) => refersOf(root) !== undefined);
  const nameless = inventory.roots.length - roots.length - referrers.length;
  const list = inventory.isDocker ? DOCKER_FILE : INDEX_FILE;
  const odd = inventory.roots.map(nameOf).find((tag) => tag !== undefined && isTagOnly(tag));
  const only = odd === undefined ? "" : ` (a tag alone, as ${JSON.stringify(odd)}, is none)`;
  if (roots.length === 0 && nameless > 0)
    refuse([
      finding(
        "nothing",
        list,
        `it names no image: ${nameless} ${nameless === 1 ? "is here without a name" : "are here without names"}${only}${nameless === 1 ? "; give it one with --name REF" : ""}`,
      ),
    ]);
  if (roots.length === 0) refuse([finding("nothing", list, "it names no image")]);
  if (nameless > 0)
    findings.push(
      note("nothing", list, `${nameless} of its images have no name and were passed over${only}`),
    );
  const judgement = judge([...roots, ...referrers], inventory);
  refuse(judgement.findings);
  refuse(surplusOf(inventory.relies ?? new Map(), judgement.reached));
  inventory.json = judgement.json;
  if (inventory.isOwn) refuse(await checkCanonical(inventory));
  const images = completeNames(
    roots.map((descriptor) => ({ reference: nameOf(descriptor)!, descriptor, store: inventory })),
  );
  refuse(nameTwice(images));
  const attached = referrers.map((descriptor) => ({
    reference: descriptor.digest,
    descriptor,
    refers: refersOf(descriptor),
  }));
  return { reached: judgement.reached, images, referrers: attached };
}

/** Reads the two files that every layout has; afterwards the images that it names are the roots. */
function readIndex(inventory: Inventory, refuse: (more: Iterable<Finding>) => void): void {
  const [layout, index] = ([LAYOUT_FILE, INDEX_FILE] as const).map((name) => {
    const content = inventory.files.get(name);
    if (content === undefined)
      return refuse([
        finding("member-missing", name, "every OCI archive has it, and it is not here"),
      ]);
    return bytesOf(content, name === LAYOUT_FILE ? LAYOUT_LIMIT : INDEX_LIMIT, name);
  });
  checkLayout(layout!, LAYOUT_FILE);
  const { manifests } = parseIndex(index!, INDEX_FILE, INDEX_LIMIT);
  inventory.roots = normalEntries(nameRoots(manifests, inventory, dockerOf(inventory)), inventory);
}

/** The roots, with `name` for the one image that has none; a tag that it has stays. @throws usage, malformed */
function nameOne({ roots, at }: Inventory, name: string): readonly Descriptor[] {
  mustBeName(name);
  const nameless = roots.filter((root) => fullNameOf(root) === undefined);
  const [only] = nameless;
  const digests = new Set(nameless.map(({ digest }) => digest));
  if (only === undefined || digests.size !== 1)
    throw new Fault("usage", {
      message: `--name is for one image without a name, and ${at} has ${digests.size} of them`,
      hint:
        digests.size === 0
          ? "its images have names; give them more with: ingot tag SOURCE NAME"
          : "name them in its index.json, or bring each in an archive of its own",
    });
  const tag = nameOf(only);
  const hasTag = /:[^/]*$/.test(name);
  const full = hasTag ? name : `${name}:${tag ?? "latest"}`;
  return roots.map((root) =>
    root.digest === only.digest && fullNameOf(root) === undefined
      ? { ...root, annotations: { ...root.annotations, [REF_NAME]: full } }
      : root,
  );
}
