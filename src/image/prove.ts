/** Which images of an archive are taken into the store, and under which names. */
import { Fault } from "../base/fault.ts";
import type { Digest } from "../oci/digest.ts";
import { DOCKER_FILE, INDEX_FILE, nameOf } from "../oci/layout.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { REF_NAME } from "../oci/media.ts";
import type { Platform } from "../oci/platform.ts";
import { refersOf } from "../oci/referrer.ts";
import type { Named } from "../store/store.ts";
import { checkCanonical } from "./canonical.ts";
import { conclude } from "./conclude.ts";
import { readBase } from "./delta.ts";
import { type Finding, finding, note, uniqueFindings } from "./finding.ts";
import type { Inventory } from "./inventory.ts";
import { judge } from "./judge.ts";
import { nameTwice } from "./judge-entries.ts";
import { completeNames, isTagOnly, mustBeName } from "./name.ts";
import { fullNameOf } from "./naming.ts";
import type { ArchiveSource } from "./opening.ts";
import { referrersIn } from "./referrers.ts";
import { type Selected, select } from "./select.ts";
import { survey } from "./survey.ts";
import { checkList } from "./volume-check.ts";

/** What to take of an archive. */
export interface Taking {
  /** What to call the one image that the archive gives no name. */
  readonly name?: string | undefined;
  /** The platforms; none = all that are there. */
  readonly platforms?: readonly Platform[];
  /** Whether layers that may be elsewhere (`urls`) may be absent. */
  readonly foreign?: boolean;
}

const BROKE_OFF =
  "nothing was changed: bring the archive again from where it came from; what has come of it is kept for a day, and not written again";

/** What of an archive comes into the store. */
export interface Proven {
  readonly reached: ReadonlySet<Digest>;
  readonly images: readonly Named[];
  readonly referrers: readonly Named[];
  readonly skipped: readonly { readonly reference: string; readonly digest: Digest }[];
  readonly absent: readonly Descriptor[];
  readonly warnings: readonly Finding[];
}

/**
 * The archive's named images, under their complete names, and the blobs that they reach.
 * @param kept whether what has come of it stays for the next import @throws unproven, malformed
 */
export async function prove(
  inventory: Inventory,
  source: ArchiveSource,
  { name, platforms = [], foreign = false, kept }: Taking & { readonly kept: boolean },
): Promise<Proven> {
  const { at } = inventory;
  const hint = kept ? { hint: BROKE_OFF } : {};
  const refuse = (found: Iterable<Finding>, level: Finding["level"] = "finding") => {
    const grave = uniqueFindings(found).filter((it) => it.level === level);
    if (grave.length > 0) throw new Fault("unproven", { at, findings: grave, ...hint });
  };
  refuse(inventory.findings);
  if (!inventory.isDocker) readBase(inventory);
  const concluded = conclude(inventory, { isTaking: true, platforms, foreign });
  const { judgement, judging, findings } = concluded;
  refuse(findings);
  if ("volumes" in source) refuse(checkList(source.volumes, inventory));
  if (inventory.isOwn) refuse(await checkCanonical(inventory, foreign));
  if (name !== undefined) inventory.roots = nameOne(inventory, name);
  const all = inventory.roots;
  const unknown = findings.some(({ level }) => level === "unchecked")
    ? survey(all, inventory, foreign).unchecked
    : new Set<Digest>();
  const known = all.filter(({ digest }) => !unknown.has(digest));
  const roots = known.filter((root) => fullNameOf(root) !== undefined);
  const attached = known.filter((root) => refersOf(root) !== undefined);
  if (roots.length === 0) refuse(findings, "unchecked");
  const nameless = checkNameless(inventory, known.length - roots.length - attached.length);
  if (roots.length === 0) refuse(nameless);
  const whole = completeNames(
    roots.map((descriptor) => ({ reference: nameOf(descriptor)!, descriptor, store: inventory })),
  );
  refuse(nameTwice(whole));
  const images = whole.map((image) => select(image, platforms));
  for (const { descriptor, store } of images) {
    const made = inventory.blobs.has(descriptor.digest) ? undefined : store.find(descriptor.digest);
    if (made instanceof Uint8Array)
      inventory.blobs.set(descriptor.digest, { size: made.length, content: made });
  }
  const { referrers, left } =
    platforms.length === 0
      ? { referrers: attached.map(asReferrer), left: [] }
      : await chooseReferrers(images, whole);
  const isAll = platforms.length === 0 && roots.length + attached.length === all.length;
  const taken = [...images, ...referrers].map(({ descriptor }) => descriptor);
  const isPart = platforms.length > 0;
  return {
    reached: isAll ? judgement.reached : judge(taken, inventory, judging).reached,
    images: images.map(({ reference, descriptor }) => ({ reference, descriptor })),
    referrers,
    skipped: all
      .filter(({ digest }) => unknown.has(digest))
      .map((root) => ({ reference: nameOf(root) ?? root.digest, digest: root.digest })),
    absent: judgement.absent,
    warnings: [
      ...findings.filter(
        ({ code }) => !(code === "unreachable" || (isPart && code === "platform-absent")),
      ),
      ...nameless,
      ...left,
    ],
  };
}

const asReferrer = (descriptor: Descriptor): Named => ({
  reference: descriptor.digest,
  descriptor,
  refers: refersOf(descriptor),
});

/** What refers to the platforms that were chosen, and what refers to the images as a whole alone. */
async function chooseReferrers(
  images: readonly Selected[],
  whole: readonly Selected[],
): Promise<{ readonly referrers: readonly Named[]; readonly left: readonly Finding[] }> {
  const referrers = new Map<string, Named>();
  const left: Finding[] = [];
  const find = whole[0] && referrersIn(whole[0].store, "all");
  for (const [i, image] of images.entries()) {
    const found = await find!(image, whole[i]!.descriptor);
    for (const { reference, descriptor, refers } of found.referring)
      referrers.set(`${descriptor.digest} ${refers.subject}`, { reference, descriptor, refers });
    for (const { kind, digest, subject } of found.left)
      left.push(note("left-out", digest, `${kind} of ${subject}, which is not taken as a whole`));
  }
  return { referrers: [...referrers.values()], left };
}

/** What there is to say of images without a name: a finding, or, beside others, a note. */
function checkNameless({ isDocker, roots }: Inventory, nameless: number): Finding[] {
  const list = isDocker ? DOCKER_FILE : INDEX_FILE;
  const odd = roots.map(nameOf).find((tag) => tag !== undefined && isTagOnly(tag));
  const only = odd === undefined ? "" : ` (a tag alone, as ${JSON.stringify(odd)}, is none)`;
  const hasNames = roots.some((root) => fullNameOf(root) !== undefined);
  if (nameless === 0) return hasNames ? [] : [finding("nothing", list, "it names no image")];
  if (hasNames)
    return [
      note("nothing", list, `${nameless} of its images have no name and were passed over${only}`),
    ];
  return [
    finding(
      "nothing",
      list,
      `it names no image: ${nameless} ${nameless === 1 ? "is here without a name" : "are here without names"}${only}${nameless === 1 ? "; give it one with --name REF" : ""}`,
    ),
  ];
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
