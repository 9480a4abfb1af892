/** cosign 3 verifies what is signed here, and what it signs is verified here: with the real program, where it is on PATH. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nameAll, putContainer } from "../support/images/platforms.ts";
import { ingot } from "../support/process/ingot.ts";
import { testUnless, which } from "../support/process/needs.ts";
import { run } from "../support/process/run.ts";
import { tempDir } from "../support/process/temp.ts";
import { startRegistry } from "../support/registries/registry.ts";

// No distribution has it: go install github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3.
const missing = ["cosign", "docker-registry"].filter((program) => which(program) === undefined);
const hindrance = missing.length === 0 ? undefined : `not found on PATH: ${missing.join(", ")}`;

/** What `cosign verify` is to be told of the hash: by itself it tries SHA-256 alone. */
const HASHES: Readonly<Record<string, readonly string[]>> = {
  "ecdsa-p256": [],
  "ecdsa-p384": ["--signature-digest-algorithm", "sha384"],
  "ecdsa-p521": ["--signature-digest-algorithm", "sha512"],
  "rsa-3072": [],
  ed25519: [],
};
const OLD = ["--new-bundle-format=false"];

testUnless(hindrance, "cosign and ingot verify each other's signatures", async (t) => {
  const dir = tempDir(t);
  const { host } = await startRegistry(t);
  const env = { COSIGN_PASSWORD: "", TUF_ROOT: join(dir, "tuf"), HOME: dir };
  const layout = join(dir, "layout");
  const name = "registry.example/app:v1";
  const image = putContainer(layout, "app");
  nameAll(layout, { [name]: image });
  const done = async (words: readonly string[]) => {
    const { code, stdout, stderr } = await ingot(words, { env });
    assert.equal(code, 0, `${words.join(" ")}\n${stdout}${stderr}`);
    return `${stdout}`;
  };
  const cosign = async (...words: string[]) => {
    const { code, stdout, stderr } = await run(["cosign", ...words], { env, cwd: dir });
    assert.equal(code, 0, `cosign ${words.join(" ")}\n${stderr}`);
    return `${stdout}`;
  };
  const local = ["--allow-http-registry"];
  await cosign("signing-config", "create", "--out", "none.json");
  for (const [type, hash] of Object.entries(HASHES)) {
    const prefix = join(dir, type);
    await done(["keygen", "--type", type, "-o", prefix]);
    const [secret, open] = [`${prefix}.key`, `${prefix}.pub`];
    assert.equal(
      await cosign("public-key", "--key", secret),
      await done(["public-key", "--key", secret]),
    );
    for (const form of ["bundle", "tag"]) {
      const tar = join(dir, `${type}-${form}.tar`);
      await done(["sign", layout, "--key", secret, "--form", form, "-o", tar]);
      const there = `${host}/ours/${type}/${form}`;
      await done(["push", "--all", tar, "--to", there]);
      const how = form === "tag" ? OLD : [];
      for (const { digest } of [image, ...image.platforms])
        await cosign(
          ...["verify", "--key", open, "--insecure-ignore-tlog=true", ...local, ...how, ...hash],
          `${there}/app@${digest}`,
        );
      const theirs = `${host}/theirs/${type}-${form}`;
      await done(["copy", `oci:${layout}:${name}`, `docker://${theirs}:v1`]);
      const plain = ["--use-signing-config=false", "--tlog-upload=false", ...OLD];
      const flags = form === "tag" ? plain : ["--signing-config", "none.json"];
      await cosign("sign", "--key", secret, ...flags, ...local, "-y", `${theirs}@${image.digest}`);
      const back = join(dir, `${type}-${form}-theirs.tar`);
      await done(["export", `docker://${theirs}:v1`, "-o", back]);
      assert.match(await done(["verify", back, "--key", open]), /: signed\n/);
    }
  }
  const [predicate, attested] = [join(dir, "predicate.json"), join(dir, "attested.tar")];
  writeFileSync(predicate, '{"builder": {"id": "https://ci.example"}}');
  const key = ["--key", join(dir, "ecdsa-p256.key")];
  const said = ["--type", "slsaprovenance1", "--predicate", predicate];
  await done(["attest", layout, ...key, ...said, "-o", attested]);
  await done(["push", "--all", attested, "--referrers", "--to", `${host}/attested`]);
  await cosign(
    ...["verify-attestation", "--key", join(dir, "ecdsa-p256.pub"), "--type", "slsaprovenance1"],
    ...["--insecure-ignore-tlog=true", ...local, `${host}/attested/app@${image.digest}`],
  );
  // Another's key verifies neither.
  const other = join(dir, "other");
  await done(["keygen", "-o", other]);
  const { code } = await ingot([
    "verify",
    join(dir, "ed25519-tag-theirs.tar"),
    "--key",
    `${other}.pub`,
  ]);
  assert.equal(code, 1);
});
