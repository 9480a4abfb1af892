/** An archive of Docker's old form that has its manifests, and an index of them, beside Docker's list, as apko writes it. */

import { checkDocker, type DockerImage } from "../archive/docker-manifest.ts";
import { utf8 } from "../base/bytes.ts";
import { formatJson } from "../base/json/json.ts";
import { checkDigest } from "../check/check-digest.ts";
import { checkGraph } from "../check/check-graph.ts";
import type { ScannedArchive } from "../check/inventory.ts";
import { isIgnored } from "../check/scan.ts";
import { collect, finding } from "../image/findings.ts";
import { type Digest, digestOf, isDigest } from "../oci/digest.ts";
import { blobPath, INDEX_FILE } from "../oci/layout.ts";
import { type Descriptor, MANIFEST_LIMIT, parseIndex } from "../oci/manifest.ts";
import { INDEX } from "../oci/media-types.ts";
import { readBytes } from "../store/content.ts";
import { cleanName } from "../tar/member-name.ts";
import { readRoots } from "./name-roots.ts";

/**
 * Makes a layout of what was gathered: afterwards the files that have a digest for their name are blobs, and the roots are the
 * manifests of the index, under the names that Docker's list gives them, and the index itself, which has none. What is not so is
 * among the findings.
 */
export function adoptFlat(inventory: ScannedArchive, list: readonly DockerImage[]): void {
  const { files, findings, strays, blobs } = inventory;
  const bytes = readBytes(files.get(INDEX_FILE)!, MANIFEST_LIMIT, INDEX_FILE);
  const index = collect(findings, () => parseIndex(bytes, INDEX_FILE));
  if (index === undefined) return;
  for (const [name, file] of strays) {
    const digest = digestIn(name);
    if (digest !== undefined) {
      blobs.set(digest, file);
      if (file.digest !== undefined) findings.push(...checkDigest(digest, file.digest));
      if (file.digest !== undefined) inventory.bytes += file.size;
    } else if (!isIgnored(name))
      findings.push(finding("unexpected-member", name, "a file that no image of it needs"));
  }
  const whole: Descriptor = {
    mediaType: index.mediaType ?? INDEX,
    digest: digestOf(bytes),
    size: bytes.length,
  };
  blobs.set(whole.digest, { size: bytes.length, content: bytes });
  inventory.isMade = true;
  files.delete(INDEX_FILE);
  const docker = utf8(formatJson(list.map((image) => ({ ...withBlobs(image) }))));
  inventory.roots = [...readRoots(index.manifests, inventory, { docker }), whole];
  findings.push(...checkDocker(docker, checkGraph([whole], inventory).loadable));
}

/** The digest that a file is named by: `sha256:HEX`, and `HEX.tar.gz` for a layer. */
function digestIn(name: string): Digest | undefined {
  const hex = /^(?:sha256:)?([0-9a-f]{64})(?:\.tar(?:\.gz)?)?$/.exec(name)?.[1];
  const digest = `sha256:${hex}`;
  return isDigest(digest) ? digest : undefined;
}

/** An element of Docker's list with the paths that its files have as blobs. */
function withBlobs({ Config, Layers, RepoTags }: DockerImage) {
  const blob = (path: string) => {
    const digest = digestIn(cleanName(path) ?? "");
    return digest === undefined ? path : blobPath(digest);
  };
  return { Config: blob(Config), RepoTags: RepoTags ?? null, Layers: Layers.map(blob) };
}
