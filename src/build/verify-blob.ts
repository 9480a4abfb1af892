import { type JobContext, threadsForBytes } from "../jobs/job-context.ts";
import { runJobs } from "../jobs/perform.ts";
import { isAbsent } from "../store/content.ts";
import type { KnownLayer } from "../store/layer-cache.ts";
import type { ReadStore } from "../store/store.ts";

/** Whether the layer's blob is in the store, whole. */
export async function isVerifiedBlob(
  { digest, size }: KnownLayer,
  store: ReadStore,
  working: JobContext,
): Promise<boolean> {
  const content = store.find(digest);
  if (content === undefined || content instanceof Uint8Array || isAbsent(content)) return false;
  if (content.size !== size) return false;
  const tasks = [{ kind: "check", extents: [content] }] as const;
  const threads = threadsForBytes(size, working);
  const [[found] = []] = await runJobs(tasks, working, threads);
  return found !== undefined && "digest" in found && found.digest === digest;
}
