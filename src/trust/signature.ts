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

type Readable = Extract<SignatureEvidence, { readonly key: string }>;

/** What is known of a signature, whatever it is attached to. */
interface CheckedSignature {
  readonly form: string;
  readonly about: (target: SignableManifest) => Judged;
}

/** So many signatures are remembered, of as many subjects each at most. */
const KEPT = { signatures: 10_000, subjects: 16 };

/**
 * Checks signatures by who may have made them. One that is attached to several manifests is read and checked once: it may be
 * attached to thousands.
 */
export class SignatureChecker {
  readonly #signers: Signers;
  readonly #known = new Map<string, CheckedSignature>();

  constructor(signers: Signers) {
    this.#signers = signers;
  }

  /** What a signature says of `target`. */
  check(evidence: SignatureEvidence, target: SignableManifest): SignatureVerdict {
    const { at } = evidence;
    const subject = target.digest;
    if (evidence.kind === "foreign") {
      const reason = "it is not one that a key can check";
      return { at, subject, form: evidence.what, status: "other", reason, unchecked: [] };
    }
    if (evidence.kind === "unreadable") return unread(at, subject, evidence.why);
    const known = this.#known.get(evidence.key);
    if (known !== undefined) return { at, subject, form: known.form, ...known.about(target) };
    const bytes = evidence.read();
    if ("why" in bytes) return unread(at, subject, bytes.why);
    const signed = parse(evidence, bytes, target.bytes);
    const form = FORMS[evidence.kind];
    if (typeof signed === "string")
      return { at, subject, form, status: "other", reason: signed, unchecked: [] };
    if ("unknown" in signed)
      return { at, subject, form, status: "unchecked", reason: signed.unknown, unchecked: [] };
    const made = judge(signed, { evidence, bytes, target }, this.#signers);
    const { says } = signed;
    const about = ({ digest }: SignableManifest): Judged =>
      made.status === undefined
        ? { ...made, ...meaning(says, digest) }
        : { ...made, status: made.status };
    const isSmall = "why" in says || says.subjects.length <= KEPT.subjects;
    // A message's signature is over the manifest itself.
    if (isSmall && signed.form !== "bundle, message" && this.#known.size < KEPT.signatures)
      this.#known.set(evidence.key, { form: signed.form, about });
    return { at, subject, form: signed.form, ...about(target) };
  }
}

const unread = (at: Digest, subject: Digest, reason: string): SignatureVerdict => ({
  ...{ at, subject, form: "unknown", status: "unchecked", reason },
  unchecked: [],
});

function parse(
  { kind, annotations }: Readable,
  bytes: Uint8Array,
  manifest: Uint8Array,
): ParsedSignature | UnsupportedForm | string {
  try {
    if (kind === "simple signing") return readSimpleSigning(bytes, annotations);
    return kind === "bundle" ? readBundle(bytes, manifest) : readEnvelope(bytes, annotations);
  } catch (error) {
    if (isIngotError(error, "malformed")) return `it is not well formed: ${error.facts.why}`;
    if (isIngotError(error, "too-large")) return { unknown: "it is longer than what is read" };
    throw error;
  }
}

type Judged = Omit<SignatureVerdict, "at" | "subject" | "form">;

/** Who made it, without a status where that depends on what it is attached to. */
type Made = Omit<Judged, "status"> & { readonly status?: Judged["status"] };

/** A signature that was read, and what it is attached to. */
interface Attached {
  readonly evidence: Readable;
  readonly bytes: Uint8Array;
  readonly target: SignableManifest;
}

function judge(signed: ParsedSignature, attached: Attached, signers: Signers): Made {
  const { message, signature, hint, isKeyless, beside } = signed;
  if (isKeyless) return judgeKeyless(signed, attached, signers);
  const unchecked = [...beside];
  const { keys } = signers;
  for (const key of keys) {
    const scheme = schemeOf(key, message, signature);
    if (scheme === undefined) continue;
    return { signer: holderOf(key), scheme, unchecked };
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
  { evidence, bytes, target }: Attached,
  { keyless, identities }: Signers,
): Made {
  const unchecked = [...signed.beside];
  if (keyless === undefined)
    return { status: "other", reason: "a certificate names who signed, and no key", unchecked };
  const { kind, annotations } = evidence;
  const isBundle = kind === "bundle";
  const bundle = isBundle
    ? bytes
    : bundleFromAnnotations({ kind, bytes, annotations }, signed.signature);
  if (bundle === undefined) {
    const reason = "its certificate or what vouches for its time is not well formed";
    return { status: "other", reason, unchecked };
  }
  const isAsked = (named: CertificateIdentity) =>
    identities.some(
      ({ identity, issuer }) => identity === named.identity && issuer === named.issuer,
    );
  const found = keyless(bundle, isBundle ? target.bytes : bytes, signed, isAsked);
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
  return { signer, scheme, time: time.toISOString(), timeBy, unchecked: found.unchecked };
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
