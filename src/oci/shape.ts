/**
 * What the clients written in Go decode an image's JSON into: the specification's structs, and what Docker, containerd, Podman and
 * skopeo add. A key that is not here is nobody's.
 */
import { list, map, type Shape, struct } from "../base/json/shape.ts";

const strings = list("string");
/** A set, as Docker writes it: an object for each key. */
const set = map(struct({}));
const annotations = map("string");

const platform = struct({
  architecture: "string",
  os: "string",
  "os.version": "string",
  "os.features": strings,
  variant: "string",
  features: strings,
});

const descriptor = struct({
  mediaType: "string",
  digest: "string",
  size: "integer",
  urls: strings,
  annotations,
  data: "string",
  platform,
  artifactType: "string",
});

/** A manifest or an index: one struct, because clients read both before they know which it is. */
export const DOCUMENT = struct({
  schemaVersion: "integer",
  mediaType: "string",
  artifactType: "string",
  config: descriptor,
  layers: list(descriptor),
  manifests: list(descriptor),
  subject: descriptor,
  annotations,
  blobs: "any",
  fsLayers: "any",
  history: "any",
  signatures: "any",
});

const health = struct({
  Test: strings,
  Interval: "integer",
  Timeout: "integer",
  StartPeriod: "integer",
  StartInterval: "integer",
  Retries: "integer",
});

const running = struct({
  Hostname: "string",
  Domainname: "string",
  User: "string",
  Memory: "integer",
  MemorySwap: "integer",
  CpuShares: "integer",
  Cpuset: "string",
  AttachStdin: "boolean",
  AttachStdout: "boolean",
  AttachStderr: "boolean",
  PortSpecs: strings,
  ExposedPorts: set,
  Tty: "boolean",
  OpenStdin: "boolean",
  StdinOnce: "boolean",
  Env: strings,
  Cmd: strings,
  Healthcheck: health,
  ArgsEscaped: "boolean",
  Image: "string",
  Volumes: set,
  WorkingDir: "string",
  Entrypoint: strings,
  NetworkDisabled: "boolean",
  MacAddress: "string",
  OnBuild: strings,
  Labels: annotations,
  StopSignal: "string",
  StopTimeout: "integer",
  Shell: strings,
});

const history = struct({
  created: "time",
  created_by: "string",
  author: "string",
  comment: "string",
  empty_layer: "boolean",
});

/** A container's config. */
export const IMAGE_CONFIG = struct({
  id: "string",
  parent: "string",
  parent_id: "string",
  layer_id: "string",
  comment: "string",
  created: "time",
  container: "string",
  container_config: running,
  docker_version: "string",
  author: "string",
  config: running,
  architecture: "string",
  variant: "string",
  os: "string",
  "os.version": "string",
  "os.features": strings,
  Size: "integer",
  throwaway: "boolean",
  rootfs: struct({ type: "string", diff_ids: strings }),
  history: list(history),
});

/** Docker's list of images, `manifest.json`. */
export const DOCKER_LIST_SHAPE: Shape = list(
  struct({
    Config: "string",
    RepoTags: strings,
    Layers: strings,
    Parent: "string",
    LayerSources: map(descriptor),
  }),
);

export const LAYOUT_SHAPE = struct({ imageLayoutVersion: "string" });
