/** What a build says of its image, of whatever kind. */
import type { Diagnostic } from "../../base/error.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import { formatPlatform } from "../../oci/platform.ts";
import type { NamedDescriptor } from "../../store/store.ts";
import { formatProblem } from "../output/error-messages.ts";
import type { Reporter } from "../output/reporter.ts";
import { imageLine } from "../shared/task.ts";

export interface BuildReport {
  readonly images: readonly NamedDescriptor[];
  readonly descriptor: Descriptor;
  readonly manifests: readonly Descriptor[];
  readonly blobs: readonly { readonly digest: string; readonly size: number }[];
  readonly created: string;
  /** Warnings. */
  readonly problems: readonly Diagnostic[];
  /** The archive, where one was written. */
  readonly output: string | undefined;
}

/** A line for each name, and with `--json` everything, with `more` after the blobs. */
export function printBuild(
  said: BuildReport,
  reporter: Reporter,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const images = said.images.map(({ reference, descriptor: { digest } }) => ({
    reference,
    digest,
  }));
  for (const image of images) reporter.print(imageLine(image));
  const { digest, mediaType, size } = said.descriptor;
  reporter.document({
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
    warnings: said.problems.map(problemJson),
  });
}

/** A problem in JSON: null for what is not known of its place. */
export const problemJson = ({
  line,
  column,
  level,
  message,
  hint,
  section,
  symbol,
  file,
}: Diagnostic) => ({
  ...{ file, line: line || null, column: column || null, level, message, hint: hint ?? null },
  ...{ section: section ?? null, symbol: symbol ?? null },
});

/** Shows warnings about a recipe as they come. */
export function warner(reporter: Reporter): (problems: readonly Diagnostic[]) => void {
  return (problems) => {
    for (const problem of problems)
      reporter.warn(formatProblem(problem).replace(/: warning: /, ": "));
  };
}
