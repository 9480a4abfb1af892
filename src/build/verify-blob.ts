/** Whether what is known of a layer is so. */
import { runAll } from "../base/workers/pool.ts";
import { type JobContext, threadsForBytes } from "../jobs/job-context.ts";
import { type Checked, runJob } from "../jobs/perform.ts";
import type { KnownLayer } from "../store/layer-cache.ts";
import type { ReadStore } from "../store/store.ts";

/** Whether the layer's blob is in the store, whole. */
export async function isVerifiedBlob(
  { digest, size }: KnownLayer,
  store: ReadStore,
  working: JobContext,
): Promise<boolean> {
  const content = store.find(digest);
  if (content === undefined || content instanceof Uint8Array || content.size !== size) return false;
  const tasks = [{ kind: "check", extents: [content] }] as const;
  const threads = threadsForBytes(size, working);
  const [checked] = await runAll(tasks, { ...working, threads, handler: runJob });
  const [found] = checked as Checked[];
  return found !== undefined && "digest" in found && found.digest === digest;
}
