/** An image of a registry is verified as the archive that it would be: every byte and its signatures, with nothing kept. */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { blobOf, nameAll, putContainer } from "../../support/images/platforms.ts";
import { root } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { ask, say } from "../../support/process/say.ts";
import { tempDir } from "../../support/process/temp.ts";
import { startRegistry } from "../../support/registries/registry.ts";
import { newKey } from "../../support/trust/signing.ts";

const KEY = join(root, "test/fixtures/signed/cosign.key");
const PUB = join(root, "test/fixtures/signed/cosign.pub");

testWith(["docker-registry"], "docker://: signed, unsigned, damaged, absent", async (t) => {
  const dir = tempDir(t);
  const registry = await startRegistry(t);
  const env = { COSIGN_PASSWORD: "password", REGISTRY_AUTH_FILE: "/dev/null" };
  const layout = join(dir, "layout");
  const name = "registry.example/app:v1";
  const image = putContainer(layout, "app");
  nameAll(layout, { [name]: image });
  const there = `docker://${registry.host}/app:v1`;
  const copied = () => say(["copy", `oci:${layout}:${name}`, there], { env });
  assert.equal((await copied()).code, 0);
  const verify = (...words: string[]) => ask(["verify", there, ...words], { env });
  const plain = await verify();
  assert.equal(plain.code, 0, plain.err);
  assert.equal(plain.document.sources[0].blobs, 7);
  const unsigned = await verify("--key", PUB);
  assert.equal(unsigned.code, 1);
  assert.equal(unsigned.document.sources[0].findings[0].code, "unsigned");
  assert.equal((await say(["sign", layout, "--key", KEY], { env })).code, 0);
  assert.equal((await copied()).code, 0);
  for (const words of [[], ["--layers"], ["--platform", "linux/arm64"]]) {
    const signed = await verify("--key", PUB, ...words);
    assert.equal(signed.code, 0, signed.err);
    const [{ trust, referrers }] = signed.document.sources;
    assert.deepEqual([trust[0].verdict, referrers.length], ["yes", 3]);
  }
  const stranger = join(dir, "stranger.pub");
  writeFileSync(stranger, newKey().pem);
  assert.equal((await verify("--key", stranger)).code, 1);
  const refused = await say(["verify", there, "--canonical"], { env });
  assert.equal(refused.code, 2);
  assert.match(refused.err, /--canonical is about archives, and .* is an image/);
  const absent = await say(["verify", `docker://${registry.host}/none:v1`, "--key", PUB], { env });
  assert.equal(absent.code, 2);
  assert.match(absent.err, /cannot find the image/);
  // The registry gives other bytes than it was given: of a layer, whose digest nobody but the client checks.
  const { layers } = JSON.parse(`${blobOf(layout, image.platforms[0]!.digest)}`);
  const hex: string = layers[0].digest.slice("sha256:".length);
  const blobs = join(registry.dir, "data/docker/registry/v2/blobs/sha256");
  const file = join(blobs, hex.slice(0, 2), hex, "data");
  assert.ok(existsSync(file));
  const whole = readFileSync(file);
  const other = Buffer.from(whole);
  other[40]! ^= 1;
  writeFileSync(file, other);
  const damaged = await say(["verify", there, "--key", PUB], { env });
  assert.notEqual(damaged.code, 0);
  assert.doesNotMatch(damaged.out, /^OK/);
  truncateSync(file, 10);
  const cut = await say(["verify", there, "--key", PUB], { env });
  assert.notEqual(cut.code, 0);
  assert.doesNotMatch(cut.out, /^OK/);
  writeFileSync(file, whole);
  appendFileSync(file, "more");
  assert.notEqual((await say(["verify", there, "--key", PUB], { env })).code, 0);
  writeFileSync(file, whole);
  assert.equal((await verify("--key", PUB)).code, 0);
});
