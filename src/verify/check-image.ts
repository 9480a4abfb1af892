/** Which images of an archive are taken into the store, and under which names. */

import { checkCanonical } from "../archive/canonical.ts";
import { checkList } from "../archive/volumes/check.ts";
import { IngotError } from "../base/error.ts";
import { sortedUnique } from "../base/order.ts";
import { nameTwice } from "../check/check-entries.ts";
import { checkGraph } from "../check/check-graph.ts";
import { readBase } from "../check/delta.ts";
import type { ScannedArchive } from "../check/inventory.ts";
import {
  completeNames,
  fullNameOf,
  isTagOnly,
  oddNameOf,
  underOwnDigest,
} from "../image/complete-name.ts";
import { type Finding, finding, note, uniqueFindings } from "../image/findings.ts";
import { referrersIn } from "../image/referrers.ts";
import { type StoredImage, select } from "../image/select.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { DOCKER_FILE, INDEX_FILE, imageNameOf } from "../oci/layout.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { isIndex } from "../oci/media-types.ts";
import type { Platform } from "../oci/platform.ts";
import { refersOf } from "../oci/referrer.ts";
import { areOneImage, nameRoot } from "../source/name-roots.ts";
import type { ArchiveSource } from "../source/open-archive.ts";
import type { NamedDescriptor } from "../store/store.ts";
import type { ImageVerdict, TrustJudge } from "../trust/verdict.ts";
import { conclude } from "./conclude.ts";
import { judgeSignatures } from "./judge-signatures.ts";
import { survey } from "./survey.ts";

/** What to take of an archive. */
export interface VerifyPass {
  /** What to call the one image that the archive gives no name. */
  readonly name?: string | undefined;
  /** The repository of images that have a tag alone. */
  readonly repository?: string | undefined;
  /** The platforms; none = all that are there. */
  readonly platforms?: readonly Platform[];
  /** Whether layers that may be elsewhere (`urls`) may be absent. */
  readonly foreign?: boolean;
  /** Who says whether they are signed as they should be; undefined = nobody asks. */
  readonly trust?: TrustJudge | undefined;
}

const UNSIGNED = "nothing was changed: ingot verify with the same flags says what each image has";

const BROKE_OFF =
  "nothing was changed: copy or download the archive again; the part that was received is kept for a day, and not written again";

/** What of an archive comes into the store. */
export interface VerifiedImage {
  readonly reached: ReadonlySet<Digest>;
  readonly images: readonly NamedDescriptor[];
  readonly referrers: readonly NamedDescriptor[];
  readonly skipped: readonly { readonly reference: string; readonly digest: Digest }[];
  readonly absent: readonly Descriptor[];
  readonly warnings: readonly Finding[];
  /** Who signed them; undefined where that was not asked. */
  readonly trust?: readonly ImageVerdict[];
}

/**
 * The archive's named images, under their complete names, and the blobs that they reach.
 * @param kept whether what has come of it stays for the next import @throws unproven, malformed
 */
export async function verifyStoredImage(
  inventory: ScannedArchive,
  source: ArchiveSource,
  {
    name,
    repository,
    platforms = [],
    foreign = false,
    trust,
    kept,
  }: VerifyPass & { readonly kept: boolean },
): Promise<VerifiedImage> {
  const { at } = inventory;
  const hint = kept ? { hint: BROKE_OFF } : {};
  const refuse = (
    found: Iterable<Finding>,
    level: Finding["level"] = "finding",
    present: readonly string[] = [],
  ) => {
    const grave = uniqueFindings(found).filter((it) => it.level === level);
    if (grave.length === 0) return;
    const isPartial = present.length > 0 && grave.every(({ code }) => code === "platform-absent");
    const others = `nothing was changed: take the platforms that are complete with --platform ${present.join(",")}`;
    throw new IngotError("unproven", {
      at,
      findings: grave,
      ...(isPartial ? { hint: others } : hint),
    });
  };
  refuse(inventory.findings);
  if (!inventory.isDocker) readBase(inventory);
  const concluded = conclude(inventory, { isTaking: true, platforms, foreign, repository });
  const { judgement, judging, findings } = concluded;
  refuse(findings, "finding", sortedUnique([...judgement.present]));
  if ("volumes" in source) refuse(checkList(source.volumes, inventory));
  if (inventory.isOwn) refuse(await checkCanonical(inventory, foreign));
  const isMade = name !== undefined && giveName(inventory, name);
  const all = inventory.roots;
  const unknown = findings.some(({ level }) => level === "unchecked")
    ? survey(all, inventory, foreign).unchecked
    : new Set<Digest>();
  const known = all.filter(({ digest }) => !unknown.has(digest));
  const roots = known.filter(
    (root) => refersOf(root) === undefined && fullNameOf(root) !== undefined,
  );
  const attached = known.filter((root) => refersOf(root) !== undefined);
  if (roots.length === 0) refuse(findings, "unchecked");
  const nameless = checkNameless(inventory, known.length - roots.length - attached.length);
  if (roots.length === 0 && nameless.length > 0)
    throw new IngotError("unproven", {
      at,
      findings: nameless,
      hint: `nothing was changed: ${hintForName(inventory, source)}`,
    });
  const whole = completeNames(
    roots.map((descriptor) => ({
      reference: imageNameOf(descriptor)!,
      descriptor,
      store: inventory,
    })),
  );
  refuse(nameTwice(whole));
  const judged = trust && judgeSignatures(whole, trust, platforms);
  if (judged !== undefined && judged.findings.length > 0)
    throw new IngotError("unproven", { at, findings: judged.findings, hint: UNSIGNED });
  const images = whole.map((image) => underOwnDigest(select(image, platforms)));
  for (const { descriptor, store } of images) {
    const made = inventory.blobs.has(descriptor.digest) ? undefined : store.find(descriptor.digest);
    if (made instanceof Uint8Array)
      inventory.blobs.set(descriptor.digest, { size: made.length, content: made });
  }
  const { referrers, left } =
    platforms.length === 0
      ? { referrers: attached.map(asReferrer), left: [] }
      : await chooseReferrers(images, whole);
  const isAll = !isMade && platforms.length === 0 && roots.length + attached.length === all.length;
  const taken = [...images, ...referrers].map(({ descriptor }) => descriptor);
  const isPart = platforms.length > 0;
  return {
    reached: isAll ? judgement.reached : checkGraph(taken, inventory, judging).reached,
    images: images.map(({ reference, descriptor }) => ({ reference, descriptor })),
    referrers,
    skipped: all
      .filter(({ digest }) => unknown.has(digest))
      .map((root) => ({ reference: imageNameOf(root) ?? root.digest, digest: root.digest })),
    absent: judgement.absent,
    ...(judged && { trust: judged.trust }),
    warnings: [
      ...findings.filter(
        // What a delta leaves out was looked for in the store: whoever has it there need not be warned.
        ({ code }) =>
          code !== "unreachable" && code !== "left-out" && !(isPart && code === "platform-absent"),
      ),
      ...nameless,
      ...left,
    ],
  };
}

const asReferrer = (descriptor: Descriptor): NamedDescriptor => ({
  reference: descriptor.digest,
  descriptor,
  refers: refersOf(descriptor),
});

/** What refers to the platforms that were chosen, and what refers to the images as a whole alone. */
async function chooseReferrers(
  images: readonly StoredImage[],
  whole: readonly StoredImage[],
): Promise<{ readonly referrers: readonly NamedDescriptor[]; readonly left: readonly Finding[] }> {
  const referrers = new Map<string, NamedDescriptor>();
  const left: Finding[] = [];
  const find = whole[0] && referrersIn(whole[0].store, "all");
  for (const [i, image] of images.entries()) {
    const found = await find!(image, whole[i]!.descriptor);
    for (const { reference, descriptor, refers } of found.referring)
      referrers.set(`${descriptor.digest} ${refers.subject}`, { reference, descriptor, refers });
    for (const { kind, digest, subject, why } of found.left) {
      const is = why === "subject missing" ? "is missing" : "is not taken as a whole";
      left.push(note("left-out", digest, `${kind} of ${subject}, which ${is}`));
    }
  }
  return { referrers: [...referrers.values()], left };
}

/** What there is to say of images without a name: a finding, or, beside others, a note. */
function checkNameless({ isDocker, roots }: ScannedArchive, nameless: number): Finding[] {
  const isNameless = (root: Descriptor) =>
    refersOf(root) === undefined && fullNameOf(root) === undefined;
  // Docker's list names manifests alone: an index is apko's index.json.
  const isFlat = roots.some((root) => isNameless(root) && isIndex(root.mediaType));
  const list = isDocker && !isFlat ? DOCKER_FILE : INDEX_FILE;
  const tag = roots.map(imageNameOf).find((tag) => tag !== undefined && isTagOnly(tag));
  const only =
    tag === undefined
      ? ""
      : ` (a tag alone, as ${JSON.stringify(tag)}, is not a complete name: --repository REPO makes it REPO:${tag})`;
  const hasNames = roots.some((root) => fullNameOf(root) !== undefined);
  const odd = roots.filter((root) => oddNameOf(root) !== undefined).length;
  if (nameless === 0) return hasNames ? [] : [finding("nothing", list, "it names no image")];
  const passed = nameless - odd;
  if (hasNames && passed === 0) return [];
  if (hasNames && isDocker && isFlat && passed === 1)
    return [
      note(
        "nothing",
        list,
        "the index of the platforms has no name, and was passed over: --name REF takes it as well",
      ),
    ];
  if (hasNames)
    return [
      note(
        "nothing",
        list,
        `${passed} of its images ${passed === 1 ? "has no name and was" : "have no name and were"} passed over${only}`,
      ),
    ];
  return [
    finding(
      "nothing",
      list,
      `it names no image: ${nameless} ${nameless === 1 ? "image has" : "images have"} no name${only}`,
    ),
  ];
}

/** How an archive none of whose images has a name can be taken. */
function hintForName({ roots }: ScannedArchive, source: ArchiveSource): string {
  const images = roots.filter((root) => refersOf(root) === undefined);
  const [first] = images;
  if (first === undefined) return "it has no image";
  if (images.every(({ digest }) => digest === first.digest))
    return "give it a name with --name REF";
  if (areOneImage(images))
    return "they are one image for several platforms: give that a name with --name REF";
  if (images.some((root) => isTagOnly(imageNameOf(root) ?? "/")))
    return "--repository REPO makes a tag v1 into REPO:v1";
  const from = "path" in source ? source.path : "FILE";
  const save = "path" in source ? "" : "save the archive to a file, uncompressed, and ";
  return `${save}copy one of them: ingot copy oci-archive:${from}:${first.digest} NAME`;
}

/** Gives the one image without a name one. @returns whether it had to be made @throws usage, malformed */
function giveName(inventory: ScannedArchive, name: string): boolean {
  const { roots, made } = nameRoot(inventory.roots, inventory, name);
  inventory.roots = roots;
  if (made === undefined) return false;
  inventory.blobs.set(digestOf(made), { size: made.length, content: made });
  inventory.isMade = true;
  return true;
}
