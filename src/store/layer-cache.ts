/** What became of layers that were made before, beside the blobs of a store. */
import * as path from "node:path";
import * as v from "valibot";
import { utf8 } from "../base/bytes.ts";
import { isFault } from "../base/fault.ts";
import { discard, makeDirectory, readDirectory, readFile, remove, stat } from "../base/file.ts";
import { writeWhole } from "../base/file-aside.ts";
import { formatJson, parseJson } from "../base/json.ts";
import { type Digest, isDigest } from "../oci/digest.ts";

/** A layer's blob, and what it is uncompressed. */
export interface KnownLayer {
  readonly digest: Digest;
  readonly size: number;
  readonly diffID: Digest;
}

/** What a layer was made of: its `shape` is all but the content of its files, `content` is that. Hexadecimal digits. */
export interface LayerKey {
  readonly shape: string;
  readonly content: string;
}

const digest = v.custom<Digest>(isDigest);
const known = v.object({ digest, size: v.pipe(v.number(), v.safeInteger()), diffID: digest });

/** The longest entry that is read. Bytes. */
const LIMIT = 4096;

/**
 * Layers by what they were made of. It saves work and decides nothing: whoever takes a layer from here has hashed all that goes
 * into it, and proves the blob. What is damaged here is as if it were not there.
 */
export class LayerCache {
  readonly #at: string;

  /** @param at its folder, which may not be there yet */
  constructor(at: string) {
    this.#at = at;
  }

  /** Whether there is none at all. */
  get isEmpty(): boolean {
    return stat(this.#at) === undefined;
  }

  /** Whether it is worth hashing what goes into a layer: one of this shape was made before. */
  knows(shape: string): boolean {
    return stat(path.join(this.#at, shape)) !== undefined;
  }

  /** All that are known of this shape. */
  of(shape: string): KnownLayer[] {
    const folder = path.join(this.#at, shape);
    if (stat(folder) === undefined) return [];
    const all = readDirectory(folder).map((content) => this.find({ shape, content }));
    return all.filter((one) => one !== undefined);
  }

  find(key: LayerKey): KnownLayer | undefined {
    const file = this.#file(key);
    try {
      return read(file);
    } catch (error) {
      if (isFault(error, "malformed") || isFault(error, "io") || isFault(error, "too-large"))
        return undefined;
      throw error;
    }
  }

  /** Afterwards the layer is found by its key. */
  put(key: LayerKey, { digest, size, diffID }: KnownLayer): void {
    makeDirectory(path.join(this.#at, key.shape));
    writeWhole(this.#file(key), utf8(formatJson({ digest, size, diffID })));
  }

  /** Forgets the layers that `isThere` does not have any more, and what is damaged. */
  prune(isThere: (digest: Digest) => boolean): void {
    if (stat(this.#at) === undefined) return;
    for (const shape of readDirectory(this.#at)) {
      const folder = path.join(this.#at, shape);
      const contents = readDirectory(folder);
      const kept = contents.filter((content) => {
        const found = this.find({ shape, content });
        if (found !== undefined && isThere(found.digest)) return true;
        discard(path.join(folder, content));
        return false;
      });
      if (kept.length === 0) remove(folder);
    }
  }

  #file({ shape, content }: LayerKey): string {
    return path.join(this.#at, shape, content);
  }
}

function read(file: string): KnownLayer | undefined {
  const found = v.safeParse(known, parseJson(readFile(file, LIMIT), file, { bytes: LIMIT }));
  return found.success ? found.output : undefined;
}
