import { createHash, randomFillSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Names a blob; see image-spec, descriptor.md. */
export interface Named {
  readonly mediaType: string;
  readonly digest: `sha256:${string}`;
  readonly size: number;
}

export interface ImageOptions {
  /** The name in the index; none = it has no name. */
  readonly name?: string;
  /** The sizes of its layers, in bytes. */
  readonly layers?: readonly number[];
  /** Images of one seed share the bytes of their layers, one after the other. Default: the name. */
  readonly seed?: string;
}

const LAYER = "application/octet-stream";
export const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const INDEX = "application/vnd.oci.image.index.v1+json";
const REF_NAME = "org.opencontainers.image.ref.name";

/** Bytes that look random and are the same for the same words. */
export function noise(seed: string, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let block = createHash("sha512").update(seed).digest();
  for (let at = 0; at < size; at += block.length) {
    block.copy(bytes, at);
    block = createHash("sha512").update(block).digest();
  }
  return bytes;
}

/** Bytes of chance: faster than {@link noise} where there are many. */
export const chance = (size: number): Buffer => randomFillSync(Buffer.alloc(size));

/** Afterwards the blob is in the layout `folder`. Written by hand: no code of the project. */
export function putBlob(folder: string, bytes: Uint8Array, mediaType = LAYER): Named {
  const hex = createHash("sha256").update(bytes).digest("hex");
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  writeFileSync(join(folder, "blobs/sha256", hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}

/** Puts the manifest of an artifact with these layers into the layout, and them. */
export function putImage(
  folder: string,
  { name = "", layers = [100], seed = name }: ImageOptions,
): Named {
  const config = putBlob(folder, Buffer.from("{}"), "application/vnd.oci.empty.v1+json");
  const blobs = layers.map((size, i) =>
    putBlob(folder, size > 1_000_000 ? chance(size) : noise(`${seed} ${i}`, size)),
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    artifactType: "application/x.test",
    config,
    layers: blobs,
  };
  return putBlob(folder, Buffer.from(JSON.stringify(manifest)), MANIFEST);
}

/** Makes `folder` an image layout of these images, or adds them to the one it is. */
export function writeLayout(folder: string, images: readonly ImageOptions[]): Named[] {
  const file = join(folder, "index.json");
  const before: unknown[] = existsSync(file)
    ? JSON.parse(readFileSync(file, "utf8")).manifests
    : [];
  const roots = images.map((image) => putImage(folder, image));
  const entries = roots.map((root, i) => {
    const { name } = images[i] as ImageOptions;
    return name === undefined ? root : { ...root, annotations: { [REF_NAME]: name } };
  });
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    file,
    JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [...before, ...entries] }),
  );
  return roots;
}
