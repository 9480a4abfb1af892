import { checkCanonical } from "../archive/canonical.ts";
import { checkCuts, checkList } from "../archive/volumes/check.ts";
import { volumeSummary } from "../archive/volumes/find.ts";
import { sortedUnique } from "../base/order.ts";
import { attachBase, readBase } from "../check/delta.ts";
import { checkClaims, hashAll } from "../check/hash-blobs.ts";
import { ScannedArchive } from "../check/inventory.ts";
import { scanFile, scanLayout } from "../check/scan.ts";
import { checkSubjects, normalEntry } from "../image/entries.ts";
import {
  collect,
  type Finding,
  finding,
  isSound,
  uniqueFindings,
  type VerifyReport,
} from "../image/findings.ts";
import { summaryOf } from "../image/layer-list.ts";
import { kindOrOther } from "../image/referrer-kind.ts";
import { allReferrersOf } from "../image/referrers.ts";
import type { StoredImage } from "../image/select.ts";
import type { JobContext } from "../jobs/job-context.ts";
import { imageNameOf } from "../oci/layout.ts";
import type { Platform } from "../oci/platform.ts";
import { refersOf } from "../oci/referrer.ts";
import { adoptDocker } from "../source/docker-save.ts";
import { wholeIndex } from "../source/name-roots.ts";
import { type ArchiveSource, openSource, scanSource } from "../source/open-archive.ts";
import { sizeOf } from "../store/content.ts";
import type { ReadStore } from "../store/store.ts";
import type { TrustJudge } from "../trust/verdict.ts";
import { type Concluding, conclude, judgeParts } from "./conclude.ts";
import { judgeSignatures, type TrustReport } from "./judge-signatures.ts";

/** What of an archive is to be proven beside its digests. */
export interface VerifyOptions {
  /** That it is exactly what export writes. */
  readonly canonical: boolean;
  /** That every layer is, uncompressed, what its config says. */
  readonly layers?: boolean;
  /** Of a delta: where the layers are that it leaves out. Without them nobody can say whether its images are whole. */
  readonly bases?: readonly ReadStore[];
  /** The platforms that must be here; none = all. */
  readonly platforms?: readonly Platform[];
  /** Whether layers that may be elsewhere (`urls`) may be absent. */
  readonly foreign?: boolean;
  /** The repository of images that have a tag alone. */
  readonly repository?: string | undefined;
  /** Who says whether the images are signed as they should be; undefined = nobody asks. */
  readonly trust?: TrustJudge | undefined;
}

/** What of a layout or a stored image is to be proven. */
export type VerifyScope = Pick<
  VerifyOptions,
  "layers" | "platforms" | "foreign" | "repository" | "trust"
>;

/**
 * Proves an archive, reading each byte once: its form, every blob's size and digest, every descriptor's target, and with
 * `canonical` that it is exactly what export writes. What is not so is returned, all of it.
 * An archive whose headers are all export's own is held to be export's altogether, also without `canonical`: no digest
 * protects its `index.json`, and this does.
 * @throws io and the like: nobody could say
 */
export async function verifyArchive(
  archive: ArchiveSource,
  how: VerifyOptions,
  working: JobContext,
): Promise<VerifyReport> {
  const { canonical, layers = false, bases = [], platforms = [], foreign = false } = how;
  const { source, compression } = await openSource(archive, working.tally);
  const inventory =
    "path" in source ? await scanFile(source.path) : await scanSource(source, { layers }, working);
  if (inventory.isDocker) await adoptDocker(inventory, working);
  else readBase(inventory);
  const lent = attachBase(inventory, bases);
  const unread = "path" in source ? inventory.blobs.keys() : lent;
  if ("path" in source || lent.length > 0) await hashAll(inventory, unread, working, layers);
  const report = reportOn(inventory, {
    layers,
    platforms,
    foreign,
    repository: how.repository,
    hasBase: bases.length > 0,
  });
  const isAsked = canonical || inventory.isOwn;
  // What layers are uncompressed says nothing of the archive's own bytes.
  const isFormed = isSound({ ...report, findings: report.findings.filter(isOfForm) });
  const deviations = isFormed && isAsked ? await checkCanonical(inventory, foreign) : [];
  if ("volumes" in source && isFormed)
    deviations.push(
      ...checkList(source.volumes, inventory),
      ...(canonical ? checkCuts(source.volumes) : []),
    );
  const packed =
    canonical && compression !== undefined
      ? [finding("not-canonical", inventory.at, `it is compressed with ${compression}`)]
      : [];
  const { trust, findings } = judgedIn(inventory, how);
  const judged = {
    ...report,
    ...(trust && { trust }),
    ...(compression && { compression }),
    ...("volumes" in source && { volumes: volumeSummary(source.volumes) }),
    findings: [...report.findings, ...packed, ...deviations, ...findings],
  };
  const isCanonical = isFormed && deviations.length + packed.length === 0;
  return canonical ? { ...judged, canonical: isCanonical } : judged;
}

const isOfForm = ({ code }: Finding) => code !== "diff-id-differs";

/** Proves an image layout in a folder, all of it. */
export async function verifyLayout(
  directory: string,
  working: JobContext,
  how: VerifyScope = {},
): Promise<VerifyReport> {
  const inventory = scanLayout(directory);
  await hashAll(inventory, inventory.blobs.keys(), working, how.layers);
  const report = reportOn(inventory, how);
  const { trust, findings } = judgedIn(inventory, how);
  return { ...report, ...(trust && { trust }), findings: [...report.findings, ...findings] };
}

/** What is said of the signatures of an inventory's images, once it was judged. */
function judgedIn(
  inventory: ScannedArchive,
  { trust, platforms = [] }: VerifyScope,
): Partial<TrustReport> & Pick<TrustReport, "findings"> {
  if (trust === undefined) return { findings: [] };
  const images = inventory.roots
    .filter((root) => refersOf(root) === undefined)
    .map((root) => ({ reference: imageNameOf(root) ?? "", descriptor: root, store: inventory }));
  return judgeSignatures(images, trust, platforms);
}

/**
 * Proves one image, wherever it is, and the referrers of it that are there: everything that they reach and nothing else. What is not
 * so of a referrer is a finding, as it is in an archive.
 */
export async function verifyImage(
  image: StoredImage,
  working: JobContext,
  how: VerifyScope = {},
): Promise<VerifyReport> {
  const { reference, descriptor, store } = image;
  const referring = allReferrersOf(image);
  const entries = referring.map(normalEntry);
  const { judgement } = judgeParts({ roots: [descriptor, ...entries], store }, how);
  const { reached, findings, claims, absent, present } = judgement;
  const inventory = new ScannedArchive(store.at);
  for (const digest of reached.keys()) {
    const content = store.find(digest);
    if (content !== undefined) inventory.blobs.set(digest, { size: sizeOf(content), content });
  }
  await hashAll(inventory, reached, working, how.layers);
  const { trust: judge, platforms = [] } = how;
  const said = judge && judgeSignatures([image], judge, platforms);
  return {
    at: reference,
    images: [{ reference, digest: descriptor.digest }],
    referrers: referring.map((one) => ({
      kind: kindOrOther({ ...one, store }),
      subject: one.refers.subject,
      digest: one.descriptor.digest,
    })),
    blobs: inventory.blobs.size,
    bytes: inventory.bytes,
    findings: uniqueFindings([
      ...findings,
      ...inventory.findings,
      ...checkClaims(inventory, claims),
      ...checkSubjects(entries, store),
      ...(said?.findings ?? []),
    ]),
    ...(said && { trust: said.trust }),
    absent,
    present: sortedUnique([...present]),
  };
}

/** The images; entries that are the platforms of one image without a name are that image, as everywhere else. */
function imagesIn(inventory: ScannedArchive): VerifyReport["images"] {
  const images = inventory.roots.filter((root) => refersOf(root) === undefined);
  const whole = collect({ push: () => {} }, () => wholeIndex(images, inventory))?.descriptor;
  return (whole === undefined ? images : [whole]).map((root) => ({
    reference: imageNameOf(root) ?? "",
    digest: root.digest,
  }));
}

/** Judges what was gathered and hashed. */
function reportOn(inventory: ScannedArchive, how: Concluding): VerifyReport {
  const { judgement, findings, left } = conclude(inventory, how);
  return {
    at: inventory.at,
    images: imagesIn(inventory),
    referrers: inventory.roots.flatMap((root) => {
      const refers = refersOf(root);
      if (refers === undefined) return [];
      const kind = kindOrOther({ descriptor: root, store: inventory, refers });
      return [{ kind, subject: refers.subject, digest: root.digest }];
    }),
    blobs: inventory.blobs.size,
    bytes: inventory.bytes,
    findings,
    absent: judgement.absent,
    present: sortedUnique([...judgement.present]),
    ...(inventory.relies && { base: summaryOf(inventory.relies) }),
    ...(left > 0 && { leftOut: left }),
  };
}
