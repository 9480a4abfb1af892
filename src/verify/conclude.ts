/** The one judgement of an archive or a layout: verify and import give the same answer because both ask here. */

import { checkDocker } from "../archive/docker-manifest.ts";
import { text } from "../base/bytes.ts";
import { sorted } from "../base/order.ts";
import { checkData, oddNames } from "../check/check-entries.ts";
import { checkGraph, type GraphCheck, type GraphReport } from "../check/check-graph.ts";
import { reportOmitted, unneededOmissions } from "../check/delta.ts";
import { checkClaims } from "../check/hash-blobs.ts";
import { dockerOf, type ScannedArchive, type ScannedBlob } from "../check/inventory.ts";
import { checkSubjects } from "../image/entries.ts";
import {
  collect,
  type Finding,
  finding,
  note,
  unchecked,
  uniqueFindings,
} from "../image/findings.ts";
import type { LayoutFile } from "../image/member.ts";
import { wantedIn } from "../image/select.ts";
import {
  blobPath,
  checkLayout,
  DOCKER_FILE,
  INDEX_FILE,
  imageNameOf,
  LAYOUT_FILE,
  LAYOUT_LIMIT,
} from "../oci/layout.ts";
import { parseLayoutIndex } from "../oci/layout-index.ts";
import { type Descriptor, INDEX_LIMIT } from "../oci/manifest.ts";
import { isImage } from "../oci/media-types.ts";
import type { Platform } from "../oci/platform.ts";
import { refersOf } from "../oci/referrer.ts";
import { checkNameAnnotations, checkNames, checkTags } from "../source/foreign-names.ts";
import { readRoots } from "../source/name-roots.ts";
import { readBytes } from "../store/content.ts";
import type { ReadStore } from "../store/store.ts";
import { survey } from "./survey.ts";

export interface Concluding {
  readonly layers?: boolean;
  /** Whether a base was named that should have what a delta leaves out. */
  readonly hasBase?: boolean;
  /** The platforms that must be here whole; none = all. */
  readonly platforms?: readonly Platform[];
  /** Whether platforms that are not here whole are no reason for a no: what is here is to be taken. */
  readonly isTaking?: boolean;
  /** Whether layers that may be elsewhere (`urls`) may be absent. */
  readonly foreign?: boolean;
  /** The repository of images that have a tag alone. */
  readonly repository?: string | undefined;
}

export interface Conclusion {
  readonly judgement: GraphReport;
  /** How it was judged: for judging a part of the roots again. */
  readonly judging: GraphCheck;
  readonly findings: readonly Finding[];
  /** How many layers a delta leaves out that nobody lent. */
  readonly left: number;
}

/**
 * Judges what was gathered; afterwards the images that it names are the inventory's roots, and all that is not so is among the
 * findings. @throws not-found for platforms that an image is not for
 */
export function conclude(inventory: ScannedArchive, how: Concluding = {}): Conclusion {
  const { findings } = inventory;
  const isLayout = !inventory.isDocker;
  if (isLayout) readIndex(inventory, how.repository);
  const { roots } = inventory;
  findings.addAll(checkNames(roots, inventory));
  findings.addAll(oddNames(roots, how.isTaking));
  const { judgement, judging } = judgeParts({ roots, store: inventory }, how);
  inventory.json = judgement.json;
  findings.push(...judgement.findings, ...checkClaims(inventory, judgement.claims));
  const left = reportOmitted(inventory, how.hasBase ?? false);
  findings.push(
    ...unneededOmissions(inventory.relies ?? new Map(), judgement.reached),
    ...left.said,
  );
  const isUnknown = [...findings].some(({ level }) => level === "unchecked");
  if (!isUnknown) {
    findings.addAll(orphaned(roots, judgement));
    noteSurplus(inventory, judgement);
  }
  const docker = inventory.files.get(DOCKER_FILE);
  if (docker !== undefined && isLayout)
    collect(findings, () => {
      const bytes = readBytes(docker, INDEX_LIMIT, DOCKER_FILE);
      findings.addAll(checkDocker(bytes, judgement.loadable));
      findings.addAll(checkTags(bytes, roots, inventory));
    });
  const hasImage = roots.some((root) => isImage(root.mediaType) && refersOf(root) === undefined);
  if (isLayout && !hasImage && !isUnknown && inventory.files.has(INDEX_FILE))
    findings.push(
      finding("nothing", INDEX_FILE, "it names no image: there is nothing that could be proven"),
    );
  return { judgement, judging, findings: uniqueFindings(findings), left: left.count };
}

/** Judges the roots; where platforms may be left out, those that are not here whole are. */
export function judgeParts(
  { roots, store }: { readonly roots: readonly Descriptor[]; readonly store: ReadStore },
  { layers = false, platforms = [], isTaking = false, foreign = false }: Concluding,
): Pick<Conclusion, "judgement" | "judging"> {
  const wanted = new Set(
    roots
      .filter((root) => platforms.length > 0 && refersOf(root) === undefined)
      .flatMap((descriptor) => {
        const image = { reference: imageNameOf(descriptor) ?? descriptor.digest, descriptor };
        const chosen = collect({ push: () => {} }, () => wantedIn({ ...image, store }, platforms));
        return (chosen ?? [descriptor]).map(({ digest }) => digest);
      }),
  );
  const mayBeAbsent =
    platforms.length > 0
      ? ({ digest }: Descriptor) => !wanted.has(digest)
      : isTaking
        ? () => true
        : undefined;
  const judging: GraphCheck = { layers, foreign, ...(mayBeAbsent && { mayBeAbsent }) };
  const judgement = checkGraph(roots, store, judging);
  const isLacking = [...judgement.findings].some(
    ({ code, level }) => level === "finding" && (code === "blob-missing" || code === "elsewhere"),
  );
  if (mayBeAbsent === undefined || !isLacking) return { judgement, judging };
  const again = { ...judging, leftOut: survey(roots, store, foreign).incomplete };
  return { judgement: checkGraph(roots, store, again), judging: again };
}

/** Referrers of what is not here: nobody should take them for those of an image that is. */
const orphaned = (roots: readonly Descriptor[], { reached }: GraphReport): Finding[] =>
  roots.flatMap((root) => {
    const subject = refersOf(root)?.subject;
    return subject === undefined || reached.has(subject)
      ? []
      : [note("unreachable", root.digest, `it refers to ${subject}, which no image here has`)];
  });

/** Blobs that no image needs: a layout may have them (image-spec, image-layout.md). */
function noteSurplus(inventory: ScannedArchive, { reached }: GraphReport): void {
  const { findings, blobs, isSave } = inventory;
  const surplus = [...blobs.keys()].filter((digest) => !reached.has(digest));
  for (const digest of sorted(surplus)) {
    if (findings.isFull) return;
    const isLast = !findings.hasRoomForNotes;
    const message = isSave && isOldConfig(blobs.get(digest)) ? OLD_CONFIG : "no image needs it";
    findings.push(note("unreachable", blobPath(digest), message));
    if (isLast) return;
  }
}

export const OLD_CONFIG = "a config of Docker's first form, which no image needs";

/** Docker's first form has a config for each layer, with a name of its own in it; `docker save` still writes them. */
function isOldConfig(held: ScannedBlob | undefined): boolean {
  if (held?.content === undefined || held.size > OLD_CONFIG_LIMIT) return false;
  const source = text(readBytes(held.content, OLD_CONFIG_LIMIT, "a config"));
  return source !== undefined && /^\{"id":"[0-9a-f]{64}",/.test(source);
}

const OLD_CONFIG_LIMIT = 1024 * 1024;

/** Reads the layout's two files; afterwards the images that it names are the roots. Those that cannot be checked are told. */
function readIndex(inventory: ScannedArchive, repository: string | undefined): void {
  const { findings } = inventory;
  const layout = need(inventory, LAYOUT_FILE);
  if (layout !== undefined) collect(findings, () => checkLayout(layout, LAYOUT_FILE));
  // Of a layout in another version nobody knows what its index means.
  const isOther = [...findings].some((it) => it.level === "unchecked" && it.at === LAYOUT_FILE);
  const index = need(inventory, INDEX_FILE);
  const found = index && collect(findings, () => parseLayoutIndex(index, INDEX_FILE));
  for (const entry of found?.unsupported ?? [])
    findings.push(
      unchecked(
        INDEX_FILE,
        `${imageNameOf(entry) ?? "an entry"} has the digest ${entry.digest}: only sha256 is supported, and it was passed over`,
      ),
    );
  const entries = isOther ? [] : (found?.manifests ?? []);
  findings.addAll(checkNameAnnotations(entries));
  findings.addAll(checkSubjects(entries, inventory));
  findings.addAll(entries.flatMap(checkData));
  inventory.roots = readRoots(entries, inventory, { docker: dockerOf(inventory), repository });
}

/** The bytes of a file that every layout has; without it there is a finding. */
function need(inventory: ScannedArchive, name: LayoutFile): Uint8Array | undefined {
  const content = inventory.files.get(name);
  if (content === undefined) {
    inventory.findings.push(
      finding("member-missing", name, "every image layout has it, and it is not here"),
    );
    return undefined;
  }
  return collect(inventory.findings, () =>
    readBytes(content, name === LAYOUT_FILE ? LAYOUT_LIMIT : INDEX_LIMIT, name),
  );
}
