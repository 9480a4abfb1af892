/** What the forms of signatures have in common: something that was signed, and what it says. */
import * as v from "valibot";
import { IngotError } from "../../base/error.ts";
import { excerpt, parseJson } from "../../base/json/json.ts";
import { type Digest, isDigest } from "../../oci/digest.ts";
import type { Annotations } from "../../oci/manifest.ts";

/** The longest signature, attestation or bundle that is read. Bytes. */
export const SIGNED_LIMIT = 4 * 1024 * 1024;

/** A signature that was read and not checked. */
export interface ParsedSignature {
  readonly form: "simple signing" | "DSSE" | "bundle, DSSE" | "bundle, message";
  /** The bytes that were signed. */
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  /** What names the key, where something does: base64 of the SHA-256 of its SubjectPublicKeyInfo. */
  readonly hint?: string | undefined;
  /** Whether a certificate names who signed, and no key. */
  readonly isKeyless: boolean;
  /** What comes with it that a key alone cannot check. */
  readonly beside: readonly AttachedProof[];
  /** What it is about. Not to be believed before the signature was checked. */
  readonly says: SignedClaims;
}

export type AttachedProof = "certificate" | "transparency log entry" | "timestamp";

/** What cosign before version 3 keeps beside a signature, in the annotations of its layer. */
const PROOFS: readonly (readonly [string, AttachedProof])[] = [
  ["dev.sigstore.cosign/certificate", "certificate"],
  ["dev.sigstore.cosign/bundle", "transparency log entry"],
  ["dev.sigstore.cosign/rfc3161timestamp", "timestamp"],
];

/** What of that there is. */
export const proofsIn = (annotations: Annotations): AttachedProof[] =>
  PROOFS.flatMap(([key, what]) => (annotations[key] === undefined ? [] : [what]));

/** What was signed, in its own words. */
export type SignedClaims =
  | {
      /** The manifests that it is about. */
      readonly subjects: readonly Digest[];
      /** The type of its predicate; undefined for what signs the manifest and says nothing else. */
      readonly predicateType?: string | undefined;
      /** The name that whoever signed gave the image. */
      readonly name?: string | undefined;
    }
  /** Why it says nothing. */
  | { readonly why: string };

/** Reads JSON of a shape. @throws malformed, too-large */
export function readJson<T>(
  bytes: Uint8Array,
  schema: v.GenericSchema<unknown, T>,
  what: string,
  at: string,
): T {
  const found = v.safeParse(schema, parseJson(bytes, at, { bytes: SIGNED_LIMIT }), {
    abortEarly: true,
  });
  if (found.success) return found.output;
  const [issue] = found.issues;
  const place = excerpt(v.getDotPath(issue) ?? "it");
  throw new IngotError("malformed", { what, at, why: `${place}: ${excerpt(issue.message)}` });
}

/** The bytes that base64 stands for, of either alphabet, written in the one way there is. */
export function decodeBase64(source: string): Uint8Array | undefined {
  const plain = source.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, "");
  const bytes = Buffer.from(plain, "base64");
  const isWhole = bytes.toString("base64").replace(/=+$/, "") === plain;
  return isWhole ? new Uint8Array(bytes) : undefined;
}

/** Base64 of at least one byte, as bytes. */
export const base64Bytes = v.pipe(
  v.string(),
  v.transform((source) => decodeBase64(source) ?? new Uint8Array()),
  v.check((bytes) => bytes.length > 0, "it is not base64, or it is empty"),
);

/** A digest of SHA-256 without its algorithm. */
export function sha256Of(digests: Readonly<Record<string, unknown>>): Digest | undefined {
  const digest = `sha256:${digests.sha256}`;
  return isDigest(digest) ? digest : undefined;
}
