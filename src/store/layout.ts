import * as path from "node:path";
import { IngotError } from "../base/error.ts";
import { readDirectory, readFile, stat } from "../base/fs/file.ts";
import { type Digest, hexOf, isDigest } from "../oci/digest.ts";
import { BLOBS, checkLayout, INDEX_FILE, LAYOUT_FILE } from "../oci/layout.ts";
import { type LayoutIndex, parseLayoutIndex } from "../oci/layout-index.ts";
import { type Descriptor, INDEX_LIMIT } from "../oci/manifest.ts";
import type { Content } from "./content.ts";
import type { ReadStore } from "./store.ts";

/** An image layout in a folder (image-spec, image-layout.md), anyone's. */
export class Layout implements ReadStore {
  readonly at: string;
  #index: LayoutIndex | undefined;

  constructor(at: string) {
    this.at = path.resolve(at);
  }

  /** Checks that the folder is a layout of a version that is known. @throws not-found, malformed, unsupported */
  check(): this {
    const file = path.join(this.at, LAYOUT_FILE);
    if (stat(file) === undefined) {
      throw new IngotError("not-found", {
        what: "the layout file",
        at: file,
        hint: `${this.at} is not an OCI image layout`,
      });
    }
    checkLayout(readFile(file, 4096), file);
    return this;
  }

  images(): readonly Descriptor[] {
    return this.index().manifests;
  }

  /** What the index says. @throws malformed, too-large, io */
  protected index(): LayoutIndex {
    const at = path.join(this.at, INDEX_FILE);
    this.#index ??= parseLayoutIndex(readFile(at, INDEX_LIMIT), at);
    return this.#index;
  }

  /** Forgets what was read of the index. */
  refresh(): void {
    this.#index = undefined;
  }

  digests(): Digest[] {
    const folder = path.join(this.at, BLOBS);
    if (stat(folder)?.kind !== "directory") return [];
    return readDirectory(folder)
      .map((name) => `sha256:${name}`)
      .filter(isDigest);
  }

  indexFile(): Uint8Array {
    return readFile(path.join(this.at, INDEX_FILE), INDEX_LIMIT);
  }

  blobFile(digest: Digest): string {
    return path.join(this.at, BLOBS, hexOf(digest));
  }

  find(digest: Digest): Content | undefined {
    const file = this.blobFile(digest);
    const found = stat(file);
    return found?.kind === "file" ? { path: file, offset: 0, size: found.size } : undefined;
  }
}
