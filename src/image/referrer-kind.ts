/** Of what kind the referrers of an image are. */
import { isIngotError } from "../base/error.ts";
import { isImage } from "../oci/media-types.ts";
import { kindOfReferrer, type ReferrerKind, type Refers } from "../oci/referrer.ts";
import type { StoredImage } from "./select.ts";
import { read } from "./walk.ts";

/** A referrer, and the store that has its manifest. */
type Referrer = Pick<StoredImage, "descriptor" | "store"> & { readonly refers: Refers };

/** What a referrer's manifest says of its kind. @throws blob-missing and the like where it cannot be read */
export function referrerKindOf({ descriptor, store, refers }: Referrer): ReferrerKind {
  if (!isImage(descriptor.mediaType)) return kindOfReferrer({}, refers);
  const { manifest, index } = read(descriptor, store);
  return kindOfReferrer(manifest ?? index ?? {}, refers);
}

/** The same; a referrer that cannot be read is of no known kind. */
export function kindOrOther(one: Referrer): ReferrerKind {
  try {
    return referrerKindOf(one);
  } catch (error) {
    if (isIngotError(error)) return "other referrer";
    throw error;
  }
}
