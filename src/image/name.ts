import type { Digest } from "../oci/digest.ts";
import { formatReference, type Kind, parseReference } from "../oci/reference.ts";
import { isGadget, type Selected } from "./select.ts";

/**
 * The images under their complete names: a short one, as foreign layouts have them, is completed by the convention
 * for what the image is. Each image is looked at once, and only where the conventions differ. @throws malformed
 */
export function completeNames(images: readonly Selected[]): Selected[] {
  const kinds = new Map<Digest, Kind>();
  return images.map((image) => {
    const { reference, descriptor, store } = image;
    const either = completed(reference, "gadget");
    if (either === completed(reference, "container"))
      return either === reference ? image : { ...image, reference: either };
    const kind =
      kinds.get(descriptor.digest) ?? (isGadget(descriptor, store) ? "gadget" : "container");
    kinds.set(descriptor.digest, kind);
    return { ...image, reference: completed(reference, kind) };
  });
}

const completed = (name: string, kind: Kind) => formatReference(parseReference(name, kind));
