/** Paths of a tree: without a slash at their ends, without `.` and `..`; "" is the root. */
import type { Node } from "./entry.ts";

/** The folder that holds `path`; the root's is the root. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

/** The last part of `path`. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** `name` in the folder `path`; both may be "". */
export function join(path: string, name: string): string {
  return path === "" || name === "" ? path + name : `${path}/${name}`;
}

/** `text` as a path, by its text alone: slashes and dots are taken out, `..` at the root leads nowhere. */
export function normalizePath(text: string): string {
  const parts: string[] = [];
  for (const part of text.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** More links than this on the way to a path lead in a circle: as many as containerd follows. */
const MOST_LINKS = 255;

/**
 * Where `path` leads when every link is followed, that of its last part too. `root` is the root for links, so none
 * leads out of it. A part that is not there stays as it is: the answer may be a path with nothing at it.
 * Undefined where the links lead in a circle.
 */
export function follow(
  tree: { get(path: string): Node | undefined },
  path: string,
  root = "",
): string | undefined {
  let links = 0;
  let done = "";
  const ahead = path.split("/").reverse();
  for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      done = parentOf(done);
      continue;
    }
    const next = join(done, part);
    const node = tree.get(join(root, next));
    if (node?.kind !== "symlink") {
      done = next;
      continue;
    }
    if (++links > MOST_LINKS) return undefined;
    if (node.target.startsWith("/")) done = "";
    ahead.push(...node.target.split("/").reverse());
  }
  return join(root, done);
}

/** What a tar calls the path: of a folder, with a slash behind it. */
export const memberName = (path: string, isFolder: boolean): string =>
  isFolder ? `${path}/` : path;
