/** An archive of Docker's old form seen as a layout (docs/foreign-archives.md). */

import { type DockerImage, parseDocker } from "../archive/docker-manifest.ts";
import { utf8 } from "../base/bytes.ts";
import type { Compression } from "../base/compression/decompress.ts";
import { deserializeError, IngotError } from "../base/error.ts";
import { formatJson } from "../base/json/json.ts";
import { diffIDDiffers } from "../check/check-digest.ts";
import { hashAll } from "../check/hash-blobs.ts";
import type { ScannedArchive, ScannedBlob } from "../check/inventory.ts";
import { KEPT_LIMIT } from "../check/kept-json.ts";
import { isIgnored } from "../check/scan.ts";
import { collect, finding, note, toFinding, unchecked } from "../image/findings.ts";
import type { JobContext } from "../jobs/job-context.ts";
import { type Digest, digestOf, isDigest, isOtherDigest } from "../oci/digest.ts";
import { DOCKER_FILE, digestAt, INDEX_FILE } from "../oci/layout.ts";
import { type Descriptor, INDEX_LIMIT, MANIFEST_LIMIT, parseConfig } from "../oci/manifest.ts";
import { CONFIG, LAYER, MANIFEST, REF_NAME } from "../oci/media-types.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import { readBytes } from "../store/content.ts";
import { type ArchiveFile, findFile, inspectLayers } from "./docker-save-layers.ts";
import { adoptFlat } from "./flat-archive.ts";

type Layer = Pick<Descriptor, "mediaType" | "digest" | "size">;

/** A config or layer, and where it is. */
interface Part {
  readonly descriptor: Layer;
  readonly held: ScannedBlob;
}

/**
 * Makes a layout of what was gathered: afterwards its configs and layers are blobs, each image has the manifest that the rule
 * gives it, and they are the roots. Of a file, compressed layers are read here; that the others are what their config says
 * is for whoever reads them to prove, by their digest. What is not so is among the findings.
 * @throws unsupported for a layer that passed by and was not decompressed: nobody could say
 */
export async function adoptDocker(inventory: ScannedArchive, working: JobContext): Promise<void> {
  const { findings, files } = inventory;
  const list = collect(findings, () =>
    parseDocker(readBytes(files.get(DOCKER_FILE)!, INDEX_LIMIT, DOCKER_FILE)),
  );
  if (list === undefined) return;
  checkLinks(inventory);
  if (files.has(INDEX_FILE)) return adoptFlat(inventory, list);
  await inspectLayers(inventory, list, working);
  const adopting = new Adopting(inventory);
  inventory.roots = collect(findings, () => list.flatMap((image) => adopting.image(image))) ?? [];
  await hashAll(inventory, [], working);
  if (list.length === 0) findings.push(finding("nothing", DOCKER_FILE, "it names no image"));
  for (const name of inventory.strays.keys())
    if (!adopting.used.has(name) && !isIgnored(name))
      findings.push(note("unexpected-member", name, "a file that no image of it needs"));
}

/** The tools write one kind of link: a layer that is another one's, `ID/layer.tar` → `../ID/layer.tar`. */
function checkLinks({ links, strays, findings }: ScannedArchive): void {
  for (const [name, { type, target }] of links) {
    if (target === undefined)
      findings.push(finding("unsafe-member", name, "it is a link that leads out of the archive"));
    else if (!/(?:^|\/)layer\.tar$/.test(name) || !target.endsWith(".tar"))
      findings.push(finding("unsafe-member", name, `it is a ${type}, and no layer's`));
    else if (!strays.has(target))
      findings.push(
        finding(
          "unsafe-member",
          name,
          `it is a ${type} to ${target}, which is not a file in the archive`,
        ),
      );
  }
}

interface ConfigPart extends Part {
  readonly diffIDs: readonly string[];
}

/** The most layers of an image whose manifest is made: nobody reads one that is longer. */
export const MADE_LAYERS = Math.floor(
  MANIFEST_LIMIT /
    formatJson({ mediaType: LAYER, digest: `sha256:${"0".repeat(64)}`, size: 0 }).length,
);

class Adopting {
  /** The files that some image needs. */
  readonly used = new Set<string>();
  readonly #inventory: ScannedArchive;
  readonly #configs = new Map<string, ConfigPart | undefined>();
  /** Bytes of the configs and of the manifests that are made. */
  #held = 0;

  constructor(inventory: ScannedArchive) {
    this.#inventory = inventory;
  }

  /** The image under each of its names; none when something of it is not so. */
  image({ Config, Layers, RepoTags }: DockerImage): Descriptor[] {
    const { findings } = this.#inventory;
    if (Layers.length > MADE_LAYERS)
      throw new IngotError("too-large", {
        what: `the image with ${Config}`,
        at: DOCKER_FILE,
        actual: Layers.length,
        limit: MADE_LAYERS,
        unit: "layers",
      });
    const files = Layers.map((path) => this.#need(path));
    const config = this.#config(Config);
    if (config === undefined || files.includes(undefined)) return [];
    const { diffIDs } = config;
    if (diffIDs.length !== files.length) {
      const why = `it has diffIDs of ${diffIDs.length} layers, ${DOCKER_FILE} lists ${files.length}`;
      findings.push(finding("config-differs", Config, why));
      return [];
    }
    const layers = files.map((found, j) => this.#layer(found!, diffIDs[j]!));
    const there = layers.filter((layer) => layer !== undefined);
    if (there.length < layers.length) return [];
    this.#put(config.descriptor.digest, config.held);
    for (const { descriptor, held } of there) this.#put(descriptor.digest, held);
    const root = this.#manifest(
      config.descriptor,
      there.map(({ descriptor }) => descriptor),
    );
    const tags = (RepoTags ?? []).filter((tag) => tag !== "<none>:<none>");
    const named = tags.flatMap((tag) => {
      const name = collect(findings, () => formatReference(parseReference(tag, "container")));
      return name === undefined ? [] : [{ ...root, annotations: { [REF_NAME]: name } }];
    });
    return named.length === 0 ? [root] : named;
  }

  #put(digest: Digest, held: ScannedBlob): void {
    const { blobs, copies } = this.#inventory;
    const before = blobs.get(digest);
    if (before === undefined) blobs.set(digest, held);
    else if (held.claimed !== undefined && held.claimed !== before.claimed)
      copies.set(`${digest} ${held.claimed}`, { digest, held });
  }

  /** Each is read once, however many images it is of. */
  #config(path: string): ConfigPart | undefined {
    const found = this.#need(path, true);
    if (found === undefined) return undefined;
    const { name } = found;
    if (!this.#configs.has(name)) this.#configs.set(name, this.#readConfig(found));
    return this.#configs.get(name);
  }

  #readConfig({ name, file }: ArchiveFile): ConfigPart | undefined {
    return collect(this.#inventory.findings, () => {
      if (file.content === undefined)
        throw new IngotError("malformed", {
          what: "an image config",
          at: name,
          why: file.size > MANIFEST_LIMIT ? "it is too long" : "it does not begin with {",
        });
      const bytes = readBytes(file.content, MANIFEST_LIMIT, name);
      const digest = digestOf(bytes);
      const said = /(?:^|[/:])([0-9a-f]{64})(?:\.json)?$/.exec(name)?.[1];
      if (said !== undefined && digest !== `sha256:${said}`)
        throw new IngotError("digest-differs", {
          at: name,
          expected: `sha256:${said}`,
          actual: digest,
        });
      const { diff_ids } = parseConfig(bytes, name).rootfs;
      this.#hold(bytes.length);
      const held = { size: bytes.length, content: bytes };
      const descriptor = { mediaType: CONFIG, digest, size: bytes.length };
      return { descriptor, held, diffIDs: diff_ids };
    });
  }

  /** A layer as its config says it is, or as its bytes are where they have been read. */
  #layer({ name, file }: ArchiveFile, said: string): Part | undefined {
    const { findings } = this.#inventory;
    const { inside, size, content } = file;
    if (!isDigest(said)) {
      findings.push(
        isOtherDigest(said)
          ? unchecked(name, `its diffID is ${said}: only sha256 is supported`)
          : finding("malformed", name, `its diffID is ${JSON.stringify(said)}`),
      );
      return undefined;
    }
    const { compression, inflated } = inside ?? {};
    if (typeof inflated === "object" && "fault" in inflated) {
      findings.push({ ...toFinding(deserializeError(inflated.fault)), at: name });
      return undefined;
    }
    // A plain layer that has not been read is taken for what its config says: its digest will tell.
    const digest = file.digest ?? (content === undefined ? undefined : said);
    const diffID = typeof inflated === "object" ? inflated.diffID : undefined;
    const actual = diffID ?? (compression === undefined ? digest : undefined);
    if (digest === undefined || actual === undefined) {
      const why = "it was not read, and so its diffID was not checked";
      findings.push(finding("malformed", name, why));
      return undefined;
    }
    if (actual !== said) {
      findings.push(diffIDDiffers(name, actual, said));
      return undefined;
    }
    const claimed = file.digest === undefined ? { claimed: name } : {};
    const held = { size, content, ...(inside && { inside }), ...claimed };
    return { descriptor: { mediaType: layerTypeOf(compression), digest, size }, held };
  }

  /** The manifest that such an archive has not: the same for the same config and layers, everywhere. */
  #manifest(config: Layer, layers: readonly Layer[]): Layer {
    const bytes = utf8(
      formatJson({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: { ...config },
        layers: layers.map((layer) => ({ ...layer })),
      }),
    );
    const digest = digestOf(bytes);
    if (!this.#inventory.blobs.has(digest)) this.#hold(bytes.length);
    this.#inventory.blobs.set(digest, { size: bytes.length, content: bytes });
    return { mediaType: MANIFEST, digest, size: bytes.length };
  }

  /** So much more JSON stays in memory. @throws too-large */
  #hold(bytes: number): void {
    this.#held += bytes;
    if (this.#held > KEPT_LIMIT)
      throw new IngotError("too-large", {
        what: "the JSON of the archive",
        at: this.#inventory.at,
        actual: this.#held,
        limit: KEPT_LIMIT,
      });
  }

  /** The file that the image needs. @param isRead whether it is read here */
  #need(path: string, isRead = false): ArchiveFile | undefined {
    const found = findFile(this.#inventory, path);
    if (found === undefined) {
      const why = `${DOCKER_FILE} needs it, and it is not here`;
      this.#inventory.findings.push(finding("member-missing", path, why));
      return undefined;
    }
    const { name, file } = found;
    const isStray = digestAt(name) === undefined;
    if (isStray && !this.used.has(name) && (isRead || file.digest !== undefined))
      this.#inventory.bytes += file.size;
    this.used.add(name);
    return found;
  }
}

const layerTypeOf = (compression: Compression | undefined) =>
  compression === undefined ? LAYER : `${LAYER}+${compression}`;
