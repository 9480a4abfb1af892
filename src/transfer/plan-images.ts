/** The archive of images that are here, in registries, or both. */
import type { MemberContent, Plan } from "../archive/plan.ts";
import { planArchive } from "../archive/write.ts";
import type { BaseLayers } from "../image/layer-list.ts";
import { walk } from "../image/walk.ts";
import type { Digest } from "../oci/digest.ts";
import { isRemoteImage } from "./endpoint.ts";
import { reachOf } from "./pull.ts";
import type { ImageHandle } from "./push.ts";

/**
 * The archive that the images make: the manifests of those in registries say all that a plan needs. A blob
 * that an image here has, too, is not fetched.
 */
export function planImages(images: readonly ImageHandle[], base?: BaseLayers): Promise<Plan> {
  const blobs = new Map<Digest, MemberContent>(
    reachOf(images.filter(isRemoteImage)).needed.map((blob) => [blob.descriptor.digest, blob]),
  );
  if (blobs.size > 0)
    for (const { descriptor, store } of images.filter((image) => !isRemoteImage(image)))
      for (const digest of walk(descriptor, store).keys()) {
        const content = blobs.has(digest) ? store.find(digest) : undefined;
        if (content !== undefined) blobs.set(digest, content);
      }
  return planArchive(images, base, (digest) => blobs.get(digest));
}
