/** DSSE envelopes (secure-systems-lab/dsse) around in-toto statements (in-toto/attestation, v0.1 and v1). */
import * as v from "valibot";
import { concat, utf8 } from "../../base/bytes.ts";
import { isIngotError } from "../../base/error.ts";
import type { Annotations } from "../../oci/manifest.ts";
import {
  base64Bytes,
  type ParsedSignature,
  proofsIn,
  readJson,
  type SignedClaims,
  sha256Of,
} from "./parsed-signature.ts";

export const DSSE = "application/vnd.dsse.envelope.v1+json";
export const IN_TOTO = "application/vnd.in-toto+json";

const STATEMENTS = ["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"];

export const dsseSchema = v.looseObject({
  payload: base64Bytes,
  payloadType: v.string(),
  signatures: v.array(v.looseObject({ sig: base64Bytes, keyid: v.nullish(v.string()) })),
});

export type DsseEnvelope = v.InferOutput<typeof dsseSchema>;

const statement = v.looseObject({
  _type: v.string(),
  subject: v.array(v.looseObject({ digest: v.record(v.string(), v.unknown()) })),
  predicateType: v.pipe(v.string(), v.minLength(1)),
});

/** What is signed of an envelope: its type and its payload, each with its length. */
export const pae = (type: string, payload: Uint8Array): Uint8Array =>
  concat([utf8(`DSSEv1 ${utf8(type).length} ${type} ${payload.length} `), payload]);

type InEnvelope = Pick<ParsedSignature, "message" | "signature" | "says">;

/** What an envelope says, and its one signature. @returns why it cannot be taken */
export function openEnvelope({
  payload,
  payloadType,
  signatures,
}: DsseEnvelope): InEnvelope | string {
  const [signature, ...more] = signatures;
  if (signature === undefined || more.length > 0)
    return `its envelope has ${signatures.length} signatures, and one is expected`;
  return {
    message: pae(payloadType, payload),
    signature: signature.sig,
    says:
      payloadType === IN_TOTO
        ? readStatement(payload)
        : { why: `its payload is of the type ${JSON.stringify(payloadType)}` },
  };
}

/** What an in-toto statement is about. */
export function readStatement(bytes: Uint8Array): SignedClaims {
  try {
    const { _type, subject, predicateType } = readJson(
      bytes,
      statement,
      "the statement",
      "payload",
    );
    if (!STATEMENTS.includes(_type))
      return { why: `its statement is of the type ${JSON.stringify(_type)}` };
    return { predicateType, subjects: subject.flatMap(({ digest }) => sha256Of(digest) ?? []) };
  } catch (error) {
    if (isIngotError(error)) return { why: "its statement cannot be read" };
    throw error;
  }
}

/**
 * Reads an envelope that stands for itself, as cosign before version 3 keeps attestations. @returns why it cannot be taken
 * @throws malformed, too-large
 */
export function readEnvelope(
  bytes: Uint8Array,
  annotations: Annotations,
): ParsedSignature | string {
  const found = openEnvelope(readJson(bytes, dsseSchema, "the envelope", "envelope"));
  if (typeof found === "string") return found;
  const beside = proofsIn(annotations);
  return { ...found, form: "DSSE", isKeyless: beside.includes("certificate"), beside };
}
