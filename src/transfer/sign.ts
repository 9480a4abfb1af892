/** New signatures of images, as content that refers to them: in cosign's two forms. */
import { utf8 } from "../base/bytes.ts";
import { formatJson } from "../base/json/json.ts";
import type { Referring } from "../image/referrers.ts";
import { platformOf, type StoredImage, wantedIn } from "../image/select.ts";
import { isAttestation, read } from "../image/walk.ts";
import type { JobContext } from "../jobs/job-context.ts";
import type { Digest } from "../oci/digest.ts";
import type { Annotations, Descriptor, Manifest } from "../oci/manifest.ts";
import { CONFIG, EMPTY, isImage, MANIFEST } from "../oci/media-types.ts";
import { formatPlatform, type Platform } from "../oci/platform.ts";
import { repositoryOf } from "../oci/reference.ts";
import type { FolderStore } from "../store/folder-store.ts";
import { MemoryStore } from "../store/memory-store.ts";
import type { ReadStore } from "../store/store.ts";
import { BUNDLE } from "../trust/forms/bundle.ts";
import { SIMPLE_SIGNATURE, SIMPLE_SIGNING } from "../trust/forms/simple-signing.ts";
import {
  makeBundle,
  makeSimpleSigning,
  type Predicate,
  SIGNED_PREDICATE,
} from "../trust/sign/make-signature.ts";
import type { SigningKey } from "../trust/sign/private-key.ts";
import { copyImages } from "./copy.ts";

/** A manifest or an index that is to be signed, and the image that it is of. */
export interface SigningTarget {
  readonly descriptor: Descriptor;
  /** The image's name. */
  readonly reference: string;
  readonly store: ReadStore;
  readonly platform?: string | undefined;
}

/**
 * The image, the indexes in it and its platforms, as far as they are here, each once. Attestation manifests are signed by their index.
 * @throws as read
 */
export function signingTargets({ reference, descriptor, store }: StoredImage): SigningTarget[] {
  const found = new Map<Digest, SigningTarget>();
  const todo: Descriptor[] = [descriptor];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const { mediaType, digest, size } = next;
    if (found.has(digest)) continue;
    const { index } = read(next, store);
    const platform = next.platform ?? platformOf(next, store);
    found.set(digest, {
      descriptor: { mediaType, digest, size },
      reference,
      store,
      platform: platform && formatPlatform(platform),
    });
    for (const child of [...(index?.manifests ?? [])].reverse())
      if (isImage(child.mediaType) && !isAttestation(child) && store.find(child.digest))
        todo.push(child);
  }
  return [...found.values()];
}

/** A signature that was made, or that was there already with the same bytes. */
export type MadeSignature = Referring & { readonly platform?: string | undefined };

/** A bundle about the target, in a manifest whose subject it is. */
export function bundleFor(
  { descriptor: subject, store, platform }: SigningTarget,
  predicate: Predicate,
  key: SigningKey,
): MadeSignature {
  const made = new MemoryStore(store.at, store);
  const put = (mediaType: string, bytes: Uint8Array): Descriptor => ({
    mediaType,
    digest: made.put(bytes),
    size: bytes.length,
  });
  const bundle = put(BUNDLE, makeBundle(subject.digest, predicate, key));
  const descriptor = put(
    MANIFEST,
    utf8(
      formatJson({
        schemaVersion: 2,
        mediaType: MANIFEST,
        artifactType: BUNDLE,
        config: json(put(EMPTY, utf8("{}"))),
        layers: [json(bundle)],
        subject: json(subject),
        annotations: {
          "dev.sigstore.bundle.content": "dsse-envelope",
          "dev.sigstore.bundle.predicateType": predicate.type,
        },
      }),
    ),
  );
  const refers = { subject: subject.digest };
  return { reference: descriptor.digest, descriptor, store: made, refers, platform };
}

/**
 * The manifest that goes under cosign's tag: with the signatures of the one that is there, and a new one.
 * @param before what is under the tag now
 */
export function tagFormFor(
  { descriptor: subject, reference, store, platform }: SigningTarget,
  before: Referring | undefined,
  key: SigningKey,
): MadeSignature {
  const made = new MemoryStore(store.at, store);
  const { claims, signature } = makeSimpleSigning(subject.digest, repositoryOf(reference), key);
  const layer = {
    mediaType: SIMPLE_SIGNING,
    digest: made.put(claims),
    size: claims.length,
    annotations: { [SIMPLE_SIGNATURE]: signature },
  };
  const others = layersOf(before).filter((other) => !isSame(other, layer));
  const isThere = others.length < layersOf(before).length;
  const refers = { subject: subject.digest, suffix: ".sig" } as const;
  if (before !== undefined && isThere) return { ...before, refers, platform };
  const layers = [...others, layer];
  const config = utf8(
    formatJson({
      architecture: "",
      created: NEVER,
      history: layers.map(() => ({ created: NEVER })),
      os: "",
      rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
      config: {},
    }),
  );
  const manifest = utf8(
    formatJson({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: CONFIG, size: config.length, digest: made.put(config) },
      layers: layers.map(json),
    }),
  );
  const descriptor = { mediaType: MANIFEST, digest: made.put(manifest), size: manifest.length };
  return { reference: descriptor.digest, descriptor, store: made, refers, platform };
}

/** Go's zero time, which cosign writes. */
const NEVER = "0001-01-01T00:00:00Z";

function layersOf(before: Referring | undefined): Manifest["layers"] {
  return before === undefined ? [] : (read(before.descriptor, before.store).manifest?.layers ?? []);
}

const isSame = (a: Descriptor, b: Descriptor) =>
  a.digest === b.digest && a.annotations?.[SIMPLE_SIGNATURE] === b.annotations?.[SIMPLE_SIGNATURE];

interface PlainDescriptor {
  readonly [key: string]: string | number | Annotations | undefined;
}

const json = ({ mediaType, digest, size, annotations }: Descriptor): PlainDescriptor => ({
  mediaType,
  digest,
  size,
  annotations: annotations ?? undefined,
});

/** What signing changes: content that comes, and what it takes the place of. */
export interface SignatureChange {
  /** Each once for each manifest; those that were there already are among them. */
  readonly made: readonly MadeSignature[];
  readonly replaced: readonly Referring[];
}

/** Signs images and their platforms. @param referring what refers to them now @throws as read */
export function signImages(
  images: readonly StoredImage[],
  referring: readonly Referring[],
  form: "bundle" | "tag",
  key: SigningKey,
): SignatureChange {
  const targets = new Map(
    images
      .flatMap(signingTargets)
      .map((target) => [
        form === "bundle"
          ? target.descriptor.digest
          : `${target.descriptor.digest} ${repositoryOf(target.reference)}`,
        target,
      ]),
  );
  const tagged = new Map(
    referring
      .filter(({ refers }) => refers.suffix === ".sig")
      .map((one) => [one.refers.subject, one]),
  );
  const now = new Map(tagged);
  const made = new Map<string, MadeSignature>();
  for (const target of targets.values()) {
    const { digest } = target.descriptor;
    if (form === "bundle") made.set(digest, bundleFor(target, SIGNED_PREDICATE, key));
    else {
      const one = tagFormFor(target, now.get(digest), key);
      now.set(digest, one);
      made.set(digest, one);
    }
  }
  const replaced = [...tagged.values()].filter(({ refers: { subject }, descriptor }) => {
    const one = form === "tag" ? made.get(subject) : undefined;
    return one !== undefined && one.descriptor.digest !== descriptor.digest;
  });
  return { made: [...made.values()], replaced };
}

/** Says something of images, or of those of their platforms. @throws not-found for platforms that an image is not for */
export function attestImages(
  images: readonly StoredImage[],
  platforms: readonly Platform[],
  predicate: Predicate,
  key: SigningKey,
): SignatureChange {
  const made = images.flatMap((image) => {
    const targets = signingTargets(image);
    const wanted = platforms.length === 0 ? [image.descriptor] : wantedIn(image, platforms);
    const digests = new Set(wanted.map(({ digest }) => digest));
    return targets
      .filter(({ descriptor }) => digests.has(descriptor.digest))
      .map((target) => bundleFor(target, predicate, key));
  });
  const once = new Map(made.map((one) => [one.refers.subject, one]));
  return { made: [...once.values()], replaced: [] };
}

/** What is in an archive of the images with their new signatures: all that refers to them stays. */
export function withSignatures(
  images: readonly StoredImage[],
  referring: readonly Referring[],
  { made, replaced }: SignatureChange,
): StoredImage[] {
  const gone = new Set(replaced.map(keyOfReferrer));
  return [...images, ...referring.filter((one) => !gone.has(keyOfReferrer(one))), ...made];
}

const keyOfReferrer = ({ descriptor, refers }: Referring) =>
  `${descriptor.digest} ${refers.subject}`;

/** Afterwards the store has the new signatures, and not those whose place they take. @throws as copyImages */
export async function addSignatures(
  store: FolderStore,
  { made, replaced }: SignatureChange,
  working: JobContext,
): Promise<void> {
  await copyImages(made, store, working);
  if (replaced.length > 0) await store.untag([], () => replaced);
}
