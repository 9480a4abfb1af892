/** What a layer that is made must not go beyond: nobody could read it back, or unpack it. */
import { IngotError } from "../../base/error.ts";
import { DEPTH_LIMIT, LAYER_MEMBERS, PATH_LIMIT } from "../../tar/limits.ts";

/** One part of a path. Bytes. No system has longer ones (NAME_MAX, limits.h). */
const NAME_LIMIT = 255;

/** What one build may make, in all its layers and stages, for all platforms: they are in memory together. */
const BUILD_MEMBERS = 2 * LAYER_MEMBERS;

/** UTF-8 has at most so many bytes for a unit of UTF-16. */
const WIDEST = 3;

const bytesIn = (text: string) => Buffer.byteLength(text);

/** @throws too-large for a path that is too deep or long, or has a name that is. `what`: what it is, for the message. */
export function checkPath(path: string, what = "the path"): void {
  // Nearly all are shorter than any bound.
  if (path.length * WIDEST <= NAME_LIMIT) return;
  checkLength(path, what);
  // Before it is cut up: it is no longer than that.
  const parts = path.split("/");
  if (parts.length > DEPTH_LIMIT)
    throw beyond(what, path, { actual: parts.length, limit: DEPTH_LIMIT, unit: "parts" });
  for (const part of parts) {
    const actual = part.length * WIDEST <= NAME_LIMIT ? 0 : bytesIn(part);
    if (actual > NAME_LIMIT) throw beyond(`a name in ${what}`, path, { actual, limit: NAME_LIMIT });
  }
}

/** @throws too-large for a path that no system takes, wherever it leads */
export function checkLength(path: string, what: string): void {
  // A folder's name as a member has a slash behind it.
  if ((path.length + 1) * WIDEST <= PATH_LIMIT) return;
  const actual = bytesIn(path) + 1;
  if (actual > PATH_LIMIT) throw beyond(what, path, { actual, limit: PATH_LIMIT });
}

/** @throws too-large for more changes than a layer has members. `at`: the tree that is changed. */
export function checkMembers(actual: number, at: string): void {
  if (actual <= LAYER_MEMBERS) return;
  const facts = { what: "a layer of", at, limit: LAYER_MEMBERS, unit: "members" };
  throw new IngotError("too-large", { ...facts, actual });
}

/** Counts the members of all layers that one build makes. */
export class BuildMembers {
  readonly #at: string;
  readonly #limit: number;
  #count = 0;

  /** @param at the Dockerfile, for the message */
  constructor(at: string, limit: number = BUILD_MEMBERS) {
    this.#at = at;
    this.#limit = limit;
  }

  /** @throws too-large */
  add(members: number): void {
    this.#count += members;
    if (this.#count <= this.#limit) return;
    const what = "what all stages copy in";
    const facts = { what, at: this.#at, limit: this.#limit, unit: "members" };
    throw new IngotError("too-large", { ...facts, actual: this.#count });
  }
}

function beyond(
  what: string,
  path: string,
  facts: { readonly actual: number; readonly limit: number; readonly unit?: string },
): IngotError {
  const at = path.length > 60 ? `${path.slice(0, 60).toWellFormed()}…` : path;
  return new IngotError("too-large", { what, at, ...facts });
}
