/** Layouts with referrers: signatures, SBOMs, attestations, under every kind of entry. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Blob, OCI, put } from "../images/platforms.ts";

export const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
export const SPDX = "application/spdx+json";
export const SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json";
export const DSSE = "application/vnd.dsse.envelope.v1+json";
export const ATTESTATION = "application/vnd.docker.attestation.manifest.v1+json";
export const REF_NAME = "org.opencontainers.image.ref.name";
export const SUBJECT = "io.containerd.manifest.subject";
const EMPTY = "application/vnd.oci.empty.v1+json";

const plain = ({ mediaType, digest, size }: Blob): Blob => ({ mediaType, digest, size });

/** cosign's tag of a subject. */
export const cosignTag = ({ digest }: Blob, ending: ".sig" | ".att" | ".sbom"): string =>
  digest.replace(":", "-") + ending;

/** A manifest that refers to `subject`, with a layer of its own. */
export function putReferrer(layout: string, subject: Blob, type = BUNDLE): Blob {
  return put(layout, OCI.manifest, {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    artifactType: type,
    config: put(layout, EMPTY, {}),
    layers: [put(layout, type, Buffer.from(`${type} of ${subject.digest}`))],
    subject: plain(subject),
  });
}

/** What cosign keeps under a tag: a manifest without a subject. */
export function putTagged(layout: string, subject: Blob, type = SIMPLE): Blob {
  return put(layout, OCI.manifest, {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    config: put(layout, EMPTY, {}),
    layers: [put(layout, type, Buffer.from(`${type} under the tag of ${subject.digest}`))],
  });
}

/** BuildKit's attestation manifest of `subject`, and its descriptor in an index; without a subject, as BuildKit before 0.32 wrote it. */
export function putAttestation(layout: string, subject: Blob, hasSubject = true): Blob {
  const layer = put(layout, "application/vnd.in-toto+json", Buffer.from(`of ${subject.digest}`));
  const rootfs = { type: "layers", diff_ids: [layer.digest] };
  const older = { architecture: "unknown", os: "unknown", config: {}, rootfs };
  const manifest = put(layout, OCI.manifest, {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    ...(hasSubject && { artifactType: ATTESTATION }),
    config: hasSubject ? put(layout, EMPTY, {}) : put(layout, OCI.config, older),
    layers: [layer],
    ...(hasSubject && { subject: plain(subject) }),
  });
  const annotations = {
    "vnd.docker.reference.digest": subject.digest,
    "vnd.docker.reference.type": "attestation-manifest",
  };
  const platform = { architecture: "unknown", os: "unknown" };
  return Object.assign(manifest, { platform, annotations });
}

export const putIndex = (layout: string, manifests: readonly Blob[]): Blob =>
  put(layout, OCI.index, { schemaVersion: 2, mediaType: OCI.index, manifests });

/** Writes the index of a layout: each blob with its annotations, in this order. */
export function writeIndex(
  layout: string,
  entries: readonly (readonly [blob: Blob, annotations?: Readonly<Record<string, string>>])[],
): void {
  const manifests = entries.map(([blob, annotations]) => ({ ...plain(blob), annotations }));
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}

export const named = (blob: Blob, name: string) => [blob, { [REF_NAME]: name }] as const;
export const refersTo = (blob: Blob, subject: Blob) =>
  [blob, { [SUBJECT]: subject.digest }] as const;

/** Digests of a list in a JSON answer, sorted. */
export const digests = (list: readonly { readonly digest: string }[]): string[] =>
  list.map(({ digest }) => digest).sort();
