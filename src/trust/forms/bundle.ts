/**
 * Sigstore bundles, versions 0.1 to 0.3 (protobuf-specs, sigstore_bundle.proto), as far as a key can check them. Read here and not by
 * @sigstore/bundle, which takes a bundle that has a message's signature and an envelope at once, and ones of versions that are not known yet.
 */
import * as v from "valibot";
import { dsseSchema, openEnvelope } from "./dsse.ts";
import {
  type AttachedProof,
  base64Bytes,
  type ParsedSignature,
  readJson,
} from "./parsed-signature.ts";

const VERSION =
  /^application\/vnd\.dev\.sigstore\.bundle(?:\+json;version=0\.[123]|\.v0\.3\+json)$/;

export const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";

/** Whether content of this type is a bundle, of whatever version. */
export const isBundle = (mediaType: string) =>
  mediaType.startsWith("application/vnd.dev.sigstore.bundle");

const anything = v.nullish(v.looseObject({}));
const bundle = v.looseObject({
  mediaType: v.string(),
  verificationMaterial: v.looseObject({
    publicKey: v.nullish(v.looseObject({ hint: v.nullish(v.string()) })),
    certificate: anything,
    x509CertificateChain: anything,
    tlogEntries: v.nullish(v.array(v.looseObject({}))),
    timestampVerificationData: v.nullish(
      v.looseObject({ rfc3161Timestamps: v.nullish(v.array(v.looseObject({}))) }),
    ),
  }),
  messageSignature: v.nullish(
    v.looseObject({
      messageDigest: v.looseObject({ algorithm: v.string(), digest: base64Bytes }),
      signature: base64Bytes,
    }),
  ),
  dsseEnvelope: v.nullish(dsseSchema),
});

type Bundle = v.InferOutput<typeof bundle>;

/** Why something that may be a signature was not looked at: then nobody can say whether it is one. */
export interface UnsupportedForm {
  readonly unknown: string;
}

/**
 * Reads a bundle. @param manifest what it is attached to: a message's signature is over these bytes
 * @returns why it cannot be taken @throws malformed, too-large
 */
export function readBundle(
  bytes: Uint8Array,
  manifest: Uint8Array,
): ParsedSignature | UnsupportedForm | string {
  const found = readJson(bytes, bundle, "the bundle", "bundle");
  const { mediaType, verificationMaterial: material } = found;
  if (!VERSION.test(mediaType))
    return { unknown: `its version is not known here (${JSON.stringify(mediaType)})` };
  const { publicKey, certificate, x509CertificateChain: chain } = material;
  const signers = [publicKey, certificate, chain].filter((one) => one != null);
  if (signers.length !== 1) return "it names no key and no certificate, or several";
  const isKeyless = publicKey == null;
  const content = contentOf(found, manifest);
  if (typeof content === "string") return content;
  return {
    ...content,
    ...(isKeyless ? {} : { hint: publicKey.hint || undefined }),
    isKeyless,
    beside: besideIn(material, isKeyless),
  };
}

function besideIn(
  { tlogEntries, timestampVerificationData }: Bundle["verificationMaterial"],
  isKeyless: boolean,
): AttachedProof[] {
  const found: AttachedProof[] = isKeyless ? ["certificate"] : [];
  if (tlogEntries?.length) found.push("transparency log entry");
  if (timestampVerificationData?.rfc3161Timestamps?.length) found.push("timestamp");
  return found;
}

type Content = Pick<ParsedSignature, "form" | "message" | "signature" | "says">;

function contentOf(
  { messageSignature, dsseEnvelope }: Bundle,
  manifest: Uint8Array,
): Content | string {
  if ((messageSignature == null) === (dsseEnvelope == null))
    return "it has no signature, or two of different kinds";
  if (dsseEnvelope != null) {
    const opened = openEnvelope(dsseEnvelope);
    return typeof opened === "string" ? opened : { ...opened, form: "bundle, DSSE" };
  }
  const { messageDigest, signature } = messageSignature!;
  const { algorithm, digest } = messageDigest;
  const says =
    algorithm === "SHA2_256" && digest.length === 32
      ? { subjects: [`sha256:${Buffer.from(digest).toString("hex")}` as const] }
      : { why: `its digest is of the algorithm ${JSON.stringify(algorithm)}` };
  return { form: "bundle, message", message: manifest, signature, says };
}
