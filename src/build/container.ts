import { containerImage, containerIndex } from "../dockerfile/image/image.ts";
import type { StoredImage } from "../image/select.ts";
import type { JobContext } from "../jobs/job-context.ts";
import { layerWorkers } from "../jobs/layer-workers.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { FolderStore } from "../store/folder-store.ts";
import type { Session } from "../store/session.ts";
import type { ReadStore } from "../store/store.ts";
import { UnionStore } from "../store/union-store.ts";
import { stageAll } from "../verify/stage-blobs.ts";
import type { BuildPlan } from "./container-plan.ts";
import { type BuiltLayer, LayerBuilder, type LayerCompression } from "./layer-builder.ts";

/** An image that was made. */
export interface BuiltContainer {
  readonly images: readonly StoredImage[];
  readonly descriptor: Descriptor;
  readonly manifests: readonly Descriptor[];
  readonly blobs: readonly { readonly digest: Digest; readonly size: number }[];
  readonly layers: readonly BuiltLayer[];
}

export interface ContainerBuildOptions {
  readonly into: FolderStore;
  readonly compression: LayerCompression;
  /** Whether layers that were made before are taken from the store. */
  readonly cached: boolean;
  /** Whether what the bases have is copied into the store too; else it is found where it is. */
  readonly whole: boolean;
}

/**
 * Makes the layers and the image. Afterwards it is in the store under each of its names; on a failure, nothing of it is.
 * @throws changed, io, no-space, digest-differs
 */
export async function buildContainer(
  prepared: BuildPlan,
  { into, compression, cached, whole }: ContainerBuildOptions,
  working: JobContext,
): Promise<BuiltContainer> {
  const session = await into.begin();
  const helpers = layerWorkers(working);
  try {
    const maker = new LayerBuilder({
      session,
      compression,
      cached,
      lasting: whole,
      helpers,
      working,
    });
    const all: BuiltLayer[] = [];
    const own = new Set<Digest>();
    const made: ReturnType<typeof containerImage>[] = [];
    for (const { parts, config, history } of prepared.images) {
      const layers: BuiltLayer[] = [];
      for (const part of parts)
        layers.push("entries" in part ? await maker.make(part.entries) : { ...part, known: true });
      for (const [i, part] of parts.entries())
        if (whole || "entries" in part) own.add(layers[i]!.descriptor.digest);
      all.push(...layers);
      const { created, annotations, labels } = prepared;
      made.push(containerImage({ config, layers, history, created, annotations, labels }));
    }
    const stores = new Set(prepared.images.flatMap(({ stores }) => stores));
    stores.delete(into);
    if (whole) await takeBases(prepared, [...stores], session, working);
    const [only] = made;
    const image = made.length === 1 ? only! : containerIndex(made, prepared.annotations);
    for (const [digest, bytes] of image.blobs) session.put(digest, bytes);
    const images = prepared.references.map((reference) => ({
      reference,
      descriptor: image.descriptor,
      store: whole ? into : new UnionStore(into, ...stores),
    }));
    const layers = new Map(all.map((layer) => [layer.descriptor.digest, layer]));
    await session.commit(new Set([...image.blobs.keys(), ...own]), images);
    return {
      images,
      descriptor: image.descriptor,
      manifests: made.map(({ descriptor }) => descriptor),
      blobs: [
        ...[...image.blobs].map(([digest, { length }]) => ({ digest, size: length })),
        ...[...layers.values()].map(({ descriptor: { digest, size } }) => ({ digest, size })),
      ],
      layers: [...layers.values()],
    };
  } finally {
    await helpers.end();
    session.drop();
  }
}

/** Afterwards the layers of the bases are in the session, or in its store already. */
async function takeBases(
  { images }: BuildPlan,
  stores: readonly ReadStore[],
  session: Session,
  working: JobContext,
): Promise<void> {
  for (const store of stores) {
    const wanted = images
      .filter((image) => image.stores.includes(store))
      .flatMap(({ parts }) =>
        parts.flatMap((part) => ("entries" in part ? [] : [part.descriptor.digest])),
      );
    await stageAll(store, new Set(wanted), session, working);
  }
}
