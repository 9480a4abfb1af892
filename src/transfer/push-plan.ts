/** Images on their way into registries, under the names that they are to have there. */
import { IngotError, isIngotError } from "../base/error.ts";
import { completeNames, underOwnDigest } from "../image/complete-name.ts";
import { readEntries } from "../image/entries.ts";
import {
  type Attached,
  type LeftBehind,
  type Referring,
  referrersIn,
  underName,
} from "../image/referrers.ts";
import { type StoredImage, select } from "../image/select.ts";
import { walk, withoutForeign } from "../image/walk.ts";
import type { JobContext } from "../jobs/job-context.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { imageNameOf } from "../oci/layout.ts";
import { formatRemote, parseRemote, type Remote } from "../oci/remote-reference.ts";
import type { NameMapping } from "../oci/rename.ts";
import type { Repository } from "../registry/registry.ts";
import { openSources } from "../source/source.ts";
import type { ReadStore } from "../store/store.ts";
import { requireOwnName, resolveRemote, type TransferOptions } from "./endpoint.ts";
import { type ImageHandle, type Pushed, pushImage } from "./push.ts";
import { pushReferrer, updateReferrerLists, withoutSubject } from "./push-referrers.ts";

/** An image that goes into a registry. */
export interface PushItem {
  /** The name it has where it comes from. */
  readonly before: string;
  /** Under the name that it is to have. */
  readonly image: ImageHandle;
  /** All names that the same content has where it comes from. */
  readonly also: readonly string[];
}

/** Images on their way, and the referrers that stay where they are. */
export interface PushPlan {
  readonly moves: readonly PushItem[];
  readonly left: readonly LeftBehind[];
}

/** How images are to be called, by the names that they have. */
type Naming = (image: StoredImage) => string;

/** What is to go. Without sources, the store. */
export interface PushRequest {
  readonly texts: readonly string[];
  /** Whether a source may stand for several images. */
  readonly all: boolean;
}

/**
 * All that is to go to another registry, each image with what refers to it, in the order of the sources; each new name once.
 * Of a source as a whole everything goes that it names.
 * @throws usage where two images would have one name; not-found, ambiguous, unsupported, registry
 */
export async function planMirror(
  { texts, all }: PushRequest,
  choice: TransferOptions,
  renaming: NameMapping,
): Promise<PushPlan> {
  const found: PushPlan[] = [];
  const naming = (image: StoredImage) => renaming.of(ownName(image));
  if (texts.length === 0) found.push(await movesFor(namedIn(choice.openStore()), choice, naming));
  for (const text of texts) found.push(await movesOf({ text, all }, choice, naming));
  return {
    moves: distinct(found.flatMap(({ moves }) => moves)),
    left: found.flatMap(({ left }) => left),
  };
}

/** The one image of a source under the name `target`, else its own, with what refers to it. @throws usage for a digest */
export async function planPush(
  text: string,
  target: string | undefined,
  choice: TransferOptions,
): Promise<PushPlan> {
  return movesOf({ text, all: false }, choice, (image) => {
    const remote = parseRemote(target ?? ownName(image));
    requireOwnName(remote, image);
    return formatRemote(remote);
  });
}

async function movesOf(
  { text, all }: { readonly text: string; readonly all: boolean },
  choice: TransferOptions,
  naming: Naming,
): Promise<PushPlan> {
  if (text.startsWith("docker://")) {
    const { images, ...attached } = await resolveRemote(text, choice);
    const [image] = images;
    if (image === undefined) return { moves: [], left: [] };
    return movesWith(image, attached, { to: naming(image), also: [] });
  }
  const images = await openSources(text, choice.openStore, choice);
  if (!all && images.length > 1)
    throw new IngotError("usage", {
      message: `${text} has ${images.length} images, should be one`,
      hint: `push all of them with --all --to HOST, or name one: oci-archive:FILE:REF, oci:DIR:REF`,
    });
  return movesFor(images, choice, naming);
}

/** @throws not-found for a store that names nothing */
function namedIn(store: ReadStore): StoredImage[] {
  const images = readEntries(store).images.flatMap((descriptor) => {
    const reference = imageNameOf(descriptor);
    return reference === undefined ? [] : [{ reference, descriptor, store }];
  });
  if (images.length > 0) return images;
  throw new IngotError("not-found", { what: "an image", at: store.at, hint: "it names none" });
}

/** Each image with what refers to it. */
async function movesFor(
  images: readonly StoredImage[],
  { along, platforms, foreign = false }: Pick<TransferOptions, "along" | "platforms" | "foreign">,
  naming: Naming,
): Promise<PushPlan> {
  const [first] = images;
  if (first === undefined) return { moves: [], left: [] };
  const attached = referrersIn(first.store, along);
  const names = namesIn(first.store);
  const found: PushPlan[] = [];
  for (const whole of images) {
    const image = underOwnDigest({ ...select(whole, platforms), reference: whole.reference });
    const also = names.get(whole.descriptor.digest) ?? [];
    const with_ = await attached(image, whole.descriptor);
    const going = foreign ? { ...image, store: withoutForeign(image.store) } : image;
    found.push(movesWith(going, with_, { to: naming(image), also }));
  }
  return {
    moves: found.flatMap(({ moves }) => moves),
    left: found.flatMap(({ left }) => left),
  };
}

function movesWith(
  image: ImageHandle,
  { referring, left }: Attached,
  { to, also }: { readonly to: string; readonly also: readonly string[] },
): PushPlan {
  const { listable, without } = withoutSubject(referring);
  const before = underName(listable, image.reference);
  const moves = [
    { before: image.reference, image: { ...image, reference: to }, also },
    ...underName(listable, to).map((each, i) => {
      return { before: before[i]!.reference, image: each, also: [] };
    }),
  ];
  return { moves, left: [...left, ...without] };
}

/** @throws usage, not-found for an image that has none */
function ownName(image: StoredImage): string {
  const { reference } = image;
  if (isDigest(reference))
    throw new IngotError("usage", {
      message: `${reference} is a digest without a name, should have one in the registry`,
      hint: "say as what to push it: ingot push SOURCE REF",
    });
  return completeNames([image])[0]!.reference;
}

/** Each name once. @throws usage for two images of one name */
function distinct(moves: readonly PushItem[]): PushItem[] {
  const named = new Map<string, PushItem>();
  const once: PushItem[] = [];
  for (const each of moves) {
    const { reference, descriptor } = each.image;
    const other = named.get(reference);
    if (other?.image.descriptor.digest === descriptor.digest) continue;
    if (other !== undefined) throw clash(other, each);
    named.set(reference, each);
    once.push(each);
  }
  return once;
}

function clash(one: PushItem, other: PushItem): IngotError {
  const say = ({ before, image }: PushItem) => `${before} (${image.descriptor.digest})`;
  const [a = "", b = ""] = [one.before, other.before].map((name) => name.split("/", 1)[0]);
  const label = b.split(/[.:]/, 1)[0];
  return new IngotError("usage", {
    message: `two images would be called ${one.image.reference}: ${say(one)} and ${say(other)}, should be one`,
    hint:
      a === b
        ? "give one of them another name with a rule: --rename OLD=NEW"
        : `keep them apart with a rule: --rename ${b}=${label}`,
  });
}

function namesIn(store: ReadStore): ReadonlyMap<Digest, readonly string[]> {
  const names = new Map<Digest, string[]>();
  for (const image of store.images()) {
    const name = imageNameOf(image);
    if (name === undefined) continue;
    const others = names.get(image.digest);
    if (others === undefined) names.set(image.digest, [name]);
    else others.push(name);
  }
  return names;
}

/**
 * Brings the images into their registries, one after the other. A blob that another repository has got on the way, or has for one
 * of the image's other names, is mounted from there. At the first failure the rest stays where it is.
 * @param tell what is said of each that is there @throws as pushImage
 */
export async function pushAll(
  moves: readonly PushItem[],
  { openRepository }: Pick<TransferOptions, "openRepository">,
  working: JobContext,
  tell: (move: PushItem) => void,
): Promise<Pushed> {
  const landed = new Map<string, string>();
  const referring = new Map<string, { readonly to: Repository; readonly all: Referring[] }>();
  const all: Pushed[] = [];
  for (const each of moves) {
    const { image, also } = each;
    const remote = parseRemote(image.reference);
    const to = openRepository(remote, "push");
    const other = besideOf(remote, also);
    const key = (digest: Digest) => `${remote.registry} ${digest}`;
    const beside = (digest: Digest) => landed.get(key(digest)) ?? other;
    const { refers } = image;
    if (refers !== undefined) {
      const one = { ...image, refers };
      all.push(await pushReferrer(one, { to, beside }, working));
      const others = referring.get(to.at);
      if (others === undefined) referring.set(to.at, { to, all: [one] });
      else others.all.push(one);
    } else all.push(await pushImage(image, { to, tag: remote.tag, beside }, working));
    for (const digest of walk(image.descriptor, image.store).keys())
      landed.set(key(digest), remote.repository);
    tell(each);
  }
  for (const { to, all: pushed } of referring.values()) await updateReferrerLists(pushed, to);
  const sum = (what: keyof Pushed) => all.reduce((total, each) => total + each[what], 0);
  return { blobs: sum("blobs"), sent: sum("sent"), mounted: sum("mounted"), bytes: sum("bytes") };
}

/** Another repository of the registry that has the content, if one of its names is right. */
function besideOf({ registry, repository }: Remote, also: readonly string[]): string | undefined {
  const remotes = also.flatMap((name) => {
    try {
      return [parseRemote(`docker://${name}`)];
    } catch (error) {
      if (isIngotError(error)) return [];
      throw error;
    }
  });
  return remotes.find((it) => it.registry === registry && it.repository !== repository)?.repository;
}
