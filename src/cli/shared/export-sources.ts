/** What `export` takes its images from: registries, and what is here. */

import type { LeftBehind } from "../../image/referrers.ts";
import { resolveSources, type TransferOptions } from "../../transfer/endpoint.ts";
import type { ImageHandle } from "../../transfer/push.ts";

/** Images with their referrers, and the referrers that stay behind. */
interface Exported {
  readonly images: readonly ImageHandle[];
  readonly left: readonly LeftBehind[];
}

/**
 * The images that all of `texts` stand for, in their order, each with what refers to it where that is wanted. Of those in
 * registries the manifests are read, and nothing else. @throws not-found, ambiguous, registry, usage for one without a tag
 */
export async function exportSources(
  texts: readonly string[],
  choice: TransferOptions,
): Promise<Exported> {
  const all: ImageHandle[] = [];
  const behind: LeftBehind[] = [];
  for (const text of texts) {
    const { images, referring, left } = await resolveSources(text, choice);
    behind.push(...left);
    all.push(...images, ...referring);
  }
  return { images: all, left: behind };
}
