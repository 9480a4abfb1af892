import { posix } from "node:path";

/** Where COPY puts things: absolute and clean; the "/" at the end that says "a folder" stays, also when it is written `.` or `/.`. */
export function destOf(workingDir: string, dest: string): string {
  const absolute = posix.resolve("/", workingDir, dest);
  const folder = dest === "" || dest === "." || /\/\.?$/.test(dest);
  return folder && absolute !== "/" ? `${absolute}/` : absolute;
}

/** A source of COPY below its root: clean, without a slash at either end; `..` does not lead out of the root. */
export function sourceOf(source: string, parents: boolean): string {
  const pivot = parents ? source.indexOf("/./") : -1;
  if (pivot < 0) return posix.resolve("/", source).slice(1);
  const above = posix.resolve("/", source.slice(0, pivot)).slice(1);
  const below = posix.resolve("/", source.slice(pivot + 3)).slice(1);
  return above === "" ? below : `${above}/./${below}`;
}

/** Whether `..` in a source leads out of the root, where it is cut off. */
export function leadsOut(source: string): boolean {
  return /^\.\.(\/|$)/.test(posix.normalize(source.replace(/^\/+/, "")));
}

/** The folder that WORKDIR says, as BuildKit writes it: an absolute one stays as it was written. */
export function workdirOf(current: string, path: string): string {
  if (path.startsWith("/")) return path;
  if (path === "") return current === "" ? "/" : current;
  const joined = posix.join("/", current, path);
  return joined.length > 1 ? joined.replace(/\/$/, "") : joined;
}
