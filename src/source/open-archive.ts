/** Archives as they come: in a file, through a pipe, compressed. */

import type { VolumeSet } from "../archive/volumes/find.ts";
import { VolumeStream } from "../archive/volumes/stream.ts";
import type { Bytes } from "../base/bytes.ts";
import {
  type Compression,
  compressionOf,
  decompressed,
  HEAD,
  isCompressed,
  type Peeked,
  peek,
} from "../base/compression/decompress.ts";
import { windowsOf } from "../base/compression/zstd-windows.ts";
import { IngotError, isIngotError } from "../base/error.ts";
import { openRead } from "../base/fs/file.ts";
import type { Progress } from "../base/workers/pool.ts";
import type { ScannedArchive } from "../check/inventory.ts";
import { type ScanOptions, scanStream } from "../check/scan.ts";
import type { JobContext } from "../jobs/job-context.ts";
import { IO_CHUNK } from "../jobs/render.ts";
import { readExtent } from "../store/content.ts";

/** An archive that is read once, from front to back: through a pipe, or in volumes. */
export type StreamSource =
  | { readonly bytes: Bytes; readonly at: string }
  | { readonly volumes: VolumeSet };

/** An archive: a file, which can be read anywhere and in parallel, or a stream. */
export type ArchiveSource = { readonly path: string } | StreamSource;

/** An archive to be read, and how it was compressed. */
export interface Opened {
  readonly source: ArchiveSource;
  readonly compression: Compression | undefined;
}

/**
 * The archive uncompressed: by its first bytes, whatever its name. A compressed file becomes a stream, of which nothing is
 * kept: it is decompressed as it is read. What is in volumes is not compressed. @throws not-found, io
 */
export async function openSource(source: ArchiveSource, tally: Progress): Promise<Opened> {
  const windows = windowsOf(tally, { waits: false });
  if ("path" in source) {
    const { path } = source;
    const head = headOf(path);
    const compression = compressionOf(head);
    if (!isCompressed(head)) return { source, compression };
    return {
      source: { bytes: decompressed(fileBytes(path), path, windows), at: path },
      compression,
    };
  }
  if ("volumes" in source) return { source, compression: undefined };
  const { at } = source;
  const peeked = await peek(source.bytes, HEAD);
  const { head } = peeked;
  const all = closing(peeked);
  const bytes = isCompressed(head) ? decompressed(all, at, windows) : all;
  return { source: { bytes, at }, compression: compressionOf(head) };
}

/**
 * Reads an archive once, as `scanStream` does. Of volumes every byte is read, and those that are not what their list says are the
 * first findings.
 */
export async function scanSource(
  source: StreamSource,
  passing: Omit<ScanOptions, "tally">,
  working: JobContext,
): Promise<ScannedArchive> {
  const how = { ...passing, tally: working.tally };
  if (!("volumes" in source)) return scanStream(source.bytes, source.at, how);
  const stream = new VolumeStream(source.volumes, working);
  try {
    const inventory = await scanStream(stream.bytes(), source.volumes.list.at, how);
    inventory.findings.lead(await stream.settle());
    return inventory;
  } finally {
    await stream.end();
  }
}

async function* closing({ all, close }: Peeked): Bytes {
  try {
    yield* all;
  } finally {
    await close();
  }
}

/** Whether the archive in a file must be decompressed to be read, as far as it can be told: then nobody knows how long it is. */
export function isCompressedFile(path: string): boolean {
  try {
    return isCompressed(headOf(path));
  } catch (error) {
    if (isIngotError(error, "io")) return false;
    throw error;
  }
}

/** For what must read an archive here and there. @throws unsupported for one that is compressed */
export function requirePlain(path: string): void {
  const head = headOf(path);
  if (!isCompressed(head)) return;
  const compression = compressionOf(head);
  const program = compression === "gzip" ? "gzip -dc" : compression === "zstd" ? "zstd -dc" : "";
  throw new IngotError("unsupported", {
    what: "the archive",
    at: path,
    found: compression === undefined ? "compression" : `${compression} compression`,
    expected: "none, because it is read here and there",
    hint: `import it first (ingot import FILE) and name its images${
      program === "" ? "" : `, or decompress it: ${program} FILE > FILE.tar`
    }`,
  });
}

const headOf = (path: string) => readExtent({ path, offset: 0, size: HEAD });

/** The bytes of a file, from front to back. A piece is valid until the next one is asked for. */
async function* fileBytes(path: string): Bytes {
  const file = openRead(path);
  try {
    const buffer = new Uint8Array(IO_CHUNK);
    for (let at = 0; ; ) {
      const got = file.read(buffer, at);
      if (got === 0) return;
      at += got;
      yield buffer.subarray(0, got);
    }
  } finally {
    file.close();
  }
}
