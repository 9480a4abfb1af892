import { type Bytes, utf8 } from "../base/bytes.ts";
import { openWrite } from "../base/file.ts";
import { type Encoders, GZIP_FORMAT, gzip } from "../base/gzip.ts";
import { Sha256 } from "../base/hash.ts";
import type { Entry } from "../layer/entry.ts";
import { headerBytes, pack } from "../layer/pack.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { LAYER, LAYER_GZIP } from "../oci/media.ts";
import type { KnownLayer } from "../store/layer-cache.ts";
import type { Session } from "../store/session.ts";
import { Contents, contentOf, isProvenBlob } from "./layer-content.ts";
import { count } from "./render.ts";
import type { Working } from "./working.ts";

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
  readonly encoders: Encoders;
  readonly working: Working;
}

/** The name of how entries become the bytes of a layer. Another way gets another name. */
const FORMAT = "ingot-layer/1";

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
    for (const entry of entries) hash.update(headerBytes(entry));
    return hash.hex();
  }

  get #format(): string {
    return this.#options.compression === "gzip" ? GZIP_FORMAT : "none";
  }

  async #known(shape: string, entries: readonly Entry[]): Promise<Layer | undefined> {
    const { cached, session, working } = this.#options;
    const cache = session.store.layers;
    if (!cached || !cache.knows(shape)) return undefined;
    const content = await contentOf(entries, working);
    const found = content === undefined ? undefined : cache.find({ shape, content });
    if (found === undefined || !(await isProvenBlob(found, session.store, working)))
      return undefined;
    return this.#layer(found, true);
  }

  async #write(shape: string, entries: readonly Entry[]): Promise<Layer> {
    const { session, compression, encoders, working } = this.#options;
    const contents = new Contents(entries);
    const diff = new Sha256();
    const blob = compression === "gzip" ? new Sha256() : diff;
    const tar = counted(pack(entries, { onFile: (_, hex) => contents.add(hex) }), diff, working);
    const file = session.newFile();
    const out = openWrite(file, "create");
    let size = 0;
    try {
      for await (const piece of compression === "gzip" ? gzip(tar, { encoders }) : tar) {
        if (blob !== diff) blob.update(piece);
        out.write(piece, size);
        size += piece.length;
      }
      out.sync();
    } finally {
      out.close();
    }
    const diffID: Digest = `sha256:${diff.hex()}`;
    const digest: Digest = blob === diff ? diffID : `sha256:${blob.hex()}`;
    session.adopt(file, digest);
    const layer = { digest, size, diffID };
    const content = contents.hex();
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
