/** What the far side has already: the bases that a delta is made on. */

import { requireOneFile } from "../archive/volumes/classify.ts";
import { IngotError } from "../base/error.ts";
import { readFile } from "../base/fs/file.ts";
import { within } from "../base/subject.ts";
import { completeNames } from "../image/complete-name.ts";
import {
  type BaseLayers,
  layersOf,
  mergeBaseLayers,
  parseBaseLayers,
} from "../image/layer-list.ts";
import type { StoredImage } from "../image/select.ts";
import { type ImageGraphNode, walk } from "../image/walk.ts";
import { mapConcurrent } from "../jobs/parallel.ts";
import type { Digest } from "../oci/digest.ts";
import { INDEX_LIMIT } from "../oci/manifest.ts";
import { openSources, parseSource, type SourceOptions } from "../source/source.ts";
import { readExtent, sizeOf } from "../store/content.ts";
import type { FolderStore } from "../store/folder-store.ts";
import type { ReadStore } from "../store/store.ts";
import type { CopyOptions } from "./copy.ts";
import { resolveRemote, type TransferOptions } from "./endpoint.ts";
import type { RemoteImage } from "./remote-image.ts";

/** A base may be a delta, and its images without a name are nobody's. */
const BASE: SourceOptions = { deltas: true, passOver: () => {} };

/** How many blobs a registry is asked for at a time. */
const AT_ONCE = 6;

/**
 * What all of the bases have: archives, deltas with what they rely on, layouts, stored images, images of registries, and saved
 * lists. Of a list its digest is checked; of everything else the manifests and indexes are proven, and every other blob must
 * be there and of its size. (Their bytes are hashed where the delta is imported, or verified with its base.)
 * @throws blob-missing, size-differs, digest-differs, malformed, not-found, registry
 */
export async function openBases(
  texts: readonly string[],
  { openStore, openRepository }: CopyOptions,
): Promise<BaseLayers> {
  const parts: BaseLayers[] = [];
  for (const text of texts) {
    if (text.startsWith("docker://")) {
      const choice: TransferOptions = { platforms: [], along: "none", openStore, openRepository };
      const { images } = await resolveRemote(text, choice);
      for (const image of images) parts.push(await remoteHoldings(image));
      continue;
    }
    const list = listIn(text);
    if (list === undefined)
      parts.push(baseLayersOf(await openSources(text, openStore, BASE), true));
    else parts.push(parseBaseLayers(readFile(list, INDEX_LIMIT), list));
  }
  return mergeBaseLayers(parts);
}

/** Where the layers are that a delta leaves out. @throws usage for a list, which has none */
export async function openBaseStores(
  texts: readonly string[],
  openStore: () => FolderStore,
): Promise<ReadStore[]> {
  const stores: ReadStore[] = [];
  for (const text of texts) {
    const what = text.startsWith("docker://")
      ? "in a registry"
      : listIn(text) === undefined
        ? undefined
        : "a list";
    if (what !== undefined)
      throw new IngotError("usage", {
        message: `the base ${text} is ${what}, should be what has the layers: they are to be read`,
        hint: "name the archive, layout or stored image; ingot pull brings one from a registry into the store",
      });
    stores.push(...(await openSources(text, openStore, BASE)).map(({ store }) => store));
  }
  return [...new Set(stores)];
}

/**
 * The layers of images, and which image has which.
 * @param whole whether every blob must be there, of its size @throws blob-missing, size-differs
 */
export function baseLayersOf(images: readonly StoredImage[], whole = false): BaseLayers {
  const known = new Map<string, ReadonlyMap<Digest, number>>();
  return mergeBaseLayers(
    completeNames(images).map(({ reference, descriptor, store }) => {
      const { digest, mediaType } = descriptor;
      const key = `${digest} ${mediaType} ${store.at}`;
      let layers = known.get(key);
      if (layers === undefined) {
        const reached = [...walk(descriptor, store).values()];
        if (whole) for (const one of reached) mustBeThere(one, { descriptor, store });
        layers = layersOf(reached);
        known.set(key, layers);
      }
      const owners = [{ reference, digest }];
      return new Map([...layers].map(([layer, size]) => [layer, { size, owners }]));
    }),
  );
}

/** The layers of an image in a registry, which has all of its blobs, each of its size. @throws usage for a digest alone, blob-missing, size-differs */
async function remoteHoldings({
  reference,
  descriptor,
  store,
  from,
}: RemoteImage): Promise<BaseLayers> {
  const { digest } = descriptor;
  if (reference.includes("@"))
    throw new IngotError("usage", {
      message: `the base ${reference} is a digest without a tag, should have a name`,
      hint: "give it one: docker://registry/repository:tag@sha256:…",
    });
  const reached = [...walk(descriptor, store).values()];
  const others = reached.filter((one) => store.find(one.descriptor.digest) === undefined);
  await mapConcurrent(others, AT_ONCE, async ({ descriptor: blob }, stop) => {
    if (await from.until(stop).hasBlob(blob)) return;
    throw new IngotError("blob-missing", { digest: blob.digest, at: from.at, neededBy: digest });
  });
  const owners = [{ reference, digest }];
  return new Map([...layersOf(reached)].map(([layer, size]) => [layer, { size, owners }]));
}

function mustBeThere(
  { descriptor: { digest, size }, bytes }: ImageGraphNode,
  image: Pick<StoredImage, "descriptor" | "store">,
): void {
  if (bytes !== undefined) return;
  const { at } = image.store;
  const content = image.store.find(digest);
  if (content === undefined)
    throw new IngotError("blob-missing", { digest, at, neededBy: image.descriptor.digest });
  if (sizeOf(content) !== size)
    throw new IngotError("size-differs", {
      at: within(digest, at),
      expected: size,
      actual: sizeOf(content),
    });
}

/** The path of a saved list: a file that begins as JSON does, and no archive can. */
function listIn(text: string): string | undefined {
  const source = parseSource(text);
  if (source.kind !== "archive" || source.reference !== undefined) return undefined;
  const [first] = readExtent({ path: source.path, offset: 0, size: 1 });
  if (first !== 0x7b) return undefined;
  requireOneFile(source.path);
  return source.path;
}
