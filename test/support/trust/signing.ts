/** Signatures made by hand, of every form and with every fault: no code of the project. */
import {
  constants,
  createHash,
  generateKeyPairSync,
  type KeyObject,
  sign as signNative,
} from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Blob, blobOf, OCI, put } from "../images/platforms.ts";

export const SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json";
export const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const EMPTY = "application/vnd.oci.empty.v1+json";
const IN_TOTO = "application/vnd.in-toto+json";
export const COSIGN_SIGN = "https://sigstore.dev/cosign/sign/v1";
const REF_NAME = "org.opencontainers.image.ref.name";

/** A key pair; `pem` is the public key. */
export interface TestKey {
  readonly pem: string;
  readonly privateKey: KeyObject;
  readonly hint: string;
}

/** A new key. */
export function newKey(curve = "prime256v1"): TestKey {
  return keyOf(generateKeyPairSync("ec", { namedCurve: curve }));
}

export const newRsaKey = (bits: number): TestKey =>
  keyOf(generateKeyPairSync("rsa", { modulusLength: bits }));

export const newEdKey = (): TestKey => keyOf(generateKeyPairSync("ed25519"));

function keyOf(pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }): TestKey {
  const der = pair.publicKey.export({ format: "der", type: "spki" });
  return {
    pem: `${pair.publicKey.export({ format: "pem", type: "spki" })}`,
    privateKey: pair.privateKey,
    hint: createHash("sha256").update(der).digest("base64"),
  };
}

/** A signature with SHA-256, or of Ed25519. */
export function signBytes(bytes: Uint8Array, { privateKey }: TestKey, isPss = false): Buffer {
  const padding = isPss ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {};
  const isEd = privateKey.asymmetricKeyType === "ed25519";
  return signNative(isEd ? null : "sha256", bytes, { key: privateKey, ...padding });
}

/** What can be other than it should be in a signature. */
export interface Oddities {
  /** What it is said to be about; default: the subject. */
  readonly about?: string;
  readonly payloadType?: string;
  readonly statementType?: string;
  readonly predicateType?: string;
  readonly mediaType?: string;
  /** How often the envelope has its signature. */
  readonly times?: number;
  /** Whose hint is written; null = none. */
  readonly hint?: string | null;
  readonly claimType?: string;
  /** Changes the bundle, or the payload of the tag's form after it was signed. */
  readonly change?: (document: Record<string, unknown>) => void;
}

/** What is signed of an envelope. */
export const preAuth = (type: string, payload: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);

/** Puts a bundle that signs `subject` into the layout; the manifest that refers to it. */
export function putBundle(layout: string, subject: Blob, key: TestKey, odd: Oddities = {}): Blob {
  const { payloadType = IN_TOTO, predicateType = COSIGN_SIGN, times = 1, hint = key.hint } = odd;
  const statement = {
    _type: odd.statementType ?? "https://in-toto.io/Statement/v1",
    subject: [{ digest: { sha256: (odd.about ?? subject.digest).slice("sha256:".length) } }],
    predicateType,
    predicate: {},
  };
  const payload = Buffer.from(JSON.stringify(statement));
  const sig = signBytes(preAuth(payloadType, payload), key).toString("base64");
  const bundle: Record<string, unknown> = {
    mediaType: odd.mediaType ?? BUNDLE,
    verificationMaterial: { publicKey: hint === null ? {} : { hint } },
    dsseEnvelope: {
      payload: payload.toString("base64"),
      payloadType,
      signatures: Array.from({ length: times }, () => ({ sig })),
    },
  };
  return putReferring(layout, subject, bundle, odd);
}

/** The same with a signature of the manifest itself. */
export function putMessageBundle(
  layout: string,
  subject: Blob,
  key: TestKey,
  odd: Oddities = {},
): Blob {
  const { hint = key.hint } = odd;
  const about = odd.about ?? subject.digest;
  const bundle: Record<string, unknown> = {
    mediaType: odd.mediaType ?? BUNDLE,
    verificationMaterial: { publicKey: hint === null ? {} : { hint } },
    messageSignature: {
      messageDigest: {
        algorithm: "SHA2_256",
        digest: Buffer.from(about.slice("sha256:".length), "hex").toString("base64"),
      },
      signature: signBytes(blobOf(layout, about), key).toString("base64"),
    },
  };
  return putReferring(layout, subject, bundle, odd);
}

/** Puts a bundle that somebody made into the layout; the manifest that refers to `subject`. */
export function putReferring(
  layout: string,
  subject: Blob,
  bundle: Record<string, unknown>,
  { change }: Oddities = {},
): Blob {
  change?.(bundle);
  return put(layout, OCI.manifest, {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    artifactType: BUNDLE,
    config: put(layout, EMPTY, {}),
    layers: [put(layout, BUNDLE, bundle)],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
  });
}

/** Puts signatures of cosign's tag form into the layout, all of them in one manifest. */
export function putTagForm(
  layout: string,
  subject: Blob,
  keys: readonly TestKey[],
  odd: Oddities = {},
): Blob & { readonly tag: string } {
  const layers = keys.map((key) => {
    const claims: Record<string, unknown> = {
      critical: {
        identity: { "docker-reference": "registry.example/team/app" },
        image: { "docker-manifest-digest": odd.about ?? subject.digest },
        type: odd.claimType ?? "cosign container image signature",
      },
      optional: null,
    };
    const signature = signBytes(Buffer.from(JSON.stringify(claims)), key).toString("base64");
    odd.change?.(claims);
    const annotations = { "dev.cosignproject.cosign/signature": signature };
    return { ...put(layout, SIMPLE, claims), annotations };
  });
  const config = put(layout, OCI.config, {
    architecture: "",
    os: "",
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
  });
  const manifest = { schemaVersion: 2, mediaType: OCI.manifest, config, layers };
  const tag = `${subject.digest.replace(":", "-")}.sig`;
  return Object.assign(put(layout, OCI.manifest, manifest), { tag });
}

/** Names images in the layout's index, and lists what refers to them. */
export function nameSigned(
  layout: string,
  images: Readonly<Record<string, Blob>>,
  referrers: readonly (Blob & { readonly tag?: string })[],
): void {
  const manifests = [
    ...Object.entries(images).map(([name, { mediaType, digest, size }]) => ({
      ...{ mediaType, digest, size },
      annotations: { [REF_NAME]: name },
    })),
    ...referrers.map(({ mediaType, digest, size, tag }) => ({
      ...{ mediaType, digest, size },
      ...(tag === undefined ? {} : { annotations: { [REF_NAME]: tag } }),
    })),
  ];
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}
