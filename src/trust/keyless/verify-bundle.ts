/**
 * Bundles whose signer a certificate names. @sigstore/verify checks chain, SCT, log entry and timestamps; what it leaves to its caller is done here: who it is is
 * compared exactly, the certificate's purpose is looked at, and the signature is checked with every kind of key.
 */
import { type Bundle, bundleFromJSON, ValidationError } from "@sigstore/bundle";
import {
  type SignedEntity,
  type TrustMaterial,
  toSignedEntity,
  VerificationError,
  Verifier,
} from "@sigstore/verify";
import { sameBytes } from "../../base/bytes.ts";
import { excerpt, parseJson } from "../../base/json/json.ts";
import { type ParsedSignature, SIGNED_LIMIT } from "../forms/parsed-signature.ts";
import { schemeOf } from "../keys/check-signature.ts";
import { readKey } from "../keys/public-key.ts";
import { type CertificateIdentity, readCertificate } from "./certificate.ts";
import { nameDefaultHash } from "./native-verify.ts";

export type TimeSource = "transparency log" | "timestamp authority";

/** What is known of a bundle that a certificate signs. */
export type KeylessResult =
  | (CertificateIdentity & {
      readonly scheme: string;
      /** When it was signed, and who says so. */
      readonly time: Date;
      readonly timeBy: TimeSource;
      /** What the trusted root has nothing for. */
      readonly unchecked: readonly string[];
    })
  | {
      readonly why: string;
      /** Who the certificate names, which is not proven. */
      readonly claims?: CertificateIdentity | undefined;
      /** Whether another trusted root may say otherwise. */
      readonly isOpen?: boolean;
    };

/**
 * Checks a bundle. @param manifest what it is attached to
 * @param isAsked whether anybody asks for this signer: of others the certificate is read, and nothing is checked, which takes its time
 */
export type KeylessVerifier = (
  bytes: Uint8Array,
  manifest: Uint8Array,
  signed: ParsedSignature,
  isAsked: (claims: CertificateIdentity) => boolean,
) => KeylessResult;

/** A verifier by a trusted root. Each signature needs a time that somebody in the root vouches for, and of logs and SCTs what the root has. */
export function keylessVerifier(root: TrustMaterial): KeylessVerifier {
  nameDefaultHash();
  const has = { tlog: root.tlogs.length > 0, ctlog: root.ctlogs.length > 0 };
  const verifier = new Verifier(root, {
    tlogThreshold: has.tlog ? 1 : 0,
    ctlogThreshold: has.ctlog ? 1 : 0,
    timestampThreshold: 1,
  });
  const unchecked = [
    ...(has.tlog ? [] : ["transparency log"]),
    ...(has.ctlog ? [] : ["certificate transparency"]),
  ];
  return (bytes, manifest, signed, isAsked) => {
    let entity: SignedEntity;
    let leaf: Uint8Array | undefined;
    try {
      const bundle = bundleFromJSON(parseJson(bytes, "bundle", { bytes: SIGNED_LIMIT }));
      entity = toSignedEntity(bundle, Buffer.from(manifest));
      leaf = leafOf(bundle);
    } catch (error) {
      return { why: `its bundle is not complete (${reasonOf(error)})` };
    }
    const claims = readCertificate(leaf ?? new Uint8Array());
    if (typeof claims === "string") return { why: claims };
    if (!isAsked(claims))
      return { why: `it is by ${claims.identity} (${claims.issuer}), who is not asked for` };
    const strange = has.tlog ? strangeLog(entity, root) : undefined;
    if (strange !== undefined) return { why: strange, claims, isOpen: true };
    try {
      const whole = has.tlog ? entity : withoutLogs(entity);
      const found: { scheme?: string | undefined } = {};
      // With the library's own check only two kinds of keys would do.
      whole.signature.verifySignature = (key) => {
        const spki = key.export({ format: "der", type: "spki" });
        const publicKey = readKey(new Uint8Array(spki), "the certificate");
        found.scheme = schemeOf(publicKey, signed.message, signed.signature);
        return found.scheme !== undefined;
      };
      verifier.verify(whole);
      const time = timeOf(whole);
      if (found.scheme === undefined || time === undefined)
        return { why: "its time is not known", claims };
      return { ...claims, scheme: found.scheme, ...time, unchecked };
    } catch (error) {
      return { why: reasonOf(error), claims };
    }
  };
}

function leafOf({ verificationMaterial: { content } }: Bundle): Uint8Array | undefined {
  if (content.$case === "certificate") return content.certificate.rawBytes;
  if (content.$case === "x509CertificateChain")
    return content.x509CertificateChain.certificates[0]?.rawBytes;
  return undefined;
}

/** Of a bundle with entries of logs, why none of them is of a log that the root has. */
function strangeLog({ tlogEntries }: SignedEntity, { tlogs }: TrustMaterial): string | undefined {
  const isKnown = (id: Uint8Array) => tlogs.some(({ logID }) => sameBytes(logID, id));
  const [first] = tlogEntries;
  if (first === undefined || tlogEntries.some(({ logId }) => isKnown(logId.keyId)))
    return undefined;
  const id = Buffer.from(first.logId.keyId).toString("base64").slice(0, 100);
  return `it is in the transparency log ${id}, which the trusted root does not have: a newer root may`;
}

/** The same without what only a log could vouch for. */
const withoutLogs = (entity: SignedEntity): SignedEntity => ({
  ...entity,
  tlogEntries: [],
  timestamps: entity.timestamps.filter(({ $case }) => $case === "timestamp-authority"),
});

/** The earliest of the times that were verified. */
function timeOf({ timestamps }: SignedEntity): { time: Date; timeBy: TimeSource } | undefined {
  const times = timestamps.flatMap((one): { time: Date; timeBy: TimeSource }[] => {
    if (one.$case === "timestamp-authority")
      return [{ time: one.timestamp.signingTime, timeBy: "timestamp authority" }];
    const { integratedTime, inclusionPromise } = one.tlogEntry;
    const time = new Date(Number(integratedTime) * 1000);
    return inclusionPromise === undefined ? [] : [{ time, timeBy: "transparency log" }];
  });
  return times.sort((a, b) => a.time.getTime() - b.time.getTime())[0];
}

/** What the library says, in a line. What it stumbles over is told alike on every runtime. */
const reasonOf = (error: unknown): string =>
  error instanceof VerificationError || error instanceof ValidationError
    ? excerpt(error.message).replaceAll("\n", " ")
    : "something in it is missing or not well formed";
