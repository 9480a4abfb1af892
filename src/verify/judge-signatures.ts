/** Brings what refers to images, of any store, before whoever judges it (trust/). */
import { IngotError, isIngotError } from "../base/error.ts";
import { formatJson } from "../base/json/json.ts";
import { bySubject, type NamedReferrer, namedReferrers, readEntries } from "../image/entries.ts";
import {
  collect,
  type Finding,
  Findings,
  finding,
  toFinding,
  unchecked,
} from "../image/findings.ts";
import { kindOrOther } from "../image/referrer-kind.ts";
import { platformOf, type StoredImage, wantedIn } from "../image/select.ts";
import { isAttestation, read } from "../image/walk.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor, Manifest } from "../oci/manifest.ts";
import { isImage } from "../oci/media-types.ts";
import { formatPlatform, type Platform } from "../oci/platform.ts";
import { artifactTypeOf } from "../oci/referrer.ts";
import { type ReadStore, readBlob } from "../store/store.ts";
import type {
  ImageVerdict,
  SignableManifest,
  SignatureEvidence,
  TrustJudge,
} from "../trust/verdict.ts";

const SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json";
const DSSE = "application/vnd.dsse.envelope.v1+json";
const BUNDLE = "application/vnd.dev.sigstore.bundle";
const NOTATION = "application/vnd.cncf.notary.signature";

/** What a judge says of images. */
export interface TrustReport {
  readonly trust: readonly ImageVerdict[];
  readonly findings: readonly Finding[];
}

/**
 * Has the signatures of each image judged. Where no platforms are asked for, the image itself must be signed; else each of these, itself or by
 * what it is in. What cannot be read of an image is a finding.
 */
export function judgeSignatures(
  images: readonly StoredImage[],
  judge: TrustJudge,
  platforms: readonly Platform[],
): TrustReport {
  const findings = new Findings(images[0]?.store.at ?? "");
  const known = new Map<ReadStore, ReturnType<typeof bySubject>>();
  const reader = new EvidenceReader();
  const trust: ImageVerdict[] = [];
  const before = new Map<Digest, ImageVerdict>();
  for (const image of images) {
    const { reference, store, descriptor } = image;
    const { digest } = descriptor;
    const referrers = known.get(store) ?? knownIn(store);
    known.set(store, referrers);
    const verdict =
      before.get(digest) ??
      collect(findings, () => {
        const targets = targetsOf(image, referrers, platforms, reader);
        return judge({ reference, digest, targets });
      });
    if (verdict === undefined) continue;
    trust.push({ ...verdict, reference });
    if (!before.has(digest)) findings.push(...verdict.faults.map(asFinding));
    before.set(digest, verdict);
  }
  return { trust, findings: [...findings] };
}

const asFinding = ({ code, at, why }: ImageVerdict["faults"][number]): Finding =>
  code === "unchecked" ? unchecked(at, why) : finding(code, at, why);

function knownIn(store: ReadStore) {
  const { images, referrers } = readEntries(store);
  return bySubject([...referrers, ...namedReferrers(images, store)]);
}

/** The image, the indexes in it and its platforms, as far as they are here. @throws as read */
function targetsOf(
  image: StoredImage,
  referrers: ReadonlyMap<Digest, readonly NamedReferrer[]>,
  platforms: readonly Platform[],
  reader: EvidenceReader,
): SignableManifest[] {
  const { descriptor: root, store } = image;
  const asked = platforms.length === 0 ? [root] : wantedIn(image, platforms);
  const wanted = new Set(asked.map(({ digest }) => digest));
  const targets = new Map<Digest, SignableManifest>();
  const todo: { descriptor: Descriptor; within: readonly Digest[] }[] = [
    { descriptor: root, within: [] },
  ];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const { descriptor, within } = next;
    const { digest } = descriptor;
    if (within.length > DEEPEST) throw tooDeep(root);
    const seen = targets.get(digest);
    if (seen !== undefined) {
      const all = new Set([...seen.within, ...within]);
      if (seen.within.length < DEEPEST) targets.set(digest, { ...seen, within: [...all] });
      continue;
    }
    const { bytes, index } = read(descriptor, store);
    const platform =
      descriptor.platform ?? (digest === root.digest ? platformOf(descriptor, store) : undefined);
    targets.set(digest, {
      digest,
      bytes: bytes!,
      evidence: onlyOnce((referrers.get(digest) ?? []).flatMap((one) => reader.of(one, store))),
      platform: platform && formatPlatform(platform),
      within,
      isAsked: wanted.has(digest),
    });
    for (const child of [...(index?.manifests ?? [])].reverse())
      if (isPart(child) && store.find(child.digest) !== undefined)
        todo.push({ descriptor: child, within: [...within, digest] });
  }
  const missing = asked.find(({ digest }) => !targets.has(digest));
  if (missing !== undefined)
    throw new IngotError("blob-missing", {
      digest: missing.digest,
      at: store.at,
      neededBy: root.digest,
    });
  return [...targets.values()];

  /** An attestation manifest is signed by what it is in, and nobody runs it; one that was asked for is a platform. */
  function isPart(child: Descriptor): boolean {
    return isImage(child.mediaType) && (!isAttestation(child) || wanted.has(child.digest));
  }
}

/** Indexes in indexes are followed so far. */
const DEEPEST = 32;

const tooDeep = ({ digest }: Descriptor) =>
  new IngotError("too-large", {
    what: "the nesting of indexes",
    at: digest,
    actual: DEEPEST + 1,
    limit: DEEPEST,
    unit: "levels",
  });

/** cosign writes what it found of signatures once more with each new one. */
function onlyOnce(evidence: readonly SignatureEvidence[]): SignatureEvidence[] {
  const found = new Map<string, SignatureEvidence>();
  for (const one of evidence) {
    const key = "key" in one ? one.key : `${one.kind} ${one.at} ${found.size}`;
    if (!found.has(key)) found.set(key, one);
  }
  return [...found.values()];
}

/** So many referrers are remembered: one may refer to thousands of images. */
const KEPT = 64;

/** Reads referrers, those that were read last once. */
class EvidenceReader {
  readonly #known = new Map<string, SignatureEvidence[]>();

  of(one: NamedReferrer, store: ReadStore): SignatureEvidence[] {
    const key = `${one.descriptor.digest} ${one.descriptor.mediaType}`;
    const found = this.#known.get(key) ?? evidenceIn(one, store);
    this.#known.delete(key);
    this.#known.set(key, found);
    const [oldest] = this.#known.keys();
    if (this.#known.size > KEPT) this.#known.delete(oldest!);
    return found;
  }
}

/** What of a referrer may be a signature. */
function evidenceIn(one: NamedReferrer, store: ReadStore): SignatureEvidence[] {
  const { descriptor, refers } = one;
  const at = descriptor.digest;
  if (!isImage(descriptor.mediaType)) return [];
  try {
    const { manifest } = read(descriptor, store);
    if (manifest === undefined) return [];
    const found = manifest.layers.flatMap((layer) => evidenceOf(layer, store, at));
    if (found.length > 0) return found;
    if (artifactTypeOf(manifest) === NOTATION) return [{ kind: "foreign", at, what: "notation" }];
    const isSignature = kindOrOther({ descriptor, store, refers }) === "signature";
    return isSignature ? [{ kind: "foreign", at, what: "a signature without content" }] : [];
  } catch (error) {
    return [{ kind: "unreadable", at, why: reasonOf(error) }];
  }
}

/** A layer that may be a signature. It is read when it is checked, and not kept: a manifest may have thousands. */
function evidenceOf(
  layer: Manifest["layers"][number],
  store: ReadStore,
  at: Digest,
): SignatureEvidence[] {
  const { mediaType, digest, size, annotations: given } = layer;
  const isBundle = mediaType.startsWith(BUNDLE);
  if (mediaType !== SIMPLE_SIGNING && mediaType !== DSSE && !isBundle) return [];
  const kind = isBundle ? "bundle" : mediaType === DSSE ? "envelope" : "simple signing";
  if (kind === "simple signing" && size > CLAIMS_LIMIT)
    return [
      {
        kind: "unreadable",
        at,
        why: `its claims have ${size} bytes, at most ${CLAIMS_LIMIT} are read`,
      },
    ];
  const annotations = isBundle ? {} : (given ?? {});
  const key = `${kind} ${digest} ${formatJson(annotations)}`;
  const read = () => {
    try {
      return readBlob(store, layer, at);
    } catch (error) {
      return { why: reasonOf(error) };
    }
  };
  return [{ kind, at, key, read, annotations }];
}

/** Claims say little more than a name and a digest. Bytes. */
const CLAIMS_LIMIT = 64 * 1024;

/** Why a blob could not be read. @throws what is no Fault, and what says nothing of the content */
function reasonOf(error: unknown): string {
  if (!isIngotError(error)) throw error;
  const { at, message } = toFinding(error);
  return `${at}: ${message}`;
}
