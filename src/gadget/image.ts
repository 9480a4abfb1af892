import { utf8 } from "../base/bytes.ts";
import { formatJson, type Json } from "../base/json/json.ts";
import { sortedBy } from "../base/order.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import type { Annotations, Descriptor } from "../oci/manifest.ts";
import {
  EMPTY,
  GADGET,
  GADGET_BTFGEN,
  GADGET_CONFIG,
  GADGET_EBPF,
  GADGET_WASM,
  INDEX,
  MANIFEST,
} from "../oci/media-types.ts";

/** What `builder.version` says unless told otherwise: no semantic version, so that a release changes no digest. */
export const BUILDER_VERSION = "ingot";

/** What goes into a gadget image. Programs by architecture; the wasm program is the same for all. */
export interface GadgetParts {
  readonly metadata: GadgetMetadata | undefined;
  readonly ebpf: ReadonlyMap<string, Uint8Array>;
  readonly wasm: Uint8Array | undefined;
  /** Types of kernels that have none of their own, by architecture: `btfLayer`'s. */
  readonly btf?: ReadonlyMap<string, Uint8Array>;
  /** The architectures, in any order. */
  readonly architectures: readonly string[];
  /** RFC 3339. */
  readonly created: string;
  readonly builderVersion: string;
}

/** gadget.yaml as it is, and what the annotations take from it. */
export interface GadgetMetadata {
  readonly bytes: Uint8Array;
  readonly name: string;
  readonly description: string;
  readonly documentationURL: string;
  readonly sourceURL: string;
  readonly homepageURL: string;
  readonly annotations: ReadonlyMap<string, string>;
}

/** An image that was just made: its index, every blob of it, and what each platform has. */
export interface GadgetImage {
  readonly descriptor: Descriptor;
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
  readonly manifests: readonly Descriptor[];
}

/**
 * The gadget image of `parts`, to the byte as Inspektor Gadget's tools write and read it:
 * index → one manifest per architecture, sorted → gadget.yaml as the config, programs as raw layers.
 * A pure function of `parts`.
 */
export function gadgetImage(parts: GadgetParts): GadgetImage {
  const blobs = new Map<Digest, Uint8Array>();
  const put = (mediaType: string, bytes: Uint8Array): Descriptor => {
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const annotations = annotationsOf(parts);
  const config = { ...configOf(parts, put), annotations };
  const manifests = sortedBy(new Set(parts.architectures), (architecture) => architecture).map(
    (architecture) => {
      const ebpf = parts.ebpf.get(architecture);
      const btf = parts.btf?.get(architecture);
      const layers = [
        ...(ebpf === undefined ? [] : [put(GADGET_EBPF, ebpf)]),
        ...(parts.wasm === undefined ? [] : [put(GADGET_WASM, parts.wasm)]),
        ...(btf === undefined ? [] : [put(GADGET_BTFGEN, btf)]),
      ];
      const manifest = {
        schemaVersion: 2,
        artifactType: GADGET,
        config: toJson(config),
        layers: layers.map(toJson),
        annotations: sorted(annotations),
      };
      return {
        ...put(MANIFEST, utf8(formatJson(manifest))),
        annotations,
        platform: { architecture, os: "linux" },
      };
    },
  );
  const index = {
    schemaVersion: 2,
    mediaType: INDEX,
    manifests: manifests.map(toJson),
    annotations: sorted(annotations),
  };
  return { descriptor: put(INDEX, utf8(formatJson(index))), blobs, manifests };
}

function configOf(
  { metadata }: GadgetParts,
  put: (mediaType: string, bytes: Uint8Array) => Descriptor,
): Descriptor {
  return metadata === undefined
    ? { ...put(EMPTY, utf8("{}")), data: "e30=" }
    : put(GADGET_CONFIG, metadata.bytes);
}

/** One map for the index, the manifests, their descriptors and the config's. */
function annotationsOf({ metadata, created, builderVersion }: GadgetParts): Annotations {
  const all = new Map<string, string>();
  if (metadata !== undefined) {
    all.set("io.inspektor-gadget.builder.version", builderVersion);
    all.set("org.opencontainers.image.description", metadata.description);
    all.set("org.opencontainers.image.documentation", metadata.documentationURL);
    all.set("org.opencontainers.image.source", metadata.sourceURL);
    all.set("org.opencontainers.image.title", metadata.name);
    all.set("org.opencontainers.image.url", metadata.homepageURL);
    for (const [key, value] of metadata.annotations) all.set(key, value);
  }
  all.set("org.opencontainers.image.created", created);
  return Object.fromEntries(all);
}

/** Members in the order of Go's Descriptor type, which `ig` writes. */
function toJson({
  mediaType,
  digest,
  size,
  urls,
  annotations,
  data,
  platform,
  artifactType,
}: Descriptor): Json {
  return {
    mediaType,
    digest,
    size,
    urls,
    annotations: annotations && sorted(annotations),
    data,
    platform: platform && { architecture: platform.architecture, os: platform.os },
    artifactType,
  };
}

/** As Go writes a map: by the bytes of its keys. */
function sorted(annotations: Annotations): ReadonlyMap<string, string> {
  return new Map(sortedBy(Object.entries(annotations), ([key]) => key));
}
