import { Fault } from "../base/fault.ts";
import type { Digest } from "../oci/digest.ts";
import { formatReference, type Kind, parseReference } from "../oci/reference.ts";
import { isGadget, type Selected } from "./select.ts";

/** Whether a name is a tag alone, and says nothing of a repository. */
export const isTagOnly = (name: string) => !/[/:@]/.test(name);

/**
 * The images under their complete names: a short one, as foreign layouts have them, is completed by the convention
 * for what the image is. Each image is looked at once, and only where the conventions differ.
 * @throws malformed, not-found for a tag alone
 */
export function completeNames(images: readonly Selected[]): Selected[] {
  const kinds = new Map<Digest, Kind>();
  return images.map((image) => {
    const { reference, descriptor, store } = image;
    if (isTagOnly(reference))
      throw new Fault("not-found", {
        what: "the name of an image",
        at: `${descriptor.digest} in ${store.at}`,
        hint: `it has a tag alone, ${JSON.stringify(reference)}: copy it to a name (ingot copy SOURCE REPOSITORY:TAG), or import it with --name`,
      });
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
