/** What is asked of whoever judges signatures, and what comes back. Types alone: what needs them does not load the judge. */
import type { Digest } from "../oci/digest.ts";
import type { Annotations } from "../oci/manifest.ts";

/** Where the bytes of a signature are: read when it is checked, and not kept. Else why they cannot be read. */
export type ReadEvidence = () => Uint8Array | { readonly why: string };

/** Something that came with a manifest and may be a signature of it. */
export type SignatureEvidence = {
  /** The manifest or the layer that it is, for verdicts. */
  readonly at: Digest;
} & (
  | {
      readonly kind: "simple signing" | "envelope" | "bundle";
      /** The same for what is the same: its digest, and its annotations. */
      readonly key: string;
      readonly read: ReadEvidence;
      readonly annotations: Annotations;
    }
  /** A signature of a form that is not read here, as notation's. */
  | { readonly kind: "foreign"; readonly what: string }
  /** What could not be read. */
  | { readonly kind: "unreadable"; readonly why: string }
);

/** A manifest or an index that may be signed. */
export interface SignableManifest {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly evidence: readonly SignatureEvidence[];
  /** `linux/amd64`, where an index or a config says so. */
  readonly platform?: string | undefined;
  /** The indexes that name it, up to the image itself: what signs one of these signs it. */
  readonly within: readonly Digest[];
  /** Whether it must be signed, itself or by what it is in. */
  readonly isAsked: boolean;
}

/** An image, and all of it that may be signed: itself first. */
export interface SignableImage {
  readonly reference: string;
  readonly digest: Digest;
  readonly targets: readonly SignableManifest[];
}

/** Who signs: the holder of a key, or somebody whom a certificate names. */
export interface Signer {
  readonly kind: "key" | "identity";
  /** What the user calls the key; the identity. */
  readonly name: string;
  /** The digest of the key; the issuer of the identity. */
  readonly id: string;
}

/** What is known of one signature. */
export interface SignatureVerdict {
  readonly at: Digest;
  readonly subject: Digest;
  readonly form: string;
  /**
   * `verified` counts; an `attestation` is by a given signer, about this manifest, and says something else than that it is signed; a `wrong` one
   * names a given signer and is not by them, or is by one and about something else; `other` ones say nothing of the signers; `unchecked` ones
   * may be anything.
   */
  readonly status: "verified" | "attestation" | "wrong" | "other" | "unchecked";
  /** Who made it, and how. */
  readonly signer?: Signer;
  readonly scheme?: string;
  readonly predicateType?: string;
  /** The name that whoever signed gave the image. */
  readonly name?: string;
  readonly reason?: string;
  /** When it was made, in UTC, and who vouches for it; of a key nobody does. */
  readonly time?: string;
  readonly timeBy?: string;
  /** What comes with it and was not checked. */
  readonly unchecked: readonly string[];
}

/** What is known of a manifest or an index that was asked about. */
export interface ManifestVerdict {
  readonly digest: Digest;
  readonly platform?: string | undefined;
  readonly verdict: TrustVerdict;
  /** Those of the given signers who signed it. */
  readonly signers: readonly Signer[];
  /** What was signed: itself, or indexes that it is in. */
  readonly over: readonly Digest[];
  readonly reason?: string;
}

export type TrustVerdict = "yes" | "no" | "unknown";

/** Why an image is not signed as it should be. */
export type TrustFault =
  | "unsigned"
  | "not-trusted"
  | "not-attested"
  | "signature-differs"
  | "unchecked";

export interface ImageVerdict {
  readonly reference: string;
  readonly digest: Digest;
  readonly verdict: TrustVerdict;
  readonly targets: readonly ManifestVerdict[];
  readonly signatures: readonly SignatureVerdict[];
  /** Every reason against a yes. */
  readonly faults: readonly {
    readonly code: TrustFault;
    readonly at: Digest;
    readonly why: string;
  }[];
}

/** Judges an image by what it was made for: signers, and how many of them. */
export type TrustJudge = (image: SignableImage) => ImageVerdict;
