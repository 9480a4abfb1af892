/** New keys, and how they are written: as cosign does. */
import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { utf8 } from "../../base/bytes.ts";
import { formatJson } from "../../base/json/json.ts";
import type { PublicKey } from "../keys/public-key.ts";
import { ownKey, pemBlock, SCRYPT, stretch } from "./private-key.ts";

/** What keys can be made. */
export const KEY_TYPES = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-3072"] as const;
export type KeyType = (typeof KEY_TYPES)[number];

/** A new key, encrypted with a password, and its public one; both in PEM. */
export interface NewKeyPair {
  readonly privatePem: string;
  readonly publicPem: string;
  readonly key: PublicKey;
}

/** Makes a key pair. The password may be empty. */
export function makeKeyPair(type: KeyType, password: string, name: string): NewKeyPair {
  const key = generate(type);
  const pkcs8 = key.export({ format: "der", type: "pkcs8" });
  const { pem, publicKey } = ownKey(key, name);
  return { privatePem: encrypt(pkcs8, password), publicPem: pem, key: publicKey };
}

function generate(type: KeyType): KeyObject {
  const curve = {
    "ecdsa-p256": "prime256v1",
    "ecdsa-p384": "secp384r1",
    "ecdsa-p521": "secp521r1",
  };
  if (type === "ed25519") return generateKeyPairSync("ed25519").privateKey;
  if (type === "rsa-3072") return generateKeyPairSync("rsa", { modulusLength: 3072 }).privateKey;
  return generateKeyPairSync("ec", { namedCurve: curve[type] }).privateKey;
}

function encrypt(pkcs8: Uint8Array, password: string): string {
  const [salt, nonce] = [randomBytes(32), randomBytes(24)];
  const box = xsalsa20poly1305(stretch(password, salt, SCRYPT.N), new Uint8Array(nonce));
  const json = formatJson({
    kdf: { name: "scrypt", params: { ...SCRYPT }, salt: salt.toString("base64") },
    cipher: { name: "nacl/secretbox", nonce: nonce.toString("base64") },
    ciphertext: Buffer.from(box.encrypt(new Uint8Array(pkcs8))).toString("base64"),
  });
  return pemBlock("ENCRYPTED SIGSTORE PRIVATE KEY", utf8(json));
}
