import { sortedUnique } from "../base/order.ts";
import type { Digest } from "../oci/digest.ts";
import { type Annotations, type Descriptor, parseConfig } from "../oci/manifest.ts";
import { isContainerConfig } from "../oci/media-types.ts";
import { formatPlatform } from "../oci/platform.ts";
import { readBlob } from "../store/store.ts";
import { isGadget, platformOf, type StoredImage } from "./select.ts";
import { absentIn, type ImageGraphNode, walk } from "./walk.ts";

/** An image in words. Sizes in bytes; each blob counts once. */
export interface Description {
  readonly reference: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly kind: "gadget" | "container" | "artifact";
  readonly size: number;
  readonly blobs: number;
  readonly created: string | undefined;
  readonly platforms: readonly string[];
  /** Platforms that the image has, and that are not here. */
  readonly absent: readonly Descriptor[];
  readonly annotations: Annotations;
  readonly manifests: readonly ManifestDescription[];
}

export interface ManifestDescription {
  readonly digest: Digest;
  readonly size: number;
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  readonly platform: string | undefined;
  readonly config: Brief;
  readonly layers: readonly Brief[];
}

type Brief = Pick<Descriptor, "mediaType" | "digest" | "size">;

/** Describes an image, reading its manifests and configs. @throws blob-missing, digest-differs, size-differs, malformed */
export function describeImage(image: StoredImage): Description {
  const { reference, descriptor, store } = image;
  const reached = walk(descriptor, store);
  const root = reached.get(descriptor.digest)!;
  const listed = root.index?.manifests ?? [descriptor];
  const manifests = listed.flatMap((child) => describeManifest(child, reached, image));
  const { annotations } = root.index ?? root.manifest ?? {};
  return {
    reference,
    digest: descriptor.digest,
    mediaType: descriptor.mediaType,
    kind: isGadget(descriptor, store)
      ? "gadget"
      : manifests.some(({ config }) => isContainerConfig(config.mediaType))
        ? "container"
        : "artifact",
    size: [...reached.values()].reduce((sum, found) => sum + found.descriptor.size, 0),
    blobs: reached.size,
    created: annotations?.["org.opencontainers.image.created"] ?? createdOf(reached, image),
    platforms: sortedUnique(manifests.flatMap(({ platform }) => platform ?? [])),
    absent: absentIn(descriptor, store),
    annotations: annotations ?? {},
    manifests,
  };
}

function describeManifest(
  child: Descriptor,
  reached: ReadonlyMap<Digest, ImageGraphNode>,
  { store }: StoredImage,
): ManifestDescription[] {
  const { manifest } = reached.get(child.digest) ?? {};
  if (manifest === undefined) return [];
  const platform = child.platform ?? platformOf(child, store);
  return [
    {
      digest: child.digest,
      size: child.size,
      mediaType: child.mediaType,
      artifactType: manifest.artifactType,
      platform: platform && formatPlatform(platform),
      config: brief(manifest.config),
      layers: manifest.layers.map(brief),
    },
  ];
}

const brief = ({ mediaType, digest, size }: Descriptor): Brief => ({ mediaType, digest, size });

/** When the first container of the image says it was made. */
function createdOf(
  reached: ReadonlyMap<Digest, ImageGraphNode>,
  { store }: StoredImage,
): string | undefined {
  for (const { manifest, descriptor } of reached.values()) {
    if (manifest === undefined || !isContainerConfig(manifest.config.mediaType)) continue;
    const { created } = parseConfig(
      readBlob(store, manifest.config, descriptor.digest),
      manifest.config.digest,
    );
    if (created !== undefined) return created;
  }
  return undefined;
}
