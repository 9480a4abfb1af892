import { IngotError } from "../base/error.ts";
import { byBytes, sortedBy } from "../base/order.ts";
import { within } from "../base/subject.ts";
import { completeNames } from "../image/complete-name.ts";
import { type BaseLayers, formatBaseLayers, omittedLayers } from "../image/layer-list.ts";
import { platformOf, type StoredImage } from "../image/select.ts";
import { type ImageGraphNode, missingBlob, walk } from "../image/walk.ts";
import type { RemoteBlob } from "../jobs/fetch-blob.ts";
import type { Digest } from "../oci/digest.ts";
import {
  BASE_FILE,
  BLOBS,
  blobPath,
  checkIndexSize,
  DOCKER_FILE,
  formatArchiveIndex,
  INDEX_FILE,
  LAYOUT_BYTES,
  LAYOUT_FILE,
} from "../oci/layout.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { isImage, isIndex, REF_NAME } from "../oci/media-types.ts";
import { type Content, sizeOf } from "../store/content.ts";
import type { ReadStore } from "../store/store.ts";
import { MEMBER_LIMIT } from "../tar/canonical/scan.ts";
import { END, type HeaderWriter, padding } from "../tar/header.ts";
import { formatDocker, type UnloadableImage } from "./docker-manifest.ts";
import { referrerEntries, referrersOf } from "./plan-referrers.ts";

/** skopeo makes directories without an entry of their own for the owner 0, which only root may do. */
const DIRECTORIES: readonly string[] = ["blobs/", `${BLOBS}/`];

/** Where a member's bytes are: in memory, in a file, or in a registry. */
export type MemberContent = Content | RemoteBlob;

export const isRemoteContent = (content: MemberContent): content is RemoteBlob => "from" in content;

/** One member of an archive to be: its place is settled before anything is written. Offsets and sizes in bytes. */
export interface Member {
  readonly name: string;
  readonly size: number;
  readonly start: number;
  readonly header: Uint8Array;
  readonly content: MemberContent;
  /** What the content must be; undefined for the members that are made here. */
  readonly digest: Digest | undefined;
}

/** An archive to be. Writing is filling it in. */
export interface Plan {
  readonly members: readonly Member[];
  readonly images: readonly { readonly reference: string; readonly digest: Digest }[];
  /** What refers to them: in the order of digest and subject. */
  readonly referrers: readonly { readonly subject: Digest; readonly digest: Digest }[];
  /** Containers that manifest.json leaves out. */
  readonly unloadable: readonly UnloadableImage[];
  readonly blobs: number;
  readonly size: number;
  /** The layers that are left out; none, unless there is a base that has them. */
  readonly relies: BaseLayers;
}

/**
 * Version 1 of the canonical archive of `images` (docs/canonical-archive.md). A pure function of the images and
 * their names: their order, where they come from and how they got there do not matter. With a base, the layers that it has
 * are left out, and listed (docs/delta-archive.md); where it has none of them, the archive is a whole one.
 * @param elsewhere where a blob is that an image's own store does not have
 * @throws blob-missing, size-differs, digest-differs, `usage` for two images under one name, too-large for an archive
 * that nobody would read back
 */
export function plan(
  images: readonly StoredImage[],
  writer: HeaderWriter,
  base?: BaseLayers,
  elsewhere?: (digest: Digest) => MemberContent | undefined,
): Plan {
  const named = unique(completeNames(images.filter(({ refers }) => refers === undefined)));
  const walked = new Map<string, StoredImage & { reached: ReturnType<typeof walk> }>();
  const walkOnce = (image: StoredImage) => {
    const { mediaType, digest, size } = image.descriptor;
    const key = `${digest} ${mediaType} ${size}`;
    const { reached } = walked.get(key) ?? { reached: walk(image.descriptor, image.store) };
    if (!walked.has(key)) walked.set(key, { ...image, reached });
    return reached;
  };
  const walks = named.map(walkOnce);
  const referring = referrersOf(images, walks, walkOnce);
  const relies = omittedLayers(base, walked.values());
  const blobs = new Map<Digest, { content: MemberContent; size: number }>();
  for (const { reached, store, descriptor } of walked.values())
    for (const found of reached.values())
      if (!relies.has(found.descriptor.digest))
        blobs.set(found.descriptor.digest, locate(found, { store, elsewhere }, descriptor));
  const members = [...blobs].map(([digest, { content }]) => ({
    name: blobPath(digest),
    content,
    digest,
  }));
  const roots = named.map(entry);
  const referrerRoots = referrerEntries(referring, named, walks);
  const { bytes: docker, unloadable } = formatDocker(
    named.map(({ reference }, i) => ({
      reference,
      root: roots[i]!,
      platform: roots[i]!.platform,
      reached: walks[i]!,
    })),
  );
  const count =
    DIRECTORIES.length + blobs.size + (docker === undefined ? 2 : 3) + (relies.size > 0 ? 1 : 0);
  if (count > MEMBER_LIMIT)
    throw new IngotError("too-large", {
      what: "the number of members",
      at: "the archive",
      actual: count,
      limit: MEMBER_LIMIT,
      unit: "members",
    });
  if (docker !== undefined) checkIndexSize(docker, DOCKER_FILE);
  const made = [
    ...DIRECTORIES.map((name) => ({ name, content: new Uint8Array(0) })),
    ...(relies.size > 0 ? [{ name: BASE_FILE, content: formatBaseLayers(relies, BASE_FILE) }] : []),
    { name: INDEX_FILE, content: formatArchiveIndex([...roots, ...referrerRoots]) },
    ...(docker === undefined ? [] : [{ name: DOCKER_FILE, content: docker }]),
    { name: LAYOUT_FILE, content: LAYOUT_BYTES },
  ].map((member) => ({ ...member, digest: undefined }));
  const placed = place([...members, ...made], writer);
  return {
    ...placed,
    images: named.map(({ reference, descriptor }) => ({ reference, digest: descriptor.digest })),
    referrers: referring.map(({ descriptor, refers }) => ({
      subject: refers.subject,
      digest: descriptor.digest,
    })),
    unloadable,
    blobs: blobs.size,
    relies,
  };
}

/** Each image once, in the order of name. @throws usage, and unsupported for what is no image */
function unique(images: readonly StoredImage[]): StoredImage[] {
  const byName = new Map<string, StoredImage>();
  for (const image of images) {
    const { reference, descriptor } = image;
    const before = byName.get(reference);
    if (!isImage(descriptor.mediaType))
      throw new IngotError("unsupported", {
        what: "the image",
        at: reference,
        found: descriptor.mediaType,
        expected: "an image manifest or an image index",
      });
    if (before !== undefined && !isSame(before.descriptor, descriptor)) {
      throw new IngotError("usage", {
        message: `two images have the name ${reference}: ${before.descriptor.digest} and ${descriptor.digest}`,
        hint: "give one of them another name with: ingot tag SOURCE NAME",
      });
    }
    byName.set(reference, before ?? image);
  }
  if (byName.size === 0) throw new IngotError("usage", { message: "there is no image to export" });
  return sortedBy(byName.values(), ({ reference }) => reference);
}

const isSame = (a: Descriptor, b: Descriptor) =>
  a.digest === b.digest && a.mediaType === b.mediaType && a.size === b.size;

const sizeOfMember = (content: MemberContent) =>
  isRemoteContent(content) ? content.descriptor.size : sizeOf(content);

/** Where a blob's bytes are, of the size that its descriptor promises. */
function locate(
  { descriptor, bytes }: ImageGraphNode,
  {
    store,
    elsewhere,
  }: {
    readonly store: ReadStore;
    readonly elsewhere: ((digest: Digest) => MemberContent | undefined) | undefined;
  },
  root: Descriptor,
): { content: MemberContent; size: number } {
  const { digest, size } = descriptor;
  const content = bytes ?? store.find(digest) ?? elsewhere?.(digest);
  if (content === undefined) throw missingBlob(descriptor, store.at, root.digest);
  if (sizeOfMember(content) !== size)
    throw new IngotError("size-differs", {
      at: within(digest, store.at),
      expected: size,
      actual: sizeOfMember(content),
    });
  return { content, size };
}

/** The image's line in index.json: its name as the one annotation, its platform only where it is a single manifest. */
function entry({ reference, descriptor, store }: StoredImage): Descriptor {
  const { mediaType, digest, size } = descriptor;
  const platform = isIndex(mediaType) ? undefined : platformOf(descriptor, store);
  return { mediaType, digest, size, annotations: { [REF_NAME]: reference }, platform };
}

function place(
  members: readonly Omit<Member, "header" | "start" | "size">[],
  writer: HeaderWriter,
): Pick<Plan, "members" | "size"> {
  let start = 0;
  const placed = [...members]
    .sort((a, b) => byBytes(a.name, b.name))
    .map((member) => {
      const size = sizeOfMember(member.content);
      const header = writer(member.name, size);
      const here = { ...member, size, header, start };
      start += header.length + size + padding(size);
      return here;
    });
  return { members: placed, size: start + END.length };
}
