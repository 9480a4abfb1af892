import { Fault } from "../base/fault.ts";
import type { Digest } from "../oci/digest.ts";
import { checkLayout, INDEX_FILE, LAYOUT_FILE, LAYOUT_LIMIT, nameOf } from "../oci/layout.ts";
import { INDEX_LIMIT, parseIndex } from "../oci/manifest.ts";
import { bytesOf } from "../store/content.ts";
import type { FolderStore } from "../store/folder.ts";
import type { Session } from "../store/session.ts";
import type { Named } from "../store/store.ts";
import { checkCanonical } from "./canonical.ts";
import { type Finding, type FindingCode, finding, note } from "./finding.ts";
import { type ArchiveSource, gatherFile, gatherStream } from "./gather.ts";
import type { Inventory } from "./inventory.ts";
import { judge, nameTwice } from "./judge.ts";
import { completeNames } from "./name.ts";
import { StreamTaker, takeAll } from "./take.ts";
import type { Working } from "./working.ts";

/** What came into the store. `added` = blobs that were not there whole before. */
export interface Imported {
  readonly images: readonly Named[];
  readonly blobs: number;
  readonly added: number;
  readonly bytes: number;
  readonly warnings: readonly Finding[];
}

/** What is wrong with an archive and yet no reason to refuse it: only what is proven is taken. */
const TOLERATED: ReadonlySet<FindingCode> = new Set<FindingCode>([
  "unexpected-member",
  "unreachable",
]);

/**
 * Takes an archive's images into the store. Afterwards every blob they need is there, proven, and each has its name;
 * on a failure nothing is named that was not before. A blob that was there and damaged is whole again.
 * @throws unproven with every finding, no-space, io
 */
export async function importArchive(
  source: ArchiveSource,
  store: FolderStore,
  working: Working,
): Promise<Imported> {
  const session = await store.begin();
  try {
    const inventory =
      "path" in source ? await gatherFile(source.path) : await receive(source, session, working);
    const { reached, images } = await prove(inventory);
    if ("path" in source) await takeAll(inventory, reached, session, working);
    const added = await session.commit(reached, images);
    const bytes = [...reached].reduce((sum, digest) => sum + inventory.blobs.get(digest)!.size, 0);
    return { images, blobs: reached.size, added, bytes, warnings: [...inventory.findings] };
  } finally {
    session.drop();
  }
}

/** Reads an archive from a stream; what it has and the store has not is staged. */
async function receive(
  { bytes, at }: Exclude<ArchiveSource, { path: string }>,
  session: Session,
  { tally }: Working,
): Promise<Inventory> {
  const taker = new StreamTaker(session);
  let inventory: Inventory;
  try {
    inventory = await gatherStream(bytes, at, tally, taker.take);
  } catch (error) {
    await taker.settle().catch(() => {});
    throw error;
  }
  await taker.settle();
  return inventory;
}

/** The archive's named images, under their complete names, and the blobs that they reach. @throws unproven, malformed */
async function prove(
  inventory: Inventory,
): Promise<{ reached: ReadonlySet<Digest>; images: Named[] }> {
  const { findings } = inventory;
  const refuse = (more: Iterable<Finding>) => {
    const grave = [...findings, ...more].filter(
      ({ level, code }) => level === "finding" && !TOLERATED.has(code),
    );
    if (grave.length > 0) throw new Fault("unproven", { at: inventory.at, findings: grave });
  };
  refuse([]);
  const [layout, index] = ([LAYOUT_FILE, INDEX_FILE] as const).map((name) => {
    const content = inventory.files.get(name);
    if (content === undefined)
      return refuse([
        finding("member-missing", name, "every OCI archive has it, and it is not here"),
      ]);
    return bytesOf(content, name === LAYOUT_FILE ? LAYOUT_LIMIT : INDEX_LIMIT, name);
  });
  checkLayout(layout!, LAYOUT_FILE);
  inventory.roots = parseIndex(index!, INDEX_FILE, INDEX_LIMIT).manifests;
  const roots = inventory.roots.filter((root) => nameOf(root) !== undefined);
  const nameless = inventory.roots.length - roots.length;
  if (nameless > 0)
    findings.push(
      note("nothing", INDEX_FILE, `${nameless} of its images have no name and were passed over`),
    );
  if (roots.length === 0) refuse([finding("nothing", INDEX_FILE, "it names no image")]);
  const judgement = judge(roots, inventory);
  refuse(judgement.findings);
  inventory.json = judgement.json;
  if (inventory.isOwn) refuse(await checkCanonical(inventory));
  const images = completeNames(
    roots.map((descriptor) => ({ reference: nameOf(descriptor)!, descriptor, store: inventory })),
  );
  refuse(nameTwice(images));
  return { reached: judgement.reached, images };
}
