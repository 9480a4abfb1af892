import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** Names a blob. */
export interface Blob {
  readonly mediaType: string;
  readonly digest: `sha256:${string}`;
  readonly size: number;
}

export const OCI = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
};
export const DOCKER = {
  index: "application/vnd.docker.distribution.manifest.list.v2+json",
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  config: "application/vnd.docker.container.image.v1+json",
  layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
};

/** Puts bytes, or a value as JSON, into the layout `folder`. */
export function put(folder: string, mediaType: string, content: Uint8Array | object): Blob {
  const bytes = content instanceof Uint8Array ? content : Buffer.from(JSON.stringify(content));
  const hex = createHash("sha256").update(bytes).digest("hex");
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  writeFileSync(join(folder, "blobs/sha256", hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}

/** Names `images` in the index of the layout, and nothing else. */
export function nameAll(folder: string, images: Readonly<Record<string, Blob>>): void {
  const manifests = Object.entries(images).map(([name, blob]) => ({
    ...blob,
    annotations: { "org.opencontainers.image.ref.name": name },
  }));
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}

/** A container image for amd64 and arm64, of gzip layers, with types of the OCI or of Docker; its index. */
export function putContainer(
  folder: string,
  seed: string,
  types: typeof OCI = OCI,
): Blob & { readonly platforms: readonly Blob[] } {
  const platforms = ["amd64", "arm64"].map((architecture) => {
    const tar = Buffer.alloc(10240, 0);
    const name = `${seed}-${architecture}`;
    tar.set(header(name, 0));
    const layer = put(folder, types.layer, gzipSync(tar));
    const diff = createHash("sha256").update(tar).digest("hex");
    const config = put(folder, types.config, {
      architecture,
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: [`sha256:${diff}`] },
      history: [{ created_by: name }],
    });
    const manifest = { schemaVersion: 2, mediaType: types.manifest, config, layers: [layer] };
    return { ...put(folder, types.manifest, manifest), platform: { architecture, os: "linux" } };
  });
  const index = { schemaVersion: 2, mediaType: types.index, manifests: platforms };
  return { ...put(folder, types.index, index), platforms };
}

/** A ustar header of an empty file. */
function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write("0000644\0", 100);
  block.write("0000000\0", 108);
  block.write("0000000\0", 116);
  block.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  block.write("00000000000\0", 136);
  block.write("        ", 148);
  block.write("0", 156);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** The bytes of a blob of the layout. */
export const blobOf = (folder: string, digest: string): Buffer =>
  readFileSync(join(folder, "blobs/sha256", digest.slice("sha256:".length)));
