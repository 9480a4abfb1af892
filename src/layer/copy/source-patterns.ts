/** What the sources of a COPY mean. */

import { IngotError } from "../../base/error.ts";
import { PatternMemory } from "../../base/glob/matcher.ts";
import { BadPattern, hasWildcard, partMatcher } from "../../base/glob/pattern.ts";
import { within } from "../../base/subject.ts";
import { suggest } from "../../base/suggest.ts";
import { baseName, follow, join, normalizePath, parentOf } from "../tree/path.ts";
import type { ReadTree } from "../tree/tree.ts";
import { listPattern, Patterns } from "./pattern-list.ts";

/**
 * The paths in `from` that fit `text`, in the order of their bytes: the one that it names, there or not, where it has no
 * wildcard; where the folder before the first wildcard is not there, that. Links are followed up to the first part with a wildcard; from there on they are names like others, and lead nowhere.
 * A class never fits a slash.
 * @throws usage for a pattern that is not well formed
 */
export function matchesOf(from: ReadTree, text: string, place: string): readonly string[] {
  const parts = normalizePath(text).split("/");
  const at = parts.findIndex(hasWildcard);
  if (at < 0) return [parts.join("/")];
  const before = parts.slice(0, at).join("/");
  const base = follow(from, before);
  if (base === undefined || (base !== "" && from.get(base) === undefined)) return [before];
  let found = [base];
  for (const part of parts.slice(at)) {
    const fits = understood(() => partMatcher(part), text, "the source", place);
    found = found.flatMap((folder) =>
      from
        .list(folder)
        .filter(fits)
        .map((name) => join(folder, name)),
    );
  }
  return found;
}

/** `--parents` copies from `folder` what fits `below`, or everything: what stands before and behind the first `/./`. */
export function pivotOf(text: string): { folder: string; below: string | undefined } {
  const pivot = text.indexOf("/./");
  const folder = pivot < 0 ? "" : text.slice(0, pivot);
  return { folder, below: normalizePath(pivot < 0 ? text : text.slice(pivot + 3)) || undefined };
}

/** The patterns of an option; undefined for none. @throws usage */
export function patternsOf(
  texts: readonly string[],
  option: string,
  place: string,
): Patterns | undefined {
  if (texts.length === 0) return undefined;
  const memory = new PatternMemory();
  return new Patterns(
    texts.flatMap((text) => understood(() => listPattern(text, memory), text, option, place) ?? []),
  );
}

/** What `read` makes of a pattern. @throws usage where it is none */
function understood<T>(read: () => T, text: string, what: string, place: string): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof BadPattern)) throw error;
    throw new IngotError("usage", {
      message: `${place}: ${what} ${JSON.stringify(text)} is not a pattern: ${error.message}`,
      hint: "a bracket that means itself is written [[]",
    });
  }
}

/** The fault for a source that is not there, with what looks like it, and whether it is left out. */
export function missing(
  path: string,
  text: string,
  { from, place }: { readonly from: ReadTree; readonly place: string },
): IngotError {
  // Of the path, the first part that is not there: what is beside it may be meant.
  let lost = path;
  while (lost !== "" && from.get(parentOf(lost)) === undefined) lost = parentOf(lost);
  const near = suggest(baseName(lost), from.list(parentOf(lost)));
  return new IngotError("not-found", {
    what: `the source ${JSON.stringify(text)} of ${place}`,
    at: within(path, from.at),
    near: near.map((name) => join(parentOf(lost), name)),
    ...(from.leavesOut?.(lost) && {
      hint: `it is there, but .dockerignore leaves it out: add the line !${path} at its end`,
    }),
  });
}
