import { deserializeError } from "../base/error.ts";
import { countParsed } from "../base/heap.ts";
import { type Finding, finding, toFinding, unchecked } from "../image/findings.ts";
import {
  type InflateTask,
  type Inside,
  inflatingThreads,
  type LayerDigests,
} from "../jobs/diff-id.ts";
import { batches, type JobContext, threadsForBytes } from "../jobs/job-context.ts";
import { type Checked, type CheckTask, runJobs } from "../jobs/perform.ts";
import { type Digest, isOtherDigest } from "../oci/digest.ts";
import { compressionIn, isEncrypted } from "../oci/media-types.ts";
import { type FileExtent, isAbsent } from "../store/content.ts";
import { checkDigest, diffIDDiffers } from "./check-digest.ts";
import type { Claim } from "./check-graph.ts";
import type { ScannedArchive, ScannedBlob } from "./inventory.ts";

/** What goes through the hands for one blob, however short. Bytes. */
const EACH = 512;

/** So many blobs are handed out at once: what is said of each on its way takes several times what is kept of it. */
const AT_ONCE = 16_384;

type Item = { readonly digest: Digest; readonly held: ScannedBlob; readonly content: FileExtent };

/**
 * Reads the blobs that have not been read, and the copies, once, in several threads when it is worth it. Those that are not what they are
 * named go into the findings. @param layers whether to look what they are uncompressed, too
 */
export async function hashAll(
  inventory: ScannedArchive,
  digests: Iterable<Digest>,
  working: JobContext,
  layers = false,
): Promise<void> {
  let items: Item[] = [];
  for (const item of unread(inventory, digests)) {
    items.push(item);
    if (items.length < AT_ONCE) continue;
    await hashSome(inventory, items, working, layers);
    items = [];
  }
  await hashSome(inventory, items, working, layers);
}

/** What of the blobs and the copies is to be read; of the copies nothing is left afterwards. */
function* unread(inventory: ScannedArchive, digests: Iterable<Digest>): Generator<Item> {
  const one = (digest: Digest, held: ScannedBlob | undefined): Item | undefined => {
    const content = held?.content;
    const isHere = content !== undefined && !(content instanceof Uint8Array) && !isAbsent(content);
    return isHere && held?.inside?.inflated === undefined
      ? { digest, held: held!, content }
      : undefined;
  };
  for (const digest of digests) {
    const item = one(digest, inventory.blobs.get(digest));
    if (item !== undefined) yield item;
  }
  for (const { digest, held } of inventory.copies.values()) {
    const item = one(digest, held);
    if (item !== undefined) yield item;
  }
  inventory.copies.clear();
}

async function hashSome(
  inventory: ScannedArchive,
  items: readonly Item[],
  working: JobContext,
  layers: boolean,
): Promise<void> {
  if (items.length === 0) return;
  const groups = batches(items, ({ content }) => content.size);
  const kind = layers ? "inflate" : "check";
  const tasks = groups.map((group): CheckTask | InflateTask => ({
    kind,
    extents: group.map(({ content }) => content),
  }));
  const total = items.reduce((sum, { content }) => sum + content.size, 0);
  const most = threadsForBytes(total, working);
  const extents = items.map(({ content }) => content);
  const threads = layers ? inflatingThreads(extents, most) : most;
  const results = await runJobs(tasks, working, threads);
  for (const [i, group] of groups.entries())
    for (const [j, item] of group.entries()) settle(inventory, item, results[i]![j]!);
}

function settle(
  inventory: ScannedArchive,
  { digest, held, content }: Item,
  found: Checked | LayerDigests,
) {
  const { findings, blobs } = inventory;
  inventory.bytes += content.size;
  countParsed(EACH);
  if ("fault" in found) return findings.push(toFinding(deserializeError(found.fault)));
  findings.push(...checkDigest(digest, found.digest, held.claimed));
  if ("inside" in found && blobs.get(digest) === held)
    blobs.set(digest, { ...held, inside: found.inside });
}

/** Whether the layers that were looked into are what configs say of them. What is missing or damaged is found elsewhere. */
export function checkClaims(inventory: ScannedArchive, claims: Iterable<Claim>): Finding[] {
  return [...claims].flatMap((claim) => {
    const { layer, diffID, config } = claim;
    const { inside } = inventory.blobs.get(layer) ?? {};
    if (inside?.inflated === undefined || isEncrypted(claim.mediaType)) return [];
    const inflated = inside.inflated === "same" ? { diffID: layer } : inside.inflated;
    const mislabelled = checkType(claim, inside);
    if ("fault" in inflated)
      return [...mislabelled, { ...toFinding(deserializeError(inflated.fault)), at: layer }];
    if (inflated.diffID === diffID) return mislabelled;
    if (isOtherDigest(diffID))
      return [
        ...mislabelled,
        unchecked(
          layer,
          `config ${config} gives its diffID as ${diffID}: only sha256 is supported`,
        ),
      ];
    return [...mislabelled, diffIDDiffers(layer, inflated.diffID, diffID, config)];
  });
}

/** A layer is compressed as its media type says: clients that go by the type cannot unpack it otherwise. */
function checkType({ layer, mediaType }: Claim, { format = "" }: Inside): Finding[] {
  const said = compressionIn(mediaType);
  if (said === undefined || said === format) return [];
  const is = format === "" ? "it is not compressed" : `it is compressed with ${format}`;
  return [finding("type-differs", layer, `${is}, its media type is ${mediaType}`)];
}
