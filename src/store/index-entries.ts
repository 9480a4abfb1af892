/** Entries of the store's index: what each is known by, and how it is written. */
import { imageNameOf } from "../oci/layout.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { REF_NAME } from "../oci/media-types.ts";
import { parseReferrersTag, type Refers, referrerEntry, refersOf } from "../oci/referrer.ts";
import type { NamedDescriptor } from "./store.ts";

/** What an entry of the index is known by: an image by its name, a referrer by what it refers to and its digest. */
export function keyOf(image: NamedDescriptor): string {
  const refers = refersIn(image);
  return refers === undefined ? image.reference : referrerKey(refers, image.descriptor);
}

/** What an image refers to: also by a name with cosign's tag. */
function refersIn({ reference, refers }: NamedDescriptor): Refers | undefined {
  const tagged = parseReferrersTag(reference);
  return refers ?? (tagged?.suffix === undefined ? undefined : tagged);
}

export const keyOfEntry = (entry: Descriptor): string => {
  const refers = refersOf(entry);
  return refers === undefined ? (imageNameOf(entry) ?? "") : referrerKey(refers, entry);
};

const referrerKey = ({ subject }: Refers, { digest }: Descriptor) => `@${subject} ${digest}`;

/** The entry of an image, or of a referrer; cosign's have their tag, so that other tools find them in the layout. */
export function entryOf(image: NamedDescriptor): Descriptor {
  const { reference, descriptor } = image;
  const { mediaType, digest, size, platform } = descriptor;
  const refers = refersIn(image);
  if (refers !== undefined) return referrerEntry(descriptor, refers, undefined, true);
  return { mediaType, digest, size, annotations: { [REF_NAME]: reference }, platform };
}
