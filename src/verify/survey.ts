/** Which manifests and indexes are here whole, and which nobody can check. */
import { isIngotError } from "../base/error.ts";
import { type ImageGraphNode, isAttestation, read } from "../image/walk.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { isForeign, isImage } from "../oci/media-types.ts";
import type { ReadStore } from "../store/store.ts";

export interface Survey {
  /** Manifests that need a blob that is not here, and indexes none of whose platforms is here whole. */
  readonly incomplete: ReadonlySet<Digest>;
  /** What has, or needs, content of a form that is not supported. */
  readonly unchecked: ReadonlySet<Digest>;
}

/**
 * Goes over everything that `roots` reach, each manifest and index once. What is damaged in another way is for the judge to tell.
 * @param foreign whether layers that may be elsewhere may be absent
 */
export function survey(roots: readonly Descriptor[], store: ReadStore, foreign = false): Survey {
  const surveying = new Surveying(store, foreign);
  for (const root of roots) surveying.visit(root);
  return surveying;
}

interface Step {
  readonly descriptor: Descriptor;
  readonly found: ImageGraphNode | undefined;
  readonly todo: Descriptor[];
}

class Surveying implements Survey {
  readonly incomplete = new Set<Digest>();
  readonly unchecked = new Set<Digest>();
  readonly #seen = new Set<string>();
  readonly #store: ReadStore;
  readonly #foreign: boolean;

  constructor(store: ReadStore, foreign: boolean) {
    this.#store = store;
    this.#foreign = foreign;
  }

  /** Indexes may be nested more deeply than calls can be. */
  visit(root: Descriptor): void {
    const path: Step[] = this.#begin(root);
    for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
      const child = step.todo.pop();
      if (child !== undefined) path.push(...this.#begin(child));
      else {
        this.#end(step);
        path.pop();
      }
    }
  }

  #begin(descriptor: Descriptor): Step[] {
    const { digest, mediaType } = descriptor;
    const key = `${digest} ${mediaType}`;
    if (!isImage(mediaType) || this.#seen.has(key)) return [];
    this.#seen.add(key);
    if (this.#isGone(descriptor)) {
      this.incomplete.add(digest);
      return [];
    }
    const found = this.#read(descriptor);
    return [{ descriptor, found, todo: [...(found?.index?.manifests ?? [])] }];
  }

  #read(descriptor: Descriptor): ImageGraphNode | undefined {
    try {
      return read(descriptor, this.#store);
    } catch (error) {
      if (!isIngotError(error)) throw error;
      if (isIngotError(error, "unsupported")) this.unchecked.add(descriptor.digest);
      return undefined;
    }
  }

  #isGone({ digest }: Descriptor): boolean {
    return this.#store.find(digest) === undefined;
  }

  #end({ descriptor: { digest }, found }: Step): void {
    const { index, manifest } = found ?? {};
    if (manifest !== undefined) {
      const isNeeded = ({ mediaType }: Descriptor) => !(this.#foreign && isForeign(mediaType));
      const parts = [manifest.config, ...manifest.layers.filter(isNeeded)];
      if (parts.some((part) => this.#isGone(part))) this.incomplete.add(digest);
    }
    if (index === undefined) return;
    const children = index.manifests.filter((child) => isImage(child.mediaType));
    const platforms = children.filter((child) => !isAttestation(child));
    if (children.some((child) => this.unchecked.has(child.digest))) this.unchecked.add(digest);
    if (platforms.length > 0 && platforms.every((child) => this.incomplete.has(child.digest)))
      this.incomplete.add(digest);
  }
}
