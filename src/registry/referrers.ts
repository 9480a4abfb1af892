/** Referrers of manifests in a registry: read and proven. */
import { IngotError, isIngotError } from "../base/error.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { isImage } from "../oci/media-types.ts";
import { readReferrer, referrersTag } from "../oci/referrer.ts";
import { findTagged, meansNone } from "./absent.ts";
import { type Fetched, getManifest, type RepositoryContext, repositoryName } from "./manifests.ts";
import { listReferrers } from "./referrer-lists.ts";

/** Why something that is listed is not among the referrers. */
export type WhySkipped =
  /** The registry does not have its manifest. */
  | "absent"
  /** Its manifest refers to something else, or to nothing, as the image's own platforms do. */
  | "other-subject"
  /** Its manifest is of a kind that is not read here. */
  | "unsupported"
  /** Its manifest cannot be read. */
  | "malformed";

export interface Skipped {
  /** As it is listed. */
  readonly descriptor: Descriptor;
  readonly why: WhySkipped;
}

export interface Referrers {
  /** In the order of digests; type and annotations of the descriptors are those of the manifests (oci/referrer.ts). */
  readonly found: readonly Fetched[];
  readonly skipped: readonly Skipped[];
}

/** Of all manifests that are read for one list. Bytes. */
const MOST_BYTES = 64 * 1024 * 1024;

/**
 * The manifests that refer to `digest`: each was read and proven, and has `digest` as its subject. What the registry lists, itself and
 * under the tag, decides nothing but what is read.
 * @throws registry, digest-differs, malformed for a list that is none, too-large
 */
export async function readReferrers(place: RepositoryContext, digest: Digest): Promise<Referrers> {
  const found: Fetched[] = [];
  const skipped: Skipped[] = [];
  let size = 0;
  for (const descriptor of await listReferrers(place, digest)) {
    const read = await provenIn(place, digest, descriptor);
    if (typeof read === "string") {
      skipped.push({ descriptor, why: read });
      continue;
    }
    found.push(read);
    size += read.bytes.length;
    if (size > MOST_BYTES)
      throw new IngotError("too-large", {
        what: "the referrers",
        at: `${repositoryName(place)}@${digest}`,
        actual: size,
        limit: MOST_BYTES,
      });
  }
  return { found, skipped };
}

async function provenIn(
  place: RepositoryContext,
  subject: Digest,
  { digest, mediaType }: Descriptor,
): Promise<Fetched | WhySkipped> {
  try {
    const fetched = await getManifest(place, digest);
    // The listing may be wrong about the type as well: only a manifest that is not given is judged by it.
    if (fetched === undefined) return isImage(mediaType) ? "absent" : "unsupported";
    const { bytes } = fetched;
    const referrer = readReferrer(bytes, fetched.descriptor.mediaType);
    return referrer.subject === subject
      ? { bytes, descriptor: referrer.descriptor }
      : "other-subject";
  } catch (error) {
    if (isIngotError(error, "unsupported")) return "unsupported";
    if (isIngotError(error, "malformed")) return "malformed";
    if (await meansNone(place, error, subject)) return "absent";
    throw error;
  }
}

/**
 * What cosign and others keep beside a manifest under a tag of its own, as `sha256-HEX.sig`; undefined where there is none, in
 * whatever way the registry says so.
 * @param ending `.sig`, `.att`, `.sbom` @throws registry, malformed, unsupported, too-large
 */
export const findBeside = (
  place: RepositoryContext,
  digest: Digest,
  ending: string,
): Promise<Fetched | undefined> => findTagged(place, digest, referrersTag(digest) + ending);
