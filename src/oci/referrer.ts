/** Manifests and indexes that refer to another by their `subject`: signatures, SBOMs, attestations. */
import { type Digest, digestOf } from "./digest.ts";
import { type Descriptor, parseIndex, parseManifest } from "./manifest.ts";
import { isIndex } from "./media.ts";

/** What a manifest or index says of itself, and of what it refers to. */
export interface Referrer {
  /** As a list of referrers has it: artifact type and annotations are those of the manifest itself. */
  readonly descriptor: Descriptor;
  /** The manifest that it refers to; undefined = it refers to nothing. */
  readonly subject: Digest | undefined;
}

/**
 * Reads a manifest or index as a referrer. Its artifact type is the one that it declares, else, of a manifest, the type of its
 * config (distribution-spec, "Listing Referrers"). The result depends on nothing but the bytes and their type.
 * @throws malformed, too-large
 */
export function readReferrer(bytes: Uint8Array, mediaType: string): Referrer {
  const digest = digestOf(bytes);
  const index = isIndex(mediaType) ? parseIndex(bytes, digest) : undefined;
  const manifest = index === undefined ? parseManifest(bytes, digest) : undefined;
  const { artifactType, annotations, subject } = (index ?? manifest)!;
  const type = artifactType || manifest?.config.mediaType;
  const hasAnnotations = Object.keys(annotations ?? {}).length > 0;
  return {
    descriptor: {
      mediaType,
      digest,
      size: bytes.length,
      ...(hasAnnotations ? { annotations } : {}),
      ...(type === undefined ? {} : { artifactType: type }),
    },
    subject: subject?.digest,
  };
}

/** The descriptor of a manifest or index in a list of referrers. @throws malformed, too-large */
export const referrerDescriptor = (bytes: Uint8Array, mediaType: string): Descriptor =>
  readReferrer(bytes, mediaType).descriptor;
