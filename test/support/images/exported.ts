import { planArchive, streamArchive } from "../../../src/archive/write.ts";
import { Progress } from "../../../src/base/workers/pool.ts";
import type { StoredImage } from "../../../src/image/select.ts";

/** The archive of these images, as export streams it. */
export async function exported(images: readonly StoredImage[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  // A chunk is only valid for a while: it must be copied.
  const sink = { write: async (chunk: Uint8Array) => void chunks.push(Buffer.from(chunk)) };
  const working = { entry: undefined, threads: 1, tally: new Progress() };
  await streamArchive(await planArchive(images), sink, working);
  return Buffer.concat(chunks);
}
