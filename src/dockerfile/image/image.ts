import { utf8 } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { formatJson, type Json } from "../../base/json/json.ts";
import { sortedBy, sortedUnique } from "../../base/order.ts";
import { type Digest, digestOf } from "../../oci/digest.ts";
import type { Annotations, Descriptor } from "../../oci/manifest.ts";
import { CONFIG, INDEX, MANIFEST } from "../../oci/media-types.ts";
import { formatPlatform, type Platform } from "../../oci/platform.ts";
import type { Health } from "../syntax/instruction.ts";
import type { ContainerConfig, History } from "./config.ts";

export type { History } from "./config.ts";

/** A layer: its blob, and the digest of its tar without compression. */
export interface ImageLayer {
  readonly descriptor: Descriptor;
  readonly diffID: Digest;
}

/** What goes into a container image for one platform. */
export interface ImageParts {
  readonly config: ContainerConfig;
  /** All, the base's first. */
  readonly layers: readonly ImageLayer[];
  /** All, the base's first, as they are. */
  readonly history: readonly History[];
  /** RFC 3339. */
  readonly created: string;
  readonly annotations?: Annotations | undefined;
  /** They come over those of the config. */
  readonly labels?: ReadonlyMap<string, string> | undefined;
}

/** An image that was just made. Its layers' blobs are elsewhere. */
export interface ContainerImage {
  /** The manifest's, with the platform. */
  readonly descriptor: Descriptor;
  /** The manifest and the config. */
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
  readonly config: Descriptor;
}

/**
 * The manifest and config of an image. A pure function of `parts`; members stand in the order of Go's types of the
 * image-spec and of Docker, sets and maps are ordered by bytes, the environment and history as they are.
 * A layer of the base that has no line of history gets an empty one, since readers count them against the layers.
 */
export function containerImage(parts: ImageParts): ContainerImage {
  const { layers, annotations } = parts;
  const configBytes = utf8(formatJson(configJson(parts)));
  const config = { mediaType: CONFIG, digest: digestOf(configBytes), size: configBytes.length };
  const manifestBytes = utf8(
    formatJson({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { ...config },
      layers: layers.map(({ descriptor }) => descriptorJson(descriptor)),
      annotations: annotationsJson(annotations),
    }),
  );
  const digest = digestOf(manifestBytes);
  const { platform } = parts.config;
  const size = manifestBytes.length;
  return {
    descriptor: { mediaType: MANIFEST, digest, size, platform },
    blobs: new Map([
      [config.digest, configBytes],
      [digest, manifestBytes],
    ]),
    config,
  };
}

/**
 * The index over images for several platforms, ordered by platform and not by who asked first.
 * `blobs` has those of the images too.
 */
export function containerIndex(
  images: readonly Pick<ContainerImage, "descriptor" | "blobs">[],
  annotations?: Annotations,
): {
  descriptor: Descriptor;
  blobs: ReadonlyMap<Digest, Uint8Array>;
  manifests: readonly Descriptor[];
} {
  const key = ({ platform, digest }: Descriptor) =>
    `${platform === undefined ? "" : formatPlatform(platform)} ${digest}`;
  const manifests = sortedBy(
    images.map(({ descriptor }) => descriptor),
    key,
  );
  const bytes = utf8(
    formatJson({
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: manifests.map(descriptorJson),
      annotations: annotationsJson(annotations),
    }),
  );
  const digest = digestOf(bytes);
  const blobs = new Map(images.flatMap((image) => [...image.blobs]));
  blobs.set(digest, bytes);
  return { descriptor: { mediaType: INDEX, digest, size: bytes.length }, blobs, manifests };
}

function configJson({ config, layers, history, created, labels }: ImageParts): Json {
  return {
    created,
    author: config.author,
    ...platformJson(config.platform),
    config: runJson(config, labels),
    rootfs: { type: "layers", diff_ids: layers.map(({ diffID }) => diffID) },
    history: fullHistory(config, history, layers.length).map((line) => ({ ...line })),
  };
}

/** @throws internal when lines that have a layer outnumber the layers and the base is not to blame */
function fullHistory(
  base: ContainerConfig,
  history: readonly History[],
  layers: number,
): readonly History[] {
  const missing = layers - history.filter((line) => !line.empty_layer).length;
  if (missing === 0) return history;
  const known = base.history.length;
  if (missing > 0) {
    const empty: History[] = Array.from({ length: missing }, () => ({}));
    return [...history.slice(0, known), ...empty, ...history.slice(known)];
  }
  const own = history.slice(known).filter((line) => !line.empty_layer).length;
  if (own + base.diffIDs.length === layers) return history;
  throw new IngotError("internal", { message: `${-missing} lines of history without a layer` });
}

function runJson(config: ContainerConfig, labels: ReadonlyMap<string, string> = new Map()): Json {
  const allLabels = new Map([...config.labels, ...labels]);
  const known: Record<string, Json | undefined> = {
    User: config.user || undefined,
    ExposedPorts: setJson(config.exposedPorts),
    Env: listJson(config.env),
    Entrypoint: listJson(config.entrypoint),
    Cmd: listJson(config.cmd),
    Volumes: setJson(config.volumes),
    WorkingDir: config.workingDir || undefined,
    Labels: allLabels.size === 0 ? undefined : sorted(allLabels),
    StopSignal: config.stopSignal || undefined,
    ArgsEscaped: config.argsEscaped || undefined,
    Healthcheck: config.healthcheck && healthJson(config.healthcheck),
    OnBuild: listJson(config.onBuild),
    Shell: listJson(config.shell),
  };
  const written = Object.entries(known).filter(
    (entry): entry is [string, Json] => entry[1] !== undefined,
  );
  return new Map([...written, ...config.other]);
}

const listJson = (items: readonly string[]): Json | undefined =>
  items.length === 0 ? undefined : items;

/** A set as Go's `map[string]struct{}`. */
const setJson = (items: readonly string[]): Json | undefined =>
  items.length === 0 ? undefined : new Map(sortedUnique(items).map((item) => [item, {}]));

const sorted = (map: ReadonlyMap<string, string>) => new Map(sortedBy(map, ([key]) => key));

function healthJson({
  test,
  interval,
  timeout,
  startPeriod,
  startInterval,
  retries,
}: Health): Json {
  return {
    Test: listJson(test),
    Interval: interval || undefined,
    Timeout: timeout || undefined,
    StartPeriod: startPeriod || undefined,
    StartInterval: startInterval || undefined,
    Retries: retries || undefined,
  };
}

function platformJson(platform: Platform): Record<string, Json | undefined> {
  return {
    architecture: platform.architecture,
    os: platform.os,
    "os.version": platform["os.version"],
    "os.features": platform["os.features"],
    variant: platform.variant,
  };
}

function descriptorJson({ mediaType, digest, size, platform, annotations }: Descriptor): Json {
  return {
    mediaType,
    digest,
    size,
    annotations: annotationsJson(annotations),
    platform: platform && platformJson(platform),
  };
}

function annotationsJson(annotations: Annotations | undefined): Json | undefined {
  const entries = Object.entries(annotations ?? {});
  return entries.length === 0 ? undefined : sorted(new Map(entries));
}
