/**
 * The payload that cosign before version 3 signs: a JSON text of containers/image's "simple signing", a layer of the manifest under the tag
 * `sha256-HEX.sig`, or of one that has a subject (cosign, specs/SIGNATURE_SPEC.md).
 */
import * as v from "valibot";
import { isIngotError } from "../../base/error.ts";
import { isDigest } from "../../oci/digest.ts";
import type { Annotations } from "../../oci/manifest.ts";
import {
  decodeBase64,
  type ParsedSignature,
  proofsIn,
  readJson,
  type SignedClaims,
} from "./parsed-signature.ts";

export const SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json";

/** The annotation of a layer that has the signature, in base64. */
export const SIMPLE_SIGNATURE = "dev.cosignproject.cosign/signature";
const TYPE = "cosign container image signature";

const payload = v.looseObject({
  critical: v.looseObject({
    identity: v.looseObject({ "docker-reference": v.optional(v.string(), "") }),
    image: v.looseObject({ "docker-manifest-digest": v.string() }),
    type: v.string(),
  }),
});

/** Reads the layer of a signature. @returns why it is none, where it is none */
export function readSimpleSigning(
  bytes: Uint8Array,
  annotations: Annotations,
): ParsedSignature | string {
  const signature = decodeBase64(annotations[SIMPLE_SIGNATURE] ?? "");
  if (signature === undefined || signature.length === 0)
    return `its annotation ${SIMPLE_SIGNATURE} is missing or not base64`;
  const beside = proofsIn(annotations);
  return {
    form: "simple signing",
    message: bytes,
    signature,
    isKeyless: beside.includes("certificate"),
    beside,
    says: claimsOf(bytes),
  };
}

function claimsOf(bytes: Uint8Array): SignedClaims {
  try {
    const { identity, image, type } = readJson(bytes, payload, "the claims", "payload").critical;
    const digest = image["docker-manifest-digest"];
    if (type !== TYPE) return { why: `its claims are of the type ${JSON.stringify(type)}` };
    if (!isDigest(digest)) return { why: "its claims name no digest of SHA-256" };
    return { subjects: [digest], name: identity["docker-reference"] || undefined };
  } catch (error) {
    if (isIngotError(error)) return { why: "its claims cannot be read" };
    throw error;
  }
}
