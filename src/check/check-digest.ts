/** Findings about bytes that do not have the digest they are said to have. */
import { IngotError } from "../base/error.ts";
import { type Finding, finding, toFinding } from "../image/findings.ts";
import type { Digest } from "../oci/digest.ts";

/** Whether a blob is what its name, or the config of an image, says. */
export function checkDigest(name: Digest, actual: Digest, claimed?: string): Finding[] {
  if (name === actual) return [];
  return claimed !== undefined
    ? [diffIDDiffers(claimed, actual, name)]
    : [toFinding(new IngotError("digest-differs", { at: name, expected: name, actual }))];
}

/** A layer that is not what its config says. */
export const diffIDDiffers = (at: string, actual: Digest, said: string, config?: Digest) =>
  finding(
    "diff-id-differs",
    at,
    `it is ${actual} uncompressed, its config${config === undefined ? "" : ` ${config}`} says ${said}`,
  );
