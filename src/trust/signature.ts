/** One signature: whether a given key made it, and what it is about. */
import { isIngotError } from "../base/error.ts";
import type { Digest } from "../oci/digest.ts";
import { readBundle, type UnsupportedForm } from "./forms/bundle.ts";
import { readEnvelope } from "./forms/dsse.ts";
import type { ParsedSignature, SignedClaims } from "./forms/parsed-signature.ts";
import { SIGN_PREDICATE } from "./forms/predicate-types.ts";
import { readSimpleSigning } from "./forms/simple-signing.ts";
import { schemeOf } from "./keys/check-signature.ts";
import type { PublicKey } from "./keys/public-key.ts";
import type { SignableManifest, SignatureEvidence, SignatureVerdict } from "./verdict.ts";

const FORMS = { "simple signing": "simple signing", bundle: "bundle", envelope: "DSSE" };

/** Checks one signature of `target` with each of the keys. */
export function checkEvidence(
  evidence: SignatureEvidence,
  target: SignableManifest,
  keys: readonly PublicKey[],
): SignatureVerdict {
  const { at } = evidence;
  const subject = target.digest;
  if (evidence.kind === "foreign" || evidence.kind === "unreadable") {
    const isForeign = evidence.kind === "foreign";
    return {
      at,
      subject,
      form: isForeign ? evidence.what : "unknown",
      status: isForeign ? "other" : "unchecked",
      reason: isForeign ? "it is not one that a key can check" : evidence.why,
      unchecked: [],
    };
  }
  const form = FORMS[evidence.kind];
  const signed = read(evidence, target.bytes);
  if (typeof signed === "string")
    return { at, subject, form, status: "other", reason: signed, unchecked: [] };
  if ("unknown" in signed)
    return { at, subject, form, status: "unchecked", reason: signed.unknown, unchecked: [] };
  return { at, subject, form: signed.form, ...judge(signed, subject, keys) };
}

function read(
  evidence: SignatureEvidence,
  manifest: Uint8Array,
): ParsedSignature | UnsupportedForm | string {
  try {
    if (evidence.kind === "simple signing")
      return readSimpleSigning(evidence.bytes, evidence.annotations);
    if (evidence.kind === "bundle") return readBundle(evidence.bytes, manifest);
    if (evidence.kind === "envelope") return readEnvelope(evidence.bytes);
    return { unknown: "it is of a form that is not known" };
  } catch (error) {
    if (isIngotError(error, "malformed")) return `it is not well formed: ${error.facts.why}`;
    if (isIngotError(error, "too-large")) return { unknown: "it is longer than what is read" };
    throw error;
  }
}

type Judged = Omit<SignatureVerdict, "at" | "subject" | "form">;

function judge(signed: ParsedSignature, subject: Digest, keys: readonly PublicKey[]): Judged {
  const { message, signature, hint, isKeyless, beside, says } = signed;
  const unchecked = [...beside];
  if (isKeyless) {
    const reason = "a certificate names who signed, and no key";
    return { status: "other", reason, unchecked };
  }
  for (const key of keys) {
    const scheme = schemeOf(key, message, signature);
    if (scheme === undefined) continue;
    const by = { key: { name: key.name, id: key.id }, scheme, unchecked };
    return { ...by, ...meaning(says, subject) };
  }
  const named = hint === undefined ? undefined : keys.find((key) => key.hint === hint);
  if (named === undefined)
    return { status: "other", reason: "none of the keys made it", unchecked };
  const key = { name: named.name, id: named.id };
  return {
    status: "wrong",
    key,
    reason: "it names the key, and the key did not make it",
    unchecked,
  };
}

/** What a signature that is by a given key means for the manifest that it is attached to. */
function meaning(
  says: SignedClaims,
  subject: Digest,
): Pick<Judged, "status" | "reason" | "predicateType" | "name"> {
  if ("why" in says) return { status: "wrong", reason: says.why };
  const { subjects, predicateType, name } = says;
  const told = { ...(predicateType && { predicateType }), ...(name && { name }) };
  if (!subjects.includes(subject)) {
    const [first = "nothing of SHA-256", ...more] = subjects;
    const others = more.length > 0 ? ` and ${more.length} more` : "";
    return { ...told, status: "wrong", reason: `it is about ${first}${others}` };
  }
  const isSignature = predicateType === undefined || predicateType === SIGN_PREDICATE;
  return { ...told, status: isSignature ? "verified" : "attestation" };
}
