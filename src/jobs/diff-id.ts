/** What a layer is uncompressed: its diffID (image-spec, config.md, "Layer DiffID"). Nothing of it is kept. */
import type { Bytes } from "../base/bytes.ts";
import {
  type Compression,
  compressionOf,
  decompressed,
  formatOf,
  HEAD,
} from "../base/compression/decompress.ts";
import { isZstd, windowOf, ZSTD_HEAD } from "../base/compression/zstd.ts";
import { WINDOWS_LIMIT, type Windows, windowsOf } from "../base/compression/zstd-windows.ts";
import { type SerializedError, serializeError } from "../base/error.ts";
import { Sha256 } from "../base/hash.ts";
import type { Progress } from "../base/workers/pool.ts";
import type { Digest } from "../oci/digest.ts";
import { type FileExtent, readExtent } from "../store/content.ts";
import { ExtentReader, type OpenFiles } from "../store/extent-reader.ts";
import { addProgress, IO_CHUNK } from "./render.ts";

/** The diffID, or why there is none. */
export type Inflated = { readonly diffID: Digest } | { readonly fault: SerializedError };

/** How a blob is compressed, and what it is uncompressed, where that was asked for. */
export interface Inside {
  readonly compression: Compression | undefined;
  /** The same, also of formats that are not decompressed. */
  readonly format?: string | undefined;
  readonly inflated?: Inflated | "same" | undefined;
}

/** Of a blob that is not compressed: uncompressed it is the same. One for all, of which there may be very many. */
const PLAIN: Inside = { compression: undefined, format: undefined, inflated: "same" };

/** Hashes stretches of files, and what they are uncompressed. */
export interface InflateTask {
  readonly kind: "inflate";
  readonly extents: readonly FileExtent[];
}

/** A stretch's digest and its content's, from one reading; or why it could not be read whole. */
export type LayerDigests =
  | { readonly digest: Digest; readonly inside: Inside }
  | { readonly fault: SerializedError };

/** Reads the stretch to its end, also where it cannot be decompressed to its own. */
export async function inflate(
  extent: FileExtent,
  files: OpenFiles,
  tally: Progress,
): Promise<LayerDigests> {
  const inflater = new Inflater(extent.path, windowsOf(tally, { waits: true }));
  try {
    const source = new ExtentReader(extent, files);
    const buffer = new Uint8Array(IO_CHUNK);
    for (let got = source.read(buffer); got > 0; got = source.read(buffer)) {
      addProgress(got, tally);
      await inflater.write(buffer.subarray(0, got));
    }
    return { digest: source.digest, inside: await inflater.end() };
  } catch (error) {
    if (tally.stopped) throw error;
    return { fault: serializeError(error) };
  } finally {
    await inflater.drop();
  }
}

/** In how many threads to decompress stretches: in two at most, where one begins with a large window. The others would wait for room. */
export function inflatingThreads(extents: Iterable<FileExtent>, threads: number): number {
  for (const extent of extents) {
    if (threads <= 2) return threads;
    const head = readExtent(extent, Math.min(ZSTD_HEAD, extent.size));
    if (isZstd(head) && (windowOf(head) ?? 0) > WINDOWS_LIMIT / 4) return 2;
  }
  return threads;
}

/**
 * Takes a layer's bytes as they pass by. What is not compressed costs nothing: its diffID is its digest. Call `end` or
 * `drop`, whatever happens.
 */
export class Inflater {
  readonly #at: string;
  readonly #windows: Windows | undefined;
  #head = new Uint8Array(0);
  #compression: Compression | undefined | "unknown" = "unknown";
  #format: string | undefined;
  readonly #channel = new Channel();
  #done: Promise<Inflated> | undefined;

  /** @param windows what decoders may have; undefined = nobody wants the diffID */
  constructor(at: string, windows: Windows | undefined) {
    this.#at = at;
    this.#windows = windows;
  }

  /** Afterwards the piece is used and may be written over. */
  async write(piece: Uint8Array): Promise<void> {
    if (this.#compression === "unknown") {
      if (this.#head.length + piece.length < HEAD) {
        this.#head = Uint8Array.from([...this.#head, ...piece]);
        return;
      }
      await this.#begin(piece);
    }
    if (this.#done !== undefined) await this.#channel.write(piece);
  }

  async #begin(piece: Uint8Array): Promise<void> {
    const head = Uint8Array.from([...this.#head, ...piece.subarray(0, HEAD)]);
    this.#compression = compressionOf(head);
    this.#format = formatOf(head);
    if (this.#compression === undefined || this.#windows === undefined) return;
    this.#done = this.#inflate(this.#windows);
    if (this.#head.length > 0) await this.#channel.write(this.#head);
  }

  async #inflate(windows: Windows): Promise<Inflated> {
    const hash = new Sha256();
    try {
      for await (const piece of decompressed(this.#channel.bytes(), this.#at, windows))
        hash.update(piece);
      return { diffID: `sha256:${hash.hex()}` };
    } catch (error) {
      return { fault: serializeError(error) };
    } finally {
      this.#channel.leave();
    }
  }

  /** All bytes were here. */
  async end(): Promise<Inside> {
    if (this.#compression === "unknown") await this.#begin(new Uint8Array(0));
    const compression = this.#compression as Compression | undefined;
    const format = this.#format;
    this.#channel.end();
    if (compression === undefined && format === undefined) return PLAIN;
    if (compression === undefined) return { compression, format, inflated: "same" };
    return { compression, format, inflated: await this.#done };
  }

  /** Nothing more comes, and nobody wants to know. */
  async drop(): Promise<void> {
    this.#channel.end();
    await this.#done;
  }
}

/** One piece at a time from who writes to who reads. */
class Channel {
  #piece: Uint8Array | undefined;
  #ended = false;
  #left = false;
  #arrived = () => {};
  #used = () => {};

  /** Done when the piece was read and the next one is asked for, or when nobody reads any more. */
  write(piece: Uint8Array): Promise<void> {
    if (this.#left || piece.length === 0) return Promise.resolve();
    return new Promise((done) => {
      this.#piece = piece;
      this.#used = done;
      this.#arrived();
    });
  }

  end(): void {
    this.#ended = true;
    this.#arrived();
  }

  leave(): void {
    this.#left = true;
    this.#used();
  }

  async *bytes(): Bytes {
    while (true) {
      if (this.#piece !== undefined) {
        yield this.#piece;
        this.#piece = undefined;
        this.#used();
      }
      if (this.#piece === undefined && this.#ended) return;
      if (this.#piece === undefined)
        await new Promise<void>((arrived) => {
          this.#arrived = arrived;
        });
    }
  }
}
