import { sortedUnique } from "../base/order.ts";
import { collect, Findings, finding, note, unchecked } from "../image/findings.ts";
import { isGadgetManifest } from "../image/select.ts";
import { childrenOf, hostsOf, isAttestation, read } from "../image/walk.ts";
import type { Digest } from "../oci/digest.ts";
import { blobPath } from "../oci/layout.ts";
import { type Descriptor, type Manifest, parseConfig } from "../oci/manifest.ts";
import {
  ATTESTS,
  isContainerConfig,
  isEncrypted,
  isForeign,
  isImage,
  isManifest,
} from "../oci/media-types.ts";
import { formatPlatform, type Platform } from "../oci/platform.ts";
import { refersOf } from "../oci/referrer.ts";
import { sizeOf } from "../store/content.ts";
import { type ReadStore, readBlob } from "../store/store.ts";
import { agrees, checkData, gadgetWithoutPlatform, loadKey, noImages } from "./check-entries.ts";

/** What a judgement went over, and what is not so. */
export interface GraphReport {
  readonly reached: ReadonlySet<Digest>;
  /** The `loadKey` of every manifest. */
  readonly loadable: ReadonlySet<string>;
  /** What configs say of layers, where that was asked for: the claim's layer, diffID and config, each pair once. */
  readonly claims: Iterable<Claim>;
  /** Bytes of the manifests and indexes. */
  readonly json: number;
  readonly findings: Findings;
  /** The platforms of which nothing is here, or that are left out. */
  readonly absent: readonly Descriptor[];
  /** The platforms that are complete in indexes that lack others. */
  readonly present: ReadonlySet<string>;
}

/** What is to be looked at, and how what is not here is judged. */
export interface GraphCheck {
  /** Whether to list what configs say of layers. */
  readonly layers?: boolean;
  /** Manifests and indexes, named by an index, that may be absent: they are notes, as those of platforms that nobody asked for. */
  readonly mayBeAbsent?: (child: Descriptor) => boolean;
  /** Manifests and indexes, named by an index, that are here in part and left out. */
  readonly leftOut?: ReadonlySet<Digest>;
  /** Whether layers that may be elsewhere (`urls`) may be absent. */
  readonly foreign?: boolean;
}

/** What a config says that a layer is uncompressed. */
export interface Claim {
  readonly layer: Digest;
  readonly mediaType: string;
  readonly diffID: string;
  readonly config: Digest;
}

/**
 * Follows every descriptor from `roots`: its target is there, has the size and the type it claims, and says what its
 * descriptor says. Leaves are not read: that their bytes are right is for the hashing to say. Does not stop at the first
 * finding. Each blob is read once as each type that names it, however often and deeply it is named, and of what was
 * read little is kept: time and memory stay in proportion to the blobs that are there.
 */
export function checkGraph(
  roots: readonly Descriptor[],
  store: ReadStore,
  how: GraphCheck = {},
): GraphReport {
  const judging = new Judge(store, how);
  const images = roots.filter((root) => refersOf(root) === undefined);
  judging.findings.push(...noImages(images));
  for (const root of roots) judging.lookAt(root);
  judging.followAll();
  return judging;
}

type Target = Pick<Descriptor, "mediaType" | "digest" | "size">;

class Judge implements GraphReport {
  readonly reached = new Set<Digest>();
  readonly loadable = new Set<string>();
  readonly findings: Findings;
  json = 0;
  readonly #store: ReadStore;
  /** Blobs with the type that they were read as, or will be. */
  readonly #seen = new Set<string>();
  readonly #todo: Target[] = [];
  /** What the configs of the manifests say. */
  readonly #platforms = new Map<Digest, Platform>();
  readonly #gadgets = new Set<Digest>();
  readonly absent: Descriptor[] = [];
  readonly present = new Set<string>();
  readonly #how: GraphCheck;
  readonly #claims = new Map<string, Claim>();

  constructor(store: ReadStore, how: GraphCheck) {
    this.#store = store;
    this.#how = how;
    this.findings = new Findings(store.at);
  }

  get claims(): Iterable<Claim> {
    return this.#claims.values();
  }

  followAll(): void {
    for (let next = this.#todo.pop(); next !== undefined; next = this.#todo.pop())
      this.#follow(next);
  }

  /** What one descriptor of an index claims. A manifest is read at once, an index later. */
  lookAt(descriptor: Descriptor, parent?: Digest): void {
    const { mediaType, digest, platform } = descriptor;
    if (!this.#isThere(descriptor, parent)) return;
    if (!isManifest(mediaType)) {
      this.#later(descriptor);
      return;
    }
    if (this.#isNew(descriptor)) this.#follow(descriptor);
    if (platform === undefined && parent !== undefined && this.#gadgets.has(digest))
      this.findings.push(gadgetWithoutPlatform(digest));
    const config = this.#platforms.get(digest);
    if (platform === undefined || config === undefined || agrees(platform, config)) return;
    this.findings.push(
      finding(
        "platform-differs",
        digest,
        `its descriptor says ${formatPlatform(platform)}, its config says ${formatPlatform(config)}`,
      ),
    );
  }

  #later({ mediaType, digest, size }: Target): void {
    if (isImage(mediaType) && this.#isNew({ mediaType, digest, size }))
      this.#todo.push({ mediaType, digest, size });
  }

  #isNew({ mediaType, digest }: Target): boolean {
    const key = `${digest} ${mediaType}`;
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }

  /** Whether the target is there, of the size that is claimed. */
  #isThere(descriptor: Descriptor, parent: Digest | undefined): boolean {
    const { digest, size } = descriptor;
    if (this.findings.isFull) return false;
    const content = this.#store.find(digest);
    if (content === undefined) {
      this.findings.push(
        finding(
          "blob-missing",
          digest,
          `it is not here${parent === undefined ? "" : `, and ${parent} needs it`}`,
        ),
      );
      return false;
    }
    this.reached.add(digest);
    this.findings.push(...checkData(descriptor));
    if (sizeOf(content) === size) return true;
    this.findings.push(
      finding(
        "size-differs",
        digest,
        `it has ${sizeOf(content)} bytes, its descriptor says ${size}`,
      ),
    );
    return false;
  }

  /** Reads a manifest or an index and looks at what it names. */
  #follow(target: Target): void {
    const { digest, mediaType } = target;
    if (this.findings.isFull) return;
    const found = collect(this.findings, () => read(target, this.#store));
    if (found === undefined) return;
    this.json += target.size;
    const { index, manifest } = found;
    const says = (index ?? manifest)?.mediaType;
    if (says !== undefined && says !== mediaType)
      this.findings.push(
        finding("type-differs", digest, `it says it is ${says}, its descriptor says ${mediaType}`),
      );
    if (index !== undefined) this.#followIndex(digest, index.manifests);
    if (manifest === undefined) return;
    for (const child of childrenOf({ manifest }))
      if (!this.#isElsewhere(child) && this.#isThere(child, digest)) this.#later(child);
    if (isGadgetManifest(manifest)) this.#gadgets.add(digest);
    this.#checkConfig(digest, manifest);
    this.loadable.add(
      loadKey(
        blobPath(manifest.config.digest),
        manifest.layers.map((layer) => blobPath(layer.digest)),
      ),
    );
  }

  /** The platforms of an index: those of which nothing is here are told, where there are others. */
  #followIndex(digest: Digest, children: readonly Descriptor[]): void {
    const isAway = (child: Descriptor) =>
      isImage(child.mediaType) &&
      (this.#store.find(child.digest) === undefined ||
        (this.#how.leftOut?.has(child.digest) && this.#how.mayBeAbsent?.(child)));
    const platforms = children.filter((child) => !isAttestation(child));
    const there = platforms.filter((child) => !isAway(child));
    const isPartial = there.length > 0;
    const complete = sortedUnique(
      there.flatMap(({ platform }) => (platform ? formatPlatform(platform) : [])),
    );
    for (const child of children)
      if (!isPartial || !isAway(child)) this.lookAt(child, digest);
      else if (!isAttestation(child)) this.#isAbsent(child, digest, complete);
      else if (
        !children.some((other) => other.digest === child.annotations?.[ATTESTS] && isAway(other))
      )
        this.findings.push(
          note(
            "platform-absent",
            child.digest,
            "an attestation manifest that the index names is missing",
          ),
        );
  }

  #isAbsent(child: Descriptor, index: Digest, complete: readonly string[]): void {
    this.absent.push(child);
    const what = child.platform ? formatPlatform(child.platform) : "a platform without a name";
    const is = this.#how.leftOut?.has(child.digest) ? "incomplete" : "missing";
    const others = complete.length > 0 ? `; complete: ${complete.join(", ")}` : "";
    for (const platform of complete) this.present.add(platform);
    const may = this.#how.mayBeAbsent?.(child) ?? false;
    this.findings.push(
      (may ? note : finding)(
        "platform-absent",
        child.digest,
        `the image for ${what} is ${is}, and the index ${index} names it${others}`,
      ),
    );
  }

  /** Whether a layer is not here and says that it is elsewhere. */
  #isElsewhere(child: Descriptor): boolean {
    const { digest, mediaType, urls = [] } = child;
    if (!isForeign(mediaType) || this.#store.find(digest) !== undefined) return false;
    const isAllowed = this.#how.foreign ?? false;
    this.findings.push(
      (isAllowed ? note : finding)(
        "elsewhere",
        digest,
        `the foreign layer is missing: its descriptor says that it is at ${hostsOf(urls) || "another place"}${isAllowed ? "" : " (--allow-missing-foreign leaves it out)"}`,
      ),
    );
    return true;
  }

  /** A container's config and its manifest tell of the same layers. */
  #checkConfig(digest: Digest, { config: descriptor, layers }: Manifest): void {
    const content = isContainerConfig(descriptor.mediaType)
      ? this.#store.find(descriptor.digest)
      : undefined;
    if (content === undefined || sizeOf(content) !== descriptor.size) return;
    const config = collect(this.findings, () =>
      parseConfig(readBlob(this.#store, descriptor, digest), descriptor.digest),
    );
    if (config === undefined) return;
    const { architecture, os, variant } = config;
    this.#platforms.set(digest, { architecture, os, variant });
    const told = config.rootfs.diff_ids.length;
    if (layers.length !== told)
      this.findings.push(
        finding(
          "config-differs",
          descriptor.digest,
          `it has diffIDs of ${told} layers, the manifest has ${layers.length}`,
        ),
      );
    else if (this.#how.layers)
      for (const [i, { digest: layer, mediaType }] of layers.entries())
        this.#claim({
          layer,
          mediaType,
          diffID: config.rootfs.diff_ids[i]!,
          config: descriptor.digest,
        });
  }

  #claim(claim: Claim): void {
    const { layer, mediaType, diffID } = claim;
    const key = `${layer} ${diffID} ${mediaType}`;
    if (this.#claims.has(key)) return;
    this.#claims.set(key, claim);
    if (isEncrypted(mediaType))
      this.findings.push(
        unchecked(layer, `it is encrypted (${mediaType}): its content was not checked`),
      );
  }
}
