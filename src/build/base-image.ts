import type { Bytes } from "../base/bytes.ts";
import { decompressed } from "../base/compression/decompress.ts";
import { IngotError } from "../base/error.ts";
import { Sha256 } from "../base/hash.ts";
import { type ContainerConfig, parseContainerConfig } from "../dockerfile/image/config.ts";
import { select } from "../image/select.ts";
import { read } from "../image/walk.ts";
import type { Packed } from "../layer/tree/entry.ts";
import { Tree } from "../layer/tree/tree.ts";
import { applyLayer } from "../layer/unpack/apply.ts";
import { unpack } from "../layer/unpack/unpack.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { isContainerConfig, layerType } from "../oci/media-types.ts";
import type { Platform } from "../oci/platform.ts";
import { requireBytes, sizeOf } from "../store/content.ts";
import { ExtentReader, OpenFiles } from "../store/extent-reader.ts";
import { type ReadStore, readBlob } from "../store/store.ts";
import { type FromContext, openFrom } from "./resolve-from.ts";

/** A layer that an image begins with: never touched, only named again. */
export interface BaseLayer {
  readonly descriptor: Descriptor;
  readonly diffID: Digest;
}

/** An image that another one is built on, or copied from. */
export interface BaseImage {
  readonly config: ContainerConfig;
  readonly layers: readonly BaseLayer[];
  /** Where its blobs are. */
  readonly store: ReadStore;
  /** Its file system. Reads every layer, and proves each of them; it is done once. */
  readonly tree: () => Promise<Tree>;
}

/**
 * The container image that FROM or COPY --from names, for `platform`.
 * @throws not-found, ambiguous, unsupported for what is no container image, malformed
 */
export async function openBase(
  text: string,
  platform: Platform,
  around: FromContext,
): Promise<BaseImage> {
  const { descriptor, store } = select(await openFrom(text, around), [platform]);
  const { manifest } = read(descriptor, store);
  if (manifest === undefined || !isContainerConfig(manifest.config.mediaType))
    throw new IngotError("unsupported", {
      what: `the image of ${around.place},`,
      at: text,
      found: manifest?.config.mediaType ?? descriptor.mediaType,
      expected: "a container image",
    });
  const { digest } = manifest.config;
  const config = parseContainerConfig(readBlob(store, manifest.config), digest);
  const diffIDs = config.diffIDs;
  if (diffIDs.length !== manifest.layers.length)
    throw new IngotError("malformed", {
      what: "the image config",
      at: digest,
      why: `it has ${diffIDs.length} diff_ids for ${manifest.layers.length} layers`,
    });
  const layers = manifest.layers.map((layer, i) => ({
    descriptor: named(layer),
    diffID: diffIDs[i]!,
  }));
  let tree: Promise<Tree> | undefined;
  return {
    config,
    layers,
    store,
    tree: () => {
      tree ??= treeOf(layers, store);
      return tree;
    },
  };
}

/** The layer as a manifest of ours names it: the same blob, by the type that the OCI gives it. */
function named({ mediaType, digest, size }: Descriptor): Descriptor {
  const type = layerType(mediaType);
  if (type === undefined)
    throw new IngotError("unsupported", {
      what: "the layer",
      at: digest,
      found: mediaType,
      expected: "a tar layer, plain or compressed with gzip or zstd",
    });
  return { mediaType: type, digest, size };
}

async function treeOf(layers: readonly BaseLayer[], store: ReadStore): Promise<Tree> {
  const tree = new Tree("the base image");
  for (const layer of layers) await applyLayer(tree, unpack(packed(layer, store)));
  return tree;
}

/** The layer's tar, uncompressed; each time it is read to its end, its blob and its diffID are proven. */
function packed({ descriptor: { digest }, diffID }: BaseLayer, store: ReadStore): Packed {
  const open = () => decompressed(blobBytes(digest, store), digest);
  return {
    at: digest,
    id: digest,
    open: () => (diffID === digest ? open() : proven(open(), digest, diffID)),
  };
}

/** What comes through, and at its end the certainty that it is what the image's config says. @throws digest-differs */
async function* proven(bytes: Bytes, at: Digest, diffID: Digest): Bytes {
  const hash = new Sha256();
  for await (const piece of bytes) {
    hash.update(piece);
    yield piece;
  }
  const actual: Digest = `sha256:${hash.hex()}`;
  if (actual === diffID) return;
  throw new IngotError("digest-differs", { at: `${at}, uncompressed`, expected: diffID, actual });
}

const PIECE = 256 * 1024;

async function* blobBytes(digest: Digest, store: ReadStore): Bytes {
  const found = store.find(digest);
  if (found === undefined) throw new IngotError("blob-missing", { digest, at: store.at });
  const content = requireBytes(found);
  if (content instanceof Uint8Array) {
    yield content;
    return;
  }
  const files = new OpenFiles();
  try {
    const stretch = new ExtentReader({ ...content, digest }, files);
    const buffer = new Uint8Array(Math.min(PIECE, sizeOf(content)));
    for (let got = stretch.read(buffer); got > 0; got = stretch.read(buffer))
      yield buffer.subarray(0, got);
    stretch.prove();
  } finally {
    files.close();
  }
}
