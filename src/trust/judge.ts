/** The verdict on an image: which of the given keys signed what of it. */
import { IngotError } from "../base/error.ts";
import type { Digest } from "../oci/digest.ts";
import type { PublicKey } from "./keys/public-key.ts";
import { checkEvidence } from "./signature.ts";
import type {
  ImageVerdict,
  ManifestVerdict,
  SignableImage,
  SignableManifest,
  SignatureEvidence,
  SignatureVerdict,
  TrustJudge,
} from "./verdict.ts";

/** So many signatures of one image are checked: each takes up to some milliseconds for each key. */
export const SIGNATURE_LIMIT = 1000;

/** Who must have signed. */
export interface KeyPolicy {
  readonly keys: readonly PublicKey[];
  /** How many of the keys, each counted once. */
  readonly threshold: number;
}

/**
 * A judge by keys. A key that is given twice, in whatever form, is one key.
 * @throws usage where there are fewer keys than must have signed
 */
export function judgeByKeys({ keys, threshold }: KeyPolicy): TrustJudge {
  const distinct = [...new Map(keys.map((key) => [key.id, key])).values()];
  if (threshold < 1 || threshold > distinct.length)
    throw new IngotError("usage", {
      message: `${threshold} keys must have signed, and ${distinct.length} ${distinct.length === 1 ? "is" : "are"} given`,
      hint: "the same key counts once, in however many files it is",
    });
  return (image) => judgeImage(image, { keys: distinct, threshold });
}

function judgeImage(
  { reference, digest, targets }: SignableImage,
  trusted: KeyPolicy,
): ImageVerdict {
  const signatures = check(targets, trusted.keys);
  const faults: ImageVerdict["faults"][number][] = signatures.flatMap(
    ({ status, at, subject, key, reason }) =>
      status === "wrong"
        ? [
            {
              code: "signature-differs" as const,
              at,
              why: `the signature of ${subject} with the key ${key?.name} is wrong: ${reason}`,
            },
          ]
        : [],
  );
  const judged = targets.map((target) => judgeTarget(target, targets, signatures, trusted));
  const asked = judged.filter((_, i) => targets[i]!.isAsked);
  for (const { verdict, code, digest: at, reason = "" } of asked)
    if (verdict !== "yes") faults.push({ code, at, why: reason });
  if (asked.length === 0)
    faults.push({ code: "unsigned", at: digest, why: "it has nothing that could be signed" });
  const isWrong = faults.some(({ code }) => code !== "unchecked");
  return {
    reference,
    digest,
    verdict: isWrong ? "no" : faults.length > 0 ? "unknown" : "yes",
    targets: judged.map(({ code: _, ...verdict }) => verdict),
    signatures,
    faults,
  };
}

/** Checks what came with the targets, each once, the first SIGNATURE_LIMIT of it. */
function check(
  targets: readonly SignableManifest[],
  keys: readonly PublicKey[],
): SignatureVerdict[] {
  const all = targets.flatMap((target) =>
    target.evidence.map((evidence) => ({ evidence, target })),
  );
  return all.map(({ evidence, target }, i) => {
    const { at } = evidence;
    const why = `only the first ${SIGNATURE_LIMIT} signatures of an image are checked`;
    const one: SignatureEvidence = i < SIGNATURE_LIMIT ? evidence : { kind: "unreadable", at, why };
    return checkEvidence(one, target, keys);
  });
}

type Judged = ManifestVerdict & { readonly code: "unsigned" | "not-trusted" | "unchecked" };

function judgeTarget(
  { digest, platform, within }: SignableManifest,
  targets: readonly SignableManifest[],
  signatures: readonly SignatureVerdict[],
  { keys, threshold }: KeyPolicy,
): Judged {
  const covers = new Set<Digest>([digest, ...within]);
  const about = signatures.filter(({ subject }) => covers.has(subject));
  const verified = about.filter(({ status }) => status === "verified");
  const made = new Map(verified.map(({ key }) => [key!.id, key!]));
  const over = [...new Set(verified.map(({ subject }) => subject))];
  const common = { digest, platform, keys: [...made.values()], over };
  if (made.size >= threshold) return { ...common, verdict: "yes", code: "unsigned" };
  const open = about.filter(({ status }) => status === "unchecked");
  const [first] = open;
  if (first !== undefined) {
    const more = open.length > 1 ? `, and ${open.length - 1} more were not` : "";
    const reason = `what may be a signature was not checked (${first.reason})${more}`;
    return { ...common, verdict: "unknown", code: "unchecked", reason };
  }
  const reason = reasonOf({ about, made: made.size, threshold, given: keys.length });
  const parts = targets.filter((one) => one.within.includes(digest));
  const signed = parts.filter((one) =>
    signatures.some(({ subject, status }) => subject === one.digest && status === "verified"),
  );
  const isSplit = signed.length > 0 && made.size === 0;
  return {
    ...common,
    verdict: "no",
    code: about.length === 0 ? "unsigned" : "not-trusted",
    reason: isSplit
      ? `${reason}; ${signed.length} of the ${parts.length} manifests in it are signed, it is not`
      : reason,
  };
}

interface Counted {
  readonly about: readonly SignatureVerdict[];
  readonly made: number;
  readonly threshold: number;
  readonly given: number;
}

function reasonOf({ about, made, threshold, given }: Counted): string {
  if (about.length === 0) return "it has no signature";
  if (made > 0) return `${made} of the ${given} keys signed it, and ${threshold} must have`;
  const has = about.length === 1 ? "it has one signature" : `it has ${about.length} signatures`;
  const reasons = [...new Set(about.map(saidOf))];
  return `${has}, and none by a key that was given (${reasons.slice(0, 3).join("; ")})`;
}

const saidOf = ({ status, form, reason, predicateType }: SignatureVerdict): string =>
  status === "attestation"
    ? `an attestation of ${predicateType}, which is no signature of the image`
    : `${form}: ${reason}`;
