import type { Tools } from "../gadget/compile/toolchain.ts";
import { lastCommitTo } from "../gadget/source-epoch.ts";
import type { ReadTree } from "../layer/tree/tree.ts";

/** The time that a build says it was made: seconds since 1970, or where they come from. */
export type EpochChoice = number | "mtime" | "git";

/**
 * The time of a container's build: for `mtime` the newest change of a file in its context, for `git` the last commit that touched
 * the folder. @throws usage when git cannot tell, or a time is before 1970
 */
export async function contextEpoch(
  choice: EpochChoice,
  {
    directory,
    context,
    tools,
    scratch,
  }: { directory: string; context: ReadTree; tools: Tools; scratch: string },
): Promise<number> {
  if (choice === "mtime") return newest(context, "");
  if (choice !== "git") return choice;
  return lastCommitTo(["."], directory, { tools, epoch: 0, workDir: scratch });
}

function newest(tree: ReadTree, path: string): number {
  let time = 0;
  for (const name of tree.list(path)) {
    const at = path === "" ? name : `${path}/${name}`;
    const node = tree.get(at);
    if (node?.kind === "file") time = Math.max(time, node.meta.mtime);
    if (node?.kind === "directory") time = Math.max(time, newest(tree, at));
  }
  return time;
}
