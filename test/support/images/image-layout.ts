import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A container image to be written: its name, and what its layers hold. */
export interface LayoutImage {
  readonly reference: string;
  readonly layers: readonly (string | Uint8Array)[];
}

const OCI = "application/vnd.oci.image";

/**
 * Writes an OCI image layout with these images, each for linux/amd64, into `folder`, by nothing of
 * the project's own code. The digests of their manifests, in the order of the images.
 */
export function writeLayout(folder: string, images: readonly LayoutImage[]): string[] {
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  const put = (mediaType: string, content: string | Uint8Array) => {
    const hex = createHash("sha256").update(content).digest("hex");
    writeFileSync(join(folder, "blobs/sha256", hex), content);
    return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(content) };
  };
  const manifests = images.map(({ reference, layers: contents }) => {
    const layers = contents.map((content) => put(`${OCI}.layer.v1.tar`, content));
    const rootfs = { type: "layers", diff_ids: layers.map(({ digest }) => digest) };
    const config = put(
      `${OCI}.config.v1+json`,
      JSON.stringify({ architecture: "amd64", os: "linux", rootfs }),
    );
    const mediaType = `${OCI}.manifest.v1+json`;
    const manifest = put(
      mediaType,
      JSON.stringify({ schemaVersion: 2, mediaType, config, layers }),
    );
    return { ...manifest, annotations: { "org.opencontainers.image.ref.name": reference } };
  });
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  return manifests.map(({ digest }) => digest);
}
