import { type Bytes, utf8 } from "../base/bytes.ts";
import { WrittenFile } from "../base/file-written.ts";
import { GZIP_FORMAT, gzip } from "../base/gzip.ts";
import { Sha256 } from "../base/hash.ts";
import type { Entry } from "../layer/entry.ts";
import { Fingerprint, fingerprintOf } from "../layer/fingerprint.ts";
import { headerBytes, pack } from "../layer/pack.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { LAYER, LAYER_GZIP } from "../oci/media.ts";
import type { KnownLayer } from "../store/layer-cache.ts";
import type { Session } from "../store/session.ts";
import type { Helpers } from "./helpers.ts";
import { isProvenBlob } from "./layer-content.ts";
import { count } from "./render.ts";
import { threadsFor, type Working } from "./working.ts";

export type Compression = "gzip" | "none";

/** A layer of an image: a blob, and what its bytes are uncompressed. */
export interface Layer {
  readonly descriptor: Descriptor;
  readonly diffID: Digest;
  /** Whether it was there already, and nothing had to be compressed. */
  readonly known: boolean;
}

export interface LayerMakerOptions {
  readonly session: Session;
  /** Whether layers of earlier builds are looked for; else they are made anew. */
  readonly cached: boolean;
  readonly compression: Compression;
  /** Whether a loss of power must not take what is made; else nobody wants it for longer than this build. */
  readonly lasting: boolean;
  readonly helpers: Helpers;
  readonly working: Working;
}

/** The name of how entries become the bytes of a layer. Another way gets another name. */
const FORMAT = "ingot-layer/1";

/** Headers are hashed so many bytes at a time: one by one takes much longer. */
const HEADERS = 64 * 1024;

/** Makes the layers of one build, each of them once. */
export class LayerMaker {
  readonly #options: LayerMakerOptions;
  readonly #made = new Map<string, { entries: readonly Entry[]; layer: Layer }[]>();

  constructor(options: LayerMakerOptions) {
    this.#options = options;
  }

  /**
   * The layer that `entries` are, in their order. Afterwards its blob is in the session or in its store, proven. Each byte of the
   * sources is read once, for the tar, the diffID, the compressor and the digest together; where a layer of this shape was made
   * before, they are hashed first, to see whether it is the same.
   * @throws changed for a file that is no longer as it was listed, io, no-space
   */
  async make(entries: readonly Entry[]): Promise<Layer> {
    const shape = this.#shapeOf(entries);
    const before = this.#made.get(shape) ?? [];
    const same = before.find((one) => haveSameSources(one.entries, entries));
    const layer =
      same?.layer ?? (await this.#known(shape, entries)) ?? (await this.#write(shape, entries));
    this.#made.set(shape, [...before, { entries, layer }]);
    return layer;
  }

  #shapeOf(entries: readonly Entry[]): string {
    const hash = new Sha256().update(utf8(`${FORMAT} ${this.#format}\n`));
    const some = new Uint8Array(HEADERS);
    let used = 0;
    for (const entry of entries) {
      const header = headerBytes(entry);
      if (used + header.length > HEADERS) {
        hash.update(some.subarray(0, used));
        used = 0;
      }
      if (header.length > HEADERS) hash.update(header);
      else {
        some.set(header, used);
        used += header.length;
      }
    }
    return hash.update(some.subarray(0, used)).hex();
  }

  get #format(): string {
    return this.#options.compression === "gzip" ? GZIP_FORMAT : "none";
  }

  async #known(shape: string, entries: readonly Entry[]): Promise<Layer | undefined> {
    const { cached, session, working } = this.#options;
    const { store } = session;
    if (!cached || !store.layers.knows(shape)) return undefined;
    // Mostly there is one, and it is the one: then it is proven while the files are hashed.
    const [likely, ...others] = store.layers.of(shape);
    const proof = others.length === 0 && likely ? isProvenBlob(likely, store, working) : undefined;
    proof?.catch(() => {});
    const content = await fingerprintOf(entries, this.#readers(entries), (bytes) =>
      count(bytes, working.tally),
    );
    const found = content === undefined ? undefined : store.layers.find({ shape, content });
    if (found === undefined) return undefined;
    const isLikely = proof !== undefined && found.digest === likely?.digest;
    if (!(await (isLikely ? proof : isProvenBlob(found, store, working)))) return undefined;
    return this.#layer(found, true);
  }

  /** Threads, where it is worth them. */
  #readers(entries: readonly Entry[]): Helpers | undefined {
    const { helpers, working } = this.#options;
    const bytes = entries.reduce(
      (sum, { node }) => sum + (node?.kind === "file" ? node.size : 0),
      0,
    );
    return threadsFor(bytes, working) === 0 ? undefined : helpers;
  }

  async #write(shape: string, entries: readonly Entry[]): Promise<Layer> {
    const { session, compression, lasting, helpers, working } = this.#options;
    const print = new Fingerprint(entries);
    const diff = new Sha256();
    const blob = compression === "gzip" ? new Sha256() : diff;
    const readers = this.#readers(entries);
    const tar = counted(
      pack(entries, print.isTar ? { readers } : { readers, print }),
      diff,
      working,
    );
    const file = session.newFile();
    const out = new WrittenFile(file, lasting);
    try {
      for await (const piece of compression === "gzip"
        ? gzip(tar, { encoders: helpers, reuse: true })
        : tar) {
        if (blob !== diff) blob.update(piece);
        await out.write(piece);
      }
      await out.end();
    } finally {
      await out.drop();
    }
    const { size } = out;
    const tarHex = diff.hex();
    const diffID: Digest = `sha256:${tarHex}`;
    const digest: Digest = blob === diff ? diffID : `sha256:${blob.hex()}`;
    session.adopt(file, digest);
    const layer = { digest, size, diffID };
    const content = print.isTar ? tarHex : print.hex();
    if (content !== undefined) session.store.layers.put({ shape, content }, layer);
    return this.#layer(layer, false);
  }

  #layer({ digest, size, diffID }: KnownLayer, known: boolean): Layer {
    const mediaType = this.#options.compression === "gzip" ? LAYER_GZIP : LAYER;
    return { descriptor: { mediaType, digest, size }, diffID, known };
  }
}

/** Whether the files of two layers of one shape come from the same places. */
function haveSameSources(a: readonly Entry[], b: readonly Entry[]): boolean {
  return a.every(({ node }, i) => {
    const other = b[i]?.node;
    return node?.kind !== "file" || (other?.kind === "file" && node.source === other.source);
  });
}

/** The pieces of a tar, hashed and counted as they pass. */
async function* counted(tar: Bytes, hash: Sha256, { tally }: Working): Bytes {
  for await (const piece of tar) {
    hash.update(piece);
    count(piece.length, tally);
    yield piece;
  }
}
