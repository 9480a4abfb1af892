/** What a build says of its image, of whatever kind. */
import type { Problem } from "../../base/error.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import { formatPlatform } from "../../oci/platform.ts";
import type { Named } from "../../store/store.ts";
import { formatProblem } from "../output/error-messages.ts";
import type { Talk } from "../output/reporter.ts";
import { imageLine } from "../shared/task.ts";

export interface Said {
  readonly images: readonly Named[];
  readonly descriptor: Descriptor;
  readonly manifests: readonly Descriptor[];
  readonly blobs: readonly { readonly digest: string; readonly size: number }[];
  readonly created: string;
  /** Warnings. */
  readonly problems: readonly Problem[];
  /** The archive, where one was written. */
  readonly output: string | undefined;
}

/** A line for each name, and with `--json` everything, with `more` after the blobs. */
export function sayBuilt(
  said: Said,
  talk: Talk,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const images = said.images.map(({ reference, descriptor: { digest } }) => ({
    reference,
    digest,
  }));
  for (const image of images) talk.print(imageLine(image));
  const { digest, mediaType, size } = said.descriptor;
  talk.document({
    images,
    digest,
    mediaType,
    size,
    created: said.created,
    manifests: said.manifests.map(({ digest, mediaType, size, platform }) => ({
      digest,
      mediaType,
      size,
      platform: platform === undefined ? null : formatPlatform(platform),
    })),
    blobs: said.blobs,
    ...more,
    output: said.output ?? null,
    warnings: said.problems.map((problem) => ({ ...problem, hint: problem.hint ?? null })),
  });
}

/** Shows warnings about a recipe as they come. */
export function warner(talk: Talk): (problems: readonly Problem[]) => void {
  return (problems) => {
    for (const problem of problems) talk.warn(formatProblem(problem).replace(/: warning: /, ": "));
  };
}
