/** Keys and signatures of every kind: the same answer on every runtime. */
import assert from "node:assert/strict";
import { createHash, sign as signNative } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { p256, p521 } from "@noble/curves/nist.js";
import fc from "fast-check";
import { isIngotError } from "../../../src/base/error.ts";
import { schemeOf } from "../../../src/trust/keys/check-signature.ts";
import { parsePublicKey } from "../../../src/trust/keys/public-key.ts";
import { root } from "../../support/process/ingot.ts";
import {
  newEdKey,
  newKey,
  newRsaKey,
  signBytes,
  type TestKey,
} from "../../support/trust/signing.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const parse = (pem: string) => parsePublicKey(bytes(pem), "k.pub");
const MESSAGE = bytes("what is signed");

const rsa = newRsaKey(2048);
const kinds: readonly (readonly [string, TestKey, string])[] = [
  ["ECDSA P-256", newKey("prime256v1"), "ECDSA P-256 SHA-256"],
  ["ECDSA P-384", newKey("secp384r1"), "ECDSA P-384 SHA-256"],
  ["RSA", rsa, "RSA PKCS #1 v1.5 SHA-256"],
  ["Ed25519", newEdKey(), "Ed25519"],
];

for (const [kind, key, scheme] of kinds)
  test(`${kind}: what it signed, and nothing else`, () => {
    const found = parse(key.pem);
    assert.equal(found.kind, kind);
    assert.equal(found.hint, key.hint);
    const signature = signBytes(MESSAGE, key);
    assert.equal(schemeOf(found, MESSAGE, signature), scheme);
    assert.equal(schemeOf(found, bytes("something else"), signature), undefined);
    const other = parse(
      kind === "RSA" ? newRsaKey(2048).pem : kind === "Ed25519" ? newEdKey().pem : newKey().pem,
    );
    assert.equal(schemeOf(other, MESSAGE, signature), undefined);
    fc.assert(
      fc.property(fc.nat({ max: signature.length * 8 - 1 }), (bit) => {
        const changed = Buffer.from(signature);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        return schemeOf(found, MESSAGE, changed) === undefined;
      }),
      { numRuns: 40 },
    );
    for (const length of [0, 1, signature.length - 1])
      assert.equal(schemeOf(found, MESSAGE, signature.subarray(0, length)), undefined);
    assert.equal(schemeOf(found, MESSAGE, Buffer.concat([signature, Buffer.of(0)])), undefined);
  });

test("P-521 with every hash: Deno has none but SHA-512 of its own", () => {
  const { secretKey, publicKey } = p521.keygen();
  const pem = spki("2b81040023", p521.Point.fromBytes(publicKey).toBytes(false));
  const found = parse(pem);
  for (const hash of ["sha256", "sha512"]) {
    const digest = createHash(hash).update(MESSAGE).digest();
    const signature = p521.sign(digest, secretKey, { prehash: false, lowS: false, format: "der" });
    const name = hash.replace("sha", "SHA-");
    assert.equal(schemeOf(found, MESSAGE, signature), `ECDSA P-521 ${name}`);
    assert.equal(schemeOf(found, bytes("else"), signature), undefined);
  }
});

test("ECDSA: s may be low or high", () => {
  const { secretKey, publicKey } = p256.keygen();
  const found = parse(spki("2a8648ce3d030107", p256.Point.fromBytes(publicKey).toBytes(false)));
  const signature = p256.Signature.fromBytes(p256.sign(MESSAGE, secretKey));
  const { r, s } = signature;
  const twin = new p256.Signature(r, p256.Point.Fn.neg(s));
  for (const one of [signature, twin])
    assert.equal(schemeOf(found, MESSAGE, one.toBytes("der")), "ECDSA P-256 SHA-256");
  // The number of a signature in another encoding is none: runtimes differ in what they forgive.
  const der = signature.toBytes("der");
  const long = Buffer.concat([Buffer.of(0x30, 0x81, der[1]!), der.subarray(2)]);
  assert.equal(schemeOf(found, MESSAGE, long), undefined);
  assert.equal(schemeOf(found, MESSAGE, signature.toBytes("compact")), undefined);
});

test("RSA with PSS", () => {
  const signature = signBytes(MESSAGE, rsa, true);
  assert.equal(schemeOf(parse(rsa.pem), MESSAGE, signature), "RSA PSS SHA-256");
});

test("RSA in other files is the same key", () => {
  const pkcs1 = rsaPkcs1(rsa);
  assert.equal(parse(pkcs1).id, parse(rsa.pem).id);
  const commented = `a comment\n${rsa.pem.replaceAll("\n", "\r\n")}another`;
  assert.equal(parse(commented).id, parse(rsa.pem).id);
});

test("cosign's keys", () => {
  for (const name of ["p256", "p384", "p521", "rsa2048", "rsa3072", "rsa4096", "ed25519"]) {
    const file = readFileSync(join(root, "test/fixtures/signed", `${name}.pub`));
    const found = parsePublicKey(file, name);
    assert.match(found.id, /^SHA256:[A-Za-z0-9+/]{43}$/);
    assert.match(found.kind.toLowerCase().replace(/[- ]/g, ""), new RegExp(name.slice(0, 3)));
  }
});

const BAD: Readonly<Record<string, readonly [string, string]>> = {
  "no PEM": ["hello", "malformed"],
  "a private key": [`${rsa.privateKey.export({ format: "pem", type: "pkcs8" })}`, "malformed"],
  "two keys": [`${rsa.pem}${rsa.pem}`, "malformed"],
  "a certificate": [
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "unsupported",
  ],
  "a short RSA key": [newRsaKey(1024).pem, "unsupported"],
  "another curve": [spki("2b8104000a", p256.Point.BASE.toBytes(false)), "unsupported"],
  "a compressed point": [spki("2a8648ce3d030107", p256.Point.BASE.toBytes(true)), "malformed"],
  "a point that is not on the curve": [
    spki("2a8648ce3d030107", Uint8Array.of(4, ...new Uint8Array(63), 1)),
    "malformed",
  ],
  "bytes after the key": [
    rewrapped(newKey().pem, (der) => Buffer.concat([der, Buffer.of(0)])),
    "malformed",
  ],
  "a long file": [`${"x".repeat(70_000)}${rsa.pem}`, "too-large"],
};
for (const [what, [pem, code]] of Object.entries(BAD))
  test(`${what} is refused`, () => {
    assert.throws(
      () => parse(pem),
      (error) => isIngotError(error) && error.code === code,
    );
  });

test("whatever a key file is, it is a key or it is refused", () => {
  const der = Buffer.from(newKey().pem.split("\n").slice(1, -2).join(""), "base64");
  fc.assert(
    fc.property(fc.nat({ max: der.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
      const changed = Buffer.from(der);
      changed[at] = byte;
      try {
        const found = parse(pemOf(changed));
        // A changed key did not sign what the first one did.
        return schemeOf(found, MESSAGE, Buffer.alloc(70, 1)) === undefined;
      } catch (error) {
        return isIngotError(error);
      }
    }),
    { numRuns: 200 },
  );
});

function pemOf(der: Uint8Array, label = "PUBLIC KEY"): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(der).toString("base64")}\n-----END ${label}-----\n`;
}

/** The SubjectPublicKeyInfo of a point on a curve. */
function spki(curve: string, point: Uint8Array): string {
  const named = tlv(6, Buffer.from(curve, "hex"));
  const algorithm = tlv(0x30, Buffer.concat([tlv(6, Buffer.from("2a8648ce3d0201", "hex")), named]));
  return pemOf(tlv(0x30, Buffer.concat([algorithm, tlv(3, Buffer.concat([Buffer.of(0), point]))])));
}

function tlv(tag: number, body: Uint8Array): Buffer {
  const head = body.length < 0x80 ? [body.length] : [0x81, body.length];
  return Buffer.concat([Buffer.of(tag, ...head), body]);
}

function rewrapped(pem: string, change: (der: Buffer) => Buffer): string {
  return pemOf(change(Buffer.from(pem.split("\n").slice(1, -2).join(""), "base64")));
}

/** The key in the form of PKCS #1: what the SubjectPublicKeyInfo wraps. */
function rsaPkcs1(key: TestKey): string {
  const der = Buffer.from(key.pem.split("\n").slice(1, -2).join(""), "base64");
  return pemOf(der.subarray(24), "RSA PUBLIC KEY");
}

test("a native signature is the runtime's own", () => {
  const key = newKey("secp384r1");
  const signature = signNative("sha384", MESSAGE, key.privateKey);
  assert.equal(schemeOf(parse(key.pem), MESSAGE, signature), "ECDSA P-384 SHA-384");
});
