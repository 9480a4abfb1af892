/** Signatures as cosign reads them. Their bytes depend on the key and on what is signed, and on nothing else. */
import { utf8 } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { formatJson, parseJson } from "../../base/json/json.ts";
import { type Digest, hexOf } from "../../oci/digest.ts";
import { BUNDLE } from "../forms/bundle.ts";
import { IN_TOTO, pae } from "../forms/dsse.ts";
import { SIGN_PREDICATE } from "../forms/predicate-types.ts";
import type { SigningKey } from "./private-key.ts";

const toBase64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

/** What is said of an image: the type of the predicate, and itself, JSON in UTF-8 that stays as it is written. */
export interface Predicate {
  readonly type: string;
  readonly json: string;
}

/** What says no more than that the image is signed, as cosign 3 writes it. */
export const SIGNED_PREDICATE: Predicate = { type: SIGN_PREDICATE, json: "{}" };

/** A predicate may have this many bytes: a bundle is to be read by those who read manifests. */
export const PREDICATE_LIMIT = 2 * 1024 * 1024;

/** The predicate of a file. @throws malformed, too-large */
export function parsePredicate(file: Uint8Array, type: string, at: string): Predicate {
  const value = parseJson(file, at, { bytes: PREDICATE_LIMIT });
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new IngotError("malformed", {
      what: "the predicate",
      at,
      why: "it is not a JSON object",
    });
  return { type, json: new TextDecoder().decode(file).trim() };
}

/** A bundle with an in-toto statement about a manifest. */
export function makeBundle(
  subject: Digest,
  { type, json }: Predicate,
  { publicKey, sign }: SigningKey,
): Uint8Array {
  const statement = formatJson({
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ digest: { sha256: hexOf(subject) }, annotations: {} }],
    predicateType: type,
  });
  const payload = utf8(`${statement.slice(0, -1)},"predicate":${json}}`);
  return utf8(
    formatJson({
      mediaType: BUNDLE,
      verificationMaterial: { publicKey: { hint: publicKey.hint } },
      dsseEnvelope: {
        payload: toBase64(payload),
        payloadType: IN_TOTO,
        signatures: [{ sig: toBase64(sign(pae(IN_TOTO, payload))) }],
      },
    }),
  );
}

/** The claims of cosign's tag form, and their signature in base64. @param name the image's repository */
export function makeSimpleSigning(
  subject: Digest,
  name: string,
  { sign }: SigningKey,
): { readonly claims: Uint8Array; readonly signature: string } {
  const claims = utf8(
    formatJson({
      critical: {
        identity: { "docker-reference": name },
        image: { "docker-manifest-digest": subject },
        type: "cosign container image signature",
      },
      optional: null,
    }),
  );
  return { claims, signature: toBase64(sign(claims)) };
}
