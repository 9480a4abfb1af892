import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { Content } from "./content.ts";
import type { ReadStore } from "./store.ts";

/** Several stores as one: a blob is where it is found first; the images are those of the first. */
export class UnionStore implements ReadStore {
  readonly #stores: readonly [ReadStore, ...ReadStore[]];

  constructor(...stores: readonly [ReadStore, ...ReadStore[]]) {
    this.#stores = stores;
  }

  get at(): string {
    return this.#stores[0].at;
  }

  images(): readonly Descriptor[] {
    return this.#stores[0].images();
  }

  find(digest: Digest): Content | undefined {
    for (const store of this.#stores) {
      const found = store.find(digest);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
