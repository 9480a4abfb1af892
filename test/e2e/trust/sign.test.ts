/** Signing without a registry: where the images are, or into a new archive; the same bytes each time. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { nameAll, putContainer } from "../../support/images/platforms.ts";
import { forms, ingot, root } from "../../support/process/ingot.ts";
import { ask, say } from "../../support/process/say.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { newEdKey, newKey } from "../../support/trust/signing.ts";

const KEY = join(root, "test/fixtures/signed/cosign.key");
const PUB = join(root, "test/fixtures/signed/cosign.pub");
const NAME = "registry.example/team/app:v1";
const env = { COSIGN_PASSWORD: "password" };
const sum = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** A layout of one image for two platforms, a store with it, and an archive of it. */
async function place(t: Ends) {
  const dir = tempDir(t);
  const [layout, store, tar] = ["layout", "store", "app.tar"].map((name) => join(dir, name));
  nameAll(layout!, { [NAME]: putContainer(layout!, "app") });
  const made = await say(["export", `oci:${layout}:${NAME}`, "-o", tar!]);
  assert.equal(made.code, 0, made.err);
  assert.equal((await say(["import", tar!, "--store", store!])).code, 0);
  return { dir, layout: layout!, store: store!, tar: tar! };
}

/** Runs ingot, which must say yes. */
async function yes(words: readonly string[]) {
  const found = await say(words, { env });
  assert.equal(found.code, 0, `${words.join(" ")}\n${found.out}${found.err}`);
  return found.out;
}

test("an archive, to a file and to a pipe: one digest, on every form of the program", async (t) => {
  const dir = tempDir(t);
  const tar = join(root, "test/fixtures/ig-export-hello.tar");
  const before = sum(readFileSync(tar));
  // Bundles of another release than this one would have other bytes: nothing of the machine or the clock may.
  const expected = {
    bundle: "f0cb431920809245ce5f7e12811c0f59771196b1f63534eb7a842fc18e56243b",
    tag: "b181d36f2ce28a3342037cf912cc527877f514d7a91178a39b3a272f8e4afab2",
  };
  for (const form of ["bundle", "tag"] as const)
    for (const how of forms) {
      const out = join(dir, `${form}-${how}.tar`);
      const words = ["sign", tar, "--key", KEY, "--form", form];
      const made = await ingot([...words, "-o", out], {
        form: how,
        env: { ...env, TZ: "Asia/Tokyo" },
      });
      assert.equal(made.code, 0, made.stderr);
      assert.equal(sum(readFileSync(out)), expected[form], `${form} ${how}`);
      const piped = await ingot([...words, "-o", "-"], { form: how, env });
      assert.equal(sum(piped.stdout), expected[form], `${form} ${how}, piped`);
      const said = await yes(["verify", out, "--canonical", "--key", PUB]);
      assert.match(said, /OK .* 1 image, \d signatures?, .*, canonical\n/);
      assert.match(said, /linux\/amd64 sha256:[0-9a-f]{64}: signed\n/);
    }
  assert.equal(sum(readFileSync(tar)), before);
  const again = join(dir, "again.tar");
  await yes(["sign", join(dir, "bundle-bun.tar"), "--key", KEY, "-o", again]);
  assert.equal(sum(readFileSync(again)), expected.bundle);
});

test("a stored image and a layout", async (t) => {
  const { store, layout } = await place(t);
  for (const [source, at] of [
    [NAME, store],
    [`oci:${layout}:${NAME}`, layout],
  ] as const) {
    const words = (key: string) => ["verify", source, "--key", key, "--store", store];
    assert.equal((await say(words(PUB))).code, 1);
    const signed = await ask(["sign", source, "--key", KEY, "--store", store], { env });
    assert.equal(signed.code, 0, signed.err);
    const { signatures, images, form } = signed.document;
    assert.equal(form, "bundle");
    assert.equal(images[0].reference, NAME);
    assert.deepEqual(
      signatures.map(({ platform }: { platform?: string }) => platform),
      [undefined, "linux/amd64", "linux/arm64"],
    );
    await yes(words(PUB));
    const index = readFileSync(join(at, "index.json"));
    const blobs = readdirSync(join(at, "blobs/sha256"));
    await yes(["sign", source, "--key", KEY, "--store", store]);
    assert.deepEqual(readFileSync(join(at, "index.json")), index);
    assert.deepEqual(readdirSync(join(at, "blobs/sha256")), blobs);
  }
  const listed = await yes(["list", "--store", store]);
  assert.equal(
    listed
      .trim()
      .split("\n")
      .filter((line) => line.includes("sha256:")).length,
    1,
  );
});

test("cosign's tag takes a second key's signature beside the first", async (t) => {
  const { dir, store } = await place(t);
  const second = newEdKey();
  const [secret, open] = [join(dir, "second.pem"), join(dir, "second.pub")];
  writeFileSync(secret, `${second.privateKey.export({ format: "pem", type: "pkcs8" })}`);
  writeFileSync(open, second.pem);
  const words = ["--form", "tag", "--store", store];
  await yes(["sign", NAME, "--key", KEY, ...words]);
  await yes(["sign", NAME, "--key", secret, ...words]);
  await yes(["sign", NAME, "--key", secret, ...words]);
  const both = ["--key", PUB, "--key", open, "--threshold", "2", "--store", store];
  const { document } = await ask(["verify", NAME, ...both]);
  assert.equal(document.sources[0].ok, true);
  // One manifest for the index and each platform: a registry has one under the tag.
  assert.equal(document.sources[0].referrers.length, 3);
  assert.equal(document.sources[0].trust[0].signatures.length, 6);
});

test("attest: what is said of an image, of a platform, and demanded", async (t) => {
  const { dir, store, tar } = await place(t);
  const file = join(dir, "predicate.json");
  writeFileSync(file, '{ "score": 7.50, "builder": {"id": "https://ci.example"} }\n');
  const attest = (type: string, ...more: string[]) => [
    ...["attest", NAME, "--key", KEY, "--type", type, "--predicate", file],
    ...["--store", store, ...more],
  ];
  const demand = (...types: string[]) => [
    ...["verify", NAME, "--key", PUB, "--store", store],
    ...types.flatMap((type) => ["--attestation", type]),
  ];
  await yes(["sign", NAME, "--key", KEY, "--store", store]);
  const lacking = await ask(demand("slsaprovenance1"));
  assert.equal(lacking.code, 1);
  assert.equal(lacking.document.sources[0].findings[0].code, "not-attested");
  await yes(attest("slsaprovenance1"));
  await yes(attest("https://example.com/score/v1", "--platform", "linux/amd64"));
  assert.match(
    await yes(demand("slsaprovenance1")),
    /attestation https:\/\/example.com\/score\/v1 of linux\/amd64 by /,
  );
  assert.equal((await say(demand("https://example.com/score/v1"))).code, 1);
  await yes([...demand("https://example.com/score/v1"), "--platform", "linux/amd64"]);
  // Into an archive: the bytes are those of the predicate's file.
  const [one, two] = [join(dir, "one.tar"), join(dir, "two.tar")];
  for (const out of [one, two]) {
    const words = ["attest", tar, "--key", KEY, "--type", "vuln", "--predicate", file, "-o", out];
    await yes(words);
  }
  assert.equal(sum(readFileSync(one)), sum(readFileSync(two)));
  const bad: readonly (readonly [string, RegExp])[] = [
    ["[1]", /it is not a JSON object/],
    ['{"a": 1, "a": 2}', /stands twice/],
    ["{", /not well formed/],
  ];
  for (const [text, why] of bad) {
    writeFileSync(file, text);
    const { code, err } = await say(attest("vuln"), { env });
    assert.equal(code, 2);
    assert.match(err, why);
  }
  const { code, err } = await say(attest("slsaprovenance12"), { env });
  assert.equal(code, 2);
  assert.match(err, /did you mean .*slsaprovenance1 or/);
});

test("keygen, public-key: what they write is read", async (t) => {
  const dir = tempDir(t);
  const prefix = join(dir, "team");
  const made = await ask(["keygen", "-o", prefix, "--type", "ecdsa-p384"], { env });
  assert.equal(made.code, 0, made.err);
  assert.equal(statSync(`${prefix}.key`).mode & 0o777, 0o600);
  assert.match(
    `${readFileSync(`${prefix}.key`)}`,
    /^-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----/,
  );
  const open = `${readFileSync(`${prefix}.pub`)}`;
  assert.equal(await yes(["public-key", "--key", `${prefix}.key`]), open);
  assert.equal(await yes(["public-key", "--key", `${prefix}.pub`]), open);
  const again = await say(["keygen", "-o", prefix], { env });
  assert.equal(again.code, 2);
  assert.match(again.err, /is there already, and keys are never overwritten/);
  const file = join(dir, "password");
  writeFileSync(file, "password\n");
  const other = { env: { COSIGN_PASSWORD: "wrong" } };
  const right = await say(["public-key", "--key", KEY, "--password-file", file], other);
  assert.equal(right.out, `${readFileSync(PUB)}`);
  const wrong = await say(["public-key", "--key", KEY], other);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /the password does not open it/);
  const unsaid = await say(["public-key", "--key", KEY], { env: { COSIGN_PASSWORD: undefined } });
  assert.equal(unsaid.code, 2);
  assert.match(unsaid.err, /the password of .* is not given/);
});

test("words that cannot be meant change nothing", async (t) => {
  const { dir, tar, store } = await place(t);
  const key = join(dir, "k.pem");
  writeFileSync(key, `${newKey().privateKey.export({ format: "pem", type: "pkcs8" })}`);
  mkdirSync(join(dir, "empty"));
  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [[tar, "--key", key], /is an archive, and an archive is never changed/],
    [[NAME, "--key", PUB], /cannot read the private key .*: it is a public key/],
    [[NAME, "--key", join(dir, "none")], /none/],
    [["registry.example/none:v1", "--key", key], /cannot find the image/],
    [["docker://registry.example/app:v1", "--key", key], /transport docker:/],
    [[NAME, "--key", key, "--form", "other"], /--form/],
  ];
  const index = readFileSync(join(store, "index.json"));
  for (const [words, why] of refused) {
    const { code, err } = await say(["sign", ...words, "--store", store], { env });
    assert.equal(code, 2, `${words.join(" ")}\n${err}`);
    assert.match(err, why);
    assert.doesNotMatch(err, /PRIVATE KEY-----/);
  }
  assert.deepEqual(readFileSync(join(store, "index.json")), index);
});
