/**
 * Private keys: PEM, plain or as cosign encrypts it (scrypt, nacl/secretbox). What they sign is a function of key and message alone: ECDSA by
 * RFC 6979, Ed25519, and RSA PKCS #1 v1.5. @noble/curves signs, because the runtimes' own ECDSA draws a number of chance for each signature.
 */
import { createPrivateKey, createPublicKey, type KeyObject, scryptSync, sign } from "node:crypto";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import * as v from "valibot";
import { utf8 } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { base64Bytes, readJson } from "../forms/parsed-signature.ts";
import { decodePem, type PublicKey, parsePublicKey, readKey } from "../keys/public-key.ts";

/** A key that signs. */
export interface SigningKey {
  readonly publicKey: PublicKey;
  /** The public key in PEM. */
  readonly pem: string;
  /**
   * The signature of a message: with SHA-256, with P-384 SHA-384, with P-521 SHA-512. Ed25519 is plain: what cosign writes, the
   * prehashed form, it does not verify itself.
   */
  sign(message: Uint8Array): Uint8Array;
}

const ENCRYPTED = /^ENCRYPTED (?:SIGSTORE|COSIGN) PRIVATE KEY$/;
const PLAIN = /^(?:EC |RSA )?PRIVATE KEY$/;
const WHAT = "the private key";

/**
 * Reads a private key. @param password asked for where the key is encrypted
 * @throws malformed, also for a wrong password; unsupported, too-large
 */
export async function parsePrivateKey(
  file: Uint8Array,
  name: string,
  password: () => Promise<string>,
): Promise<SigningKey> {
  const { label, der } = decodePem(file, name, WHAT);
  if (label === "PUBLIC KEY")
    throw new IngotError("malformed", {
      what: WHAT,
      at: name,
      why: "it is a public key",
      hint: "name the file of the private one, cosign.key or one in PEM; ingot keygen makes a pair",
    });
  if (ENCRYPTED.test(label)) {
    const pkcs8 = decrypt(der, name, await password());
    return signingKey(name, () => createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }));
  }
  if (PLAIN.test(label)) return signingKey(name, () => createPrivateKey(Buffer.from(file)));
  throw new IngotError("unsupported", {
    what: WHAT,
    at: name,
    found: `a PEM block of type ${JSON.stringify(label.slice(0, 64))}`,
    expected: "PRIVATE KEY, or ENCRYPTED SIGSTORE PRIVATE KEY",
    hint: "write it without its password: openssl pkey -in FILE -out PLAIN.pem; or import it with cosign import-key-pair",
  });
}

/** A key that was just made, for reading it back. */
export const ownKey = (key: KeyObject, name: string): SigningKey => signingKey(name, () => key);

function signingKey(name: string, open: () => KeyObject): SigningKey {
  let found: { readonly key: KeyObject; readonly spki: Buffer; readonly d: string | undefined };
  try {
    const key = open();
    const spki = createPublicKey(key).export({ format: "der", type: "spki" });
    found = { key, spki, d: key.export({ format: "jwk" }).d };
  } catch {
    throw malformed(name, "it is not a private key of a kind that is known here");
  }
  const { key, spki, d = "" } = found;
  const publicKey = readKey(spki, name);
  const { kind } = publicKey;
  const secret = new Uint8Array(Buffer.from(d, "base64url"));
  const ecdsa = { lowS: false, format: "der" } as const;
  const by = {
    "ECDSA P-256": (message: Uint8Array) => p256.sign(message, padded(secret, 32), ecdsa),
    "ECDSA P-384": (message: Uint8Array) => p384.sign(message, padded(secret, 48), ecdsa),
    "ECDSA P-521": (message: Uint8Array) => p521.sign(message, padded(secret, 66), ecdsa),
    Ed25519: (message: Uint8Array) => ed25519.sign(message, secret),
    RSA: (message: Uint8Array) => new Uint8Array(sign("sha256", message, key)),
    "RSA-PSS": (): Uint8Array => {
      throw malformed(name, "signatures of RSA-PSS are of chance; use a plain RSA key");
    },
  };
  return {
    publicKey,
    pem: pemBlock("PUBLIC KEY", spki),
    sign: (message) => by[kind](message),
  };
}

/** Writes a PEM block. */
export function pemBlock(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** The public key of a file with a public or a private one, in PEM. @throws as those who read them */
export async function publicPem(
  file: Uint8Array,
  name: string,
  password: () => Promise<string>,
): Promise<{ readonly pem: string; readonly key: PublicKey }> {
  const { label, der } = decodePem(file, name, "the key");
  if (/PRIVATE KEY$/.test(label)) {
    const { pem, publicKey } = await parsePrivateKey(file, name, password);
    return { pem, key: publicKey };
  }
  const key = parsePublicKey(file, name);
  return { pem: pemBlock(label, der), key };
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(bytes, length - bytes.length);
  return whole;
}

/** More would take more than 256 MiB. */
const MOST_N = 2 ** 18;
export const SCRYPT = { N: 65536, r: 8, p: 1 } as const;

const encrypted = v.looseObject({
  kdf: v.looseObject({
    name: v.literal("scrypt"),
    params: v.looseObject({
      N: v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(MOST_N)),
      r: v.literal(SCRYPT.r),
      p: v.literal(SCRYPT.p),
    }),
    salt: base64Bytes,
  }),
  cipher: v.looseObject({
    name: v.literal("nacl/secretbox"),
    nonce: v.pipe(
      base64Bytes,
      v.check((nonce) => nonce.length === 24, "it does not have 24 bytes"),
    ),
  }),
  ciphertext: base64Bytes,
});

function decrypt(json: Uint8Array, name: string, password: string): Buffer {
  const { kdf, cipher, ciphertext } = readJson(json, encrypted, "the encrypted key", name);
  const { N } = kdf.params;
  if ((N & (N - 1)) !== 0) throw malformed(name, "its N is not a power of two");
  try {
    const key = stretch(password, kdf.salt, N);
    return Buffer.from(xsalsa20poly1305(key, cipher.nonce).decrypt(ciphertext));
  } catch {
    throw new IngotError("malformed", {
      what: WHAT,
      at: name,
      why: "the password does not open it",
      hint: "give the right one: COSIGN_PASSWORD, --password-file FILE, or at the prompt",
    });
  }
}

/** The key that a password becomes. */
export const stretch = (password: string, salt: Uint8Array, N: number): Uint8Array =>
  new Uint8Array(
    scryptSync(utf8(password), salt, 32, {
      N,
      r: SCRYPT.r,
      p: SCRYPT.p,
      maxmem: 512 * 1024 * 1024,
    }),
  );

const malformed = (at: string, why: string) => new IngotError("malformed", { what: WHAT, at, why });
