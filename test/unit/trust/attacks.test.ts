/** Signatures that are not what they should be: never a yes, each with its reason; and those that are. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isVerified, type VerifyReport } from "../../../src/image/findings.ts";
import { parsePlatforms } from "../../../src/oci/platform.ts";
import { judgeBySigners, SIGNATURE_LIMIT } from "../../../src/trust/judge.ts";
import { parsePublicKey } from "../../../src/trust/keys/public-key.ts";
import type { TrustVerdict } from "../../../src/trust/verdict.ts";
import { verifyLayout } from "../../../src/verify/verify.ts";
import { alone } from "../../support/images/archive.ts";
import { type Blob, blobOf, OCI, put, putContainer } from "../../support/images/platforms.ts";
import { tempDir } from "../../support/process/temp.ts";
import {
  COSIGN_SIGN,
  nameSigned,
  newEdKey,
  newKey,
  putBundle,
  putMessageBundle,
  putTagForm,
  type TestKey,
} from "../../support/trust/signing.ts";

const NAME = "registry.example/team/app:v1";
const [mine, second, stranger] = [newKey(), newKey("secp384r1"), newKey()];
const keyOf = ({ pem }: TestKey, name = "mine.pub") =>
  parsePublicKey(new TextEncoder().encode(pem), name);
const pair = [keyOf(mine), keyOf(second, "second.pub")];

type Image = ReturnType<typeof putContainer>;

interface Asked {
  readonly attestations?: readonly string[];
  readonly keys?: readonly ReturnType<typeof keyOf>[];
  readonly threshold?: number;
  readonly platform?: string;
}

/** The report on a layout, asked for one of `keys`. */
const reportOn = (
  layout: string,
  { keys = pair, threshold = 1, platform, attestations = [] }: Asked,
): Promise<VerifyReport> =>
  verifyLayout(layout, alone(), {
    trust: judgeBySigners({ keys, threshold, attestations }),
    platforms: platform === undefined ? [] : parsePlatforms(platform),
  });

/** A layout with the image and what `make` puts beside it; the report. */
async function judged(
  t: Parameters<typeof tempDir>[0],
  make: (layout: string, image: Image) => readonly (Blob & { readonly tag?: string })[],
  asked: Asked = {},
): Promise<VerifyReport> {
  const layout = join(tempDir(t), "layout");
  const image = putContainer(layout, "app");
  nameSigned(layout, { [NAME]: image }, make(layout, image));
  return reportOn(layout, asked);
}

function is(report: VerifyReport, verdict: TrustVerdict, why?: RegExp): void {
  const said = report.findings.map(({ at, message, code }) => `${at}: ${message} [${code}]`);
  const [only] = report.trust ?? [];
  assert.equal(only?.verdict, verdict, said.join("\n"));
  assert.equal(isVerified(report), verdict === "yes", said.join("\n"));
  if (why !== undefined) assert.match(said.join("\n"), why);
}

type Make = (layout: string, image: Image) => readonly (Blob & { readonly tag?: string })[];

const GOOD: Readonly<Record<string, Make>> = {
  "a bundle": (at, image) => [putBundle(at, image, mine)],
  "a bundle that names no key": (at, image) => [putBundle(at, image, mine, { hint: null })],
  "a bundle of version 0.1": (at, image) => [
    putBundle(at, image, mine, {
      mediaType: "application/vnd.dev.sigstore.bundle+json;version=0.1",
      statementType: "https://in-toto.io/Statement/v0.1",
    }),
  ],
  "a bundle of the manifest itself": (at, image) => [putMessageBundle(at, image, mine)],
  "cosign's tag": (at, image) => [putTagForm(at, image, [mine])],
  "cosign's tag with a stranger's as well": (at, image) => [
    putTagForm(at, image, [stranger, mine]),
  ],
  "a stranger's bundle as well": (at, image) => [
    putBundle(at, image, stranger),
    putBundle(at, image, mine),
  ],
  "an attestation as well": (at, image) => [
    putBundle(at, image, mine, { predicateType: "https://slsa.dev/provenance/v1" }),
    putBundle(at, image, mine),
  ],
};
for (const [what, make] of Object.entries(GOOD))
  test(`signed: ${what}`, async (t) => is(await judged(t, make), "yes"));

test("signed: two keys in two forms, both asked for", async (t) => {
  const make: Make = (at, image) => [putTagForm(at, image, [mine]), putBundle(at, image, second)];
  is(await judged(t, make, { threshold: 2 }), "yes");
});

test("signed: a platform alone, where only that is asked for", async (t) => {
  const make: Make = (at, { platforms: [amd64] }) => [putBundle(at, amd64!, mine)];
  is(await judged(t, make, { platform: "linux/amd64" }), "yes");
  is(await judged(t, make, { platform: "linux/arm64" }), "no", /no signature \[unsigned\]/);
  is(await judged(t, make), "no", /1 of the 2 manifests in it are signed, it is not \[unsigned\]/);
});

/** Another image, of the same layout. */
const another = (at: string) => putContainer(at, "another");

const BAD: Readonly<Record<string, readonly [Make, RegExp]>> = {
  "no signature": [() => [], /it has no signature \[unsigned\]/],
  "a stranger's signature": [
    (at, image) => [putBundle(at, image, stranger), putTagForm(at, image, [stranger])],
    /it has 2 signatures, and none by a key that was given .* \[not-trusted\]/,
  ],
  "a signature of another image moved here, bundle": [
    (at, image) => [putBundle(at, image, mine, { about: another(at).digest })],
    /is wrong: it is about sha256:[0-9a-f]{64} \[signature-differs\]/,
  ],
  "a signature of another image moved here, tag": [
    (at, image) => [putTagForm(at, image, [mine], { about: another(at).digest })],
    /is wrong: it is about sha256:[0-9a-f]{64} \[signature-differs\]/,
  ],
  "a signature of another image moved here, message": [
    (at, image) => [putMessageBundle(at, image, mine, { about: another(at).digest })],
    /the key did not make it \[signature-differs\]/,
  ],
  "the subject swapped in an envelope": [
    (at, image) => [
      putBundle(at, image, mine, {
        about: another(at).digest,
        change: (bundle) => {
          const dsse = bundle.dsseEnvelope as { payload: string };
          const statement = JSON.parse(`${Buffer.from(dsse.payload, "base64")}`);
          statement.subject[0].digest.sha256 = image.digest.slice("sha256:".length);
          dsse.payload = Buffer.from(JSON.stringify(statement)).toString("base64");
        },
      }),
    ],
    /the key did not make it \[signature-differs\]/,
  ],
  "the digest swapped in cosign's claims": [
    (at, image) => [
      putTagForm(at, image, [mine], {
        about: another(at).digest,
        change: (claims) => {
          const { image: named } = claims.critical as { image: Record<string, string> };
          named["docker-manifest-digest"] = image.digest;
        },
      }),
    ],
    /none of the keys made it.* \[not-trusted\]/,
  ],
  "another type of claims": [
    (at, image) => [putTagForm(at, image, [mine], { claimType: "atomic container signature" })],
    /its claims are of the type "atomic container signature" \[signature-differs\]/,
  ],
  "another payload type": [
    (at, image) => [putBundle(at, image, mine, { payloadType: "application/json" })],
    /its payload is of the type "application\/json" \[signature-differs\]/,
  ],
  "another payload type, written after it was signed": [
    (at, image) => [
      putBundle(at, image, mine, {
        payloadType: "application/json",
        change: (bundle) => {
          (bundle.dsseEnvelope as { payloadType: string }).payloadType =
            "application/vnd.in-toto+json";
        },
      }),
    ],
    /the key did not make it \[signature-differs\]/,
  ],
  "another type of statement": [
    (at, image) => [
      putBundle(at, image, mine, { statementType: "https://in-toto.io/Statement/v9" }),
    ],
    /its statement is of the type .*\/v9" \[signature-differs\]/,
  ],
  "an attestation alone": [
    (at, image) => [
      putBundle(at, image, mine, { predicateType: "https://slsa.dev/provenance/v1" }),
    ],
    /an attestation of https:\/\/slsa.dev\/provenance\/v1, which is no signature .* \[not-trusted\]/,
  ],
  "an attestation for another digest": [
    (at, image) => [
      putBundle(at, image, mine),
      putBundle(at, image, mine, {
        about: another(at).digest,
        predicateType: "https://slsa.dev/provenance/v1",
      }),
    ],
    /is wrong: it is about sha256:[0-9a-f]{64} \[signature-differs\]/,
  ],
  "two signatures in one envelope": [
    (at, image) => [putBundle(at, image, mine, { times: 2 })],
    /its envelope has 2 signatures, and one is expected.* \[not-trusted\]/,
  ],
  "no signature in an envelope": [
    (at, image) => [putBundle(at, image, mine, { times: 0 })],
    /its envelope has 0 signatures, and one is expected.* \[not-trusted\]/,
  ],
  "two signatures, one bad": [
    (at, image) => [
      putBundle(at, image, mine),
      putBundle(at, image, stranger, { hint: mine.hint }),
    ],
    /it names the key, and the key did not make it \[signature-differs\]/,
  ],
  "a stranger's signature with the key's name": [
    (at, image) => [putBundle(at, image, stranger, { hint: mine.hint })],
    /it names the key, and the key did not make it \[signature-differs\]/,
  ],
  "a certificate in the place of the key": [
    (at, image) => [
      putBundle(at, image, mine, {
        change: (bundle) => {
          bundle.verificationMaterial = { certificate: { rawBytes: "AAAA" } };
        },
      }),
    ],
    /a certificate names who signed, and no key.* \[not-trusted\]/,
  ],
  "a key and a certificate": [
    (at, image) => [
      putBundle(at, image, mine, {
        change: (bundle) => {
          bundle.verificationMaterial = { publicKey: {}, certificate: { rawBytes: "AAAA" } };
        },
      }),
    ],
    /it names no key and no certificate, or several.* \[not-trusted\]/,
  ],
  "an envelope and a message's signature": [
    (at, image) => [
      putBundle(at, image, mine, {
        change: (bundle) => {
          bundle.messageSignature = {
            messageDigest: { algorithm: "SHA2_256", digest: "AAAA" },
            signature: "AAAA",
          };
        },
      }),
    ],
    /it has no signature, or two of different kinds.* \[not-trusted\]/,
  ],
  "a bundle that is none": [
    (at, image) => [
      putBundle(at, image, mine, {
        change: (bundle) => {
          bundle.dsseEnvelope = { payload: 7 };
        },
      }),
    ],
    /it is not well formed: dsseEnvelope.payload.* \[not-trusted\]/,
  ],
};
for (const [what, [make, why]] of Object.entries(BAD))
  test(`never a yes: ${what}`, async (t) => is(await judged(t, make), "no", why));

test("nobody can say: a bundle of a version to come", async (t) => {
  const mediaType = "application/vnd.dev.sigstore.bundle.v0.9+json";
  const make: Make = (at, image) => [putBundle(at, image, mine, { mediaType })];
  const report = await judged(t, make);
  is(report, "unknown", /its version is not known here .*v0.9\+json"\)/);
  assert.equal(
    report.findings.every(({ level }) => level !== "finding"),
    true,
  );
});

test("never a yes: two signatures where two are asked for, one bad", async (t) => {
  const make: Make = (at, image) => [putBundle(at, image, mine), putTagForm(at, image, [stranger])];
  is(await judged(t, make, { threshold: 2 }), "no", /1 of the 2 keys signed it, and 2 must have/);
});

test("never a yes: the threshold met by one key twice", async (t) => {
  const make: Make = (at, image) => [putBundle(at, image, mine), putTagForm(at, image, [mine])];
  is(await judged(t, make, { threshold: 2 }), "no", /1 of the 2 keys signed it, and 2 must have/);
  assert.throws(
    () => judgeBySigners({ keys: [keyOf(mine), keyOf(mine, "again.pub")], threshold: 2 }),
    /2 keys must have signed, and 1 is given/,
  );
});

test("never a yes: an unsigned platform added to a signed index", async (t) => {
  for (const isMoved of [false, true]) {
    const layout = join(tempDir(t), "layout");
    const image = putContainer(layout, "app");
    const [first] = another(layout).platforms;
    const extra = { ...first!, platform: { architecture: "riscv64", os: "linux" } };
    const manifests = [...image.platforms, extra];
    const grown = put(layout, OCI.index, { schemaVersion: 2, mediaType: OCI.index, manifests });
    const about = { about: image.digest };
    const signature = putBundle(layout, isMoved ? grown : image, mine, isMoved ? about : {});
    nameSigned(layout, { [NAME]: grown }, [signature]);
    const why = isMoved ? /is wrong: it is about sha256/ : /it has no signature \[unsigned\]/;
    is(await reportOn(layout, {}), "no", why);
    is(await reportOn(layout, { platform: "linux/riscv64" }), "no", why);
  }
});

test("never a yes: a platform that is listed as if it were an attestation", async (t) => {
  const layout = join(tempDir(t), "layout");
  const { platforms } = putContainer(layout, "app");
  const manifests = platforms.map((one) => ({
    ...one,
    annotations: { "vnd.docker.reference.digest": one.digest },
  }));
  const index = put(layout, OCI.index, { schemaVersion: 2, mediaType: OCI.index, manifests });
  nameSigned(layout, { [NAME]: index }, []);
  is(await reportOn(layout, { platform: "linux/amd64" }), "no", /no signature \[unsigned\]/);
});

test("never a yes: an unsigned image beside a signed one", async (t) => {
  const layout = join(tempDir(t), "layout");
  const [image, other] = [putContainer(layout, "app"), another(layout)];
  nameSigned(layout, { [NAME]: image, "registry.example/other:v1": other }, [
    putBundle(layout, image, mine),
  ]);
  const report = await reportOn(layout, {});
  assert.deepEqual(
    report.trust?.map(({ verdict }) => verdict),
    ["yes", "no"],
  );
  assert.equal(isVerified(report), false);
});

test("never a yes: a signature that its entry lists for another image", async (t) => {
  const layout = join(tempDir(t), "layout");
  const [image, other] = [putContainer(layout, "app"), another(layout)];
  const signature = putBundle(layout, other, mine);
  const entry = { ...signature, annotations: { "io.containerd.manifest.subject": image.digest } };
  nameSigned(layout, { [NAME]: image }, []);
  const path = join(layout, "index.json");
  const index = JSON.parse(`${readFileSync(path)}`);
  writeFileSync(path, JSON.stringify({ ...index, manifests: [...index.manifests, entry] }));
  is(await reportOn(layout, {}), "no", /\[subject-differs\]/);
});

test("a yes covers the bytes: a layer that is damaged or missing", async (t) => {
  const layout = join(tempDir(t), "layout");
  const image = putContainer(layout, "app");
  nameSigned(layout, { [NAME]: image }, [putBundle(layout, image, mine)]);
  is(await reportOn(layout, {}), "yes");
  const blob = (digest: string) => join(layout, "blobs/sha256", digest.slice("sha256:".length));
  const manifest = JSON.parse(`${readFileSync(blob(image.platforms[0]!.digest))}`);
  rmSync(blob(manifest.layers[0].digest));
  const report = await reportOn(layout, {});
  assert.equal(report.trust?.[0]?.verdict, "yes");
  assert.equal(isVerified(report), false);
});

test("Ed25519: what is signed with the one form is signed", async (t) => {
  const key = newEdKey();
  const make: Make = (at, image) => [putBundle(at, image, key, { predicateType: COSIGN_SIGN })];
  is(await judged(t, make, { keys: [keyOf(key)] }), "yes");
});

test("one signature attached to two images is right for one, whichever comes first", async (t) => {
  for (const names of [
    ["registry.example/a:v1", "registry.example/b:v1"],
    ["registry.example/b:v1", "registry.example/a:v1"],
  ]) {
    const layout = join(tempDir(t), "layout");
    const [signed, other] = [putContainer(layout, "app"), another(layout)];
    const { tag: _, ...signature } = putTagForm(layout, signed, [mine]);
    const under = ({ digest }: Blob) => ({ ...signature, tag: `${digest.replace(":", "-")}.sig` });
    nameSigned(layout, { [names[0]!]: signed, [names[1]!]: other }, [under(signed), under(other)]);
    const report = await reportOn(layout, {});
    const verdicts = report.trust?.map(({ digest, verdict }) => [digest, verdict]);
    assert.deepEqual(new Map(verdicts as [string, string][]).get(signed.digest), "yes");
    assert.deepEqual(new Map(verdicts as [string, string][]).get(other.digest), "no");
  }
});

test("of more signatures than are checked the answer is open, and short", async (t) => {
  const make: Make = (at, image) => {
    const good = putTagForm(at, image, [mine]);
    const manifest = JSON.parse(`${blobOf(at, good.digest)}`);
    const [layer] = manifest.layers;
    const junk = Array.from({ length: SIGNATURE_LIMIT + 200 }, (_, i) => ({
      ...layer,
      annotations: {
        "dev.cosignproject.cosign/signature": Buffer.from(`signature ${i}`).toString("base64"),
      },
    }));
    const layers = [...junk, layer];
    return [Object.assign(put(at, OCI.manifest, { ...manifest, layers }), { tag: good.tag })];
  };
  const report = await judged(t, make);
  is(report, "unknown", /only the first 1000 signatures of an image are checked/);
  assert.equal(report.trust![0]!.signatures.length, SIGNATURE_LIMIT + 1);
});

test("claims that are longer than claims are", async (t) => {
  const claimType = "x".repeat(70_000);
  const make: Make = (at, image) => [putTagForm(at, image, [mine], { claimType })];
  is(await judged(t, make), "unknown", /its claims have \d+ bytes, at most 65536 are read/);
});

const SLSA = "https://slsa.dev/provenance/v1";
const VULN = "https://cosign.sigstore.dev/attestation/vuln/v1";
const asked = { attestations: [SLSA] };

test("attested: the index, or each of its platforms", async (t) => {
  const index: Make = (at, image) => [
    putBundle(at, image, mine),
    putBundle(at, image, mine, { predicateType: SLSA }),
  ];
  is(await judged(t, index, asked), "yes");
  is(await judged(t, index, { ...asked, platform: "linux/arm64" }), "yes");
  is(await judged(t, index, { attestations: [COSIGN_SIGN] }), "yes");
  const each: Make = (at, image) => [
    putBundle(at, image, mine),
    ...image.platforms.map((one) => putBundle(at, one, mine, { predicateType: SLSA })),
  ];
  is(await judged(t, each, asked), "yes");
});

const UNATTESTED: Readonly<Record<string, readonly [Make, RegExp]>> = {
  "no attestation": [() => [], /has no attestation https:.*provenance\/v1 by a key/],
  "another type": [
    (at, image) => [putBundle(at, image, mine, { predicateType: VULN })],
    /has no attestation/,
  ],
  "a stranger's": [
    (at, image) => [putBundle(at, image, stranger, { predicateType: SLSA })],
    /has no attestation/,
  ],
  "one platform alone": [
    (at, { platforms: [amd64] }) => [putBundle(at, amd64!, mine, { predicateType: SLSA })],
    /has no attestation/,
  ],
  "of another digest": [
    (at, image) => [putBundle(at, image, mine, { predicateType: SLSA, about: another(at).digest })],
    /is wrong: it is about sha256:[0-9a-f]{64} \[signature-differs\]/,
  ],
};
for (const [what, [make, why]] of Object.entries(UNATTESTED))
  test(`never a yes: attested, ${what}`, async (t) => {
    const signed: Make = (at, image) => [putBundle(at, image, mine), ...make(at, image)];
    is(await judged(t, signed, asked), "no", why);
  });

test("never a yes: an attestation by one key where two must have made it", async (t) => {
  const make: Make = (at, image) => [
    putBundle(at, image, mine),
    putBundle(at, image, second),
    putBundle(at, image, mine, { predicateType: SLSA }),
  ];
  const why = /1 of the keys made an attestation .*, and 2 must have \[not-attested\]/;
  is(await judged(t, make, { ...asked, threshold: 2 }), "no", why);
});
