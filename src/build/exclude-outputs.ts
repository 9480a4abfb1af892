/** What a build writes itself: in its context, it would have the second build's image hold the first one. */
import * as path from "node:path";
import { lstat, realPath, stat } from "../base/fs/file.ts";
import { isTempName } from "../base/fs/temp-name.ts";

/** Where a build writes to, as it was given. */
export interface BuildOutput {
  /** The archive, where it is a file. */
  readonly output: string | undefined;
  readonly store: string | undefined;
}

/**
 * Whether a path of the context is where the build writes to: the archive, what is written beside it until it is whole, or the
 * store, by their real places. Undefined where nothing of it can lie in the context. `told` hears once of each that is there.
 */
export function excludeOutputs(
  context: string,
  { output, store }: BuildOutput,
  told: (what: keyof BuildOutput, path: string) => void,
): ((path: string) => boolean) | undefined {
  const root = realPath(context);
  const within = (at: string | undefined) => {
    if (at === undefined) return undefined;
    const inside = path.relative(root, at).split(path.sep).join("/");
    return inside === ".." || inside.startsWith("../") || path.isAbsolute(inside)
      ? undefined
      : inside;
  };
  const archive = within(output && placeOf(output));
  const folder = within(store && placeOf(store));
  // The folder that a build works in lies beside the name that was given, the archive's own parts beside what that leads to.
  const given = output && path.join(placeOf(path.dirname(output)), path.basename(output));
  const beside = [archive, within(given)].filter((one) => one !== undefined);
  const whole = new Map<string, keyof BuildOutput>();
  if (archive) whole.set(archive, "output");
  if (folder) whole.set(folder, "store");
  if (whole.size === 0 && beside.length === 0) return undefined;
  const said = new Set<keyof BuildOutput>();
  return (at) => {
    const what = whole.get(at);
    if (what === undefined)
      return beside.some(
        (one) =>
          path.posix.dirname(at) === path.posix.dirname(one) &&
          isTempName(path.posix.basename(at), path.posix.basename(one)),
      );
    if (!said.has(what)) told(what, at);
    said.add(what);
    return true;
  };
}

/** Where `at` is, or will be when it is written: links are followed as far as there is something. */
function placeOf(at: string): string {
  const whole = path.resolve(at);
  if (stat(whole) !== undefined) return realPath(whole);
  const parent = path.dirname(whole);
  if (parent === whole || lstat(whole)?.kind === "symlink") return whole;
  return path.join(placeOf(parent), path.basename(whole));
}
