/** Sizes where buffered readers and writers have gone wrong, and images of blobs of such sizes. */
import { join } from "node:path";
import type { Plan } from "../../../src/archive/plan.ts";
import { planArchive } from "../../../src/archive/write.ts";
import { Layout } from "../../../src/store/layout.ts";
import { type ImageOptions, writeLayout } from "./layout.ts";

/** The size of a buffer, and sizes one byte and one block around it; none below 0. */
export const around = (size: number): number[] =>
  [-1024, -513, -512, -511, -1, 0, 1, 511, 512, 513].map((by) => size + by).filter((it) => it >= 0);

/** The name of the image that {@link planOf} makes. */
export const NAME = "r.test/image:1";

/** The archive of one image with layers of these sizes, which is written as a layout into `folder`. */
export async function planOf(folder: string, image: ImageOptions): Promise<Plan> {
  writeLayout(folder, [{ name: NAME, ...image }]);
  const store = new Layout(folder);
  return planArchive(store.images().map((descriptor) => ({ reference: NAME, descriptor, store })));
}

/**
 * Such an archive in which the layer ends `by` bytes behind a multiple of `size`, counted from the beginning of the archive: the
 * layer is of at least `least` bytes. The layout is in `folder`.
 */
export async function endingAt(
  dir: string,
  { size, by, least }: { readonly size: number; readonly by: number; readonly least: number },
): Promise<Plan & { readonly folder: string }> {
  let length = least;
  for (let tries = 0; tries < 50; tries++) {
    const seed = `${size} ${by} ${tries}`;
    const folder = join(dir, `layout ${seed}`);
    const planned = await planOf(folder, { layers: [length], seed });
    const layer = planned.members.find(
      (member) => member.digest !== undefined && member.size === length,
    );
    if (layer === undefined) throw new Error("endingAt: the archive has no such layer");
    const end = layer.start + layer.header.length + length - by;
    if (end % size === 0) return { ...planned, folder };
    length += size - (end % size);
    if (length >= least + size) length -= size;
  }
  throw new Error(`endingAt: no layer ends ${by} bytes behind a multiple of ${size}`);
}
