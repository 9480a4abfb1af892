/** What commands say of names that archives and layouts of other tools leave open. */
import type { UnloadableImage } from "../../archive/docker-manifest.ts";
import type { Reporter } from "../output/reporter.ts";

/** For commands that read archives and layouts. */
export const REPOSITORY = {
  type: "string",
  valueHint: "REPO",
  description:
    "the repository of images that have a tag alone in an archive or layout: v1 is REPO:v1",
} as const;

/** Says of each image without a name that it is left out. */
export const passingOver =
  (reporter: Reporter) =>
  (what: string): void =>
    reporter.warn(
      `${what}: it is left out`,
      "name it: ingot import --name REF, or --repository REPO",
    );

/** Says of each container that `docker load` would refuse that its list has it not. */
export function reportUnloadable(unloadable: readonly UnloadableImage[], reporter: Reporter): void {
  for (const { reference, why } of unloadable)
    reporter.warn(
      `docker load cannot take ${reference}: ${why}`,
      "manifest.json leaves it out, so that docker load takes the others; other clients take it",
    );
}
