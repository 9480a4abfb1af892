/** Archives that ask much of who reads them, each within the bounds of the page on the canonical archive, or just beyond one. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { sha256, Tar, zstdFrame } from "./tar.ts";

const OCI = "application/vnd.oci.image";
const MANIFEST = `${OCI}.manifest.v1+json`;
const INDEX = `${OCI}.index.v1+json`;
const CONFIG = `${OCI}.config.v1+json`;
const LAYER = `${OCI}.layer.v1.tar`;

/** An archive, and with which flags it is verified beside none. */
export interface ArchiveCase {
  readonly make: (tar: Tar) => void;
  /** Whether its layers are decompressed, too. */
  readonly layers?: boolean;
  /** Whether to compress it as a whole, with a window of 128 MiB. */
  readonly zstd?: boolean;
  /** Whether its headers are those that export writes: then all of it is compared with what export writes. */
  readonly own?: boolean;
}

const EMPTY_LAYER = Buffer.alloc(1024);
const EMPTY = `sha256:${sha256(EMPTY_LAYER)}`;

const configOf = (diffIDs: readonly string[], more: object = {}) =>
  JSON.stringify({
    architecture: "amd64",
    os: "linux",
    rootfs: { type: "layers", diff_ids: diffIDs },
    ...more,
  });

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An image of these layers, its manifest and config as blobs. */
function image(
  tar: Tar,
  layers: readonly (Descriptor & { readonly diffID: string })[],
  more: object = {},
  extra: object = {},
): Descriptor {
  const config = configOf(
    layers.map(({ diffID }) => diffID),
    more,
  );
  const digest = tar.blob(config);
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: CONFIG, digest, size: Buffer.byteLength(config) },
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    ...extra,
  });
  return { mediaType: MANIFEST, digest: tar.blob(manifest), size: manifest.length };
}

const layer = { mediaType: LAYER, digest: EMPTY, size: 1024, diffID: EMPTY };

function indexed(tar: Tar, manifests: readonly object[]): void {
  tar.member("index.json", JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }));
  tar.member("oci-layout", '{"imageLayoutVersion":"1.0.0"}');
}

const named = (root: Descriptor, name: string): Descriptor => ({
  ...root,
  annotations: { "org.opencontainers.image.ref.name": `docker.io/library/${name}` },
});

/** A layout with one image of one empty layer, and more. */
function small(tar: Tar, more: (root: Descriptor) => readonly object[] = () => []): void {
  tar.blob(EMPTY_LAYER);
  const root = image(tar, [layer]);
  indexed(tar, [named(root, "a:1"), ...more(root)]);
}

const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

function saved(tar: Tar, list: string): void {
  tar.member("l.tar", EMPTY_LAYER);
  tar.member("c.json", configOf([EMPTY]));
  tar.member("manifest.json", list);
}

const tags = (count: number) => times(count, (i) => `a:${i}`);

/** A manifest of about this many bytes, a power of two. */
const padded = (i: number, bytes: number) => ({
  annotations: { i: String(i), pad: "x".repeat(bytes - 700) },
});

export const ARCHIVES: Readonly<Record<string, ArchiveCase>> = {
  "one image": { make: (tar) => small(tar), layers: true },
  "500,000 RepoTags, Docker's form": {
    make: (tar) =>
      saved(
        tar,
        JSON.stringify([{ Config: "c.json", Layers: ["l.tar"], RepoTags: tags(500_000) }]),
      ),
  },
  "500,000 RepoTags, a layout": {
    make: (tar) => {
      tar.blob(EMPTY_LAYER);
      const config = configOf([EMPTY]);
      indexed(tar, [named(image(tar, [layer]), "a:1")]);
      const path = (digest: string) => `blobs/sha256/${digest.slice(7)}`;
      const Config = path(`sha256:${sha256(config)}`);
      const list = [{ Config, Layers: [path(EMPTY)], RepoTags: tags(500_000) }];
      tar.member("manifest.json", JSON.stringify(list));
    },
  },
  "100,000 elements of manifest.json": {
    make: (tar) =>
      saved(
        tar,
        JSON.stringify(
          times(100_000, (i) => ({ Config: "c.json", Layers: ["l.tar"], RepoTags: [`a:${i}`] })),
        ),
      ),
  },
  "12 x 50,000 layers, Docker's form": {
    make: (tar) => {
      tar.member("a", EMPTY_LAYER);
      const ids = times(50_000, () => EMPTY);
      for (let i = 0; i < 12; i++) tar.member(`c${i}`, configOf(ids, { author: String(i) }));
      const Layers = times(50_000, () => "a");
      const list = times(12, (i) => ({ Config: `c${i}`, Layers, RepoTags: [`a:${i}`] }));
      tar.member("manifest.json", JSON.stringify(list));
    },
  },
  "12 x 25,000 layers": {
    make: (tar) => {
      tar.blob(EMPTY_LAYER);
      const layers = times(25_000, () => layer);
      indexed(
        tar,
        times(12, (i) => named(image(tar, layers, { author: String(i) }), `a:${i}`)),
      );
    },
    layers: true,
  },
  "262,000 empty members, one blob": {
    make: (tar) => {
      for (let i = 0; i < 262_000; i++) tar.blob("");
      small(tar);
    },
  },
  "262,000 empty members, folders": {
    make: (tar) => {
      for (let i = 0; i < 262_000; i++) tar.member("blobs/", "", "5");
      small(tar);
    },
  },
  "262,000 empty members, other files": {
    make: (tar) => {
      for (let i = 0; i < 262_000; i++)
        tar.member(`${String(i).padStart(60, "0")}/${"d/".repeat(10)}f`, "");
      small(tar);
    },
  },
  "262,000 empty members, long names": {
    make: (tar) => {
      for (let i = 0; i < 262_000; i++) tar.member(`${"n".repeat(90)}${i % 10_000}`, "");
      small(tar);
    },
  },
  "262,000 small blobs": {
    make: (tar) => {
      for (let i = 0; i < 262_000; i++) tar.blob(String(i));
      small(tar);
    },
  },
  "262,000 small blobs, headers of our own": {
    make: (tar) => {
      for (let i = 0; i < 262_000; i++) tar.blob(String(i));
      small(tar);
    },
    own: true,
  },
  "262,000 small blobs of JSON": {
    make: (tar) => {
      for (let i = 0; i < 262_000; i++) tar.blob(`{"i":${i}}`);
      small(tar);
    },
  },
  "40 zstd layers, windows of 128 MiB": {
    make: (tar) => {
      const layers = times(40, (i) => {
        const { bytes, diffID } = zstdFrame(27, 4, 1100, i);
        const size = bytes.length;
        return { mediaType: `${LAYER}+zstd`, digest: tar.blob(bytes), size, diffID };
      });
      indexed(tar, [named(image(tar, layers), "a:1")]);
    },
    layers: true,
  },
  "200 zstd layers, windows of 8 MiB": {
    make: (tar) => {
      const layers = times(200, (i) => {
        const { bytes, diffID } = zstdFrame(23, 1, 200, i);
        const size = bytes.length;
        return { mediaType: `${LAYER}+zstd`, digest: tar.blob(bytes), size, diffID };
      });
      indexed(tar, [named(image(tar, layers), "a:1")]);
    },
    layers: true,
  },
  "a zstd layer of 2,000 frames": {
    make: (tar) => {
      const { bytes } = zstdFrame(27, 1, 1, 1);
      const all = Buffer.concat(times(2000, () => bytes.subarray(0)));
      const digest = tar.blob(all);
      const layers = [
        { mediaType: `${LAYER}+zstd`, digest, size: all.length, diffID: framesOf(2000) },
      ];
      indexed(tar, [named(image(tar, layers), "a:1")]);
    },
    layers: true,
  },
  "zstd around zstd layers, 128 MiB each": {
    make: (tar) => {
      const { bytes, diffID } = zstdFrame(27, 4, 1100, 1);
      const digest = tar.blob(bytes);
      const layers = [{ mediaType: `${LAYER}+zstd`, digest, size: bytes.length, diffID }];
      tar.blob(Buffer.alloc(200 << 20, 1));
      indexed(tar, [named(image(tar, layers), "a:1")]);
    },
    layers: true,
    zstd: true,
  },
  "60 MiB of manifests, 15 of 4 MiB": {
    make: (tar) => {
      tar.blob(EMPTY_LAYER);
      const root = (i: number) => image(tar, [layer], {}, padded(i, 4 << 20));
      indexed(
        tar,
        times(15, (i) => named(root(i), `a:${i}`)),
      );
    },
  },
  "60 MiB of manifests, 15 of 30,000 small layers": {
    make: (tar) => {
      tar.blob("");
      const digest = `sha256:${sha256("")}`;
      const layers = times(33_000, () => ({ mediaType: "a/b", digest, size: 0, diffID: "" }));
      const config = tar.blob("{}");
      indexed(
        tar,
        times(15, (i) => {
          const manifest = JSON.stringify({
            schemaVersion: 2,
            mediaType: MANIFEST,
            config: { mediaType: "a/c", digest: config, size: 2 },
            layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
            annotations: { i: String(i) },
          });
          const root = { mediaType: MANIFEST, digest: tar.blob(manifest), size: manifest.length };
          return named(root, `a:${i}`);
        }),
      );
    },
  },
  "60 MiB of manifests, 15,000 of 4 KiB": {
    make: (tar) => {
      tar.blob(EMPTY_LAYER);
      const root = (i: number) => image(tar, [layer], {}, padded(i, 4096));
      indexed(
        tar,
        times(15_000, (i) => named(root(i), `a:${i}`)),
      );
    },
  },
  "60 MiB of manifests, 50,000 of 1 KiB, 2 indexes": {
    make: (tar) => {
      tar.blob(EMPTY_LAYER);
      const manifests = times(50_000, (i) => image(tar, [layer], {}, padded(i, 1200)));
      const index = (part: readonly object[]): Descriptor => {
        const bytes = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: part });
        return { mediaType: INDEX, digest: tar.blob(bytes), size: bytes.length };
      };
      const half = manifests.length / 4;
      indexed(
        tar,
        times(4, (i) => named(index(manifests.slice(i * half, (i + 1) * half)), `a:${i}`)),
      );
    },
  },
  "8 MiB of index.json": {
    make: (tar) => small(tar, (root) => times(34_000, (i) => named(root, `a:${i}`))),
  },
  "500,000 entries of index.json": {
    make: (tar) => small(tar, (root) => times(500_000, (i) => named(root, `a:${i}`))),
  },
  "500,000 annotations in index.json": {
    make: (tar) => {
      tar.blob(EMPTY_LAYER);
      const root = named(image(tar, [layer]), "a:1");
      const annotations = {
        ...root.annotations,
        ...Object.fromEntries(times(500_000, (i) => [`k${i}`, ""])),
      };
      indexed(tar, [{ ...root, annotations }]);
    },
  },
  "a config of 4 MiB, 80,000 steps of history": {
    make: (tar) => {
      tar.blob(EMPTY_LAYER);
      const history = times(80_000, (i) => ({ empty_layer: true, comment: `step ${i}` }));
      indexed(tar, [named(image(tar, [layer], { history }), "a:1")]);
    },
    layers: true,
  },
  "20 configs of 900,000 values": {
    make: (tar) => {
      tar.blob(EMPTY_LAYER);
      indexed(
        tar,
        times(20, (i) => {
          const more = { author: String(i), config: { x: times(900_000, () => [] as never[]) } };
          return named(image(tar, [layer], more), `a:${i}`);
        }),
      );
    },
  },
  "20,000 referrers": {
    make: (tar) =>
      small(tar, (subject) =>
        times(20_000, (i) => {
          const root = image(tar, [layer], {}, { subject, artifactType: "a/b", ...note(i) });
          const annotations = { "io.containerd.manifest.subject": subject.digest };
          return { ...root, annotations };
        }),
      ),
  },
};

const note = (i: number) => ({ annotations: { i: String(i) } });

/** The diffID of so many frames of one kind. */
function framesOf(count: number): string {
  const { bytes } = zstdFrame(27, 1, 1, 1);
  const one = Buffer.concat([bytes.subarray(9, 9 + 131_072), Buffer.alloc(131_072, 1)]);
  return `sha256:${sha256(Buffer.concat(times(count, () => one)))}`;
}

/** Makes the archive of a case. */
export function makeArchive({ make, zstd = false, own = false }: ArchiveCase, path: string): void {
  const tar = new Tar(path, own);
  make(tar);
  tar.end();
  if (!zstd) return;
  const { status, stderr } = spawnSync("zstd", ["-q", "-1", "--long=27", "--rm", path]);
  if (status !== 0) throw new Error(`memory: zstd: ${stderr}`);
  fs.renameSync(`${path}.zst`, path);
}
