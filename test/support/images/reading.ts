/** What ingot says of an archive, in every way that it can be asked, and whether that is what the clients load. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { openVolumes } from "../../../src/archive/volumes/find.ts";
import { formatVolumes } from "../../../src/archive/volumes/format.ts";
import { IngotError } from "../../../src/base/error.ts";
import { isVerified, type VerifyReport } from "../../../src/image/findings.ts";
import { read } from "../../../src/image/walk.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { type Descriptor, parseConfig } from "../../../src/oci/manifest.ts";
import { isContainerConfig, isImage } from "../../../src/oci/media-types.ts";
import type { ArchiveSource } from "../../../src/source/open-archive.ts";
import { openLocation } from "../../../src/source/source.ts";
import type { FolderStore } from "../../../src/store/folder-store.ts";
import { type ReadStore, readBlob } from "../../../src/store/store.ts";
import { importArchive } from "../../../src/verify/import.ts";
import { verifyArchive } from "../../../src/verify/verify.ts";
import {
  COSIGN_TAG,
  complete,
  digestOf,
  type Loaded,
  type Part,
  type Road,
} from "../clients/go-roads.ts";
import { alone } from "./archive.ts";

export const WAYS = [
  "verify",
  "verify, stdin",
  "verify --layers",
  "verify --layers, stdin",
  "verify --canonical",
  "import",
  "import, stdin",
] as const;
export type Way = (typeof WAYS)[number];

/** What ingot takes an archive for; undefined: it says no, or that it cannot say. */
export interface Answer {
  readonly images: readonly Loaded[] | undefined;
  readonly said: string;
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

export interface How {
  readonly bases: readonly ReadStore[];
  readonly isCompressed: boolean;
  /** In volumes: the images that the list says. */
  readonly volumes?: readonly { reference: string; digest: string }[];
}

/** Asks. */
export class Asker {
  readonly #dir: string;
  readonly #store: FolderStore;
  #count = 0;

  /** @param dir a folder of its own @param store where to import to, and where the bases of deltas are */
  constructor(dir: string, store: FolderStore) {
    this.#dir = dir;
    this.#store = store;
  }

  async ask(bytes: Buffer, way: Way, { bases, isCompressed, volumes }: How): Promise<Answer> {
    const path = join(this.#dir, "archive.tar");
    const sent = isCompressed ? gzipSync(bytes, { level: 1 }) : bytes;
    writeFileSync(path, sent);
    let source: ArchiveSource = way.includes("stdin") ? { bytes: pieces(sent), at: "-" } : { path };
    try {
      if (volumes !== undefined) source = await this.#volumes(bytes, volumes);
      if (way.startsWith("import")) {
        const { images } = await importArchive(source, this.#store, alone());
        const found = images.map(({ reference, descriptor }) => ({ reference, descriptor }));
        return { images: viewOf(found, this.#store), said: "" };
      }
      const exactness = {
        canonical: way.includes("canonical"),
        layers: way.includes("layers"),
        bases,
      };
      const report = await verifyArchive(source, exactness, alone());
      if (!isVerified(report)) return { images: undefined, said: said(report) };
      // Compressed ones cannot be read where they lie.
      writeFileSync(path, bytes);
      const store = await openLocation(
        { kind: "archive", path, reference: undefined },
        { deltas: true },
      );
      const images = store.images().map((descriptor) => ({
        reference: descriptor.annotations?.["org.opencontainers.image.ref.name"],
        descriptor,
      }));
      const one = report.images.map(({ reference, digest }) => `${reference} ${digest}`).sort();
      const other = images.map(
        ({ reference, descriptor }) => `${reference ?? ""} ${descriptor.digest}`,
      );
      // What refers to an image is in the archive, and none of the images.
      if (one.some((image) => !other.includes(image)))
        throw new Error(`verify says ${one.join()}, export reads ${other.join()}`);
      const ours = images.filter((_, i) => one.includes(other[i]!));
      return { images: viewOf(ours, store), said: "" };
    } catch (error) {
      if (error instanceof IngotError && error.code !== "internal")
        return { images: undefined, said: `${error.code} ${JSON.stringify(error.facts)}` };
      throw error;
    }
  }

  async #volumes(bytes: Buffer, images: NonNullable<How["volumes"]>): Promise<ArchiveSource> {
    const dir = join(this.#dir, `${this.#count++}`);
    mkdirSync(dir);
    const half = Math.ceil(bytes.length / 1024) * 512;
    const parts = [bytes.subarray(0, half), bytes.subarray(half)];
    for (const [i, part] of parts.entries()) writeFileSync(join(dir, `a.tar.00${i + 1}`), part);
    const list = formatVolumes(
      {
        images: images as { reference: string; digest: Digest }[],
        volumes: parts.map((part) => ({ digest: digestOf(part) as Digest, size: part.length })),
      },
      "list",
    );
    writeFileSync(join(dir, "a.tar.volumes.json"), list);
    const set = await openVolumes([join(dir, "a.tar.volumes.json")], alone());
    return { volumes: set! };
  }
}

const said = ({ findings, leftOut }: VerifyReport) =>
  findings
    .filter(({ level }) => level !== "note")
    .map(({ code, at, message }) => `${code} ${at} ${message}`)
    .join("; ") || `left out: ${leftOut}`;

interface Named {
  readonly reference: string | undefined;
  readonly descriptor: Descriptor;
}

const viewOf = (images: readonly Named[], store: ReadStore): Loaded[] =>
  images.map(({ reference, descriptor }) => ({
    name: reference,
    digest: descriptor.digest,
    parts: partsOf(descriptor, store),
  }));

function partsOf(descriptor: Descriptor, store: ReadStore): Part[] {
  if (!isImage(descriptor.mediaType)) return [];
  const { index, manifest } = read(descriptor, store);
  if (index !== undefined) return index.manifests.flatMap((child) => partsOf(child, store));
  if (manifest === undefined) return [];
  const { config, layers } = manifest;
  const isContainer = isContainerConfig(config.mediaType);
  const diffIDs = isContainer
    ? { diffIDs: parseConfig(readBlob(store, config), config.digest).rootfs.diff_ids }
    : {};
  return [{ config: config.digest, layers: layers.map(({ digest }) => digest), ...diffIDs }];
}

const completed = (name: string | undefined): string | undefined => {
  if (name === undefined) return undefined;
  try {
    return complete(name);
  } catch {
    return name;
  }
};

/** ig completes a name without a host in its own way. */
function nameOfGadget(name: string): string | undefined {
  const [first = "", ...rest] = name.split("/");
  if (rest.length > 0 && (/[.:]/.test(first) || first === "localhost")) return undefined;
  return completed(`ghcr.io/${rest.length > 0 ? "" : "inspektor-gadget/gadget/"}${name}`);
}

const isTag = (name: string | undefined) => name === undefined || !/[/:]/.test(name);
const key = (parts: readonly Part[]) =>
  JSON.stringify(parts.map(({ config, layers }) => [config, layers]));

/** Where a client would load something else than what ingot said yes to. @param isImport what has no name was left out */
export function disagreement(
  images: readonly Loaded[],
  roads: readonly Road[],
  isImport: boolean,
): string | undefined {
  if (roads.length === 0) return "there is nothing that anybody would load";
  for (const { road, loaded, why } of roads) {
    if (loaded === undefined) return `${road}: it cannot be loaded: ${why}`;
    const names = new Map<string, string>();
    for (const { name, digest, parts, isReferrer } of loaded) {
      if (isReferrer ?? COSIGN_TAG.test(name ?? "")) continue;
      const full = completed(name);
      if (full !== undefined && !isTag(name) && digest !== undefined) {
        // oras has a tag for each, of which containerd's annotation makes names.
        if ((names.get(full) ?? digest) !== digest) return `${road}: ${full} is two images`;
        names.set(full, digest);
      }
      const isOurs = (image: Loaded) =>
        digest !== undefined
          ? image.digest === digest &&
            (isImport ? isPartOf(parts, image.parts) : key(image.parts) === key(parts))
          : image.parts.some((part) => hasPart(part, parts[0]!));
      const same = images.filter(isOurs);
      const isNamed = road !== "oras" && road !== "the first of each name" && !isTag(name);
      if (isImport && !isNamed) continue;
      if (same.length === 0) return `${road}: it loads ${full} ${digest ?? ""} ${key(parts)}`;
      const isGadget = parts.length > 0 && parts.every(({ isContainer }) => isContainer === false);
      const either = [full, isGadget && isNamed ? nameOfGadget(name!) : undefined];
      if (isNamed && !same.some((image) => either.includes(completed(image.name))))
        return `${road}: it calls ${same[0]!.digest} ${full}`;
    }
    // Docker's list may have fewer: what Docker cannot load is not in it.
    const isList = loaded.every(({ digest }) => digest === undefined);
    const lost = images.find((image) => !loaded.some(({ digest }) => digest === image.digest));
    if (!isList && lost !== undefined)
      return `${road}: it does not load ${lost.name} ${lost.digest}`;
  }
  return undefined;
}

/** An import takes the platforms that are there; others may be in the store. */
const isPartOf = (some: readonly Part[], all: readonly Part[]) =>
  some.length > 0 && some.every((part) => all.some((one) => key([one]) === key([part])));

/** Whether it is the manifest that a list of Docker's means. Of an archive of Docker's own form the layers are known by their diffIDs. */
function hasPart(ours: Part, theirs: Part): boolean {
  if (ours.config !== theirs.config) return false;
  return ours.diffIDs === undefined || ours.diffIDs.join() === (theirs.diffIDs ?? []).join();
}
