/** Failures that are about a referrer, and not about the image that somebody asked for. */

import { IngotError, isIngotError } from "../base/error.ts";
import { subjectText } from "../base/subject.ts";
import type { StoredImage } from "./select.ts";
import { walk } from "./walk.ts";

const HINT =
  "it belongs to a referrer of the image (a signature, an attestation or an SBOM), and the image does not need it: import or pull the referrer again, or leave referrers behind with --no-referrers";

type Damage = IngotError<
  "blob-missing" | "digest-differs" | "size-differs" | "malformed" | "registry"
>;

/** Whether a failure says that something is damaged or not there. */
const isDamage = (error: unknown): error is Damage =>
  isIngotError(error, "blob-missing") ||
  isIngotError(error, "digest-differs") ||
  isIngotError(error, "size-differs") ||
  isIngotError(error, "malformed") ||
  (isIngotError(error, "registry") && error.facts.code === "404");

/** The failure with the hint that the image can be had without its referrers. */
export const asOfReferrer = (error: unknown): unknown =>
  isDamage(error)
    ? new IngotError(error.code, { ...error.facts, hint: HINT }, { cause: error })
    : error;

/**
 * Does what images and their referrers are needed for. Where it fails because of a blob that a referrer needs and no image does, the
 * failure says so. @throws what `act` throws
 */
export async function namingReferrers<T>(
  images: readonly StoredImage[],
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw isOfReferrer(error, images) ? asOfReferrer(error) : error;
  }
}

function isOfReferrer(error: unknown, images: readonly StoredImage[]): boolean {
  if (!isDamage(error)) return false;
  const [, hex] = /sha256[:/\\]([0-9a-f]{64})/.exec(placeOf(error)) ?? [];
  if (hex === undefined) return false;
  const needs = (image: StoredImage) => neededBy(image).has(`sha256:${hex}`);
  const isReferrer = ({ refers }: StoredImage) => refers !== undefined;
  return (
    images.some((image) => isReferrer(image) && needs(image)) &&
    !images.some((image) => !isReferrer(image) && needs(image))
  );
}

function placeOf(error: Damage): string {
  if (isIngotError(error, "blob-missing")) return error.facts.digest;
  if (isIngotError(error, "digest-differs")) return error.facts.expected;
  return subjectText(error.facts.at);
}

/** The digests of all that an image needs; of one that cannot be read, its own. */
function neededBy({ descriptor, store }: StoredImage): ReadonlySet<string> {
  try {
    return new Set(walk(descriptor, store).keys());
  } catch (error) {
    if (isIngotError(error)) return new Set([descriptor.digest]);
    throw error;
  }
}
