/** What became of layers that were made before, beside the blobs of a store. */
import * as path from "node:path";
import * as v from "valibot";
import { utf8 } from "../base/bytes.ts";
import { isIngotError } from "../base/error.ts";
import { writeFileAtomic } from "../base/fs/atomic-file.ts";
import { discard, makeDirectory, readDirectory, readFile, remove, stat } from "../base/fs/file.ts";
import { formatJson, parseJson } from "../base/json/json.ts";
import { type Digest, digestOf, isDigest } from "../oci/digest.ts";

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
const size = v.pipe(v.number(), v.safeInteger());
const note = v.object({ digest, size, diffID: digest, sum: digest });

/** The longest entry that is read. Bytes. */
const LIMIT = 4096;

/**
 * Layers by what they were made of. It saves work and decides nothing: whoever takes a layer from here has hashed all that goes
 * into it, and proves the blob. Each entry has a sum over its key and all that it says, since a blob does not prove its diffID:
 * what is damaged here, or lies under another key, is as if it were not there.
 */
export class LayerCache {
  readonly #at: string;

  /** @param at its folder, which may not be there yet */
  constructor(at: string) {
    this.#at = at;
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
      return read(file, key);
    } catch (error) {
      if (
        isIngotError(error, "malformed") ||
        isIngotError(error, "io") ||
        isIngotError(error, "too-large")
      )
        return undefined;
      throw error;
    }
  }

  /** Afterwards the layer is found by its key. */
  put(key: LayerKey, { digest, size, diffID }: KnownLayer): void {
    makeDirectory(path.join(this.#at, key.shape));
    const layer = { digest, size, diffID };
    writeFileAtomic(this.#file(key), utf8(formatJson({ ...layer, sum: sumOf(key, layer) })));
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

function read(file: string, key: LayerKey): KnownLayer | undefined {
  const found = v.safeParse(note, parseJson(readFile(file, LIMIT), file, { bytes: LIMIT }));
  if (!found.success) return undefined;
  const { sum, ...layer } = found.output;
  return sum === sumOf(key, layer) ? layer : undefined;
}

/** One digest of the key and the layer, written as lines. */
function sumOf({ shape, content }: LayerKey, { digest, size, diffID }: KnownLayer): Digest {
  return digestOf(utf8(`${[shape, content, digest, size, diffID].join("\n")}\n`));
}
