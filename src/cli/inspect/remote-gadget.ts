import { GADGET_BLOB_LIMIT, gadgetParts } from "../../image/gadget.ts";
import type { StoredImage } from "../../image/select.ts";
import type { Platform } from "../../oci/platform.ts";
import { resolveRemote } from "../../transfer/endpoint.ts";
import { fetchBlobs } from "../../transfer/remote-image.ts";
import type { Context } from "../args/define-command.ts";
import type { Values } from "../args/options.ts";
import { type REGISTRY, withRegistries } from "../shared/registry-flags.ts";
import { lazyStore } from "../shared/task.ts";

/** An image of a registry, with those of its blobs that say what a gadget offers. */
export async function readRemoteGadget(
  source: string,
  platforms: readonly Platform[],
  words: Values<typeof REGISTRY>,
  context: Context,
): Promise<StoredImage> {
  return withRegistries(context, words, async (openRepository) => {
    const openStore = lazyStore(context, undefined);
    const choice = { platforms, along: "none", openStore, openRepository } as const;
    const image = (await resolveRemote(source, choice)).images[0]!;
    const wanted = gadgetParts(image).map(({ descriptor }) => descriptor);
    return { ...image, store: await fetchBlobs(image, wanted, GADGET_BLOB_LIMIT) };
  });
}
