/** What cosign signed, verified from everywhere that images can be. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { putImage } from "../../support/images/layout.ts";
import { blobOf, OCI, put } from "../../support/images/platforms.ts";
import { command, forms, ingot, root } from "../../support/process/ingot.ts";
import { run } from "../../support/process/run.ts";
import { ask, say } from "../../support/process/say.ts";
import { tempDir } from "../../support/process/temp.ts";
import { nameSigned, newKey, putBundle, putReferring } from "../../support/trust/signing.ts";

const fixture = (name: string) => join(root, "test/fixtures/signed", name);
const SIGNED = "localhost:5077/fix/signed:v1";
const TAR = fixture("cosign-3.tar");
const KEYS: Readonly<Record<string, string>> = {
  p256: "ECDSA P-256 SHA-256",
  p384: "ECDSA P-384 SHA-384",
  p521: "ECDSA P-521 SHA-512",
  rsa2048: "RSA PKCS #1 v1.5 SHA-256",
  rsa3072: "RSA PKCS #1 v1.5 SHA-256",
  rsa4096: "RSA PKCS #1 v1.5 SHA-256",
  ed25519: "Ed25519ph",
};
const given = (names: readonly string[]) =>
  names.flatMap((name) => ["--key", fixture(`${name}.pub`)]);

interface Signature {
  readonly form: string;
  readonly status: string;
  readonly scheme?: string;
  readonly signer?: { readonly name: string };
}

test("each of cosign's keys, in each of its forms", async () => {
  const names = Object.keys(KEYS);
  const words = ["verify", `oci-archive:${TAR}:${SIGNED}`, ...given(names), "--threshold", "7"];
  const { code, document } = await ask(words);
  assert.equal(code, 0);
  const [{ trust }] = document.sources;
  assert.equal(trust[0].verdict, "yes");
  assert.equal(trust[0].targets[0].signers.length, 7);
  const verified = (trust[0].signatures as Signature[]).filter((one) => one.status === "verified");
  for (const [name, scheme] of Object.entries(KEYS)) {
    const made = verified.filter(({ signer }) => signer?.name === fixture(`${name}.pub`));
    assert.deepEqual(
      new Set(made.map((one) => one.form)),
      new Set(["simple signing", "bundle, DSSE"]),
    );
    assert.deepEqual(new Set(made.map((one) => one.scheme)), new Set([scheme]));
  }
});

test("from an archive, a pipe, a layout and the store", async (t) => {
  const dir = tempDir(t);
  const store = join(dir, "store");
  const layout = join(dir, "layout");
  mkdirSync(layout);
  execFileSync("tar", ["-xf", TAR, "-C", layout]);
  assert.equal((await say(["import", TAR, "--store", store])).code, 0);
  const key = given(["p256"]);
  for (const words of [
    [TAR, ...key],
    [layout, ...key],
    [SIGNED, ...key, "--store", store],
  ]) {
    const { code, out, err } = await say(["verify", ...words]);
    assert.equal(code, 0, `${words.join(" ")}\n${out}${err}`);
    assert.match(out, /signed:v1 sha256:[0-9a-f]{64}: signed\n/);
    assert.match(out, /linux\/arm64 sha256:[0-9a-f]{64}: signed by the index\n/);
  }
  const piped = await say(["verify", "-", ...given(["p521"])], { input: readFileSync(TAR) });
  // The second image in it has no signature by this key.
  assert.equal(piped.code, 1, piped.err);
  assert.match(piped.out, /signed:v1 sha256:[0-9a-f]{64}: signed\n/);
  assert.match(piped.out, /platforms:v1 sha256:[0-9a-f]{64}: not signed as asked\n/);
  assert.match(piped.out, /finding: .*none by a key that was given.* \[not-trusted\]/);
});

test("an archive in volumes, and a delta with its base", async (t) => {
  const dir = tempDir(t);
  const [layout, tar, delta] = ["layout", "all.tar", "delta.tar"].map((name) => join(dir, name));
  const key = newKey();
  const file = join(dir, "key.pub");
  writeFileSync(file, key.pem);
  const names = ["registry.example/app:v1", "registry.example/app:v2"];
  const images = names.map((name, i) =>
    putImage(layout!, { name, seed: "one", layers: [2_500_000, 100].slice(0, i + 1) }),
  );
  const layer = JSON.parse(`${blobOf(layout!, images[0]!.digest)}`).layers[0];
  const manifest = JSON.parse(`${blobOf(layout!, images[1]!.digest)}`);
  images[1] = put(layout!, manifest.mediaType, {
    ...manifest,
    layers: [layer, manifest.layers[1]],
  });
  const named = Object.fromEntries(names.map((name, i) => [name, images[i]!]));
  nameSigned(
    layout!,
    named,
    images.map((image) => putBundle(layout!, image, key)),
  );
  const exported = (...words: string[]) => say(["export", ...words]);
  assert.equal(
    (await exported(`oci:${layout}:${names[0]}`, "-o", tar!, "--split", "1MiB")).code,
    0,
  );
  const volumes = await say(["verify", `${tar}.volumes.json`, "--key", file]);
  assert.equal(volumes.code, 0, volumes.err);
  assert.match(volumes.out, /app:v1 sha256:[0-9a-f]{64}: signed\n/);
  const one = await say(["verify", `${tar}.001`, "--key", file]);
  assert.equal(one.code, 2);
  assert.match(one.err, /--key is about archives, and .* is one volume of one/);
  const base = ["--base", `oci:${layout}:${names[0]}`];
  const made = await exported(`oci:${layout}:${names[1]}`, "-o", delta!, ...base);
  assert.equal(made.code, 0, made.err);
  assert.equal((await say(["verify", delta!, "--key", file])).code, 2);
  const whole = await say(["verify", delta!, "--key", file, ...base]);
  assert.equal(whole.code, 0, `${whole.out}${whole.err}`);
});

test("a byte of a layer, and a byte of a signature", async (t) => {
  const dir = tempDir(t);
  const bytes = readFileSync(TAR);
  const at = bytes.indexOf(Buffer.from([0x1f, 0x8b, 0x08]));
  assert.ok(at > 0);
  bytes[at + 20]! ^= 1;
  const damaged = join(dir, "damaged.tar");
  writeFileSync(damaged, bytes);
  const { code, document } = await ask(["verify", damaged, ...given(["p256"])]);
  assert.equal(code, 1);
  assert.deepEqual(
    document.sources[0].trust.map(({ verdict }: { verdict: string }) => verdict),
    ["yes", "yes"],
  );
});

test("an image that nobody signed, and one that a stranger did", async (t) => {
  const dir = tempDir(t);
  const key = join(dir, "stranger.pub");
  writeFileSync(key, newKey().pem);
  const words = ["verify", `oci-archive:${TAR}:${SIGNED}`, "--key", key];
  const stranger = await ask(words);
  assert.equal(stranger.code, 1);
  const [found] = stranger.document.sources[0].findings;
  assert.equal(found.code, "not-trusted");
  const unsigned = await ask([
    "verify",
    join(root, "test/fixtures/ig-export-hello.tar"),
    "--key",
    key,
  ]);
  assert.equal(unsigned.code, 1);
  assert.ok(
    unsigned.document.sources[0].findings.some(({ code }: { code: string }) => code === "unsigned"),
  );
});

test("an identity, by a trusted root in a file: no network, no writing, no other program", async (t) => {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const {
    root: trusted,
    manifests,
    bundles,
  } = JSON.parse(readFileSync(fixture("keyless.json"), "utf8"));
  writeFileSync(join(dir, "root.json"), JSON.stringify(trusted));
  put(layout, "application/vnd.oci.empty.v1+json", {});
  const image = put(layout, OCI.manifest, Buffer.from(manifests.app));
  nameSigned(layout, { "registry.example/app:v1": image }, [
    putReferring(layout, image, bundles.good),
  ]);
  const asked = (identity: string) => [
    ...["verify", layout, "--trusted-root", join(dir, "root.json")],
    ...["--identity", identity, "--issuer", "https://issuer.example"],
  ];
  const may = ["--no-prompt", "--allow-read", "--allow-env", "--allow-sys"];
  const denied = ["--deny-net", "--deny-write", "--deny-run", "--deny-ffi"];
  const [deno = "", ...words] = (await command("deno")).flatMap((word) =>
    word === "-A" ? [...may, ...denied] : [word],
  );
  const env = { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
  const alone = await run([deno, ...words, ...asked("me@example.com")], { env });
  assert.equal(alone.code, 0, alone.stderr);
  assert.match(
    `${alone.stdout}`,
    /signature by "me@example.com" .*, at 2026-12-01T.*transparency log/,
  );
  for (const form of forms) {
    const { code, stdout, stderr } = await ingot(asked("me@example.com"), { form });
    assert.equal(code, 0, stderr);
    assert.equal(`${stdout}`, `${alone.stdout}`);
    const other = await ingot(asked("you@example.com"), { form });
    assert.equal(other.code, 1);
    assert.match(`${other.stdout}`, /it is by me@example.com .*, who is not asked for/);
  }
});

test("import takes nothing that is not signed as asked", async (t) => {
  const dir = tempDir(t);
  const [key, unsigned] = [join(dir, "stranger.pub"), join(dir, "layout")];
  writeFileSync(key, newKey().pem);
  const store = ["--store", join(dir, "store")];
  const index = () => say(["list", ...store]);
  for (const words of [
    [TAR, "--key", key],
    // One of its two images has no signature by this key.
    [TAR, ...given(["p521"])],
    [join(root, "test/fixtures/ig-export-hello.tar"), ...given(["p256"])],
    [TAR, ...given(["p256"]), "--attestation", "slsaprovenance1"],
    [TAR, "--platform", "linux/arm64", ...given(["p521"])],
  ]) {
    const { code, out, err } = await say(["import", ...words, ...store]);
    assert.equal(code, 2, `${words.join(" ")}\n${out}${err}`);
    assert.match(err, /\[(?:not-trusted|unsigned|not-attested)\]/);
    assert.match(err, /nothing was changed/);
    assert.doesNotMatch((await index()).out, /sha256/);
  }
  const piped = await say(["import", "-", "--key", key, ...store], { input: readFileSync(TAR) });
  assert.equal(piped.code, 2);
  const signed = await ask(["import", "-", ...given(["p256"]), ...store], {
    input: readFileSync(TAR),
  });
  assert.equal(signed.code, 0, signed.err);
  assert.deepEqual(
    signed.document.trust.map(({ verdict }: { verdict: string }) => verdict),
    ["yes", "yes"],
  );
  const part = ["import", TAR, "--platform", "linux/arm64", ...given(["p256"])];
  assert.equal((await say([...part, "--store", unsigned])).code, 0);
});

test("words that cannot be meant", async (t) => {
  const dir = tempDir(t);
  const key = fixture("p256.pub");
  const secret = join(dir, "secret.pem");
  writeFileSync(secret, `${newKey().privateKey.export({ format: "pem", type: "pkcs8" })}`);
  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [["--threshold", "1"], /--threshold is about signers, and there is none/],
    [["--key", key, "--threshold", "0"], /--threshold is "0", should be a number/],
    [["--key", key, "--threshold", "2"], /2 keys must have signed, and 1 is given/],
    [["--key", key, "--key", key, "--threshold", "2"], /2 keys must have signed, and 1 is given/],
    [["--identity", "me@example.com"], /--issuer and --trusted-root are missing/],
    [["--key", key, "--trusted-root", key], /--identity and --issuer are missing/],
    [
      ["--identity", "me", "--issuer", "https://i.example", "--trusted-root", key],
      /cannot read JSON .*p256.pub/,
    ],
    [["--key", join(dir, "none.pub")], /none.pub/],
    [["--key", secret], /cannot read the public key .*: it is a private key/],
  ];
  for (const [words, why] of refused) {
    const { code, out, err } = await say(["verify", TAR, ...words]);
    assert.equal(code, 2, err);
    assert.equal(out, "");
    assert.match(err, why);
    assert.doesNotMatch(err, /PRIVATE KEY-----|at file:/);
  }
});
