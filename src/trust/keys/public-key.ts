/** Public keys, as PEM has them (RFC 7468; SubjectPublicKeyInfo, RFC 5280). */
import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { text } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import {
  type DerValue,
  decodeBitString,
  decodeDer,
  decodePositive,
  decodeSequence,
  encodeBitString,
  encodeDer,
  encodeInteger,
  NULL,
  OBJECT_ID,
  SEQUENCE,
} from "./der.ts";

/** What a key is made for. */
export type KeyKind = "ECDSA P-256" | "ECDSA P-384" | "ECDSA P-521" | "Ed25519" | "RSA" | "RSA-PSS";

/** A public key that was read. */
export interface PublicKey {
  /** What the user calls it: the path of its file. */
  readonly name: string;
  readonly kind: KeyKind;
  /** `SHA256:` and 43 characters: the digest of the key itself, however its file has it written. */
  readonly id: string;
  /** What cosign puts in a bundle to name the key: base64 of the SHA-256 of its SubjectPublicKeyInfo. */
  readonly hint: string;
  /** The point of ECDSA without compression, or the 32 bytes of Ed25519; of RSA, its RSAPublicKey. */
  readonly raw: Uint8Array;
  /** For the runtime's own functions; undefined for Ed25519, which they judge differently. */
  readonly native: KeyObject | undefined;
}

/** Algorithms, by the bytes of their identifiers. */
const OID = {
  ec: "2a8648ce3d0201",
  rsa: "2a864886f70d010101",
  pss: "2a864886f70d01010a",
  ed25519: "2b6570",
};

/** Curves: the bytes of their identifiers, and how long a coordinate is. */
export const CURVES: Readonly<Record<string, { readonly kind: KeyKind; readonly bytes: number }>> =
  {
    "2a8648ce3d030107": { kind: "ECDSA P-256", bytes: 32 },
    "2b81040022": { kind: "ECDSA P-384", bytes: 48 },
    "2b81040023": { kind: "ECDSA P-521", bytes: 66 },
  };

const SUPPORTED = "ECDSA P-256, P-384 or P-521, RSA of 2048 to 8192 bits, or Ed25519";
/** Bits of a modulus. What is shorter protects nothing, and what is longer takes long to check. */
const RSA_BITS = { least: 2048, most: 8192 };
/** A file with one key is shorter. Bytes. */
const KEY_FILE_LIMIT = 64 * 1024;

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

/**
 * Reads the one public key in a PEM file.
 * @param name what it is called in verdicts @throws malformed, unsupported for keys of other kinds, too-large
 */
export function parsePublicKey(file: Uint8Array, name: string): PublicKey {
  const { label, der } = decodePem(file, name);
  if (/PRIVATE KEY$/.test(label))
    throw new IngotError("malformed", {
      what: "the public key",
      at: name,
      why: "it is a private key",
      hint: "name the file of the public key: cosign.pub, or what openssl pkey -in KEY -pubout writes",
    });
  if (label === "CERTIFICATE")
    throw new IngotError("unsupported", {
      what: "the public key",
      at: name,
      found: "a certificate",
      expected: "a public key",
      hint: "take the key out of it: openssl x509 -in FILE -noout -pubkey",
    });
  if (label !== "PUBLIC KEY" && label !== "RSA PUBLIC KEY")
    throw new IngotError("unsupported", {
      what: "the public key",
      at: name,
      found: `a PEM block of type ${JSON.stringify(label.slice(0, 64))}`,
      expected: "PUBLIC KEY",
    });
  return readKey(label === "PUBLIC KEY" ? der : wrapRsa(der), name);
}

/** The RSAPublicKey of PKCS #1 as a SubjectPublicKeyInfo. */
const wrapRsa = (der: Uint8Array): Uint8Array =>
  encodeDer(SEQUENCE, algorithm(OID.rsa, encodeDer(NULL)), encodeBitString(der));

const algorithm = (oid: string, ...parameters: readonly Uint8Array[]): Uint8Array =>
  encodeDer(SEQUENCE, encodeDer(OBJECT_ID, Buffer.from(oid, "hex")), ...parameters);

/** Reads a SubjectPublicKeyInfo. */
export function readKey(der: Uint8Array, name: string): PublicKey {
  const [identifier, bits, ...more] = decodeSequence(der) ?? [];
  const raw = decodeBitString(bits);
  const named = identifier?.tag === SEQUENCE ? identifier.body : undefined;
  const [oid, parameters] = named === undefined ? [] : (decodeDer(named) ?? []);
  if (oid?.tag !== OBJECT_ID || raw === undefined || more.length > 0) throw malformed(name);
  const kind = hexOf(oid.body);
  if (kind === OID.ec) return ecKey(parameters, raw, name);
  if (kind === OID.rsa || kind === OID.pss) return rsaKey(raw, name, kind === OID.pss);
  if (kind === OID.ed25519) return edKey(raw, name);
  throw unsupported(name, "a key of another algorithm");
}

function ecKey(curve: DerValue | undefined, raw: Uint8Array, name: string): PublicKey {
  const found = curve?.tag === OBJECT_ID ? CURVES[hexOf(curve.body)] : undefined;
  if (curve === undefined || found === undefined)
    throw unsupported(name, "an ECDSA key on another curve");
  const { kind, bytes } = found;
  // A compressed point is refused, as Go's crypto/x509 does: the key has one way to be written then.
  if (raw.length !== 1 + 2 * bytes || raw[0] !== 4) throw malformed(name);
  const der = encodeDer(
    SEQUENCE,
    algorithm(OID.ec, encodeDer(OBJECT_ID, curve.body)),
    encodeBitString(raw),
  );
  return finished({ name, kind, raw, native: importKey(der, name) }, der);
}

function rsaKey(raw: Uint8Array, name: string, isPss: boolean): PublicKey {
  const [first, second, ...more] = decodeSequence(raw) ?? [];
  const [modulus, exponent] = [decodePositive(first), decodePositive(second)];
  if (modulus === undefined || exponent === undefined || more.length > 0) throw malformed(name);
  const bits = modulus.length * 8 - Math.clz32(modulus[0]!) + 24;
  if (bits < RSA_BITS.least || bits > RSA_BITS.most)
    throw unsupported(name, `an RSA key of ${bits} bits`);
  const isOdd = (exponent.at(-1)! & 1) === 1;
  if (exponent.length > 4 || !isOdd || (exponent.length === 1 && exponent[0]! < 3))
    throw unsupported(name, "an RSA key with an exponent that nobody uses");
  const whole = encodeDer(SEQUENCE, encodeInteger(modulus), encodeInteger(exponent));
  const der = wrapRsa(whole);
  const kind = isPss ? "RSA-PSS" : "RSA";
  return finished({ name, kind, raw: whole, native: importKey(der, name) }, der);
}

function edKey(raw: Uint8Array, name: string): PublicKey {
  if (raw.length !== 32) throw malformed(name);
  const der = encodeDer(SEQUENCE, algorithm(OID.ed25519), encodeBitString(raw));
  return finished({ name, kind: "Ed25519", raw, native: undefined }, der);
}

function finished(key: Omit<PublicKey, "id" | "hint">, der: Uint8Array): PublicKey {
  const digest = sha256(der).toString("base64");
  return { ...key, id: `SHA256:${digest.replace(/=+$/, "")}`, hint: digest };
}

function importKey(der: Uint8Array, name: string): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" });
  } catch {
    throw malformed(name);
  }
}

const malformed = (at: string) =>
  new IngotError("malformed", {
    what: "the public key",
    at,
    why: "it is not the SubjectPublicKeyInfo of a key",
  });

const unsupported = (at: string, found: string) =>
  new IngotError("unsupported", { what: "the public key", at, found, expected: SUPPORTED });

const BLOCK = /^-----BEGIN ([A-Z0-9 ]{1,64})-----[ \t]*\r?\n([\s\S]*?)^-----END \1-----[ \t]*$/gm;

/** The one block of a PEM file; what stands around it is a comment. @throws malformed, too-large */
export function decodePem(file: Uint8Array, at: string, what = "the public key") {
  if (file.length > KEY_FILE_LIMIT)
    throw new IngotError("too-large", { what, at, actual: file.length, limit: KEY_FILE_LIMIT });
  const blocks = [...(text(file) ?? "").matchAll(BLOCK)];
  const [block] = blocks;
  if (block === undefined || blocks.length > 1)
    throw new IngotError("malformed", {
      what,
      at,
      why: block === undefined ? "it has no PEM block" : `it has ${blocks.length} PEM blocks`,
      hint: "give one key in each file, in PEM: -----BEGIN PUBLIC KEY-----",
    });
  const [, label = "", body = ""] = block;
  const base64Bytes = body.replace(/[\r\n\t ]/g, "");
  const der = Buffer.from(base64Bytes, "base64");
  if (der.toString("base64") !== base64Bytes)
    throw new IngotError("malformed", { what, at, why: "its PEM block is not base64" });
  return { label, der };
}
