/** Image layouts to measure with: the same bytes every time, and none that compress. */
import { createCipheriv, createHash } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";

export interface Image {
  readonly layout: string;
  readonly reference: string;
  /** Bytes of all blobs. */
  readonly bytes: number;
  readonly blobs: number;
}

const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
/** So that skopeo takes a layer for one that is compressed, and copies it as the others do. */
const GZIP_HEAD = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);
const PIECE = new Uint8Array(1024 * 1024);

/** Writes a layout with one image of `count` layers of `size` bytes each to the folder `layout`. */
export function makeImage(
  layout: string,
  { count, size, name }: { count: number; size: number; name: string },
): Image {
  const blobs = join(layout, "blobs/sha256");
  fs.mkdirSync(blobs, { recursive: true });
  const key = createHash("sha256").update(name).digest().subarray(0, 16);
  const noise = createCipheriv("aes-128-ctr", key, new Uint8Array(16));
  const put = (pieces: Iterable<Uint8Array>) => {
    const hash = createHash("sha256");
    const aside = join(blobs, "aside");
    const fd = fs.openSync(aside, "w");
    let written = 0;
    for (const piece of pieces) {
      hash.update(piece);
      written += fs.writeSync(fd, piece);
    }
    fs.closeSync(fd);
    const hex = hash.digest("hex");
    fs.renameSync(aside, join(blobs, hex));
    return { digest: `sha256:${hex}`, size: written };
  };
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  const layers = Array.from({ length: count }, () => ({
    mediaType: LAYER,
    ...put(noiseOf(size, noise)),
  }));
  const config = put([
    json({
      architecture: "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
    }),
  ]);
  const manifest = put([
    json({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: CONFIG, ...config },
      layers,
    }),
  ]);
  const reference = `bench.example/${name}:v1`;
  const annotations = { "org.opencontainers.image.ref.name": reference };
  const manifests = [{ mediaType: MANIFEST, ...manifest, annotations }];
  fs.writeFileSync(join(layout, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
  fs.writeFileSync(join(layout, "index.json"), json({ schemaVersion: 2, manifests }));
  const bytes = [...layers, config, manifest].reduce((sum, blob) => sum + blob.size, 0);
  return { layout, reference, bytes, blobs: count + 2 };
}

function* noiseOf(
  size: number,
  noise: { update(zeros: Uint8Array): Buffer },
): Generator<Uint8Array> {
  for (let left = size; left > 0; ) {
    const piece = noise.update(PIECE.subarray(0, Math.min(left, PIECE.length)));
    if (left === size) piece.set(GZIP_HEAD.subarray(0, size));
    left -= piece.length;
    yield piece;
  }
}
