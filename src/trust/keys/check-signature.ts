/**
 * Whether a key made a signature. The same answer on every runtime: RSA and ECDSA are the runtime's own, with the algorithm named and
 * ECDSA's encoding read here first; Ed25519 and what a runtime lacks are done by @noble/curves.
 */
import { constants, createHash, verify } from "node:crypto";
import { ed25519, ed25519ph } from "@noble/curves/ed25519.js";
import { p521 } from "@noble/curves/nist.js";
import { decodePositive, decodeSequence } from "./der.ts";
import type { KeyKind, PublicKey } from "./public-key.ts";

type SignatureHash = "SHA-256" | "SHA-384" | "SHA-512";

/** How a signature was made, as people write it: `ECDSA P-256 SHA-256`. */
export type SignatureScheme = string;

/** cosign takes the hash that fits the curve; its older versions take SHA-256 for all. */
const HASHES: readonly SignatureHash[] = ["SHA-256", "SHA-384", "SHA-512"];
const ORDERS: Partial<Record<KeyKind, readonly SignatureHash[]>> = {
  "ECDSA P-384": ["SHA-384", "SHA-256", "SHA-512"],
  "ECDSA P-521": ["SHA-512", "SHA-256", "SHA-384"],
};

/** Bytes of a coordinate. */
const SIZES: Partial<Record<KeyKind, number>> = {
  "ECDSA P-256": 32,
  "ECDSA P-384": 48,
  "ECDSA P-521": 66,
};

/** How the key made this signature of `message`; undefined where it did not. */
export function schemeOf(
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): SignatureScheme | undefined {
  if (key.kind === "Ed25519") return edSchemeOf(key, message, signature);
  const order = ORDERS[key.kind] ?? HASHES;
  if (key.kind === "RSA" || key.kind === "RSA-PSS") return rsaSchemeOf(key, message, signature);
  if (!isPlainEcdsa(signature, SIZES[key.kind]!)) return undefined;
  const hash = order.find((name) => isEcdsa(key, name, message, signature));
  return hash && `${key.kind} ${hash}`;
}

function isEcdsa(key: PublicKey, hash: SignatureHash, message: Uint8Array, signature: Uint8Array) {
  // Deno has no P-521 with SHA-256. By default noble refuses half of all signatures, whose s is high.
  if (key.kind === "ECDSA P-521" && hash === "SHA-256")
    return quietly(() =>
      p521.verify(signature, createHash("sha256").update(message).digest(), key.raw, {
        prehash: false,
        lowS: false,
        format: "der",
      }),
    );
  return quietly(() => verify(nodeName(hash), message, key.native!, signature));
}

function rsaSchemeOf(key: PublicKey, message: Uint8Array, signature: Uint8Array) {
  for (const hash of HASHES) {
    const given = { key: key.native!, padding: constants.RSA_PKCS1_PADDING };
    if (key.kind === "RSA" && quietly(() => verify(nodeName(hash), message, given, signature)))
      return `RSA PKCS #1 v1.5 ${hash}`;
  }
  for (const hash of HASHES) {
    const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_AUTO: saltLength } = constants;
    const given = { key: key.native!, padding, saltLength };
    if (quietly(() => verify(nodeName(hash), message, given, signature))) return `RSA PSS ${hash}`;
  }
  return undefined;
}

function edSchemeOf({ raw }: PublicKey, message: Uint8Array, signature: Uint8Array) {
  if (signature.length !== 64) return undefined;
  const strict = { zip215: false };
  if (quietly(() => ed25519.verify(signature, message, raw, strict))) return "Ed25519";
  if (quietly(() => ed25519ph.verify(signature, message, raw, strict))) return "Ed25519ph";
  return undefined;
}

/** Whether `signature` is two positive numbers in DER, each no longer than the key's order. */
function isPlainEcdsa(signature: Uint8Array, size: number): boolean {
  const [r, s, ...more] = decodeSequence(signature) ?? [];
  const numbers = [decodePositive(r), decodePositive(s)];
  return more.length === 0 && numbers.every((one) => one !== undefined && one.length <= size);
}

const nodeName = (hash: SignatureHash) => hash.toLowerCase().replace("-", "");

/** What cannot be a signature at all makes some runtimes throw. */
function quietly(act: () => boolean): boolean {
  try {
    return act();
  } catch {
    return false;
  }
}
