/** Whether what is known of a layer is so. */
import { work } from "../base/pool.ts";
import type { KnownLayer } from "../store/layer-cache.ts";
import type { ReadStore } from "../store/store.ts";
import { type Checked, perform } from "./work.ts";
import { threadsFor, type Working } from "./working.ts";

/** Whether the layer's blob is in the store, whole. */
export async function isProvenBlob(
  { digest, size }: KnownLayer,
  store: ReadStore,
  working: Working,
): Promise<boolean> {
  const content = store.find(digest);
  if (content === undefined || content instanceof Uint8Array || content.size !== size) return false;
  const tasks = [{ kind: "check", extents: [content] }] as const;
  const threads = threadsFor(size, working);
  const [checked] = await work(tasks, { ...working, threads, handler: perform });
  const [found] = checked as Checked[];
  return found !== undefined && "digest" in found && found.digest === digest;
}
