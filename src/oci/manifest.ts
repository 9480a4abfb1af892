import * as v from "valibot";
import { IngotError } from "../base/error.ts";
import { excerpt } from "../base/json/json.ts";
import { parseShaped, type Struct } from "../base/json/shape.ts";
import type { Subject } from "../base/subject.ts";
import { type Digest, isDigest, isOtherDigest } from "./digest.ts";
import type { Platform } from "./platform.ts";
import { DOCUMENT, IMAGE_CONFIG } from "./shape.ts";

/** The longest manifest or index inside an image that is read, as registries have it. Bytes. */
export const MANIFEST_LIMIT = 4 * 1024 * 1024;
/** The longest `index.json` of a layout or archive that is read: some 25,000 named images. Bytes. */
export const INDEX_LIMIT = 8 * 1024 * 1024;

/** String to string, in the order it was written or is to be written. */
export type Annotations = Readonly<Record<string, string>>;

/** Names content by type, digest and size (image-spec, descriptor.md). Members in the order they are written. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly urls?: readonly string[] | undefined;
  readonly annotations?: Annotations | undefined;
  readonly data?: string | undefined;
  readonly platform?: Platform | undefined;
  readonly artifactType?: string | undefined;
}

/** image-spec, manifest.md. */
export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType?: string | undefined;
  readonly artifactType?: string | undefined;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor | undefined;
  readonly annotations?: Annotations | undefined;
}

/** image-spec, image-index.md. */
export interface Index {
  readonly schemaVersion: 2;
  readonly mediaType?: string | undefined;
  readonly artifactType?: string | undefined;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor | undefined;
  readonly annotations?: Annotations | undefined;
}

/** What is read of a container's config (image-spec, config.md); the bytes stay as they are. */
export interface Config {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string | undefined;
  readonly created?: string | undefined;
  readonly rootfs: { readonly type: string; readonly diff_ids: readonly string[] };
}

const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const digest = v.custom<Digest>(
  (value) => isDigest(value) || isOtherDigest(value),
  "a digest is sha256: and 64 lower-case hexadecimal digits",
);
const annotations = v.record(v.string(), v.string());
/** Words of which there is a choice: RFC 6838 gives a media type 127 characters for each half. */
const word = v.pipe(v.string(), v.maxLength(255));
const platform = v.looseObject({
  architecture: word,
  os: word,
  "os.version": v.optional(v.string()),
  "os.features": v.optional(v.array(v.string())),
  variant: v.optional(word),
});
const descriptor = v.looseObject({
  mediaType: v.pipe(word, v.minLength(1)),
  digest,
  size,
  urls: v.optional(v.array(v.string())),
  annotations: v.optional(v.nullable(annotations)),
  data: v.optional(v.string()),
  platform: v.optional(platform),
  artifactType: v.optional(v.string()),
});
const common = {
  schemaVersion: v.literal(2),
  mediaType: v.optional(word),
  artifactType: v.optional(word),
  subject: v.optional(v.nullable(descriptor)),
  annotations: v.optional(v.nullable(annotations)),
};
/** Go writes an empty list that was never made as null. */
const descriptors = v.nullable(v.array(descriptor), []);
const manifest = v.looseObject({ ...common, config: descriptor, layers: descriptors });
const index = v.looseObject({ ...common, manifests: descriptors });
const config = v.looseObject({
  architecture: word,
  os: word,
  variant: v.optional(word),
  created: v.optional(v.string()),
  rootfs: v.looseObject({ type: v.string(), diff_ids: v.nullish(v.array(v.string()), []) }),
});

/** Reads an image manifest. @param at what the bytes are, for the message @throws malformed, too-large, unsupported for digests of other algorithms */
export function parseManifest(bytes: Uint8Array, at: Subject): Manifest {
  const found = shaped(manifest, DOCUMENT, bytes, { at, what: "an image manifest" }) as Manifest;
  mustBeSupported([found.config, ...found.layers, ...(found.subject ? [found.subject] : [])], at);
  return found;
}

/** Reads an image index, by default one inside an image. @throws malformed, too-large, unsupported for digests of other algorithms */
export function parseIndex(bytes: Uint8Array, at: Subject, limit = MANIFEST_LIMIT): Index {
  const found = parseAnyIndex(bytes, at, limit);
  mustBeSupported([...found.manifests, ...(found.subject ? [found.subject] : [])], at);
  return found;
}

/** The same, whose entries may have digests of other algorithms, whatever their type says. @throws malformed, too-large */
export function parseAnyIndex(bytes: Uint8Array, at: Subject, limit: number): Index {
  return shaped(index, DOCUMENT, bytes, { at, what: "an image index", limit }) as Index;
}

/** Reads a container's config. @throws malformed, too-large */
export function parseConfig(bytes: Uint8Array, at: Subject): Config {
  return shaped(config, IMAGE_CONFIG, bytes, { at, what: "an image config" }) as Config;
}

/** What every client takes for an index, and for a manifest. */
const INDEX_KEYS = ["manifests"];
const MANIFEST_KEYS = ["config", "layers"];
/** What makes it one of Docker's schema 1. */
const OLD_KEY = "fsLayers";

/**
 * Why clients may take a manifest or an index for something else: it is both at once (image-spec, "Media Type Conflicts"; containerd
 * refuses the key, whatever its value).
 */
export function conflictIn(document: object): string | undefined {
  const has = (keys: readonly string[]) => keys.some((key) => Object.hasOwn(document, key));
  if (has(INDEX_KEYS) && has(MANIFEST_KEYS)) return "it is an index and a manifest at once";
  return has([OLD_KEY]) ? `it has ${OLD_KEY}, as Docker's schema 1 has` : undefined;
}

/** @throws unsupported for a digest of another algorithm than sha256 */
function mustBeSupported(descriptors: readonly Descriptor[], at: Subject): void {
  const other = descriptors.find(({ digest }) => !isDigest(digest));
  if (other === undefined) return;
  throw new IngotError("unsupported", {
    what: "a digest",
    at,
    found: `the digest ${excerpt(other.digest)}`,
    expected: "digests of the algorithm sha256",
  });
}

function shaped(
  schema: v.GenericSchema,
  shape: Struct,
  bytes: Uint8Array,
  { at, what, limit = MANIFEST_LIMIT }: { at: Subject; what: string; limit?: number },
): unknown {
  const json = parseShaped(bytes, at, { bytes: limit }, shape);
  const found = v.safeParse(schema, json, { abortEarly: true });
  const conflict = found.success && shape === DOCUMENT ? conflictIn(json as object) : undefined;
  if (conflict !== undefined) throw new IngotError("malformed", { what, at, why: conflict });
  if (found.success) return found.output;
  const [issue] = found.issues;
  throw new IngotError("malformed", {
    what,
    at,
    why: `${excerpt(v.getDotPath(issue) ?? "it")}: ${excerpt(issue.message)}`,
  });
}
