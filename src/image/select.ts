import { utf8 } from "../base/bytes.ts";
import { IngotError } from "../base/error.ts";
import { formatJson, type Json, parseJson } from "../base/json/json.ts";
import { sortedUnique } from "../base/order.ts";
import { within } from "../base/subject.ts";
import { digestOf } from "../oci/digest.ts";
import { type Descriptor, MANIFEST_LIMIT, type Manifest, parseConfig } from "../oci/manifest.ts";
import {
  ATTESTS,
  GADGET,
  GADGET_CONFIG,
  isContainerConfig,
  isIndex,
  isManifest,
} from "../oci/media-types.ts";
import { formatPlatform, matchesPlatform, type Platform, placesFor } from "../oci/platform.ts";
import { MemoryStore } from "../store/memory-store.ts";
import { type NamedDescriptor, type ReadStore, readBlob } from "../store/store.ts";
import { read } from "./walk.ts";

/** An image, and the store that has all of it. */
export interface StoredImage extends NamedDescriptor {
  readonly store: ReadStore;
}

/**
 * The part of an image that is for `platforms` (all of it when none is given).
 * Of one platform there is one image, the nearest (`placesFor`). All of an index is the index itself. Of a part, a container's lone manifest becomes the image; anything else
 * gets an index of its own, with a new digest: a gadget must stay an index, or `ig run` cannot use it.
 * @throws not-found with the platforms that there are
 */
export function select(image: StoredImage, platforms: readonly Platform[]): StoredImage {
  const { descriptor, store } = image;
  if (platforms.length === 0) return image;
  const index = isIndex(descriptor.mediaType) ? read(descriptor, store).index : undefined;
  if (index === undefined) {
    const platform = platformOf(descriptor, store);
    if (platform !== undefined && !platforms.some((wanted) => matchesPlatform(platform, wanted)))
      throw missing(image, platforms, [platform]);
    return image;
  }
  const all = index.manifests.map(({ platform }) => platform);
  const there = index.manifests.map(({ digest, platform }) =>
    store.find(digest) === undefined ? undefined : platform,
  );
  const found = platforms.map((wanted) => ({ wanted, places: placesFor(there, wanted) }));
  const unmet = found.filter(({ places }) => places.size === 0).map(({ wanted }) => wanted);
  if (unmet.length > 0)
    throw missing(image, unmet, unmet.some((it) => placesFor(all, it).size > 0) ? there : all);
  const chosen = index.manifests.filter((_, i) => found.some(({ places }) => places.has(i)));
  const digests = new Set<string>(chosen.map(({ digest }) => digest));
  // Attestations stay with the platform that they are about.
  const keep = index.manifests.map(
    (child) => chosen.includes(child) || digests.has(child.annotations?.[ATTESTS] ?? ""),
  );
  if (keep.every(Boolean)) return image;
  const [only] = chosen;
  if (chosen.length === 1 && only !== undefined && !isGadget(only, store))
    return { ...image, descriptor: only };
  return part(image, keep);
}

/**
 * The children of an image's index that are for `platforms`, those that are here first; the image itself where it is no index.
 * @throws not-found with the platforms that there are
 */
export function wantedIn(
  image: StoredImage,
  platforms: readonly Platform[],
): readonly Descriptor[] {
  const { descriptor, store } = image;
  const index = isIndex(descriptor.mediaType) ? read(descriptor, store).index : undefined;
  if (index === undefined) return [select(image, platforms).descriptor];
  const all = index.manifests.map(({ platform }) => platform);
  const there = index.manifests.map(({ digest, platform }) =>
    store.find(digest) === undefined ? undefined : platform,
  );
  const found = platforms.map((wanted) => {
    const here = placesFor(there, wanted);
    return { wanted, places: here.size > 0 ? here : placesFor(all, wanted) };
  });
  const unmet = found.filter(({ places }) => places.size === 0).map(({ wanted }) => wanted);
  if (unmet.length > 0) throw missing(image, unmet, all);
  return index.manifests.filter((_, i) => found.some(({ places }) => places.has(i)));
}

/** A number in `value` that has several spellings: its bytes would be another tool's or ours. */
function notWritable(value: unknown): number | undefined {
  if (typeof value === "number")
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? undefined : value;
  if (typeof value !== "object" || value === null) return undefined;
  for (const item of Object.values(value)) {
    const found = notWritable(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A new index: the old one's members as they were, its list shorter. @throws unsupported for numbers that are not whole */
function part(image: StoredImage, keep: readonly boolean[]): StoredImage {
  const { descriptor, store } = image;
  const whole = parseJson(readBlob(store, descriptor), descriptor.digest, {
    bytes: MANIFEST_LIMIT,
  }) as { [key: string]: Json; manifests: Json[] };
  const odd = notWritable(whole);
  if (odd !== undefined)
    throw new IngotError("unsupported", {
      what: "a part of the image",
      at: descriptor.digest,
      found: `the number ${odd}`,
      expected: "whole numbers, which every tool writes alike",
    });
  const manifests = (whole.manifests ?? []).filter((_, i) => keep[i]);
  const written = utf8(formatJson({ ...whole, manifests }));
  const added = new MemoryStore(store.at, store);
  added.put(written);
  const { mediaType } = descriptor;
  return {
    ...image,
    descriptor: { mediaType, digest: digestOf(written), size: written.length },
    store: added,
  };
}

/** Whether a manifest, or the index of it, is a gadget's. */
export function isGadget(descriptor: Descriptor, store: ReadStore): boolean {
  const { index, manifest } = read(descriptor, store);
  if (index !== undefined) {
    const children = new Map(
      index.manifests
        .filter(
          ({ mediaType, digest }) => isManifest(mediaType) && store.find(digest) !== undefined,
        )
        .map((child) => [child.digest, child]),
    );
    return [...children.values()].some((child) => isGadget(child, store));
  }
  return manifest !== undefined && isGadgetManifest(manifest);
}

export const isGadgetManifest = ({ artifactType, config }: Manifest): boolean =>
  artifactType === GADGET || config.mediaType === GADGET_CONFIG;

/** The platform of a container's manifest, as its config says; undefined for everything else, and where it says none. */
export function platformOf(descriptor: Descriptor, store: ReadStore): Platform | undefined {
  const { manifest } = read(descriptor, store);
  if (manifest === undefined || !isContainerConfig(manifest.config.mediaType)) return undefined;
  const { architecture, os, variant } = parseConfig(
    readBlob(store, manifest.config, descriptor.digest),
    manifest.config.digest,
  );
  if (architecture === "" || os === "") return undefined;
  return { architecture, os, variant: variant || undefined };
}

function missing(
  { reference }: NamedDescriptor,
  wanted: readonly Platform[],
  there: readonly (Platform | undefined)[],
): IngotError {
  const names = sortedUnique(there.flatMap((one) => (one ? formatPlatform(one) : [])));
  return new IngotError("not-found", {
    what: "the platform",
    at: within(wanted.map(formatPlatform).join(", "), reference),
    hint:
      names.length > 0
        ? `there is ${names.join(", ")}`
        : "the image does not say what platforms it is for",
  });
}
