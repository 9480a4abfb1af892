/** Media types, by the names of the specifications that define them. */

export const INDEX = "application/vnd.oci.image.index.v1+json";
export const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const CONFIG = "application/vnd.oci.image.config.v1+json";
export const EMPTY = "application/vnd.oci.empty.v1+json";

export const LAYER = "application/vnd.oci.image.layer.v1.tar";
export const LAYER_GZIP = `${LAYER}+gzip`;
export const LAYER_ZSTD = `${LAYER}+zstd`;

export const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
export const DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";

export const DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar";

export const GADGET = "application/vnd.gadget.v1+binary";
export const GADGET_CONFIG = "application/vnd.gadget.config.v1+yaml";
export const GADGET_EBPF = "application/vnd.gadget.ebpf.program.v1+binary";
export const GADGET_BTFGEN = "application/vnd.gadget.btfgen.v1+binary";
export const GADGET_WASM = "application/vnd.gadget.wasm.program.v1+binary";

export const REF_NAME = "org.opencontainers.image.ref.name";
/** On an entry of an index: the digest of the manifest that it refers to, as containerd and Docker write it. */
export const SUBJECT = "io.containerd.manifest.subject";
/** On such an entry: the tag that cosign keeps it under, where its content does not tell. */
export const COSIGN_TAG = "io.ingot.cosign.tag";
/** On an entry of an index that BuildKit wrote: the digest of the manifest that an attestation manifest is about. */
export const ATTESTS = "vnd.docker.reference.digest";
/** The artifact type of such a manifest, and the type of its layers. */
export const DOCKER_ATTESTATION = "application/vnd.docker.attestation.manifest.v1+json";
export const ATTESTATION_LAYER = "application/vnd.in-toto+json";
/** On an archive's index: the digest of the bytes of its `manifests`. */
export const LIST_DIGEST = "io.ingot.manifests.digest";

/** A list of layers and of the images that have them (docs/delta-archive.md). */
export const INVENTORY = "application/vnd.ingot.inventory.v1+json";
/** The list of an archive's volumes (docs/volumes.md). */
export const VOLUMES = "application/vnd.ingot.volumes.v1+json";

/** Whether content of this type names manifests. */
export const isIndex = (mediaType: string) => mediaType === INDEX || mediaType === DOCKER_LIST;

/** Whether content of this type names a config and layers. */
export const isManifest = (mediaType: string) =>
  mediaType === MANIFEST || mediaType === DOCKER_MANIFEST;

/** Whether content of this type is an image: one of the two above. */
export const isImage = (mediaType: string) => isIndex(mediaType) || isManifest(mediaType);

/** Whether a config of this type is a container's, with a platform and a root file system. */
export const isContainerConfig = (mediaType: string) =>
  mediaType === CONFIG || mediaType === DOCKER_CONFIG;

/** Layers that registries may not pass on, and that may be elsewhere (image-spec, layer.md, "Non-Distributable Layers"). */
const NONDISTRIBUTABLE = "application/vnd.oci.image.layer.nondistributable.v1.tar";
const DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar";

export const isForeign = (mediaType: string) =>
  mediaType.startsWith(NONDISTRIBUTABLE) || mediaType.startsWith(DOCKER_FOREIGN);

/** Whether a layer of this type is encrypted (ocicrypt). */
export const isEncrypted = (mediaType: string) => /\+encrypted$/.test(mediaType);

/** How a tar layer of this type is compressed ("" = not at all); undefined for other types. */
export function compressionIn(mediaType: string): "" | "gzip" | "zstd" | undefined {
  const tar = [LAYER, DOCKER_LAYER, NONDISTRIBUTABLE, DOCKER_FOREIGN].find((type) =>
    mediaType.startsWith(type),
  );
  const rest = tar === undefined ? undefined : mediaType.slice(tar.length).replace(/^[.+]/, "");
  return rest === "" || rest === "gzip" || rest === "zstd" ? rest : undefined;
}

/** What an OCI manifest calls a layer of this type; undefined for what is no layer that can be unpacked. */
export function layerType(mediaType: string): string | undefined {
  const bare = mediaType
    .replace(`${DOCKER_LAYER}`, LAYER)
    .replace(/\.gzip$/, "+gzip")
    .replace(/\.zstd$/, "+zstd");
  return [LAYER, LAYER_GZIP, LAYER_ZSTD].find((known) => known === bare);
}
