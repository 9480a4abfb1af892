/** Descriptors of referrers, from the manifests alone (distribution-spec, "Listing Referrers"). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { INDEX, MANIFEST } from "../../../src/oci/media-types.ts";
import { readReferrer, referrerDescriptor } from "../../../src/oci/referrer.ts";
import { faultOf } from "../../support/fault.ts";
import { indexOf, manifestOf, sha256 } from "../../support/registries/odd-registry.ts";

const subject = { mediaType: MANIFEST, digest: sha256("subject"), size: 7 };
const bytesOf = (object: object) => Buffer.from(JSON.stringify(object));
const described = (object: object, mediaType = MANIFEST) =>
  referrerDescriptor(bytesOf(object), mediaType);

test("type and annotations are the manifest's own", () => {
  const manifest = manifestOf("a", subject, { artifactType: "text/x", annotations: { b: "2" } });
  const bytes = bytesOf(manifest);
  assert.deepEqual(readReferrer(bytes, MANIFEST), {
    descriptor: {
      mediaType: MANIFEST,
      digest: sha256(bytes),
      size: bytes.length,
      annotations: { b: "2" },
      artifactType: "text/x",
    },
    subject: subject.digest,
  });
});

test("without an artifact type, a manifest has that of its config, an index has none", () => {
  const config = "application/vnd.oci.empty.v1+json";
  for (const artifactType of [undefined, ""]) {
    assert.equal(described(manifestOf("a", subject, { artifactType })).artifactType, config);
    const index = described({ ...indexOf(), subject, artifactType }, INDEX);
    assert.equal("artifactType" in index, false);
  }
  assert.equal(described({ ...indexOf(), artifactType: "text/x" }, INDEX).artifactType, "text/x");
});

test("no annotations are none, in every way to write that", () => {
  for (const annotations of [undefined, null, {}])
    assert.equal("annotations" in described(manifestOf("a", subject, { annotations })), false);
});

test("what has no subject refers to nothing", async () => {
  for (const without of [manifestOf("a"), { ...manifestOf("a"), subject: null }])
    assert.equal(readReferrer(bytesOf(without), MANIFEST).subject, undefined);
  await faultOf("malformed", () => described({ ...manifestOf("a"), subject: "sha256:…" }));
  await faultOf("malformed", () => described(indexOf()));
});
