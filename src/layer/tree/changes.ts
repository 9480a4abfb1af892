import { isDirectoryNode, type Tree, type TreeDirectory } from "./tree.ts";

/**
 * What a step did: a tree before it and after. Of two objects that are not the same, the later one is a change, though it may say
 * the same. The root itself is none: no layer can say it.
 */
export interface Changes {
  readonly before: Tree;
  readonly after: Tree;
}

/** How many paths `changes` has: in no other number of members can a layer say it, folders on the way aside. */
export function countChanges({ before, after }: Changes): number {
  const count = (was: TreeDirectory | undefined, is: TreeDirectory): number => {
    if (was === is) return 0;
    let sum = 0;
    for (const [name, child] of is.children) {
      const old = was?.children.get(name);
      if (!isDirectoryNode(child)) sum += child === old ? 0 : 1;
      else if (isDirectoryNode(old)) sum += (child.node === old.node ? 0 : 1) + count(old, child);
      else sum += 1 + count(undefined, child);
    }
    for (const name of was?.children.keys() ?? []) if (!is.children.has(name)) sum++;
    return sum;
  };
  return count(before.root, after.root);
}
