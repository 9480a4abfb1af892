/** Whether what is known of a layer is so. */
import { work } from "../base/workers/pool.ts";
import { threadsFor, type Working } from "../jobs/job-context.ts";
import { type Checked, perform } from "../jobs/perform.ts";
import type { KnownLayer } from "../store/layer-cache.ts";
import type { ReadStore } from "../store/store.ts";

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
