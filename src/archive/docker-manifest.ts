import * as v from "valibot";
import { utf8 } from "../base/bytes.ts";
import { IngotError } from "../base/error.ts";
import { excerpt, formatJson } from "../base/json/json.ts";
import { parseShaped } from "../base/json/shape.ts";
import { sortedBy } from "../base/order.ts";
import { loadKey } from "../check/check-entries.ts";
import { type Finding, finding, unchecked } from "../image/findings.ts";
import type { ImageGraphNode } from "../image/walk.ts";
import type { Digest } from "../oci/digest.ts";
import { blobPath, DOCKER_FILE, digestAt } from "../oci/layout.ts";
import { type Descriptor, INDEX_LIMIT, type Manifest } from "../oci/manifest.ts";
import { isContainerConfig } from "../oci/media-types.ts";
import { formatPlatform, isRunnable, type Platform } from "../oci/platform.ts";
import { digestIn } from "../oci/reference.ts";
import { DOCKER_LIST_SHAPE } from "../oci/shape.ts";

/** A named image with everything it reaches. */
export interface ImageGraph {
  readonly reference: string;
  readonly root: Descriptor;
  /** Of a container's manifest, as its config says. */
  readonly platform: Platform | undefined;
  readonly reached: ReadonlyMap<Digest, ImageGraphNode>;
}

/** An image that `docker load` would refuse, and with it all that come after it. */
export interface UnloadableImage {
  readonly reference: string;
  readonly why: string;
}

/** `manifest.json`, and the container images that it leaves out. */
export interface DockerList {
  /** Undefined when Docker can load none of the images. */
  readonly bytes: Uint8Array | undefined;
  readonly unloadable: readonly UnloadableImage[];
}

/** The most layers of an image that Docker loads (moby, `maxLayerDepth`). */
export const DOCKER_LAYERS = 125;

/**
 * `manifest.json`, which `docker load` reads: one element for each name of a container image that Docker can load, in the
 * order of `images`. A name by digest is no tag: its element has none.
 */
export function formatDocker(images: readonly ImageGraph[]): DockerList {
  const unloadable: UnloadableImage[] = [];
  const elements = images.flatMap((image) => {
    const { reference } = image;
    const all = candidates(image);
    const manifest = all.find((one) => obstacle(one) === undefined)?.manifest;
    const why = all[0] && obstacle(all[0]);
    if (manifest === undefined && why !== undefined) unloadable.push({ reference, why });
    if (manifest === undefined) return [];
    const { config, layers } = manifest;
    return [
      {
        Config: blobPath(config.digest),
        RepoTags: digestIn(reference) === undefined ? [reference] : null,
        Layers: layers.map(({ digest }) => blobPath(digest)),
      },
    ];
  });
  const bytes = elements.length === 0 ? undefined : utf8(formatJson(elements));
  return { bytes, unloadable };
}

interface Candidate {
  readonly platform: Platform;
  readonly manifest: Manifest;
  readonly reached: ImageGraph["reached"];
}

/** The containers of an image: linux/amd64 first, then in the order of bytes. */
function candidates({ root, platform, reached }: ImageGraph): Candidate[] {
  const { index, manifest } = reached.get(root.digest) ?? {};
  const of = (platform: Platform | undefined, manifest: Manifest | undefined) =>
    platform !== undefined &&
    isRunnable(platform) &&
    manifest !== undefined &&
    isContainerConfig(manifest.config.mediaType)
      ? [{ platform, manifest, reached }]
      : [];
  if (manifest !== undefined) return of(platform, manifest);
  const all = (index?.manifests ?? []).flatMap(({ digest, platform }) =>
    of(platform, reached.get(digest)?.manifest),
  );
  return sortedBy(all, ({ platform }) => {
    const text = formatPlatform(platform);
    return text === "linux/amd64" ? "" : text;
  });
}

/** Layers that are tar, plain or compressed, also those that are not to be distributed. */
const TAR =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1|docker\.image\.rootfs(?:\.foreign)?\.diff)\.tar(?:[.+](?:gzip|zstd))?$/;

/** Why Docker cannot load the image; undefined where it can. */
function obstacle({ platform, manifest: { layers }, reached }: Candidate): string | undefined {
  if (platform.os !== "linux") return `it is for ${formatPlatform(platform)}, should be for linux`;
  const odd = layers.find(({ mediaType }) => !TAR.test(mediaType))?.mediaType;
  if (odd?.endsWith("+encrypted")) return "its layers are encrypted";
  if (odd !== undefined) return `a layer has the type ${odd}, should be a tar archive`;
  if (layers.some(({ digest }) => !reached.has(digest))) return "a layer of it is elsewhere";
  return layers.length > DOCKER_LAYERS
    ? `it has ${layers.length} layers, should have at most ${DOCKER_LAYERS}`
    : undefined;
}

const shape = v.array(
  v.looseObject({
    Config: v.string(),
    // Docker writes null for an image without layers.
    Layers: v.nullable(v.array(v.string()), []),
    RepoTags: v.optional(v.nullable(v.array(v.string()))),
  }),
);

/** So many values are read of `manifest.json`: some 2,000 images of 120 layers, and more than 8 MiB of such layers' paths. */
export const DOCKER_VALUES = 262_144;
/** So many names of images: an index of so many would be longer than is read. */
export const DOCKER_NAMES = 65_536;

/** One element of `manifest.json`. */
export type DockerImage = v.InferOutput<typeof shape>[number];

/** Reads a `manifest.json`. @throws malformed, too-large */
export function parseDocker(bytes: Uint8Array): readonly DockerImage[] {
  const bounds = { bytes: INDEX_LIMIT, values: DOCKER_VALUES };
  const found = v.safeParse(shape, parseShaped(bytes, DOCKER_FILE, bounds, DOCKER_LIST_SHAPE));
  if (found.success) {
    const names = found.output.reduce((sum, { RepoTags }) => sum + (RepoTags?.length ?? 0), 0);
    if (names <= DOCKER_NAMES) return found.output;
    throw new IngotError("too-large", {
      what: "Docker's list of images",
      at: DOCKER_FILE,
      actual: names,
      limit: DOCKER_NAMES,
      unit: "names",
    });
  }
  throw new IngotError("malformed", {
    what: "Docker's list of images",
    at: DOCKER_FILE,
    why: excerpt(found.issues[0].message),
  });
}

/**
 * What `manifest.json` says must be what the index says: each element one of its manifests.
 * @param loadable the `loadKey` of each @throws malformed
 */
export function* checkDocker(bytes: Uint8Array, loadable: ReadonlySet<string>): Generator<Finding> {
  for (const [i, { Config, Layers, RepoTags }] of parseDocker(bytes).entries()) {
    const name = RepoTags?.[0] ?? `element ${i}`;
    const strange = [Config, ...Layers].find((path) => digestAt(path) === undefined);
    if (strange !== undefined && OTHER_BLOB.test(strange))
      yield unchecked(DOCKER_FILE, `${name} points at ${strange}: only sha256 is supported`);
    else if (strange !== undefined)
      yield finding(
        "docker-differs",
        DOCKER_FILE,
        `${name} points at ${strange}, which is not a blob`,
      );
    else if (!loadable.has(loadKey(Config, Layers)))
      yield finding("docker-differs", DOCKER_FILE, `${name} is not an image of index.json`);
  }
}

/** Where a layout has blobs whose names are digests of other algorithms. */
const OTHER_BLOB = /^blobs\/(?:sha384|sha512|blake3)\/[0-9a-f]{64,128}$/;
