import { text } from "../base/bytes.ts";
import { sortedBy } from "../base/order.ts";
import { hexOf } from "../oci/digest.ts";
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
import { refersOf } from "../oci/referrer.ts";
import { bytesOf, sizeOf } from "../store/content.ts";
import type { ReadStore } from "../store/store.ts";
import { checkCanonical } from "./canonical.ts";
import { leftOut, lend, readBase, surplusOf } from "./delta.ts";
import { checkDocker } from "./docker.ts";
import { adoptDocker } from "./docker-archive.ts";
import { normalEntries } from "./entries.ts";
import {
  collect,
  type Finding,
  finding,
  isSound,
  note,
  type Report,
  uniqueFindings,
} from "./finding.ts";
import { gatherFile, gatherLayout } from "./gather.ts";
import { checkClaims, hashAll } from "./hash-all.ts";
import { summaryOf } from "./holdings.ts";
import { dockerOf, type Held, Inventory } from "./inventory.ts";
import { judge } from "./judge.ts";
import type { LayoutFile } from "./member.ts";
import { nameRoots } from "./naming.ts";
import { type ArchiveSource, gatherSource, openSource } from "./opening.ts";
import { kindOrOther } from "./referrer-kind.ts";
import type { Selected } from "./select.ts";
import { checkCuts, checkList } from "./volume-check.ts";
import { tallyOf } from "./volume-set.ts";
import type { Working } from "./working.ts";

/** What of an archive is to be proven beside its digests. */
export interface Exactness {
  /** That it is exactly what export writes. */
  readonly canonical: boolean;
  /** That every layer is, uncompressed, what its config says. */
  readonly layers?: boolean;
  /** Of a delta: where the layers are that it leaves out. Without them nobody can say whether its images are whole. */
  readonly bases?: readonly ReadStore[];
}

/**
 * Proves an archive, reading each byte once: its form, every blob's size and digest, every descriptor's target, and with
 * `canonical` that it is exactly what export writes. What is not so is returned, all of it.
 * An archive whose headers are all export's own is held to be export's altogether, also without `canonical`: no digest
 * protects its `index.json`, and this does.
 * @throws io and the like: nobody could say
 */
export async function verifyArchive(
  archive: ArchiveSource,
  { canonical, layers = false, bases = [] }: Exactness,
  working: Working,
): Promise<Report> {
  const { source, compression } = await openSource(archive);
  const inventory =
    "path" in source
      ? await gatherFile(source.path)
      : await gatherSource(source, { layers }, working);
  if (inventory.isDocker) await adoptDocker(inventory, working);
  else readBase(inventory);
  const lent = lend(inventory, bases);
  const unread = "path" in source ? inventory.blobs.keys() : lent;
  if ("path" in source || lent.length > 0) await hashAll(inventory, unread, working, layers);
  const report = await conclude(inventory, {
    unreachable: "finding",
    layers,
    hasBase: bases.length > 0,
  });
  const isAsked = canonical || inventory.isOwn;
  const deviations = isSound(report) && isAsked ? await checkCanonical(inventory) : [];
  if ("volumes" in source && isSound(report))
    deviations.push(
      ...checkList(source.volumes, inventory),
      ...(canonical ? checkCuts(source.volumes) : []),
    );
  const packed =
    canonical && compression !== undefined
      ? [finding("not-canonical", inventory.at, `it is compressed with ${compression}`)]
      : [];
  const judged = {
    ...report,
    ...(compression && { compression }),
    ...("volumes" in source && { volumes: tallyOf(source.volumes) }),
    findings: [...report.findings, ...packed, ...deviations],
  };
  return canonical ? { ...judged, canonical: isSound(judged) } : judged;
}

/** Proves an image layout in a folder, all of it. */
export async function verifyLayout(
  directory: string,
  working: Working,
  layers = false,
): Promise<Report> {
  const inventory = gatherLayout(directory);
  await hashAll(inventory, inventory.blobs.keys(), working, layers);
  return conclude(inventory, { unreachable: "note", layers });
}

/** Proves one image, wherever it is: everything it reaches and nothing else. */
export async function verifyImage(
  image: Selected,
  working: Working,
  layers = false,
): Promise<Report> {
  const { reference, descriptor, store } = image;
  const { reached, findings, claims } = judge([descriptor], store, layers);
  const inventory = new Inventory(store.at);
  for (const digest of reached.keys()) {
    const content = store.find(digest);
    if (content !== undefined) inventory.blobs.set(digest, { size: sizeOf(content), content });
  }
  await hashAll(inventory, reached, working, layers);
  return {
    at: reference,
    images: [{ reference, digest: descriptor.digest }],
    referrers: [],
    blobs: inventory.blobs.size,
    bytes: inventory.bytes,
    findings: uniqueFindings([
      ...findings,
      ...inventory.findings,
      ...checkClaims(inventory, claims),
    ]),
  };
}

interface Concluding {
  /** How grave a blob is that no image needs. */
  readonly unreachable: Finding["level"];
  readonly layers: boolean;
  /** Whether a base was named that should have what a delta leaves out. */
  readonly hasBase?: boolean;
}

/** Judges what was gathered. */
async function conclude(
  inventory: Inventory,
  { unreachable, layers, hasBase = false }: Concluding,
): Promise<Report> {
  const { findings } = inventory;
  const isLayout = !inventory.isDocker;
  const docker = inventory.files.get(DOCKER_FILE);
  if (isLayout) readIndex(inventory);
  const judgement = judge(inventory.roots, inventory, layers);
  inventory.json = judgement.json;
  findings.push(...judgement.findings, ...checkClaims(inventory, judgement.claims));
  const left = leftOut(inventory, hasBase);
  findings.push(...surplusOf(inventory.relies ?? new Map(), judgement.reached), ...left.said);
  for (const digest of sortedBy(inventory.blobs.keys(), hexOf)) {
    if (findings.isFull || judgement.reached.has(digest)) continue;
    const isKnown = inventory.isSave && isOldConfig(inventory.blobs.get(digest));
    const message = isKnown
      ? "a config of Docker's first form, which no image needs"
      : "no image needs it";
    findings.push({
      ...note("unreachable", blobPath(digest), message),
      level: isKnown ? "note" : unreachable,
    });
  }
  if (docker !== undefined && isLayout)
    findings.push(
      ...(collect(findings, () =>
        checkDocker(bytesOf(docker, INDEX_LIMIT, DOCKER_FILE), judgement.loadable),
      ) ?? []),
    );
  const hasImage = inventory.roots.some(
    (root) => isImage(root.mediaType) && refersOf(root) === undefined,
  );
  if (isLayout && !hasImage && inventory.files.has(INDEX_FILE))
    findings.push(
      finding("nothing", INDEX_FILE, "it names no image: there is nothing that could be proven"),
    );
  return {
    at: inventory.at,
    images: inventory.roots
      .filter((root) => refersOf(root) === undefined)
      .map((root) => ({ reference: nameOf(root) ?? "", digest: root.digest })),
    referrers: inventory.roots.flatMap((root) => {
      const refers = refersOf(root);
      if (refers === undefined) return [];
      const kind = kindOrOther({ descriptor: root, store: inventory, refers });
      return [{ kind, subject: refers.subject, digest: root.digest }];
    }),
    blobs: inventory.blobs.size,
    bytes: inventory.bytes,
    findings: uniqueFindings(findings),
    ...(inventory.relies && { base: summaryOf(inventory.relies) }),
    ...(left.count > 0 && { leftOut: left.count }),
  };
}

/** Docker's first form has a config for each layer, with a name of its own in it; `docker save` still writes them. */
function isOldConfig(held: Held | undefined): boolean {
  if (held?.content === undefined || held.size > OLD_CONFIG_LIMIT) return false;
  const source = text(bytesOf(held.content, OLD_CONFIG_LIMIT, "a config"));
  return source !== undefined && /^\{"id":"[0-9a-f]{64}",/.test(source);
}

const OLD_CONFIG_LIMIT = 1024 * 1024;

/** Reads the layout's two files; afterwards the images that it names are the roots. */
function readIndex(inventory: Inventory): void {
  const { findings } = inventory;
  const layout = need(inventory, LAYOUT_FILE);
  if (layout !== undefined) collect(findings, () => checkLayout(layout, LAYOUT_FILE));
  const index = need(inventory, INDEX_FILE);
  const roots = index && collect(findings, () => parseIndex(index, INDEX_FILE, INDEX_LIMIT));
  const named = nameRoots(roots?.manifests ?? [], inventory, dockerOf(inventory));
  inventory.roots = normalEntries(named, inventory);
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
