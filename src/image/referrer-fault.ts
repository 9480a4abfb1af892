/** Failures that are about a referrer, and not about the image that somebody asked for. */
import { Fault, isFault } from "../base/error.ts";
import type { Selected } from "./select.ts";
import { walk } from "./walk.ts";

const HINT =
  "it belongs to a referrer of the image (a signature, an attestation or an SBOM), and the image does not need it: import or pull the referrer again, or leave referrers behind with --no-referrers";

type Damage = Fault<"blob-missing" | "digest-differs" | "size-differs" | "malformed" | "registry">;

/** Whether a failure says that something is damaged or not there. */
const isDamage = (error: unknown): error is Damage =>
  isFault(error, "blob-missing") ||
  isFault(error, "digest-differs") ||
  isFault(error, "size-differs") ||
  isFault(error, "malformed") ||
  (isFault(error, "registry") && error.facts.code === "404");

/** The failure with the hint that the image can be had without its referrers. */
export const asOfReferrer = (error: unknown): unknown =>
  isDamage(error) ? new Fault(error.code, { ...error.facts, hint: HINT }, { cause: error }) : error;

/**
 * Does what images and their referrers are needed for. Where it fails because of a blob that a referrer needs and no image does, the
 * failure says so. @throws what `act` throws
 */
export async function namingReferrers<T>(
  images: readonly Selected[],
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw isOfReferrer(error, images) ? asOfReferrer(error) : error;
  }
}

function isOfReferrer(error: unknown, images: readonly Selected[]): boolean {
  if (!isDamage(error)) return false;
  const [, hex] = /sha256[:/\\]([0-9a-f]{64})/.exec(placeOf(error)) ?? [];
  if (hex === undefined) return false;
  const needs = (image: Selected) => neededBy(image).has(`sha256:${hex}`);
  const isReferrer = ({ refers }: Selected) => refers !== undefined;
  return (
    images.some((image) => isReferrer(image) && needs(image)) &&
    !images.some((image) => !isReferrer(image) && needs(image))
  );
}

function placeOf(error: Damage): string {
  if (isFault(error, "blob-missing")) return error.facts.digest;
  if (isFault(error, "digest-differs")) return error.facts.expected;
  return error.facts.at;
}

/** The digests of all that an image needs; of one that cannot be read, its own. */
function neededBy({ descriptor, store }: Selected): ReadonlySet<string> {
  try {
    return new Set(walk(descriptor, store).keys());
  } catch (error) {
    if (isFault(error)) return new Set([descriptor.digest]);
    throw error;
  }
}
