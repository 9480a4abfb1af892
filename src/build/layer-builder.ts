import type { Bytes } from "../base/bytes.ts";
import { GZIP_FORMAT, gzip } from "../base/compression/gzip.ts";
import { StreamWriter } from "../base/fs/stream-writer.ts";
import { Sha256 } from "../base/hash.ts";
import { HashWorker } from "../base/workers/hash-worker.ts";
import { type JobContext, threadsForBytes } from "../jobs/job-context.ts";
import type { LayerWorkers } from "../jobs/layer-workers.ts";
import { addProgress } from "../jobs/render.ts";
import { Fingerprint, fingerprintOf } from "../layer/pack/fingerprint.ts";
import { pack } from "../layer/pack/pack.ts";
import { shapeOf } from "../layer/pack/shape.ts";
import type { Entry } from "../layer/tree/entry.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { LAYER, LAYER_GZIP } from "../oci/media-types.ts";
import type { KnownLayer } from "../store/layer-cache.ts";
import type { Session } from "../store/session.ts";
import { isVerifiedBlob } from "./verify-blob.ts";

export type LayerCompression = "gzip" | "none";

/** A layer of an image: a blob, and what its bytes are uncompressed. */
export interface BuiltLayer {
  readonly descriptor: Descriptor;
  readonly diffID: Digest;
  /** Whether it was there already, and nothing had to be compressed. */
  readonly known: boolean;
}

export interface LayerBuilderOptions {
  readonly session: Session;
  /** Whether layers of earlier builds are looked for; else they are made anew. */
  readonly cached: boolean;
  readonly compression: LayerCompression;
  /** Whether a loss of power must not take what is made; else nobody wants it for longer than this build. */
  readonly lasting: boolean;
  readonly helpers: LayerWorkers;
  readonly working: JobContext;
}

/** The name of how entries become the bytes of a layer. Another way gets another name. */
const FORMAT = "ingot-layer/1";

/** Makes the layers of one build, each of them once. */
export class LayerBuilder {
  readonly #options: LayerBuilderOptions;
  readonly #made = new Map<string, { entries: readonly Entry[]; layer: BuiltLayer }[]>();

  constructor(options: LayerBuilderOptions) {
    this.#options = options;
  }

  /**
   * The layer that `entries` are, in their order. Afterwards its blob is in the session or in its store, proven. Each byte of the
   * sources is read once, for the tar, the diffID, the compressor and the digest together; where a layer of this shape was made
   * before, they are hashed first, to see whether it is the same.
   * @throws changed for a file that is no longer as it was listed, io, no-space
   */
  async make(entries: readonly Entry[]): Promise<BuiltLayer> {
    const shape = shapeOf(entries, `${FORMAT} ${this.#format}`);
    const before = this.#made.get(shape) ?? [];
    const same = before.find((one) => haveSameSources(one.entries, entries));
    const layer =
      same?.layer ?? (await this.#known(shape, entries)) ?? (await this.#write(shape, entries));
    this.#made.set(shape, [...before, { entries, layer }]);
    return layer;
  }

  get #format(): string {
    return this.#options.compression === "gzip" ? GZIP_FORMAT : "none";
  }

  async #known(shape: string, entries: readonly Entry[]): Promise<BuiltLayer | undefined> {
    const { cached, session, working } = this.#options;
    const { store } = session;
    if (!cached || !store.layers.knows(shape)) return undefined;
    // Mostly there is one, and it is the one: then it is proven while the files are hashed.
    const [likely, ...others] = store.layers.of(shape);
    const proof =
      others.length === 0 && likely ? isVerifiedBlob(likely, store, working) : undefined;
    proof?.catch(() => {});
    const content = await fingerprintOf(entries, this.#readers(entries), (bytes) =>
      addProgress(bytes, working.tally),
    );
    const found = content === undefined ? undefined : store.layers.find({ shape, content });
    if (found === undefined || !this.#mayBe(found, content, entries)) return undefined;
    const isLikely = proof !== undefined && found.digest === likely?.digest;
    if (!(await (isLikely ? proof : isVerifiedBlob(found, store, working)))) return undefined;
    return this.#layer(found, true);
  }

  /** Whether the layer's diffID is what can be said of it without reading the layer. */
  #mayBe(
    { digest, diffID }: KnownLayer,
    content: string | undefined,
    entries: readonly Entry[],
  ): boolean {
    if (this.#options.compression === "none" && digest !== diffID) return false;
    return !new Fingerprint(entries).isTar || diffID === `sha256:${content}`;
  }

  /** Threads, where it is worth them. */
  #readers(entries: readonly Entry[]): LayerWorkers | undefined {
    const { helpers, working } = this.#options;
    const bytes = entries.reduce(
      (sum, { node }) => sum + (node?.kind === "file" ? node.size : 0),
      0,
    );
    return threadsForBytes(bytes, working) === 0 ? undefined : helpers;
  }

  async #write(shape: string, entries: readonly Entry[]): Promise<BuiltLayer> {
    const { session, compression, lasting, helpers, working } = this.#options;
    const print = new Fingerprint(entries);
    const readers = this.#readers(entries);
    const diff = new HashWorker(
      readers !== undefined && working.threads > 1 ? working.entry : undefined,
    );
    const blob = compression === "gzip" ? new Sha256() : undefined;
    const packing = { readers, ...(print.isTar ? {} : { print }) };
    const tar = counted(pack(entries, packing), diff, working);
    const file = session.newFile();
    const out = new StreamWriter(file, lasting);
    try {
      for await (const piece of blob === undefined
        ? tar
        : gzip(tar, { encoders: helpers, reuse: true })) {
        blob?.update(piece);
        await out.write(piece);
      }
      const [tarHex] = await Promise.all([diff.hex(), out.end()]);
      const { size } = out;
      const diffID: Digest = `sha256:${tarHex}`;
      const digest: Digest = blob === undefined ? diffID : `sha256:${blob.hex()}`;
      session.adopt(file, digest);
      const layer = { digest, size, diffID };
      const content = print.isTar ? tarHex : print.hex();
      if (content !== undefined) session.store.layers.put({ shape, content }, layer);
      return this.#layer(layer, false);
    } finally {
      await diff.end();
      await out.drop();
    }
  }

  #layer({ digest, size, diffID }: KnownLayer, known: boolean): BuiltLayer {
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

/** The pieces of a tar, hashed and counted as they pass. A piece is valid until the next but one is asked for. */
async function* counted(tar: Bytes, hash: HashWorker, { tally }: JobContext): Bytes {
  let before: Promise<void> | undefined;
  for await (const piece of tar) {
    const hashing = hash.update(piece);
    hashing.catch(() => {});
    addProgress(piece.length, tally);
    yield piece;
    // The one before it is about to be written anew.
    await before;
    before = hashing;
  }
  await before;
}
