import { type Digest, digestOf } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { Content } from "./content.ts";
import type { ReadStore } from "./store.ts";

/** Blobs that were just made, before they are anywhere else. Also a store over another one, with additions. */
export class MemoryStore implements ReadStore {
  readonly at: string;
  readonly #blobs = new Map<Digest, Uint8Array>();
  readonly #below: ReadStore | undefined;

  constructor(at: string, below?: ReadStore) {
    this.at = at;
    this.#below = below;
  }

  /** Afterwards `bytes` are here; their digest. Safe to call again. */
  put(bytes: Uint8Array): Digest {
    const digest = digestOf(bytes);
    this.#blobs.set(digest, bytes);
    return digest;
  }

  /** All blobs that were put here, with their digests. */
  blobs(): IterableIterator<[Digest, Uint8Array]> {
    return this.#blobs.entries();
  }

  images(): readonly Descriptor[] {
    return this.#below?.images() ?? [];
  }

  find(digest: Digest): Content | undefined {
    return this.#blobs.get(digest) ?? this.#below?.find(digest);
  }
}
