/** Bundles that a certificate signs, against a trusted root; and every way in which they are not what they should be. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { isIngotError } from "../../../src/base/error.ts";
import { isVerified, type VerifyReport } from "../../../src/image/findings.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { judgeBySigners } from "../../../src/trust/judge.ts";
import { parseTrustedRoot } from "../../../src/trust/keyless/trusted-root.ts";
import { keylessVerifier } from "../../../src/trust/keyless/verify-bundle.ts";
import { parsePublicKey } from "../../../src/trust/keys/public-key.ts";
import { SignatureChecker } from "../../../src/trust/signature.ts";
import type { SignatureEvidence, TrustVerdict } from "../../../src/trust/verdict.ts";
import { verifyLayout } from "../../../src/verify/verify.ts";
import { alone } from "../../support/images/archive.ts";
import { type Blob, OCI, put } from "../../support/images/platforms.ts";
import { root } from "../../support/process/ingot.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { nameSigned, newKey, putBundle, putReferring } from "../../support/trust/signing.ts";

type Json = Record<string, unknown>;
interface Fixture {
  readonly manifests: { readonly app: string; readonly other: string };
  readonly root: Json;
  readonly otherRoot: Json;
  readonly bundles: Readonly<Record<string, Json>>;
  readonly tagForm: Tagged;
  readonly attForm: Tagged;
}

/** A layer of cosign's forms before bundles: claims or an envelope, and its annotations. */
interface Tagged {
  claims?: string;
  envelope?: string;
  readonly annotations: Record<string, string>;
}
const FIXTURE: Fixture = JSON.parse(
  readFileSync(join(root, "test/fixtures/signed/keyless.json"), "utf8"),
);
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const ME = { identity: "me@example.com", issuer: "https://issuer.example" };

/** A copy with a change. */
function changed<T extends Json>(value: T, change: (copy: T) => void): T {
  const copy = structuredClone(value);
  change(copy);
  return copy;
}

interface Asked {
  readonly identities?: readonly (typeof ME)[];
  readonly trustedRoot?: Json;
  readonly threshold?: number;
  readonly attestations?: readonly string[];
}

/** The report on an image with these bundles attached. */
async function reportOn(
  t: Ends,
  bundles: readonly Json[],
  { identities = [ME], trustedRoot = FIXTURE.root, threshold = 1, attestations = [] }: Asked = {},
): Promise<VerifyReport> {
  const layout = join(tempDir(t), "layout");
  put(layout, "application/vnd.oci.empty.v1+json", {});
  const image: Blob = put(layout, OCI.manifest, Buffer.from(FIXTURE.manifests.app));
  const attached = bundles.map((bundle) => putReferring(layout, image, bundle));
  nameSigned(layout, { "registry.example/app:v1": image }, attached);
  const keyless = keylessVerifier(parseTrustedRoot(bytes(trustedRoot), "root.json"));
  const trust = judgeBySigners({ identities, keyless, threshold, attestations });
  return verifyLayout(layout, alone(), { trust });
}

function is(report: VerifyReport, verdict: TrustVerdict, why?: RegExp): void {
  const said = report.findings.map(({ at, message, code }) => `${at}: ${message} [${code}]`);
  const [only] = report.trust ?? [];
  const all = `${said.join("\n")}\n${JSON.stringify(only?.signatures)}`;
  assert.equal(only?.verdict, verdict, all);
  assert.equal(isVerified(report), verdict === "yes", all);
  if (why !== undefined) assert.match(said.join("\n"), why);
}

const { bundles } = FIXTURE;
const one = (name: string): Json => bundles[name]!;

for (const [name, by] of [
  ["good", "transparency log"],
  ["stamped", "timestamp authority"],
] as const)
  test(`signed: ${name}, at a time that the ${by} vouches for`, async (t) => {
    const report = await reportOn(t, [one(name)]);
    is(report, "yes");
    const [signature] = report.trust![0]!.signatures;
    assert.equal(signature?.status, "verified");
    assert.deepEqual(signature.signer, {
      kind: "identity",
      name: ME.identity,
      id: ME.issuer,
    });
    assert.equal(signature.timeBy, by);
    assert.match(signature.time ?? "", /^2026-12-01T\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(signature.unchecked, []);
  });

test("signed: by a workflow, whose URI is compared as it is", async (t) => {
  const identity = "https://github.com/o/r/.github/workflows/release.yml@refs/heads/main";
  const asked = (name: string) => ({ identities: [{ ...ME, identity: name }] });
  is(await reportOn(t, [one("workflow")], asked(identity)), "yes");
  for (const near of [identity.replace(".yml", "xyml"), `${identity}/`, identity.slice(0, -1)])
    is(await reportOn(t, [one("workflow")], asked(near)), "no", /who is not asked for/);
});

test("signed: a root without logs asks for none, and says so", async (t) => {
  const bare = changed(FIXTURE.root, (copy) => {
    copy.tlogs = [];
    copy.ctlogs = [];
  });
  const report = await reportOn(t, [one("sctless")], { trustedRoot: bare });
  is(report, "yes");
  assert.deepEqual(report.trust![0]!.signatures[0]?.unchecked, [
    "transparency log",
    "certificate transparency",
  ]);
  // The time of a log that nobody can check is no time.
  is(await reportOn(t, [one("good")], { trustedRoot: bare }), "no", /timestamps/);
  is(await reportOn(t, [one("stampedOnly")]), "no", /tlog entries/);
  const logged = changed(FIXTURE.root, (copy) => {
    copy.tlogs = [];
  });
  is(await reportOn(t, [one("sctless")], { trustedRoot: logged }), "no", /expected 1 SCTs, got 0/);
});

const entriesOf = (bundle: Json) =>
  (bundle.verificationMaterial as { tlogEntries: Json[] }).tlogEntries;

const BAD: Readonly<Record<string, readonly [Json, RegExp]>> = {
  "the signature of another image moved here": [
    one("other"),
    /it is about sha256:[0-9a-f]{64} \[signature-differs\]/,
  ],
  "an identity that goes on": [one("suffix"), /me@example.com.evil.example .*, who is not asked/],
  "an identity that begins otherwise": [one("prefix"), /notme@example.com .*, who is not asked/],
  "another issuer": [one("issuer"), /https:\/\/issuer.example.evil\), who is not asked/],
  "two names in one certificate": [one("two"), /does not name exactly one subject/],
  "a certificate of another purpose": [one("purpose"), /not for signing code/],
  "a certificate of no purpose": [one("purposeless"), /not for signing code/],
  "a certificate of an authority": [one("authority"), /that of an authority/],
  "an expired certificate": [one("expired"), /certificate chain;.* \[signature-differs\]/],
  "an expired certificate with a timestamp": [one("expiredStamped"), /certificate chain/],
  "another authority's certificate": [
    one("foreignCA"),
    /certificate chain;.* \[signature-differs\]/,
  ],
  "no time": [one("timeless"), /expected 1 timestamps, got 0/],
  "no log entry, and a time": [one("stampedOnly"), /expected 1 tlog entries, got 0/],
  "no log entry and no time": [one("unlogged"), /timestamps/],
  "an attestation alone": [one("attestation"), /is no signature of the image/],
  "the log entry of another signature": [
    changed(one("good"), (copy) => {
      (copy.verificationMaterial as Json).tlogEntries = entriesOf(one("again"));
    }),
    /tlog entry signature mismatch/,
  ],
  "a log entry whose time was changed": [
    changed(one("good"), (copy) => {
      const [entry] = entriesOf(copy);
      entry!.integratedTime = String(Number(entry!.integratedTime) + 1);
    }),
    /inclusion promise could not be verified/,
  ],
  "a proof that was cut": [
    changed(one("good"), (copy) => {
      const { inclusionProof } = entriesOf(copy)[0] as { inclusionProof: Json };
      inclusionProof.checkpoint = { envelope: "rekor.sigstore.mock - 1\n1\n" };
    }),
    /\[signature-differs\]/,
  ],
  "a proof with a hash too many": [
    changed(one("good"), (copy) => {
      const { inclusionProof } = entriesOf(copy)[0] as { inclusionProof: Json };
      inclusionProof.hashes = [Buffer.alloc(32).toString("base64")];
    }),
    /invalid hash count/,
  ],
  "another signature": [
    changed(one("good"), (copy) => {
      copy.dsseEnvelope = one("again").dsseEnvelope;
    }),
    /\[signature-differs\]/,
  ],
  "a certificate that is none": [
    changed(one("good"), (copy) => {
      (copy.verificationMaterial as Json).certificate = { rawBytes: "MAA=" };
    }),
    /\[not-trusted\]/,
  ],
};
for (const [what, [bundle, why]] of Object.entries(BAD))
  test(`never a yes: ${what}`, async (t) => is(await reportOn(t, [bundle]), "no", why));

test("nobody can say: a log that the root does not have yet", async (t) => {
  const why = /in the transparency log .*, which the trusted root does not have: a newer root may/;
  is(await reportOn(t, [one("foreignLog")]), "unknown", why);
  is(await reportOn(t, [one("good")], { trustedRoot: FIXTURE.otherRoot }), "unknown", why);
});

test("one identity twice is one signer; an identity and a key are two", async (t) => {
  const twice = [one("good"), one("again")];
  is(await reportOn(t, twice, { threshold: 1 }), "yes");
  const two = [ME, { ...ME, identity: "you@example.com" }];
  const why = /1 of the 2 signers signed it, and 2 must have/;
  is(await reportOn(t, twice, { threshold: 2, identities: two }), "no", why);
  const key = newKey();
  const layout = join(tempDir(t), "layout");
  put(layout, "application/vnd.oci.empty.v1+json", {});
  const image = put(layout, OCI.manifest, Buffer.from(FIXTURE.manifests.app));
  nameSigned(layout, { "registry.example/app:v1": image }, [
    putBundle(layout, image, key),
    putReferring(layout, image, one("good")),
  ]);
  const trust = judgeBySigners({
    keys: [parsePublicKey(new TextEncoder().encode(key.pem), "k.pub")],
    identities: [ME],
    keyless: keylessVerifier(parseTrustedRoot(bytes(FIXTURE.root), "root.json")),
    threshold: 2,
  });
  is(await verifyLayout(layout, alone(), { trust }), "yes");
});

test("attested by an identity", async (t) => {
  const asked = { attestations: ["https://slsa.dev/provenance/v1"] };
  is(await reportOn(t, [one("good"), one("attestation")], asked), "yes");
  is(await reportOn(t, [one("good")], asked), "no", /\[not-attested\]/);
});

/** A bundle as it comes before the judge. */
const evidenceOf = (bundle: Json): SignatureEvidence => ({
  kind: "bundle",
  at: digestOf(bytes(bundle)),
  key: "one",
  annotations: {},
  read: () => bytes(bundle),
});

test("a bit that changed, wherever it counts", () => {
  const keyless = keylessVerifier(parseTrustedRoot(bytes(FIXTURE.root), "root.json"));
  const manifest = new TextEncoder().encode(FIXTURE.manifests.app);
  const target = {
    ...{ digest: digestOf(manifest), bytes: manifest },
    ...{ evidence: [], within: [], isAsked: true },
  };
  const statusOf = (bundle: Json) => {
    const signers = { keys: [], identities: [ME], keyless };
    return new SignatureChecker(signers).check(evidenceOf(bundle), target).status;
  };
  type Holder = { readonly [key: string]: string };
  const places: Readonly<Record<string, (bundle: Json) => readonly [Holder, string]>> = {
    certificate: (one) => [
      (one.verificationMaterial as { certificate: Holder }).certificate,
      "rawBytes",
    ],
    payload: (one) => [one.dsseEnvelope as Holder, "payload"],
    signature: (one) => [(one.dsseEnvelope as { signatures: [Holder] }).signatures[0], "sig"],
    entry: (one) => [entriesOf(one)[0] as Holder, "canonicalizedBody"],
    promise: (one) => [entriesOf(one)[0]!.inclusionPromise as Holder, "signedEntryTimestamp"],
  };
  assert.equal(statusOf(one("good")), "verified");
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(places)), fc.nat(), (place, at) => {
      const bundle = structuredClone(one("good"));
      const [holder, key] = places[place]!(bundle);
      const changedBytes = Buffer.from(holder[key]!, "base64");
      const bit = at % (changedBytes.length * 8);
      changedBytes[bit >> 3]! ^= 1 << (bit & 7);
      (holder as Record<string, string>)[key] = changedBytes.toString("base64");
      assert.notEqual(statusOf(bundle), "verified", `${place}, bit ${bit}`);
    }),
    { numRuns: 300 },
  );
});

test("whatever a bundle holds, there is an answer", () => {
  const keyless = keylessVerifier(parseTrustedRoot(bytes(FIXTURE.root), "root.json"));
  const manifest = new TextEncoder().encode(FIXTURE.manifests.app);
  const target = {
    ...{ digest: digestOf(manifest), bytes: manifest },
    ...{ evidence: [], within: [], isAsked: true },
  };
  const odd = [null, 0, -1, "", "x", [], {}, true, "AAAA", "99999999999999999999", [null], [{}]];
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(...odd), fc.boolean(), (at, value, isStamped) => {
      const bundle = structuredClone(one(isStamped ? "stamped" : "good"));
      const places = placesIn(bundle);
      const [holder, key] = places[at % places.length]!;
      holder[key] = value;
      const signers = { keys: [], identities: [ME], keyless };
      const { status } = new SignatureChecker(signers).check(evidenceOf(bundle), target);
      assert.match(status, /^(?:verified|attestation|wrong|other|unchecked)$/);
    }),
    { numRuns: 300 },
  );
});

/** Every place of a document where a value stands. */
function placesIn(value: unknown): (readonly [Json, string])[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.keys(value).flatMap((key) => [
    [value as Json, key] as const,
    ...placesIn((value as Json)[key]),
  ]);
}

test("roots that cannot be used", () => {
  const parse = (value: unknown) => parseTrustedRoot(bytes(value), "root.json");
  const refused = (value: unknown, code: string) =>
    assert.throws(
      () => parse(value),
      (error) => isIngotError(error) && error.code === code,
    );
  refused({}, "unsupported");
  refused(null, "unsupported");
  refused({ ...FIXTURE.root, mediaType: "application/json" }, "unsupported");
  const startless = changed(FIXTURE.root, (copy) => {
    const [log] = copy.tlogs as { publicKey: Json }[];
    log!.publicKey.validFor = {};
  });
  refused(startless, "malformed");
  refused({ ...FIXTURE.root, tlogs: [{}] }, "malformed");
  refused({ ...FIXTURE.root, certificateAuthorities: [{ certChain: {} }] }, "malformed");
});

/** The report on the image with cosign's forms before bundles: its signature, and an attestation. */
async function reportOnTags(
  t: Ends,
  change: (tag: Tagged, att: Tagged) => void = () => {},
  attestations: readonly string[] = [],
): Promise<VerifyReport> {
  const [tag, att] = [structuredClone(FIXTURE.tagForm), structuredClone(FIXTURE.attForm)];
  change(tag, att);
  const layout = join(tempDir(t), "layout");
  put(layout, "application/vnd.oci.empty.v1+json", {});
  const image = put(layout, OCI.manifest, Buffer.from(FIXTURE.manifests.app));
  const attached = [
    { suffix: "sig", type: SIMPLE, bytes: tag.claims!, annotations: tag.annotations },
    { suffix: "att", type: DSSE, bytes: att.envelope!, annotations: att.annotations },
  ].map(({ suffix, type, bytes: content, annotations }) => {
    const layer = { ...put(layout, type, Buffer.from(content)), annotations };
    const config = put(layout, OCI.config, {
      ...{ architecture: "", os: "", config: {} },
      rootfs: { type: "layers", diff_ids: [layer.digest] },
    });
    const manifest = { schemaVersion: 2, mediaType: OCI.manifest, config, layers: [layer] };
    const name = `${image.digest.replace(":", "-")}.${suffix}`;
    return { ...put(layout, OCI.manifest, manifest), tag: name };
  });
  nameSigned(layout, { "registry.example/app:v1": image }, attached);
  const keyless = keylessVerifier(parseTrustedRoot(bytes(FIXTURE.root), "root.json"));
  const trust = judgeBySigners({ identities: [ME], keyless, threshold: 1, attestations });
  return verifyLayout(layout, alone(), { trust });
}

const SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json";
const DSSE = "application/vnd.dsse.envelope.v1+json";
const LOG = "dev.sigstore.cosign/bundle";
const CERTIFICATE = "dev.sigstore.cosign/certificate";

test("signed and attested: cosign's forms before bundles, with certificates", async (t) => {
  const report = await reportOnTags(t, undefined, ["https://slsa.dev/provenance/v1"]);
  is(report, "yes");
  const made = report.trust![0]!.signatures.map(({ form, status, timeBy }) => [
    form,
    status,
    timeBy,
  ]);
  const by = "transparency log";
  assert.deepEqual(made.sort(), [
    ["DSSE", "attestation", by],
    ["simple signing", "verified", by],
  ]);
});

const BAD_TAGS: Readonly<Record<string, readonly [(tag: Tagged) => void, RegExp]>> = {
  "no log entry": [(tag) => delete tag.annotations[LOG], /timestamps/],
  "the entry of the attestation": [
    (tag) => {
      tag.annotations[LOG] = FIXTURE.attForm.annotations[LOG]!;
    },
    /\[signature-differs\]/,
  ],
  "another's certificate": [
    (tag) => {
      tag.annotations[CERTIFICATE] = FIXTURE.attForm.annotations[CERTIFICATE]!;
    },
    /\[signature-differs\]/,
  ],
  "claims that were changed": [
    (tag) => {
      tag.claims = tag.claims!.replace("registry.example", "registry.elsewhere");
    },
    /\[signature-differs\]/,
  ],
  "a certificate that is none": [
    (tag) => {
      tag.annotations[CERTIFICATE] = "-----BEGIN CERTIFICATE-----";
    },
    /its certificate or what vouches for its time is not well formed/,
  ],
  "a log entry that is none": [
    (tag) => {
      tag.annotations[LOG] = '{"SignedEntryTimestamp": "", "Payload": {"body": 7}}';
    },
    /its certificate or what vouches for its time is not well formed/,
  ],
};
for (const [what, [change, why]] of Object.entries(BAD_TAGS))
  test(`never a yes: cosign's tag with a certificate, ${what}`, async (t) =>
    is(await reportOnTags(t, change), "no", why));
