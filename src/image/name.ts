import { Fault } from "../base/fault.ts";
import { masked } from "../base/mask.ts";
import type { Digest } from "../oci/digest.ts";
import { formatReference, type Kind, parseReference } from "../oci/reference.ts";
import { splitTransport } from "../oci/transport.ts";
import { isGadget, type Selected } from "./select.ts";

/** Whether a name is a tag alone, and says nothing of a repository. */
export const isTagOnly = (name: string) => !/[/:@]/.test(name);

/**
 * The images under their complete names: a short one, as foreign layouts have them, is completed by the convention
 * for what the image is. Each image is looked at once, and only where the conventions differ. Referrers stay as they are.
 * @throws malformed, not-found for a tag alone
 */
export function completeNames(images: readonly Selected[]): Selected[] {
  const kinds = new Map<Digest, Kind>();
  return images.map((image) => {
    const { reference, descriptor, store } = image;
    if (image.refers !== undefined) return image;
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

/** How a transport that ingot does not write to is served. */
const SERVED: Readonly<Record<string, string>> = {
  "docker-archive": "docker load takes what ingot writes: oci-archive:FILE, or -o FILE",
  "docker-daemon": "docker takes it through a pipe: ingot export NAME -o - | docker load",
  "containers-storage": "podman takes it through a pipe: ingot export NAME -o - | podman load",
  dir: "skopeo makes such a folder of an archive: skopeo copy oci-archive:FILE dir:FOLDER",
};

/** The complete name that an image is to get, of what somebody said. @throws usage as `mustBeName`, malformed */
export function nameToGive(text: string, kind: Kind): string {
  mustBeName(text);
  return completed(text, kind);
}

/** @throws usage for what begins with a transport: nobody would find an image under such a name */
export function mustBeName(text: string): void {
  const split = splitTransport(text);
  if (split === undefined) return;
  const { transport } = split;
  throw new Fault("usage", {
    message: `the name ${JSON.stringify(masked(text))} begins with the transport ${transport}:, should be [registry/]repository[:tag]`,
    hint:
      SERVED[transport] ??
      `to write there: ingot copy NAME ${transport}:${transport.startsWith("oci") ? "PATH" : "//registry/repository:tag"}`,
  });
}

const completed = (name: string, kind: Kind) => formatReference(parseReference(name, kind));
