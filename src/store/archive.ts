import * as path from "node:path";
import { IngotError } from "../base/error.ts";
import { openRead } from "../base/fs/file.ts";
import { within } from "../base/subject.ts";
import type { Digest } from "../oci/digest.ts";
import {
  BASE_FILE,
  checkLayout,
  DOCKER_FILE,
  digestAt,
  INDEX_FILE,
  LAYOUT_FILE,
} from "../oci/layout.ts";
import { parseLayoutIndex } from "../oci/layout-index.ts";
import { type Descriptor, INDEX_LIMIT } from "../oci/manifest.ts";
import { scanTar } from "../tar/canonical/scan.ts";
import { headerWriter } from "../tar/header.ts";
import { FileInput } from "../tar/input.ts";
import { cleanName } from "../tar/member-name.ts";
import { type Content, type FileExtent, readBytes, readExtent, sameContent } from "./content.ts";
import type { ReadStore } from "./store.ts";

/** An OCI archive in a file: a layout in a tar, read where it lies. It may have Docker's list of images, too. */
export class Archive implements ReadStore {
  readonly at: string;
  readonly #blobs: ReadonlyMap<Digest, FileExtent>;
  readonly #images: readonly Descriptor[];
  readonly #docker: FileExtent | undefined;
  readonly #base: FileExtent | undefined;
  readonly #index: FileExtent | undefined;

  private constructor(
    at: string,
    members: ReadonlyMap<string, FileExtent>,
    images: readonly Descriptor[],
  ) {
    const blobs = new Map<Digest, FileExtent>();
    for (const [name, extent] of members) {
      const digest = digestAt(name);
      if (digest !== undefined) blobs.set(digest, extent);
    }
    this.at = at;
    this.#blobs = blobs;
    this.#images = images;
    this.#docker = members.get(DOCKER_FILE);
    this.#base = members.get(BASE_FILE);
    this.#index = members.get(INDEX_FILE);
  }

  /** Opens an archive: reads its headers and its index, no blob. @throws malformed, not-found, too-large, io */
  static async open(file: string): Promise<Archive> {
    const at = path.resolve(file);
    return Archive.#of(await membersOf(at), at);
  }

  /** The same; undefined for an archive of Docker's old form: it has a list of images, and nothing of a layout. */
  static async openUnlessDocker(file: string): Promise<Archive | undefined> {
    const at = path.resolve(file);
    const members = await membersOf(at);
    const hasBlobs = [...members.keys()].some((name) => digestAt(name) !== undefined);
    const isLayout = members.has(LAYOUT_FILE) || (members.has(INDEX_FILE) && hasBlobs);
    return !isLayout && members.has(DOCKER_FILE) ? undefined : Archive.#of(members, at);
  }

  static #of(members: ReadonlyMap<string, FileExtent>, at: string): Archive {
    checkLayout(need(members, LAYOUT_FILE, at, 4096), within(LAYOUT_FILE, at));
    const index = parseLayoutIndex(
      need(members, INDEX_FILE, at, INDEX_LIMIT),
      within(INDEX_FILE, at),
    );
    return new Archive(at, members, index.manifests);
  }

  /** The bytes of Docker's list of images, where there is one of a length that is read. */
  docker(): Uint8Array | undefined {
    const found = this.#docker;
    return found === undefined || found.size > INDEX_LIMIT ? undefined : readExtent(found);
  }

  /** The bytes of the list of what the archive leaves out, if it is a delta. @throws too-large */
  base(): Uint8Array | undefined {
    return this.#base && readBytes(this.#base, INDEX_LIMIT, within(BASE_FILE, this.at));
  }

  digests(): Iterable<Digest> {
    return this.#blobs.keys();
  }

  indexFile(): Uint8Array | undefined {
    return this.#index && readBytes(this.#index, INDEX_LIMIT, within(INDEX_FILE, this.at));
  }

  images(): readonly Descriptor[] {
    return this.#images;
  }

  find(digest: Digest): Content | undefined {
    return this.#blobs.get(digest);
  }
}

async function membersOf(at: string): Promise<Map<string, FileExtent>> {
  const members = new Map<string, FileExtent>();
  const file = openRead(at);
  try {
    for await (const { name, type, offset, size } of scanTar(
      new FileInput(file, at),
      await headerWriter(),
    )) {
      const clean = type === "file" ? cleanName(name) : undefined;
      if (clean === undefined) continue;
      const extent = { path: at, offset, size };
      const before = members.get(clean);
      if (before !== undefined && !sameContent(before, extent))
        throw new IngotError("malformed", {
          what: "the archive",
          at,
          why: `it has two members named ${clean}, and they are not the same`,
        });
      members.set(clean, before ?? extent);
    }
  } finally {
    file.close();
  }
  return members;
}

function need(
  members: ReadonlyMap<string, FileExtent>,
  name: string,
  at: string,
  limit: number,
): Uint8Array {
  const extent = members.get(name);
  if (extent === undefined) {
    throw new IngotError("not-found", {
      what: "the member",
      at: within(name, at),
      hint: "the file is not an OCI archive, or is incomplete",
    });
  }
  if (extent.size > limit)
    throw new IngotError("too-large", {
      what: "the member",
      at: within(name, at),
      actual: extent.size,
      limit,
    });
  return readExtent(extent);
}
