/** JSON that clients written in Go decode into structs: read so that there is one way to read it. */

import { text } from "../bytes.ts";
import { IngotError } from "../error.ts";
import type { Subject } from "../subject.ts";
import { foldKey, foldsAlike } from "./fold.ts";
import { excerpt, type JsonBounds, parseJson } from "./json.ts";
import { hasOddValue, oddValues } from "./odd.ts";

/** What the clients take a value for. `map`: its keys are anybody's, and kept as they are. */
export type Shape =
  | "any"
  | "string"
  | "boolean"
  | "integer"
  | "time"
  | { readonly list: Shape }
  | { readonly map: Shape }
  | Struct;

/** An object whose keys clients match without regard to case. */
export interface Struct {
  readonly members: ReadonlyMap<string, Shape>;
  readonly folded: ReadonlyMap<string, string>;
}

export function struct(members: Readonly<Record<string, Shape>>): Struct {
  const keys = Object.keys(members);
  return {
    members: new Map(Object.entries(members)),
    folded: new Map(keys.map((key) => [foldKey(key), key])),
  };
}

export const list = (shape: Shape): Shape => ({ list: shape });
export const map = (shape: Shape): Shape => ({ map: shape });

/**
 * As `parseJson`, and every client reads the same: in no object two keys fold alike, no key folds to a known one without being it, what is
 * known has the type that it is decoded into, and integers are written as integers. `null` is taken everywhere, as Go does.
 * @throws malformed, too-large
 */
export function parseShaped(
  bytes: Uint8Array,
  at: Subject,
  bounds: JsonBounds,
  shape: Shape,
): unknown {
  const value = parseJson(bytes, at, bounds);
  // That it is of another kind altogether is for the caller to say.
  if (typeof value !== "object") return value;
  const why =
    reasonAgainst(value, shape, []) ??
    (hasOddValue(bytes) ? oddlyWritten(text(bytes) ?? "", shape) : undefined);
  if (why === undefined) return value;
  throw new IngotError("malformed", { what: "JSON", at, why });
}

type Path = readonly (string | number)[];

const pathOf = (path: Path) => (path.length === 0 ? "it" : excerpt(path.join(".")));

function reasonAgainst(value: unknown, shape: Shape, path: Path): string | undefined {
  if (value === null) return undefined;
  if (typeof shape === "string") {
    if (shape !== "any")
      return isOf(value, shape) ? undefined : `${pathOf(path)}: it is not ${A[shape]}`;
    if (typeof value !== "object") return undefined;
  } else if ("list" in shape !== Array.isArray(value) || typeof value !== "object") {
    return `${pathOf(path)}: it is not ${"list" in shape ? "a list" : "an object"}`;
  }
  if (Array.isArray(value)) {
    const of = typeof shape === "object" && "list" in shape ? shape.list : "any";
    for (const [i, item] of value.entries()) {
      const why = isPlain(item, of) ? undefined : reasonAgainst(item, of, [...path, i]);
      if (why !== undefined) return why;
    }
    return undefined;
  }
  const members = typeof shape === "object" && "members" in shape ? shape : ANY;
  const isMap = typeof shape === "object" && "map" in shape;
  return (isMap ? undefined : reasonAgainstKeys(value, members, path)) ?? inside();

  function inside(): string | undefined {
    for (const [key, item] of Object.entries(value as object)) {
      const of = isMap ? (shape as { map: Shape }).map : (members.members.get(key) ?? "any");
      const why = isPlain(item, of) ? undefined : reasonAgainst(item, of, [...path, key]);
      if (why !== undefined) return why;
    }
    return undefined;
  }
}

const ANY = struct({});

/** What needs no look: most values do not. */
const isPlain = (value: unknown, shape: Shape) =>
  typeof value === "string" && (shape === "string" || shape === "any");

function reasonAgainstKeys(value: object, { members, folded }: Struct, path: Path) {
  let others: Map<string, string> | undefined;
  for (const key of Object.keys(value)) {
    if (members.has(key)) continue;
    const form = foldKey(key);
    const known = folded.get(form);
    if (known !== undefined && foldsAlike(known, key))
      return `${pathOf(path)}: clients that ignore case read its key ${said(key)} as ${said(known)}`;
    const before = others?.get(form);
    if (before !== undefined && foldsAlike(before, key))
      return `${pathOf(path)}: its keys ${said(before)} and ${said(key)} are one to clients that ignore case`;
    others ??= new Map();
    others.set(form, key);
  }
  return undefined;
}

const said = (key: string) => excerpt(JSON.stringify(key));

const A = { string: "a string", boolean: "true or false", integer: "an integer", time: "a time" };

function isOf(value: unknown, shape: keyof typeof A): boolean {
  if (shape === "time") return typeof value === "string" && isTime(value);
  if (shape === "integer") return Number.isSafeInteger(value);
  return typeof value === shape;
}

/** Whether `text` is a time of RFC 3339, as strictly as every version of Go reads one. */
function isTime(text: string): boolean {
  const found =
    /^(\d{4})-(0[1-9]|1[0-2])-(\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/.exec(
      text,
    );
  if (found === null) return false;
  const [, year, month, day] = found.map(Number) as [number, number, number, number];
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day >= 1 && day <= days[month - 1]!;
}

/** An integer that is not written as one, or a time with an escape: Go reads it as it stands. */
function oddlyWritten(source: string, shape: Shape): string | undefined {
  for (const { path, written } of oddValues(source)) {
    const is = shapeAt(shape, path);
    if (
      (is === "integer" && !written.startsWith('"')) ||
      (is === "time" && written.startsWith('"'))
    )
      return `${pathOf(path)}: it is written as ${excerpt(written)}, not as ${A[is]}`;
  }
  return undefined;
}

function shapeAt(shape: Shape, path: Path): Shape {
  let at = shape;
  for (const step of path) {
    if (typeof at === "string") return "any";
    if ("list" in at) at = at.list;
    else at = "map" in at ? at.map : (at.members.get(String(step)) ?? "any");
  }
  return at;
}
