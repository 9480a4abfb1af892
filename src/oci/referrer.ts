/** Content that refers to an image (signatures, SBOMs, attestations): how an index entry says so, and of what kind it is. */
import { type Digest, digestOf, hexOf, isDigest } from "./digest.ts";
import { imageNameOf } from "./layout.ts";
import {
  type Annotations,
  type Descriptor,
  type Manifest,
  parseIndex,
  parseManifest,
} from "./manifest.ts";
import {
  ATTESTATION_LAYER,
  COSIGN_TAG,
  DOCKER_ATTESTATION,
  isContainerConfig,
  isIndex,
  REF_NAME,
  SUBJECT,
} from "./media-types.ts";

/** What cosign appends to the tag `sha256-HEX` of a subject: for signatures, attestations and SBOMs without a `subject` of their own. */
export type CosignSuffix = ".sig" | ".att" | ".sbom";

export const COSIGN_SUFFIXES: readonly CosignSuffix[] = [".sig", ".att", ".sbom"];

/** What an entry refers to. */
export interface Refers {
  readonly subject: Digest;
  /** Set for content that a registry keeps under a tag of cosign's: its manifest does not name its subject. */
  readonly suffix?: CosignSuffix | undefined;
}

/** The tag of the list of what refers to `digest` (distribution-spec, "Referrers Tag Schema"), and the beginning of cosign's tags. */
export const referrersTag = (digest: Digest): string => `sha256-${hexOf(digest)}`;

/** The tag that a registry has the referrer under; undefined for one that is found by its subject. */
export const cosignTag = ({ subject, suffix }: Refers): string | undefined =>
  suffix && referrersTag(subject) + suffix;

const TAG = /(?:^|:)sha256-([0-9a-f]{64})(\.sig|\.att|\.sbom)?$/;

/** What a tag or a name with such a tag refers to. Without a suffix it is the list of referrers, or one of them. */
export function parseReferrersTag(name: string): Refers | undefined {
  const [, hex, suffix] = TAG.exec(name) ?? [];
  if (hex === undefined) return undefined;
  return { subject: `sha256:${hex}`, suffix: suffix as CosignSuffix | undefined };
}

/**
 * What an entry of an index refers to, by its annotations: containerd's annotation, or a tag of cosign's. An entry with an image's
 * name is that image, whatever else its annotations say: clients load it under that name.
 */
export function refersOf(entry: Descriptor): Refers | undefined {
  const name = imageNameOf(entry);
  const tagged = name === undefined ? undefined : parseReferrersTag(name);
  if (tagged?.suffix !== undefined) return tagged;
  const subject = entry.annotations?.[SUBJECT];
  if (!isDigest(subject) || (name !== undefined && tagged === undefined)) return undefined;
  return { subject, suffix: parseReferrersTag(entry.annotations?.[COSIGN_TAG] ?? "")?.suffix };
}

type Content = Pick<Manifest, "artifactType" | "annotations" | "subject"> & {
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
};

/** Which of cosign's suffixes content without a `subject` has, by the types of its layers. */
export function suffixOf({ subject, layers = [] }: Content): CosignSuffix | undefined {
  if (subject) return undefined;
  const types = layers.map(({ mediaType }) => mediaType);
  if (types.includes("application/vnd.dev.cosign.simplesigning.v1+json")) return ".sig";
  if (types.includes("application/vnd.dsse.envelope.v1+json")) return ".att";
  return types.some((type) => SBOM.test(type)) ? ".sbom" : undefined;
}

const SBOM = /spdx|cyclonedx|syft/;
const ATTESTATION = /in-toto|attestation|slsa|dsse/;

/** What the artifact is (image-spec, manifest.md, "artifactType"): its own word, or the type of its config. */
export const artifactTypeOf = ({ artifactType, config }: Content): string | undefined =>
  artifactType || config?.mediaType;

/** What a person calls it. */
export type ReferrerKind = "signature" | "attestation" | "SBOM" | "other referrer";

const SIGNATURE =
  /^application\/vnd\.(?:dev\.cosign\.artifact\.sig\.v1\+json|dev\.sigstore\.bundle[.+;].*|cncf\.notary\.signature)$/;

/** Of what kind a referrer is. cosign (tag, artifact, bundle) and notation write signatures. */
export function kindOfReferrer(content: Content, { suffix }: Refers): ReferrerKind {
  if (suffix === ".sig") return "signature";
  if (suffix === ".att") return "attestation";
  if (suffix === ".sbom") return "SBOM";
  const type = artifactTypeOf(content) ?? "";
  if (SIGNATURE.test(type)) return "signature";
  if (SBOM.test(type)) return "SBOM";
  const inside = (content.layers ?? []).map(({ mediaType }) => mediaType);
  return [type, ...inside].some((one) => ATTESTATION.test(one)) ? "attestation" : "other referrer";
}

/** Whether BuildKit wrote it as the attestation manifest of a platform, in its newer form or the older one, which has an image's config. */
export const isBuildKitAttestation = ({ artifactType, config, layers = [] }: Content): boolean =>
  artifactType === DOCKER_ATTESTATION ||
  (!artifactType &&
    config !== undefined &&
    isContainerConfig(config.mediaType) &&
    layers.length > 0 &&
    layers.every(({ mediaType }) => mediaType === ATTESTATION_LAYER));

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
  const content: Content = isIndex(mediaType)
    ? parseIndex(bytes, digest)
    : parseManifest(bytes, digest);
  const { annotations, subject } = content;
  const artifactType = artifactTypeOf(content);
  const hasAnnotations = Object.keys(annotations ?? {}).length > 0;
  return {
    descriptor: {
      mediaType,
      digest,
      size: bytes.length,
      ...(hasAnnotations ? { annotations } : {}),
      ...(artifactType === undefined ? {} : { artifactType }),
    },
    subject: subject?.digest,
  };
}

/** The descriptor of a manifest or index in a list of referrers. @throws malformed, too-large */
export const referrerDescriptor = (bytes: Uint8Array, mediaType: string): Descriptor =>
  readReferrer(bytes, mediaType).descriptor;

/**
 * The entry of a referrer in an index: by its subject, without a name, as containerd and Docker write and read it.
 * @param isTagged whether the entry gets cosign's tag for its name, for readers that look for that
 */
export function referrerEntry(
  { mediaType, digest, size }: Descriptor,
  refers: Refers,
  content: Content | undefined,
  isTagged: boolean,
): Descriptor {
  const { subject, suffix } = refers;
  const tag = cosignTag(refers);
  const annotations: Record<string, string> = { [SUBJECT]: subject };
  if (tag !== undefined && isTagged) annotations[REF_NAME] = tag;
  else if (tag !== undefined && (content === undefined || suffixOf(content) !== suffix))
    annotations[COSIGN_TAG] = tag;
  const artifactType = suffix === undefined && content ? artifactTypeOf(content) : undefined;
  return { mediaType, digest, size, annotations: annotations as Annotations, artifactType };
}
