/**
 * What cosign before version 3 keeps beside a signature in the annotations of its layer (certificate, entry of the log, timestamp), as
 * the bundle that it would be today.
 */
import * as v from "valibot";
import { text, utf8 } from "../../base/bytes.ts";
import { isIngotError } from "../../base/error.ts";
import { sha256Hex } from "../../base/hash.ts";
import { formatJson, type Json } from "../../base/json/json.ts";
import type { Annotations } from "../../oci/manifest.ts";
import { decodeBase64, readJson } from "../forms/parsed-signature.ts";
import { decodePem } from "../keys/public-key.ts";

const CERTIFICATE = "dev.sigstore.cosign/certificate";
const LOG = "dev.sigstore.cosign/bundle";
const TIMESTAMP = "dev.sigstore.cosign/rfc3161timestamp";
/** Without a proof of inclusion, which only the first version does without. */
const TYPE = "application/vnd.dev.sigstore.bundle+json;version=0.1";

const index = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const logBundle = v.looseObject({
  SignedEntryTimestamp: v.string(),
  Payload: v.looseObject({
    body: v.string(),
    integratedTime: index,
    logIndex: index,
    logID: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  }),
});
const timestamp = v.looseObject({ SignedRFC3161Timestamp: v.string() });
const entryKind = v.looseObject({ kind: v.string(), apiVersion: v.string() });

/** A signature as it is kept there. */
export interface AnnotatedSignature {
  readonly kind: "simple signing" | "envelope";
  /** The claims, or the envelope. */
  readonly bytes: Uint8Array;
  readonly annotations: Annotations;
}

/** The bundle, in bytes. @returns undefined where something of it cannot be read */
export function bundleFromAnnotations(
  { kind, bytes, annotations }: AnnotatedSignature,
  signature: Uint8Array,
): Uint8Array | undefined {
  try {
    const pem = decodePem(utf8(annotations[CERTIFICATE] ?? ""), CERTIFICATE, "the certificate");
    if (pem.label !== "CERTIFICATE") return undefined;
    const stamp = annotations[TIMESTAMP];
    const log = annotations[LOG];
    const material = formatJson({
      x509CertificateChain: { certificates: [{ rawBytes: toBase64(pem.der) }] },
      tlogEntries: log === undefined ? [] : [entryOf(log)],
      timestampVerificationData: { rfc3161Timestamps: stamp === undefined ? [] : [stampOf(stamp)] },
    });
    // An envelope that was read already goes in as it stands.
    const content =
      kind === "envelope"
        ? `"dsseEnvelope":${text(bytes)}`
        : `"messageSignature":${formatJson({
            messageDigest: {
              algorithm: "SHA2_256",
              digest: Buffer.from(sha256Hex(bytes), "hex").toString("base64"),
            },
            signature: toBase64(signature),
          })}`;
    return utf8(`{"mediaType":${formatJson(TYPE)},"verificationMaterial":${material},${content}}`);
  } catch (error) {
    if (isIngotError(error) && error.code !== "internal") return undefined;
    throw error;
  }
}

const toBase64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

function entryOf(annotation: string): Json {
  const { SignedEntryTimestamp, Payload } = readJson(
    utf8(annotation),
    logBundle,
    "the log entry",
    LOG,
  );
  const { body, integratedTime, logIndex, logID } = Payload;
  const plain = decodeBase64(body) ?? new Uint8Array();
  const { kind, apiVersion } = readJson(plain, entryKind, "the log entry", LOG);
  return {
    logIndex: String(logIndex),
    logId: { keyId: toBase64(Buffer.from(logID, "hex")) },
    kindVersion: { kind, version: apiVersion },
    integratedTime: String(integratedTime),
    inclusionPromise: { signedEntryTimestamp: SignedEntryTimestamp },
    canonicalizedBody: body,
  };
}

function stampOf(annotation: string): Json {
  const found = readJson(utf8(annotation), timestamp, "the timestamp", TIMESTAMP);
  return { signedTimestamp: found.SignedRFC3161Timestamp };
}
