import { utf8 } from "../base/bytes.ts";
import { sha256Hex } from "../base/hash.ts";
import { sortedBy } from "../base/order.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { blobPath, INDEX_FILE, nameOf } from "../oci/layout.ts";
import { type Descriptor, type Manifest, parseConfig } from "../oci/manifest.ts";
import { isContainerConfig, isImage, isManifest } from "../oci/media.ts";
import { formatPlatform, type Platform } from "../oci/platform.ts";
import { refersOf } from "../oci/referrer.ts";
import { sizeOf } from "../store/content.ts";
import { fetch, type ReadStore } from "../store/store.ts";
import { collect, type Finding, Findings, finding } from "./finding.ts";
import { childrenOf, read } from "./walk.ts";

/** What a judgement went over, and what is not so. */
export interface Judgement {
  readonly reached: ReadonlySet<Digest>;
  /** The `loadKey` of every manifest. */
  readonly loadable: ReadonlySet<string>;
  /** What configs say of layers, where that was asked for: the claim's layer, diffID and config, each pair once. */
  readonly claims: Iterable<Claim>;
  /** Bytes of the manifests and indexes. */
  readonly json: number;
  readonly findings: Findings;
}

/** What a config says that a layer is uncompressed. */
export interface Claim {
  readonly layer: Digest;
  readonly diffID: string;
  readonly config: Digest;
}

/**
 * Follows every descriptor from `roots`: its target is there, has the size and the type it claims, and says what its
 * descriptor says. Leaves are not read: that their bytes are right is for the hashing to say. Does not stop at the first
 * finding. Each blob is read once as each type that names it, however often and deeply it is named, and of what was
 * read little is kept: time and memory stay in proportion to the blobs that are there.
 * @param layers whether to list what configs say of layers
 */
export function judge(roots: readonly Descriptor[], store: ReadStore, layers = false): Judgement {
  const judging = new Judging(store, layers);
  const images = roots.filter((root) => refersOf(root) === undefined);
  judging.findings.push(
    ...nameTwice(images.map((root) => ({ reference: nameOf(root), descriptor: root }))),
    ...noImages(images),
    ...noNames(images),
  );
  for (const root of roots) judging.lookAt(root);
  judging.followAll();
  return judging;
}

/** Names that cannot be one by any convention: no reader could ask for them, and a person could be misled by them. */
function noNames(roots: readonly Descriptor[]): Finding[] {
  const findings: Finding[] = [];
  for (const root of roots) {
    const name = nameOf(root);
    if (name === undefined || /^[\x21-\x7e]+$/.test(name)) continue;
    findings.push(
      finding("malformed", INDEX_FILE, `${JSON.stringify(name)} is no name of an image`),
    );
  }
  return findings;
}

/** What `manifest.json` says of a manifest, as something short. */
export function loadKey(config: string, layers: readonly string[]): string {
  return digestOf(utf8([config, ...layers].join(" ")));
}

type Target = Pick<Descriptor, "mediaType" | "digest" | "size">;

class Judging implements Judgement {
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
  readonly #listed: boolean;
  readonly #claims = new Map<string, Claim>();

  constructor(store: ReadStore, layers: boolean) {
    this.#store = store;
    this.#listed = layers;
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
    for (const child of index?.manifests ?? []) this.lookAt(child, digest);
    if (manifest === undefined) return;
    for (const child of childrenOf({ manifest }))
      if (this.#isThere(child, digest)) this.#later(child);
    this.#checkConfig(digest, manifest);
    this.loadable.add(
      loadKey(
        blobPath(manifest.config.digest),
        manifest.layers.map((layer) => blobPath(layer.digest)),
      ),
    );
  }

  /** A container's config and its manifest tell of the same layers. */
  #checkConfig(digest: Digest, { config: descriptor, layers }: Manifest): void {
    const content = isContainerConfig(descriptor.mediaType)
      ? this.#store.find(descriptor.digest)
      : undefined;
    if (content === undefined || sizeOf(content) !== descriptor.size) return;
    const config = collect(this.findings, () =>
      parseConfig(fetch(this.#store, descriptor, digest), descriptor.digest),
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
          `it tells of ${told} layers, the manifest of ${layers.length}`,
        ),
      );
    else if (this.#listed)
      for (const [i, { digest: layer }] of layers.entries()) {
        const diffID = config.rootfs.diff_ids[i]!;
        const key = `${layer} ${diffID}`;
        if (!this.#claims.has(key))
          this.#claims.set(key, { layer, diffID, config: descriptor.digest });
      }
  }
}

/** A descriptor may carry the content itself (image-spec, descriptor.md, "Embedded Content"): it must be that content. */
function checkData({ data, digest, size }: Descriptor): Finding[] {
  if (data === undefined) return [];
  const bytes = Buffer.from(data, "base64");
  if (
    bytes.toString("base64") === data &&
    bytes.length === size &&
    `sha256:${sha256Hex(bytes)}` === digest
  )
    return [];
  return [finding("digest-differs", digest, "the data in its descriptor is something else")];
}

/** Many indexes name a variant that configs leave out, and the other way round: only two that differ are two. */
function agrees(said: Platform, config: Platform): boolean {
  const sameVariant = !said.variant || !config.variant || said.variant === config.variant;
  return said.os === config.os && said.architecture === config.architecture && sameVariant;
}

/** A layout may hold content of any type, but what has an image's name must be one: else nobody can say what it needs. */
function noImages(roots: readonly Descriptor[]): Finding[] {
  return roots.flatMap((root) =>
    nameOf(root) === undefined || isImage(root.mediaType)
      ? []
      : [
          finding(
            "type-differs",
            root.digest,
            `${nameOf(root)} is ${root.mediaType}: neither an image manifest nor an index`,
          ),
        ],
  );
}

/** One name for two images. */
export function nameTwice(
  images: Iterable<{ readonly reference: string | undefined; readonly descriptor: Descriptor }>,
): Finding[] {
  const first = new Map<string, Digest>();
  const several = new Map<string, Set<Digest>>();
  for (const { reference, descriptor } of images) {
    if (reference === undefined) continue;
    const before = first.get(reference) ?? descriptor.digest;
    first.set(reference, before);
    if (before !== descriptor.digest)
      several.set(reference, (several.get(reference) ?? new Set([before])).add(descriptor.digest));
  }
  return sortedBy(several, ([name]) => name).map(([name, digests]) =>
    finding(
      "duplicate-name",
      name,
      `it names ${digests.size} images: ${[...digests].slice(0, 3).join(", ")}`,
    ),
  );
}
