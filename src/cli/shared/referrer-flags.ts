/** What commands say of referrers: signatures, attestations, SBOMs. */
import type { NamedReferrer } from "../../image/entries.ts";
import { kindOrOther, referrerKindOf } from "../../image/referrer-kind.ts";
import type { LeftBehind } from "../../image/referrers.ts";
import type { ReferrerKind } from "../../oci/referrer.ts";
import type { ReadStore } from "../../store/store.ts";
import type { ImageHandle } from "../../transfer/push.ts";
import type { JsonAnswer, Reporter } from "../output/reporter.ts";
import { plural } from "../output/text.ts";

/** Of what kinds referrers of a store are. One that cannot be read is of no known kind. */
export const kindsOf = (referrers: readonly NamedReferrer[], store: ReadStore): ReferrerKind[] =>
  referrers.map((one) => kindOrOther({ ...one, store }));

/** `2 signatures, 1 SBOM`. */
export function referrerCount(kinds: readonly ReferrerKind[]): string {
  const order: readonly ReferrerKind[] = ["signature", "attestation", "SBOM", "other referrer"];
  return order
    .map((kind) => [kind, kinds.filter((one) => one === kind).length] as const)
    .filter(([, found]) => found > 0)
    .map(([kind, found]) => plural(found, kind))
    .join(", ");
}

/** The same of the referrers among images, each once for each subject. */
export function referrersInWords(images: readonly ImageHandle[]): string {
  const referring = new Map(
    images.flatMap((image) => {
      const { refers } = image;
      return refers === undefined
        ? []
        : [
            [
              `${image.descriptor.digest} ${refers.subject}`,
              referrerKindOf({ ...image, refers }),
            ] as const,
          ];
    }),
  );
  return referrerCount([...referring.values()]);
}

/** Referrers as they stand in JSON answers. */
export const referrersJson = (
  referrers: readonly Omit<NamedReferrer, "reference">[],
): JsonAnswer[] =>
  referrers.map(({ refers, descriptor }) => ({
    subject: refers.subject,
    digest: descriptor.digest,
  }));

/** What is left behind, as it stands in JSON answers. */
export const leftJson = (left: readonly LeftBehind[]): JsonAnswer[] =>
  left.map(({ kind, subject, digest, why }) => ({ kind, subject, digest, why }));

/** Says in one line for each reason what does not travel with the images. */
export function reportLeftBehind(left: readonly LeftBehind[], reporter: Reporter): void {
  const of = (why: LeftBehind["why"]) =>
    referrerCount(left.filter((one) => one.why === why).map(({ kind }) => kind));
  const [unasked, misfit] = [of("not asked for"), of("platform")];
  const [missing, unlisted, unread] = [of("subject missing"), of("no subject"), of("not readable")];
  const isPart = left.every(({ why, partOf }) => why !== "no subject" || partOf !== undefined);
  if (unasked !== "") reporter.info(`left behind: ${unasked} (--referrers takes everything)`);
  if (misfit !== "")
    reporter.warn(
      `left behind: ${misfit} of the whole index, of which only some platforms were chosen`,
      "they are about the index's digest; without --platform they travel with it",
    );
  if (missing !== "")
    reporter.warn(
      `left behind: ${missing} of platforms that are missing here`,
      "they are about the digests of those platforms: they travel with an image that has them",
    );
  if (unlisted !== "")
    reporter.warn(
      `left behind: ${unlisted} whose manifest has no subject: a registry cannot list them`,
      isPart
        ? "without --platform they travel inside the index"
        : "an archive keeps them: ingot export",
    );
  if (unread !== "")
    reporter.warn(
      `left behind: ${unread} that the registry lists, and whose manifest cannot be read`,
      "the registry does not have it, or it is malformed or of a type that is not supported; --json lists the digests",
    );
}
