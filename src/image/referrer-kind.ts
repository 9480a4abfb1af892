/** Of what kind the referrers of an image are. */
import { isIngotError } from "../base/error.ts";
import type { Index, Manifest } from "../oci/manifest.ts";
import { isImage } from "../oci/media-types.ts";
import { kindOfReferrer, type ReferrerKind, type Refers } from "../oci/referrer.ts";
import type { StoredImage } from "./select.ts";
import { read } from "./walk.ts";

/** A referrer, and the store that has its manifest. */
type Referrer = Pick<StoredImage, "descriptor" | "store"> & { readonly refers: Refers };

/** What a referrer's manifest says of its kind. @throws blob-missing and the like where it cannot be read */
export const referrerKindOf = (one: Referrer): ReferrerKind =>
  kindOfReferrer(referrerContent(one), one.refers);

/** What a referrer's manifest or index has; nothing for any other blob. @throws as referrerKindOf */
export function referrerContent({ descriptor, store }: Referrer): Partial<Manifest & Index> {
  if (!isImage(descriptor.mediaType)) return {};
  const { manifest, index } = read(descriptor, store);
  return manifest ?? index ?? {};
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
