import * as v from "valibot";
import { utf8 } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import { excerpt, formatJson } from "../base/json.ts";
import { parseShaped } from "../base/json-shape.ts";
import { sortedBy } from "../base/order.ts";
import type { Digest } from "../oci/digest.ts";
import { blobPath, DOCKER_FILE, digestAt } from "../oci/layout.ts";
import { type Descriptor, INDEX_LIMIT } from "../oci/manifest.ts";
import { isContainerConfig } from "../oci/media.ts";
import { formatPlatform, isRunnable, type Platform } from "../oci/platform.ts";
import { DOCKER_LIST_SHAPE } from "../oci/shape.ts";
import { type Finding, finding, unchecked } from "./finding.ts";
import { loadKey } from "./judge.ts";
import type { Reached } from "./walk.ts";

/** A named image with everything it reaches. */
export interface Walked {
  readonly reference: string;
  readonly root: Descriptor;
  /** Of a container's manifest, as its config says. */
  readonly platform: Platform | undefined;
  readonly reached: ReadonlyMap<Digest, Reached>;
}

/**
 * The bytes of `manifest.json`, which `docker load` reads: one element for each name of a container image, in the
 * order of `images`; undefined when none of them is one.
 */
export function formatDocker(images: readonly Walked[]): Uint8Array | undefined {
  const elements = images.flatMap((image) => {
    const { reference } = image;
    const manifest = loadable(image)?.manifest;
    if (manifest === undefined) return [];
    const { config, layers } = manifest;
    return [
      {
        Config: blobPath(config.digest),
        RepoTags: [reference],
        Layers: layers.map(({ digest }) => blobPath(digest)),
      },
    ];
  });
  return elements.length === 0 ? undefined : utf8(formatJson(elements));
}

/** The manifest that Docker can load: of several platforms linux/amd64, else the first in the order of bytes. */
function loadable({ root, platform, reached }: Walked): Reached | undefined {
  const { index, manifest } = reached.get(root.digest) ?? {};
  if (manifest !== undefined)
    return platform !== undefined && isRunnable(platform) ? reached.get(root.digest) : undefined;
  const choices = (index?.manifests ?? []).filter(({ digest, platform }) => {
    const config = reached.get(digest)?.manifest?.config;
    return (
      platform !== undefined &&
      isRunnable(platform) &&
      config !== undefined &&
      isContainerConfig(config.mediaType)
    );
  });
  const rank = ({ platform }: Descriptor) => {
    const text = formatPlatform(platform!);
    return text === "linux/amd64" ? "" : text;
  };
  const [first] = sortedBy(choices, rank);
  return first && reached.get(first.digest);
}

const shape = v.array(
  v.looseObject({
    Config: v.string(),
    // Docker writes null for an image without layers.
    Layers: v.nullable(v.array(v.string()), []),
    RepoTags: v.optional(v.nullable(v.array(v.string()))),
  }),
);

/** One element of `manifest.json`. */
export type DockerImage = v.InferOutput<typeof shape>[number];

/** Reads a `manifest.json`. @throws malformed, too-large */
export function parseDocker(bytes: Uint8Array): readonly DockerImage[] {
  const bounds = { bytes: INDEX_LIMIT };
  const found = v.safeParse(shape, parseShaped(bytes, DOCKER_FILE, bounds, DOCKER_LIST_SHAPE));
  if (found.success) return found.output;
  throw new Fault("malformed", {
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
        `${name} points at ${strange}, which is no blob`,
      );
    else if (!loadable.has(loadKey(Config, Layers)))
      yield finding("docker-differs", DOCKER_FILE, `${name} is not an image of index.json`);
  }
}

/** Where a layout has blobs whose names are digests of other algorithms. */
const OTHER_BLOB = /^blobs\/(?:sha384|sha512|blake3)\/[0-9a-f]{64,128}$/;
