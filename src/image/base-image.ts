import type { Bytes } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import { decompressed } from "../base/gzip-decode.ts";
import { Sha256 } from "../base/hash.ts";
import { type ContainerConfig, parseContainerConfig } from "../container/config.ts";
import { applyLayer } from "../layer/apply.ts";
import type { Packed } from "../layer/entry.ts";
import { Tree } from "../layer/tree.ts";
import { unpack } from "../layer/unpack.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { isContainerConfig, layerType } from "../oci/media.ts";
import type { Platform } from "../oci/platform.ts";
import { sizeOf } from "../store/content.ts";
import type { FolderStore } from "../store/folder.ts";
import { fetch, type ReadStore, resolve } from "../store/store.ts";
import { Files, Stretch } from "../store/stretch.ts";
import { type Selected, select } from "./select.ts";
import { openSources } from "./source.ts";
import { read } from "./walk.ts";

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
 * The container image that `text` names, for `platform`: a name in the store, `oci:DIR[:REF]` or `oci-archive:FILE[:REF]`.
 * @throws not-found, ambiguous, unsupported for what is no container image, malformed
 */
export async function openBase(
  text: string,
  platform: Platform,
  openStore: () => FolderStore,
): Promise<BaseImage> {
  const [found, ...others] = await imagesOf(text, openStore);
  if (found === undefined || others.length > 0)
    throw new Fault("ambiguous", {
      what: "the image to build on",
      at: text,
      matches: [found, ...others].map((image) => image?.reference ?? ""),
    });
  const { descriptor, store } = select(found, [platform]);
  const { manifest } = read(descriptor, store);
  if (manifest === undefined || !isContainerConfig(manifest.config.mediaType))
    throw new Fault("unsupported", {
      what: "the image to build on",
      at: text,
      found: manifest?.config.mediaType ?? descriptor.mediaType,
      expected: "a container image",
    });
  const { digest } = manifest.config;
  const config = parseContainerConfig(fetch(store, manifest.config), digest);
  const diffIDs = config.diffIDs;
  if (diffIDs.length !== manifest.layers.length)
    throw new Fault("malformed", {
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

/** What is not a name in the store; a registry's `docker:24` is one. */
const TRANSPORT = /^(?:oci:|oci-archive:|docker-archive:|docker:\/\/|containers-storage:|dir:)/;

/** A path needs its transport: what a bare name means does not depend on the folder that somebody is in. */
async function imagesOf(text: string, openStore: () => FolderStore): Promise<readonly Selected[]> {
  if (TRANSPORT.test(text)) return openSources(text, openStore);
  if (/^[./~]/.test(text))
    throw new Fault("not-found", {
      what: "the image",
      at: text,
      hint: `an archive is named oci-archive:${text}, the folder of a layout oci:${text}`,
    });
  const store = openStore();
  return [{ ...resolve(store, text), store }];
}

/** The layer as a manifest of ours names it: the same blob, by the type that the OCI gives it. */
function named({ mediaType, digest, size }: Descriptor): Descriptor {
  const type = layerType(mediaType);
  if (type === undefined)
    throw new Fault("unsupported", {
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
  throw new Fault("digest-differs", { at: `${at}, uncompressed`, expected: diffID, actual });
}

const PIECE = 256 * 1024;

async function* blobBytes(digest: Digest, store: ReadStore): Bytes {
  const content = store.find(digest);
  if (content === undefined) throw new Fault("blob-missing", { digest, at: store.at });
  if (content instanceof Uint8Array) {
    yield content;
    return;
  }
  const files = new Files();
  try {
    const stretch = new Stretch({ ...content, digest }, files);
    const buffer = new Uint8Array(Math.min(PIECE, sizeOf(content)));
    for (let got = stretch.read(buffer); got > 0; got = stretch.read(buffer))
      yield buffer.subarray(0, got);
    stretch.prove();
  } finally {
    files.close();
  }
}
