/** Archives cut into volumes by the tests' own hands. */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatVolumes, volumeSizes } from "../../../src/archive/volumes/format.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { sha256 } from "./archive.ts";

export interface CutVolumes {
  /** The path of the list. */
  readonly list: string;
  /** Those of the volumes, from front to back. */
  readonly files: readonly string[];
}

export interface Cutting {
  readonly folder: string;
  readonly stem?: string;
  /** Each volume is smaller than this. */
  readonly below: number;
  /** What the list says is in the archive. */
  readonly images: readonly {
    readonly reference: string;
    readonly digest?: Digest;
    readonly descriptor?: { readonly digest: Digest };
  }[];
}

/** Afterwards the volumes of `archive` and their list are in the folder. */
export function cutInto(
  archive: Uint8Array,
  { folder, stem = "big.tar", below, images }: Cutting,
): CutVolumes {
  const sizes = volumeSizes(archive.length, below);
  const parts = sizes.map((size, i) => {
    const start = i * (sizes[0] ?? 0);
    return archive.subarray(start, start + size);
  });
  const width = Math.max(3, String(parts.length).length);
  const files = parts.map((part, i) => {
    const path = join(folder, `${stem}.${String(i + 1).padStart(width, "0")}`);
    writeFileSync(path, part);
    return path;
  });
  const said = {
    images: images.map(({ reference, digest, descriptor }) => ({
      reference,
      digest: digest ?? descriptor!.digest,
    })),
    volumes: parts.map((part) => ({ digest: sha256(part), size: part.length })),
  };
  const list = join(folder, `${stem}.volumes.json`);
  writeFileSync(list, formatVolumes(said, list));
  return { list, files };
}

/** Everything in a folder: paths, and the digests of files. */
export function contentsOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => statSync(join(folder, path)).isFile())
    .map((path) => `${path} ${sha256(readFileSync(join(folder, path)))}`)
    .sort();
}
