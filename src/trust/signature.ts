/** One signature: whether a given signer made it, and what it is about. */
import { isIngotError } from "../base/error.ts";
import type { Digest } from "../oci/digest.ts";
import { readBundle, type UnsupportedForm } from "./forms/bundle.ts";
import { readEnvelope } from "./forms/dsse.ts";
import type { ParsedSignature, SignedClaims } from "./forms/parsed-signature.ts";
import { SIGN_PREDICATE } from "./forms/predicate-types.ts";
import { readSimpleSigning } from "./forms/simple-signing.ts";
import type { CertificateIdentity } from "./keyless/certificate.ts";
import { bundleFromAnnotations } from "./keyless/from-annotations.ts";
import type { KeylessVerifier } from "./keyless/verify-bundle.ts";
import { schemeOf } from "./keys/check-signature.ts";
import type { PublicKey } from "./keys/public-key.ts";
import type { SignableManifest, SignatureEvidence, SignatureVerdict, Signer } from "./verdict.ts";

const FORMS = { "simple signing": "simple signing", bundle: "bundle", envelope: "DSSE" };

/** Who may have signed. */
export interface Signers {
  readonly keys: readonly PublicKey[];
  readonly identities: readonly CertificateIdentity[];
  /** Checks certificates; there is one where identities are given. */
  readonly keyless?: KeylessVerifier | undefined;
}

/** Checks one signature of `target`. */
export function checkEvidence(
  evidence: SignatureEvidence,
  target: SignableManifest,
  policy: Signers,
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
  return { at, subject, form: signed.form, ...judge(signed, evidence, target, policy) };
}

function read(
  evidence: SignatureEvidence,
  manifest: Uint8Array,
): ParsedSignature | UnsupportedForm | string {
  try {
    if (evidence.kind === "simple signing")
      return readSimpleSigning(evidence.bytes, evidence.annotations);
    if (evidence.kind === "bundle") return readBundle(evidence.bytes, manifest);
    if (evidence.kind === "envelope") return readEnvelope(evidence.bytes, evidence.annotations);
    return { unknown: "it is of a form that is not known" };
  } catch (error) {
    if (isIngotError(error, "malformed")) return `it is not well formed: ${error.facts.why}`;
    if (isIngotError(error, "too-large")) return { unknown: "it is longer than what is read" };
    throw error;
  }
}

type Judged = Omit<SignatureVerdict, "at" | "subject" | "form">;

function judge(
  signed: ParsedSignature,
  evidence: SignatureEvidence,
  target: SignableManifest,
  signers: Signers,
): Judged {
  const { message, signature, hint, isKeyless, beside, says } = signed;
  if (isKeyless) return judgeKeyless(signed, evidence, target, signers);
  const unchecked = [...beside];
  const { keys } = signers;
  for (const key of keys) {
    const scheme = schemeOf(key, message, signature);
    if (scheme === undefined) continue;
    return { signer: holderOf(key), scheme, unchecked, ...meaning(says, target.digest) };
  }
  const named = hint === undefined ? undefined : keys.find((key) => key.hint === hint);
  if (named === undefined)
    return { status: "other", reason: "none of the keys made it", unchecked };
  const reason = "it names the key, and the key did not make it";
  return { status: "wrong", signer: holderOf(named), reason, unchecked };
}

const holderOf = ({ name, id }: PublicKey): Signer => ({ kind: "key", name, id });

function judgeKeyless(
  signed: ParsedSignature,
  evidence: SignatureEvidence,
  target: SignableManifest,
  { keyless, identities }: Signers,
): Judged {
  const unchecked = [...signed.beside];
  if (keyless === undefined)
    return { status: "other", reason: "a certificate names who signed, and no key", unchecked };
  if (!("bytes" in evidence)) return { status: "unchecked", reason: "it has no bytes", unchecked };
  const isBundle = evidence.kind === "bundle";
  const bundle = isBundle ? evidence.bytes : bundleFromAnnotations(evidence, signed.signature);
  if (bundle === undefined) {
    const reason = "its certificate or what vouches for its time is not well formed";
    return { status: "other", reason, unchecked };
  }
  const isAsked = (named: CertificateIdentity) =>
    identities.some(
      ({ identity, issuer }) => identity === named.identity && issuer === named.issuer,
    );
  const found = keyless(bundle, isBundle ? target.bytes : evidence.bytes, signed, isAsked);
  const named = "why" in found ? found.claims : found;
  if (named === undefined || !isAsked(named)) {
    const reason = "why" in found ? found.why : "it is by somebody who is not asked for";
    return { status: "other", reason, unchecked };
  }
  const signer = { kind: "identity", name: named.identity, id: named.issuer } as const;
  if ("why" in found) {
    const status = found.isOpen ? "unchecked" : "wrong";
    const reason = `${found.why}; its certificate names ${named.identity} (${named.issuer})`;
    return { status, signer, reason, unchecked };
  }
  const { scheme, time, timeBy } = found;
  return {
    ...{ signer, scheme, time: time.toISOString(), timeBy, unchecked: found.unchecked },
    ...meaning(signed.says, target.digest),
  };
}

/** What a signature that is by a given signer means for the manifest that it is attached to. */
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
