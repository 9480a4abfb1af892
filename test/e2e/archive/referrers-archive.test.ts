/** One archive of one signed image, whichever way a registry keeps what refers to it; and what --platform does with it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Blob, OCI, put, putContainer } from "../../support/images/platforms.ts";
import { ingot } from "../../support/process/ingot.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { serveLayout } from "../../support/registries/layout-registry.ts";

const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const NOTATION = "application/vnd.cncf.notary.signature";
const SPDX = "application/spdx+json";
const ATTESTATION = "application/vnd.docker.attestation.manifest.v1+json";
const SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json";
const EMPTY = "application/vnd.oci.empty.v1+json";

const plain = ({ mediaType, digest, size }: Blob): Blob => ({ mediaType, digest, size });
const tagOf = ({ digest }: Blob) => digest.replace(":", "-");

function putReferrer(layout: string, type: string, subject: Blob | undefined, text = type): Blob {
  return put(layout, OCI.manifest, {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    artifactType: type,
    config: put(layout, EMPTY, {}),
    layers: [put(layout, type, Buffer.from(`${text} of ${subject?.digest}`))],
    ...(subject && { subject: plain(subject) }),
    annotations: { "org.opencontainers.image.created": "2026-01-01T00:00:00Z" },
  });
}

/** A signed image of two platforms, one attested as BuildKit does it, in two forms; in a layout, and in two registries of two kinds. */
async function signed(t: Ends) {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const { platforms } = putContainer(layout, "signed");
  const attests = (subject: Blob, blob: Blob) => ({
    ...blob,
    platform: { architecture: "unknown", os: "unknown" },
    annotations: {
      "vnd.docker.reference.digest": subject.digest,
      "vnd.docker.reference.type": "attestation-manifest",
    },
  });
  const [amd64, arm64] = platforms as [Blob, Blob];
  const attestation = putReferrer(layout, ATTESTATION, amd64);
  const older = putReferrer(layout, ATTESTATION, undefined, "without a subject");
  const image = put(layout, OCI.index, {
    schemaVersion: 2,
    mediaType: OCI.index,
    manifests: [amd64, arm64, attests(amd64, attestation), attests(arm64, older)],
  });
  const sbom = putReferrer(layout, SPDX, image);
  const blobs = {
    bundle: putReferrer(layout, BUNDLE, image),
    notation: putReferrer(layout, NOTATION, image),
    sbom,
    ofSbom: putReferrer(layout, BUNDLE, sbom),
    ofAmd64: putReferrer(layout, BUNDLE, amd64),
    ofArm64: putReferrer(layout, NOTATION, arm64),
    ofAttestation: putReferrer(layout, BUNDLE, attestation),
  };
  const cosign = put(layout, OCI.manifest, {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    config: put(layout, EMPTY, {}),
    layers: [put(layout, SIMPLE, Buffer.from("signed"))],
  });
  const list = (...referring: readonly Blob[]) =>
    put(layout, OCI.index, { schemaVersion: 2, mediaType: OCI.index, manifests: referring }).digest;
  const tags = { v1: image.digest, [`${tagOf(image)}.sig`]: cosign.digest };
  const { bundle, notation, ofSbom, ofAmd64, ofArm64, ofAttestation } = blobs;
  const lists = {
    [tagOf(image)]: list(bundle, notation, sbom),
    [tagOf(sbom)]: list(ofSbom),
    [tagOf(amd64)]: list(ofAmd64, attestation),
    [tagOf(arm64)]: list(ofArm64),
    [tagOf(attestation)]: list(ofAttestation),
  };
  const api = await serveLayout(t, { layout, tags, lists: true });
  const tagged = await serveLayout(t, { layout, tags: { ...tags, ...lists }, lists: false });
  const run = async (...words: string[]) => {
    const env = { INGOT_STORE: join(dir, "store"), REGISTRY_AUTH_FILE: "/dev/null" };
    const { code, stdout, stderr } = await ingot([...words, "--json"], { env });
    assert.equal(code, 0, `${words.join(" ")}\n${stderr}${stdout}`);
    return JSON.parse(`${stdout}`);
  };
  return { dir, api, tagged, run, image, amd64, arm64, attestation, older, cosign, ...blobs };
}

const digests = (list: readonly { readonly digest: string }[]) =>
  list.map(({ digest }) => digest).sort();
const sumOf = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

test("a registry with and one without the referrers API: one archive, byte for byte", async (t) => {
  const { dir, api, tagged, run, ...it } = await signed(t);
  const signatures = [it.cosign, it.bundle, it.notation, it.ofAmd64, it.ofArm64, it.ofAttestation];
  for (const [flags, expected, left] of [
    [[], signatures, [it.sbom]],
    [["--referrers"], [...signatures, it.sbom, it.ofSbom], []],
    [["--no-referrers"], [], []],
  ] as const) {
    const files = [api, tagged].map((host) => join(dir, `${host.replace(":", "-")}.tar`));
    for (const [i, host] of [api, tagged].entries()) {
      const to = `oci-archive:${files[i]}:r.example/app:v1`;
      const copied = await run("copy", `docker://${host}/app:v1`, to, ...flags);
      assert.deepEqual(digests(copied.referrers), digests(expected));
      assert.deepEqual(digests(copied.left), digests(left));
    }
    assert.equal(sumOf(files[0]!), sumOf(files[1]!));
    const { sources } = await run("verify", "--canonical", files[0]!);
    assert.deepEqual(digests(sources[0].referrers), digests(expected));
  }
});

test("with --platform its signatures and attestations stay; one of the whole index is named", async (t) => {
  const { dir, api, tagged, run, ...it } = await signed(t);
  for (const [platform, image, expected] of [
    ["linux/amd64", it.amd64, [it.attestation, it.ofAmd64, it.ofAttestation]],
    // An attestation manifest of the older form has no subject: the entry says it.
    ["linux/arm64", it.arm64, [it.older, it.ofArm64]],
  ] as const) {
    const files: string[] = [];
    for (const host of [api, tagged]) {
      const file = join(dir, `${host.replace(":", "-")}.tar`);
      const words = ["copy", `docker://${host}/app:v1`, `oci-archive:${file}:r.example/app:v1`];
      const copied = await run(...words, "--platform", platform);
      assert.deepEqual(digests(copied.images), [image.digest]);
      assert.deepEqual(digests(copied.referrers), digests(expected));
      const misfits = copied.left.map((one: { digest: string; why: string }) => [
        one.digest,
        one.why,
      ]);
      const whole = [it.cosign, it.bundle, it.notation].map(({ digest }) => [digest, "platform"]);
      whole.push([it.sbom.digest, "not asked for"]);
      assert.deepEqual(misfits.sort(), whole.sort());
      files.push(file);
    }
    assert.equal(sumOf(files[0]!), sumOf(files[1]!));
    // From a stored image, and out of an archive, it is the same.
    await run("pull", `${api}/app:v1`, "--as", "r.example/app:v1");
    const stored = join(dir, "stored.tar");
    await run("export", "r.example/app:v1", "--platform", platform, "-o", stored);
    assert.equal(sumOf(stored), sumOf(files[0]!));
    await run("export", stored, "-o", join(dir, "again.tar"), "--referrers");
    assert.equal(sumOf(join(dir, "again.tar")), sumOf(stored));
  }
});
