/** No link between an image and its referrers is lost on the way, and what is left behind is said. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { putContainer } from "./support/platforms.ts";
import {
  digests,
  named,
  putAttestation,
  putIndex,
  putReferrer,
  refersTo,
  SPDX,
  writeIndex,
} from "./support/referrers.ts";
import { ask, say } from "./support/say.ts";
import { tempDir } from "./support/temp.ts";

test("an attestation that is part of one image and a referrer of another keeps its entry", async (t) => {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const [amd64, arm64] = putContainer(layout, "app").platforms;
  const attestation = putAttestation(layout, amd64!);
  const whole = named(putIndex(layout, [amd64!, arm64!, attestation]), "r.test/app:v1");
  const part = named(amd64!, "r.test/app:amd64");
  const exported = async (entries: Parameters<typeof writeIndex>[1], name: string) => {
    writeIndex(layout, entries);
    const file = join(dir, name);
    const { code, document, err } = await ask(["export", layout, "--referrers", "-o", file]);
    assert.equal(code, 0, err);
    assert.equal((await say(["verify", "--canonical", file])).code, 0);
    return { file, referrers: digests(document.referrers) };
  };
  // Every image that has the subject contains it: it is part of them, and has no entry.
  const one = await exported([whole, refersTo(attestation, amd64!)], "one.tar");
  assert.deepEqual(one.referrers, []);
  const both = await exported([part, whole, refersTo(attestation, amd64!)], "both.tar");
  assert.deepEqual(both.referrers, [attestation.digest]);
  // So it is still there when the other image goes.
  const store = ["--store", join(dir, "store")];
  assert.equal((await say(["import", both.file, ...store])).code, 0);
  assert.equal((await say(["remove", "r.test/app:v1", ...store])).code, 0);
  const alone = join(dir, "alone.tar");
  const words = ["export", "r.test/app:amd64", "--referrers", "-o", alone, ...store];
  const { document } = await ask(words);
  assert.deepEqual(digests(document.referrers), [attestation.digest]);
});

test("a signature that has an image's name of its own travels with its image as well", async (t) => {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const app = putContainer(layout, "app");
  const signature = putReferrer(layout, app);
  const sbom = putReferrer(layout, app, SPDX);
  writeIndex(layout, [
    named(app, "r.test/app:v1"),
    named(signature, "r.test/app:the-signature"),
    named(sbom, "r.test/app:the-sbom"),
  ]);
  const store = ["--store", layout];
  const file = join(dir, "app.tar");
  const { document, err } = await ask(["export", "r.test/app:v1", "-o", file, ...store]);
  assert.deepEqual(digests(document.images), [app.digest]);
  assert.deepEqual(digests(document.referrers), [signature.digest]);
  assert.deepEqual(digests(document.left), [sbom.digest]);
  assert.match(err, /left behind: 1 SBOM/);
  assert.equal((await say(["verify", "--canonical", file])).code, 0);
  // Both: an image under its name, and what refers to the other.
  const all = await ask(["export", layout, "-o", join(dir, "all.tar")]);
  assert.equal(all.document.images.length, 3);
  assert.deepEqual(digests(all.document.referrers), [signature.digest]);
  const into = ["--store", join(dir, "store")];
  assert.equal((await say(["import", join(dir, "all.tar"), ...into])).code, 0);
  const listed = (await ask(["list", ...into])).document;
  assert.deepEqual([listed.images.length, listed.referrers.length], [3, 1]);
  const dry = await say(["push", "r.test/app:v1", "localhost:1/x", "--dry-run", ...store]);
  assert.match(dry.out, new RegExp(`localhost:1/x@${signature.digest}`));
});
