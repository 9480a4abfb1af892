/** Lists of layers and of the images that have them: what a delta relies on, and what the far side has (docs/delta-archive.md). */

import * as v from "valibot";
import { sameBytes, utf8 } from "../base/bytes.ts";
import { IngotError } from "../base/error.ts";
import { formatJson, parseJson } from "../base/json/json.ts";
import { sortedBy } from "../base/order.ts";
import type { Subject } from "../base/subject.ts";
import { type Digest, digestOf, isDigest } from "../oci/digest.ts";
import { checkIndexSize } from "../oci/layout.ts";
import { INDEX_LIMIT } from "../oci/manifest.ts";
import { INVENTORY } from "../oci/media-types.ts";
import type { AbsentBlob } from "../store/content.ts";
import type { ImageGraphNode } from "./walk.ts";

/** An image by its name and its digest. */
export type ImageRef = {
  readonly reference: string;
  readonly digest: Digest;
};

/** A layer, and the images that have it. Bytes. */
export interface BaseLayerEntry {
  readonly size: number;
  readonly owners: readonly ImageRef[];
}

/** Layers by their digest. */
export type BaseLayers = ReadonlyMap<Digest, BaseLayerEntry>;

/**
 * The blobs that are layers and nothing else, with their sizes: what is a manifest, an index or a config as well, anywhere in
 * `reached`, is none.
 */
export function layersOf(reached: Iterable<ImageGraphNode>): Map<Digest, number> {
  const layers = new Map<Digest, number>();
  const others = new Set<Digest>();
  for (const { descriptor, bytes, index, manifest } of reached) {
    if (bytes !== undefined) others.add(descriptor.digest);
    for (const child of index?.manifests ?? []) others.add(child.digest);
    if (manifest === undefined) continue;
    others.add(manifest.config.digest);
    for (const { digest, size } of manifest.layers) layers.set(digest, size);
  }
  for (const digest of others) layers.delete(digest);
  return layers;
}

/** What all of `parts` have together. @throws size-differs where two say different sizes of one layer */
export function mergeBaseLayers(parts: Iterable<BaseLayers>): BaseLayers {
  const all = new Map<Digest, { size: number; owners: ImageRef[] }>();
  for (const part of parts)
    for (const [digest, { size, owners }] of part) {
      const before = all.get(digest);
      if (before === undefined) all.set(digest, { size, owners: [...owners] });
      else if (before.size === size) before.owners.push(...owners);
      else throw differs(digest, before.size, size);
    }
  return all;
}

/** What the base has of the layers of all that was walked. @throws size-differs */
export function omittedLayers(
  base: BaseLayers | undefined,
  walked: Iterable<{ readonly reached: ReadonlyMap<Digest, ImageGraphNode> }>,
): BaseLayers {
  const relied = new Map<Digest, BaseLayerEntry>();
  if (base === undefined) return relied;
  const layers = layersOf([...walked].flatMap(({ reached }) => [...reached.values()]));
  for (const [digest, size] of layers) {
    const held = base.get(digest);
    if (held === undefined) continue;
    if (held.size !== size) throw differs(digest, size, held.size);
    relied.set(digest, held);
  }
  return relied;
}

const differs = (digest: Digest, expected: number, actual: number) =>
  new IngotError("size-differs", { at: `${digest} of the base`, expected, actual });

const keyOf = ({ reference, digest }: ImageRef) => `${reference} ${digest}`;

/** Every image that has one of the layers, once, in the order of name and digest. */
export function imageRefsOf(holdings: BaseLayers): ImageRef[] {
  const owners = new Map<string, ImageRef>();
  for (const held of holdings.values())
    for (const owner of held.owners) owners.set(keyOf(owner), owner);
  return sortedBy(owners.values(), keyOf);
}

/** What a list says, in short. Bytes. */
export interface Summary {
  readonly images: readonly ImageRef[];
  readonly layers: number;
  readonly bytes: number;
}

export function summaryOf(holdings: BaseLayers): Summary {
  const bytes = [...holdings.values()].reduce((sum, { size }) => sum + size, 0);
  const images = imageRefsOf(holdings).map(({ reference, digest }) => ({ reference, digest }));
  return { images, layers: holdings.size, bytes };
}

/**
 * The one form of a list: a function of what it says, with its own digest at its end, so that nothing in it changes unnoticed.
 * @param at what it is, for messages @throws too-large for one that nobody would read back
 */
export function formatBaseLayers(holdings: BaseLayers, at: Subject): Uint8Array {
  const { images } = summaryOf(holdings);
  const places = new Map(images.map((image, i) => [keyOf(image), i]));
  const blobs = sortedBy(holdings, ([digest]) => digest).map(([digest, { size, owners }]) => ({
    digest,
    size,
    images: [...new Set(owners.map((owner) => places.get(keyOf(owner))!))].sort((a, b) => a - b),
  }));
  const said = { mediaType: INVENTORY, images, blobs };
  const bytes = utf8(formatJson({ ...said, digest: digestOf(utf8(formatJson(said))) }));
  checkIndexSize(bytes, at);
  return bytes;
}

const DIGEST = v.custom<Digest>(isDigest);
const COUNT = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const LIST = v.strictObject({
  mediaType: v.literal(INVENTORY),
  images: v.array(
    v.strictObject({ reference: v.pipe(v.string(), v.regex(/^[\x21-\x7e]+$/)), digest: DIGEST }),
  ),
  blobs: v.array(v.strictObject({ digest: DIGEST, size: COUNT, images: v.array(COUNT) })),
  digest: DIGEST,
});

/** Reads a list. It must be, to the byte, what `formatBaseLayers` makes of what it says. @throws malformed, too-large */
export function parseBaseLayers(bytes: Uint8Array, at: Subject): BaseLayers {
  const found = v.safeParse(LIST, parseJson(bytes, at, { bytes: INDEX_LIMIT }));
  const wrong = (why: string) =>
    new IngotError("malformed", { what: "the list of layers", at, why });
  if (!found.success)
    throw wrong(`it is not of the form that ${INVENTORY} has: ${found.issues[0].message}`);
  const { images, blobs, digest: claimed } = found.output;
  const holdings = new Map<Digest, BaseLayerEntry>();
  for (const { digest, size, images: places } of blobs) {
    const owners = places.map((place) => {
      const owner = images[place];
      if (owner === undefined) throw wrong(`it has no image number ${place}`);
      return owner;
    });
    if (owners.length === 0) throw wrong(`${digest} is of no image`);
    holdings.set(digest, { size, owners });
  }
  const written = formatBaseLayers(holdings, at);
  if (sameBytes(written, bytes)) return holdings;
  throw wrong(
    !sameBytes(utf8(claimed), written.subarray(-73, -2))
      ? "its digest is not that of what it says: something in it changed on the way"
      : "it is not, to the byte, as this list is written",
  );
}

/** A layer that a delta leaves out. */
export const absentLayer = (absent: Digest, size: number): AbsentBlob => ({
  absent,
  size,
  why: "it is left out of the delta, which may leave out layers alone",
});
