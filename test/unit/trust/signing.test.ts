/** What signs: the vectors of RFC 6979, keys in every file, and the same bytes everywhere. */
import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { isIngotError } from "../../../src/base/error.ts";
import { schemeOf } from "../../../src/trust/keys/check-signature.ts";
import { parsePublicKey } from "../../../src/trust/keys/public-key.ts";
import { KEY_TYPES, makeKeyPair } from "../../../src/trust/sign/key-pair.ts";
import { parsePrivateKey } from "../../../src/trust/sign/private-key.ts";
import { root } from "../../support/process/ingot.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const none = (): Promise<string> => Promise.reject(new Error("no password is asked for"));
const password = (text: string) => () => Promise.resolve(text);
const parse = (pem: string, ask = none) => parsePrivateKey(bytes(pem), "k.pem", ask);
const SAMPLE = bytes("sample");

/** RFC 6979, A.2.5 to A.2.7: the key, and r and s of "sample" with the hash of the curve's size. */
const VECTORS = [
  {
    curve: p256,
    crv: "P-256",
    x: "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
    r: "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
    s: "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
  },
  {
    curve: p384,
    crv: "P-384",
    x: "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
    r: "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
    s: "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
  },
  {
    curve: p521,
    crv: "P-521",
    x: "0FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B83538",
    r: "0C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA",
    s: "0617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A",
  },
] as const;

for (const { curve, crv, x, r, s } of VECTORS)
  test(`RFC 6979, ${crv}`, async () => {
    const size = crv === "P-521" ? 66 : x.length / 2;
    const secret = Buffer.from(x.padStart(size * 2, "0"), "hex");
    const point = curve.getPublicKey(secret, false);
    const url = (part: Uint8Array) => Buffer.from(part).toString("base64url");
    const jwk = {
      ...{ kty: "EC", crv, d: url(secret) },
      ...{ x: url(point.subarray(1, 1 + size)), y: url(point.subarray(1 + size)) },
    };
    const pem = pemOf(createPrivateKey({ key: jwk, format: "jwk" }));
    const key = await parse(pem);
    const made = curve.Signature.fromBytes(key.sign(SAMPLE), "der");
    assert.equal(made.r, BigInt(`0x${r}`));
    assert.equal(made.s, BigInt(`0x${s}`));
    assert.ok(schemeOf(key.publicKey, SAMPLE, key.sign(SAMPLE))?.startsWith(`ECDSA ${crv}`));
  });

const pemOf = (key: KeyObject, type: "pkcs8" | "sec1" | "pkcs1" = "pkcs8") =>
  `${key.export({ format: "pem", type })}`;

test("one key in every form of file signs the same", async () => {
  const ec = generateKeyPairSync("ec", { namedCurve: "secp384r1" }).privateKey;
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  for (const [key, other] of [
    [ec, "sec1"],
    [rsa, "pkcs1"],
  ] as const) {
    const one = await parse(pemOf(key));
    const two = await parse(pemOf(key, other));
    assert.equal(one.publicKey.id, two.publicKey.id);
    assert.deepEqual(one.sign(SAMPLE), two.sign(SAMPLE));
    assert.ok(schemeOf(one.publicKey, SAMPLE, one.sign(SAMPLE)));
  }
});

test("cosign's encrypted key, and a wrong password", async () => {
  const file = readFileSync(join(root, "test/fixtures/signed/cosign.key"));
  const open = readFileSync(join(root, "test/fixtures/signed/cosign.pub"));
  const key = await parsePrivateKey(file, "cosign.key", password("password"));
  assert.equal(key.publicKey.id, parsePublicKey(open, "cosign.pub").id);
  assert.equal(key.pem, `${open}`);
  await refused(parsePrivateKey(file, "cosign.key", password("passwort")), /does not open it/);
});

test("new keys of every type, encrypted, read back", async () => {
  for (const type of KEY_TYPES) {
    const made = makeKeyPair(type, "", "new.key");
    const key = await parse(made.privatePem, password(""));
    assert.equal(key.pem, made.publicPem);
    const found = parsePublicKey(bytes(made.publicPem), "new.pub");
    assert.equal(found.id, made.key.id);
    const signature = key.sign(SAMPLE);
    assert.deepEqual(key.sign(SAMPLE), signature);
    assert.ok(schemeOf(found, SAMPLE, signature), type);
  }
});

test("what is no private key", async () => {
  const open = readFileSync(join(root, "test/fixtures/signed/p256.pub"));
  await refused(parse(`${open}`), /it is a public key/);
  await refused(parse("hello"), /no PEM block/);
  const body = Buffer.from("hello").toString("base64");
  const block = (label: string) => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
  await refused(parse(block("PRIVATE KEY")), /not a private key/);
  await refused(parse(block("ENCRYPTED PRIVATE KEY")), /ENCRYPTED PRIVATE KEY/);
  await refused(parse(block("ENCRYPTED SIGSTORE PRIVATE KEY"), password("")), /not well formed/);
  // 2^30 would take a terabyte.
  const greedy = {
    kdf: { name: "scrypt", params: { N: 2 ** 30, r: 8, p: 1 }, salt: "AAAA" },
    cipher: { name: "nacl/secretbox", nonce: Buffer.alloc(24).toString("base64") },
    ciphertext: "AAAA",
  };
  const json = Buffer.from(JSON.stringify(greedy)).toString("base64");
  const pem = `-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n${json}\n-----END ENCRYPTED COSIGN PRIVATE KEY-----\n`;
  await refused(parse(pem, password("")), /kdf.params.N/);
});

/** It is refused as an error of the user's, and the message says why. */
async function refused(act: Promise<unknown>, why: RegExp): Promise<void> {
  await assert.rejects(act, (error) => {
    assert.ok(isIngotError(error), String(error));
    assert.notEqual(error.code, "internal");
    assert.match(`${error.message} ${JSON.stringify(error.facts)}`, why);
    return true;
  });
}
