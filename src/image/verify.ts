import { unpackFault } from "../base/fault.ts";
import { sortedBy } from "../base/order.ts";
import { work } from "../base/pool.ts";
import { type Digest, hexOf } from "../oci/digest.ts";
import {
  blobPath,
  checkLayout,
  DOCKER_FILE,
  INDEX_FILE,
  LAYOUT_FILE,
  LAYOUT_LIMIT,
  nameOf,
} from "../oci/layout.ts";
import { INDEX_LIMIT, parseIndex } from "../oci/manifest.ts";
import { isImage } from "../oci/media.ts";
import { bytesOf, sizeOf } from "../store/content.ts";
import { checkCanonical } from "./canonical.ts";
import { checkDocker } from "./docker.ts";
import {
  collect,
  type Finding,
  finding,
  isProven,
  note,
  type Report,
  toFinding,
  uniqueFindings,
} from "./finding.ts";
import { type ArchiveSource, gatherFile, gatherLayout, gatherStream } from "./gather.ts";
import { checkDigest, Inventory, type LayoutFile } from "./inventory.ts";
import { judge } from "./judge.ts";
import type { Selected } from "./select.ts";
import { type Checked, type CheckTask, perform } from "./work.ts";
import { batches, threadsFor, type Working } from "./working.ts";

/**
 * Proves an archive, reading each byte once: its form, every blob's size and digest, every descriptor's target, and with
 * `canonical` that it is exactly what export writes. What is not so is returned, all of it.
 * An archive whose headers are all export's own is held to be export's altogether, also without `canonical`: no digest
 * protects its `index.json`, and this does.
 * @throws io and the like: nobody could say
 */
export async function verifyArchive(
  source: ArchiveSource,
  options: { readonly canonical: boolean },
  working: Working,
): Promise<Report> {
  const inventory =
    "path" in source
      ? await gatherFile(source.path)
      : await gatherStream(source.bytes, source.at, working.tally);
  if ("path" in source) await hashAll(inventory, [...inventory.blobs.keys()], working);
  const report = await conclude(inventory, "finding");
  const deviations =
    isProven(report) && (options.canonical || inventory.isOwn)
      ? await checkCanonical(inventory)
      : [];
  const judged = { ...report, findings: [...report.findings, ...deviations] };
  return options.canonical ? { ...judged, canonical: isProven(judged) } : judged;
}

/** Proves an image layout in a folder, all of it. */
export async function verifyLayout(directory: string, working: Working): Promise<Report> {
  const inventory = gatherLayout(directory);
  await hashAll(inventory, [...inventory.blobs.keys()], working);
  return conclude(inventory, "note");
}

/** Proves one image, wherever it is: everything it reaches and nothing else. */
export async function verifyImage(image: Selected, working: Working): Promise<Report> {
  const { reference, descriptor, store } = image;
  const { reached, findings } = judge([descriptor], store);
  const inventory = new Inventory(store.at);
  for (const digest of reached.keys()) {
    const content = store.find(digest);
    if (content !== undefined) inventory.blobs.set(digest, { size: sizeOf(content), content });
  }
  await hashAll(inventory, [...reached.keys()], working);
  return {
    at: reference,
    images: [{ reference, digest: descriptor.digest }],
    blobs: inventory.blobs.size,
    bytes: inventory.bytes,
    findings: uniqueFindings([...findings, ...inventory.findings]),
  };
}

/** Hashes the blobs, in several threads when it is worth it; those that are not what they are named go into the findings. */
async function hashAll(
  inventory: Inventory,
  digests: readonly Digest[],
  working: Working,
): Promise<void> {
  const named = digests.flatMap((digest) => {
    const content = inventory.blobs.get(digest)?.content;
    return content === undefined || content instanceof Uint8Array ? [] : [{ digest, content }];
  });
  const groups = batches(named, ({ content }) => content.size);
  const tasks: CheckTask[] = groups.map((items) => ({
    kind: "check",
    extents: items.map(({ content }) => content),
  }));
  const total = named.reduce((sum, { content }) => sum + content.size, 0);
  const results = (await work(tasks, {
    ...working,
    threads: threadsFor(total, working),
    handler: perform,
  })) as Checked[][];
  for (const [i, items] of groups.entries()) {
    for (const [j, { digest, content }] of items.entries()) {
      const checked = results[i]![j]!;
      inventory.findings.push(
        ...("fault" in checked
          ? [toFinding(unpackFault(checked.fault))]
          : checkDigest(digest, checked.digest)),
      );
      inventory.bytes += content.size;
    }
  }
}

/** Judges what was gathered. `unreachable` = how grave a blob is that no image needs. */
async function conclude(inventory: Inventory, unreachable: Finding["level"]): Promise<Report> {
  const { findings } = inventory;
  const layout = need(inventory, LAYOUT_FILE);
  if (layout !== undefined) collect(findings, () => checkLayout(layout, LAYOUT_FILE));
  const index = need(inventory, INDEX_FILE);
  inventory.roots =
    (index && collect(findings, () => parseIndex(index, INDEX_FILE, INDEX_LIMIT)))?.manifests ?? [];
  const judgement = judge(inventory.roots, inventory);
  inventory.json = judgement.json;
  findings.push(...judgement.findings);
  for (const digest of sortedBy(inventory.blobs.keys(), hexOf)) {
    if (!findings.isFull && !judgement.reached.has(digest))
      findings.push({
        ...note("unreachable", blobPath(digest), "no image needs it"),
        level: unreachable,
      });
  }
  const docker = inventory.files.get(DOCKER_FILE);
  if (docker !== undefined)
    findings.push(
      ...(collect(findings, () =>
        checkDocker(bytesOf(docker, INDEX_LIMIT, DOCKER_FILE), judgement.loadable),
      ) ?? []),
    );
  if (!inventory.roots.some(({ mediaType }) => isImage(mediaType)) && index !== undefined)
    findings.push(
      finding("nothing", INDEX_FILE, "it names no image: there is nothing that could be proven"),
    );
  return {
    at: inventory.at,
    images: inventory.roots.map((root) => ({ reference: nameOf(root) ?? "", digest: root.digest })),
    blobs: inventory.blobs.size,
    bytes: inventory.bytes,
    findings: uniqueFindings(findings),
  };
}

/** The bytes of a file that every layout has; without it there is a finding. */
function need(inventory: Inventory, name: LayoutFile): Uint8Array | undefined {
  const content = inventory.files.get(name);
  if (content === undefined) {
    inventory.findings.push(
      finding("member-missing", name, "every image layout has it, and it is not here"),
    );
    return undefined;
  }
  return collect(inventory.findings, () =>
    bytesOf(content, name === LAYOUT_FILE ? LAYOUT_LIMIT : INDEX_LIMIT, name),
  );
}
