import type { Bytes } from "../base/bytes.ts";
import { IngotError, isIngotError } from "../base/error.ts";
import { openRead } from "../base/fs/file.ts";
import { Sha256 } from "../base/hash.ts";
import { sortedUnique } from "../base/order.ts";
import { within } from "../base/subject.ts";
import type { StoredImage } from "../image/select.ts";
import {
  absentIn,
  childrenOf,
  type ImageGraphNode,
  missingBlob,
  read,
  walk,
} from "../image/walk.ts";
import type { JobContext } from "../jobs/job-context.ts";
import { mapConcurrent } from "../jobs/parallel.ts";
import { addProgress } from "../jobs/render.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { formatPlatform, isRunnable } from "../oci/platform.ts";
import { UPLOAD_CHUNK, type Upload } from "../registry/blob-upload.ts";
import type { Repository } from "../registry/registry.ts";
import { type Content, isAbsent, requireBytes, sizeOf } from "../store/content.ts";
import type { RemoteImage } from "./remote-image.ts";

/** What a registry got. `sent`, `mounted` and `there` count blobs, manifests not among them. Bytes that were sent. */
export interface Pushed {
  readonly blobs: number;
  readonly sent: number;
  readonly mounted: number;
  readonly bytes: number;
}

/** Where an image goes. */
export interface PushTarget {
  readonly to: Repository;
  /** The tag that names it there; undefined = its digest alone. */
  readonly tag: string | undefined;
  /** Another repository of the same registry that has a blob, where one is known to. */
  readonly beside?: (digest: Digest) => string | undefined;
}

/** An image that is here, or in another registry. */
export type ImageHandle = StoredImage | RemoteImage;

/** The bytes that a push of the image may have to send. */
export function bytesToPush({ descriptor, store }: ImageHandle): number {
  return leavesOf(walk(descriptor, store)).reduce((sum, { size }) => sum + size, 0);
}

/**
 * Brings an image into a registry: first its blobs, then its manifests, each after those that it names, its tag at the very
 * end. Blobs that are there are not sent. The bytes stay as they are, and so do all digests.
 * @throws digest-differs, size-differs, blob-missing, registry, io
 */
export async function pushImage(
  image: ImageHandle,
  { to, tag, beside }: PushTarget,
  working: JobContext,
): Promise<Pushed> {
  const reached = walk(image.descriptor, image.store);
  const leaves = leavesOf(reached);
  const done = await mapConcurrent(leaves, working.threads, async (descriptor, stop) => {
    const there = to.until(stop);
    if (await there.hasBlob(descriptor)) {
      addProgress(descriptor.size, working.tally);
      return "there";
    }
    const other = beside?.(descriptor.digest);
    return putBlob(image, descriptor, {
      to: there,
      mount: other === to.name ? undefined : other,
      working,
      stop,
    });
  });
  for (const { descriptor, bytes } of bottomUp(image.descriptor, reached)) {
    const isRoot = descriptor.digest === image.descriptor.digest;
    const which = (isRoot ? tag : undefined) ?? descriptor.digest;
    await to.putManifest(which, { descriptor, bytes: bytes! }).catch((error: unknown) => {
      throw isRefused(error) ? partRefused(error, image) : error;
    });
  }
  return {
    blobs: leaves.length,
    sent: done.filter((how) => how === "sent").length,
    mounted: done.filter((how) => how === "mounted").length,
    bytes: leaves.reduce((sum, { size }, i) => sum + (done[i] === "sent" ? size : 0), 0),
  };
}

const isRefused = (error: unknown): error is IngotError<"registry"> =>
  isIngotError(error, "registry") && /^4[0-9]{2}$/.test(error.facts.code);

/** Many registries take an index only where they have all that it names. */
function partRefused(
  error: IngotError<"registry">,
  { descriptor, store }: ImageHandle,
): IngotError {
  if (absentIn(descriptor, store).length === 0) return error;
  const present = sortedUnique(
    (read(descriptor, store).index?.manifests ?? []).flatMap(({ platform, digest }) =>
      platform && isRunnable(platform) && store.find(digest) ? formatPlatform(platform) : [],
    ),
  );
  const hint = `the image lacks platforms that its index names, and the registry wants all of them: push those that are there with --platform ${present.join(",")}`;
  return new IngotError("registry", { ...error.facts, hint }, { cause: error });
}

const leavesOf = (reached: ReadonlyMap<Digest, ImageGraphNode>): Descriptor[] =>
  [...reached.values()].flatMap(({ descriptor, bytes }) =>
    bytes === undefined ? [descriptor] : [],
  );

/** The manifests and indexes of an image, each after all that it names. */
function bottomUp(
  root: Descriptor,
  reached: ReadonlyMap<Digest, ImageGraphNode>,
): ImageGraphNode[] {
  const order = new Map<Digest, ImageGraphNode>();
  const visit = ({ digest }: Descriptor) => {
    const found = reached.get(digest);
    if (found?.bytes === undefined || order.has(digest)) return;
    for (const child of childrenOf(found)) visit(child);
    order.set(digest, found);
  };
  visit(root);
  return [...order.values()];
}

interface Way {
  readonly to: Repository;
  readonly mount: string | undefined;
  readonly working: JobContext;
  readonly stop: AbortSignal;
}

async function putBlob(
  image: ImageHandle,
  descriptor: Descriptor,
  { to, mount, working, stop }: Way,
): Promise<"sent" | "mounted"> {
  const how = { tally: working.tally, stop };
  const { store } = image;
  const content = store.find(descriptor.digest);
  const from = "from" in image && content === undefined ? image.from : undefined;
  if (from !== undefined) {
    // What comes from a registry is proven only when all of it was there: it is sent in one piece, or not at all.
    const bytes = () => counted(from.until(stop).blob(descriptor), how);
    const upload = { descriptor, mount: from.isBeside(to) ? from.name : mount, open: bytes };
    return sent(await to.putBlob(upload, Number.POSITIVE_INFINITY), descriptor, working);
  }
  if (content === undefined) throw missingBlob(descriptor, store.at, image.descriptor.digest);
  if (sizeOf(content) !== descriptor.size)
    throw new IngotError("size-differs", {
      at: within(descriptor.digest, store.at),
      expected: descriptor.size,
      actual: sizeOf(content),
    });
  const upload: Upload = {
    descriptor,
    mount,
    open: (at) => counted(contentFrom(content, at), how),
  };
  try {
    return sent(await to.putBlob(upload, UPLOAD_CHUNK), descriptor, working);
  } catch (error) {
    // The registry says that the digest is wrong: whose fault that is can be seen here.
    if (isIngotError(error, "registry") && error.facts.code === "400")
      await prove(content, descriptor);
    throw error;
  }
}

function sent<How extends "sent" | "mounted">(
  how: How,
  { size }: Descriptor,
  { tally }: JobContext,
): How {
  if (how === "mounted") addProgress(size, tally);
  return how;
}

async function* counted(
  bytes: Bytes,
  { tally, stop }: Pick<Way, "stop"> & Pick<JobContext, "tally">,
) {
  for await (const piece of bytes) {
    stop.throwIfAborted();
    yield piece;
    addProgress(piece.length, tally);
  }
}

const PIECE = 256 * 1024;

/** The bytes of a content from `from` on. A piece stays as it is. */
async function* contentFrom(content: Content, from: number): Bytes {
  const here = requireBytes(content);
  if (here instanceof Uint8Array) {
    yield here.subarray(from);
    return;
  }
  const { path, offset, size } = here;
  const file = openRead(path);
  try {
    for (let at = from; at < size; ) {
      const piece = new Uint8Array(Math.min(PIECE, size - at));
      const got = file.read(piece, offset + at);
      if (got < piece.length)
        throw new IngotError("size-differs", {
          at: path,
          expected: offset + size,
          actual: offset + at + got,
        });
      yield piece;
      at += got;
    }
  } finally {
    file.close();
  }
}

/** @throws digest-differs when the bytes here are not the blob's */
async function prove(content: Content, { digest: expected }: Descriptor): Promise<void> {
  const hash = new Sha256();
  for await (const piece of contentFrom(content, 0)) hash.update(piece);
  const actual: Digest = `sha256:${hash.hex()}`;
  const at = content instanceof Uint8Array || isAbsent(content) ? expected : content.path;
  if (actual !== expected) throw new IngotError("digest-differs", { at, expected, actual });
}
