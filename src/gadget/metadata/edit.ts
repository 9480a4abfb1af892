/** Puts keys into a YAML text and leaves every other byte of it alone: comments, order, quotes, what nobody knows. */
import {
  isMap,
  isScalar,
  isSeq,
  type Pair,
  type ParsedNode,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { IngotError } from "../../base/error.ts";
import { type Addition, type Filling, TEXT_KEYS } from "./additions.ts";

/**
 * `text` with all additions, each in the block that its path leads to, at its end, with that block's indentation; texts of the gadget behind
 * the last one that is there. The result is read again: it says what was said, and the additions.
 * @param file the file's name, for messages @throws unsupported where a key that must hold others holds something else
 */
export function withAdditions(text: string, additions: readonly Addition[], file: string): string {
  let edited = text;
  for (const addition of additions) edited = withAddition(edited, addition, file);
  const wanted = dataOf(text);
  for (const { path, value } of additions) merge(wanted, path, value);
  if (JSON.stringify(sortKeys(dataOf(edited))) !== JSON.stringify(sortKeys(wanted))) {
    throw new IngotError("unsupported", {
      what: "the file",
      at: file,
      found: "a form that it cannot be added to",
      expected: "mappings in blocks, with a key on each line",
      hint: "write datasources, fields and params as blocks, without aliases",
    });
  }
  return edited;
}

type Data = { [key: string]: Data } | string | Data[] | null;

const dataOf = (text: string): Data =>
  (parseDocument(text, { schema: "failsafe", merge: true, logLevel: "silent" }).toJS() as Data) ??
  {};

function merge(into: Data, path: readonly string[], value: Filling): void {
  let node = into as { [key: string]: Data };
  for (const key of path.slice(0, -1)) {
    const same = Object.keys(node).find((name) => name.toLowerCase() === key.toLowerCase()) ?? key;
    const below = node[same];
    if (typeof below !== "object" || below === null || Array.isArray(below)) node[same] = {};
    node = node[same] as { [key: string]: Data };
  }
  node[path.at(-1)!] = value as Data;
}

function sortKeys(data: Data): Data {
  if (typeof data !== "object" || data === null) return data;
  if (Array.isArray(data)) return data.map(sortKeys);
  // Nothing is as good as no keys: what was empty is filled.
  const names = Object.keys(data).sort((a, b) => (a < b ? -1 : 1));
  return Object.fromEntries(names.map((name) => [name, sortKeys(data[name]!)]));
}

function withAddition(text: string, { path, value }: Addition, file: string): string {
  const { contents } = parseDocument(text, { schema: "failsafe", logLevel: "silent" });
  if (contents === null || (isScalar(contents) && contents.source?.trim() === "")) {
    const start = text === "" || text.endsWith("\n") ? text : `${text}\n`;
    return start + render(nested(path, value), 0);
  }
  let map = mapping(contents as ParsedNode, file);
  for (const [i, key] of path.entries()) {
    const pair = map.items.find(
      (item) => isScalar(item.key) && String(item.key.value).toLowerCase() === key.toLowerCase(),
    ) as Pair<ParsedNode, ParsedNode | null> | undefined;
    const rest = path.slice(i + 1);
    if (pair === undefined)
      return insert(text, map, { key, value: nested(rest, value), isTop: i === 0 });
    const below = pair.value;
    if (below === null || isNothing(below)) return fill(text, pair, nested(rest, value));
    map = mapping(below, file);
  }
  return text;
}

/** `value` under the keys of `path`. */
const nested = (path: readonly string[], value: Filling): Filling =>
  path.reduceRight((inner: Filling, key) => ({ [key]: inner }), value);

function mapping(node: ParsedNode, file: string): YAMLMap.Parsed {
  if (isMap(node)) return node as YAMLMap.Parsed;
  throw new IngotError("unsupported", {
    what: "the file",
    at: file,
    found: "a value where keys should be",
    expected: "a mapping",
  });
}

const isNothing = (node: ParsedNode) =>
  isScalar(node) && node.type === "PLAIN" && /^(?:~|null|Null|NULL)?$/.test(node.source ?? "");

interface Insertion {
  readonly key: string;
  readonly value: Filling;
  readonly isTop: boolean;
}

function insert(text: string, map: YAMLMap.Parsed, { key, value, isTop }: Insertion): string {
  if (map.flow) {
    const close = map.range[1] - 1;
    const before = text.slice(0, close).trimEnd();
    const comma = map.items.length === 0 || before.endsWith(",") ? "" : ",";
    const space = map.items.length === 0 ? "" : " ";
    return `${before}${comma}${space}${flow({ [key]: value })}${text.slice(close)}`;
  }
  const first = (map.items[0]!.key as ParsedNode).range[0];
  const indent = first - (text.lastIndexOf("\n", first - 1) + 1);
  const after = isTop ? lastText(map, key) : map.items.at(-1);
  if (after === undefined) return splice(text, first - indent, render({ [key]: value }, indent));
  return splice(
    text,
    endOf(text, after as Pair<ParsedNode, ParsedNode | null>),
    render({ [key]: value }, indent),
  );
}

/** Behind which entry a key of the top goes: a text behind the texts, all others at the end. Undefined: before everything. */
function lastText(map: YAMLMap.Parsed, key: string) {
  if (!TEXT_KEYS.includes(key)) return map.items.at(-1);
  return map.items.findLast(
    (item) => isScalar(item.key) && TEXT_KEYS.includes(String(item.key.value)),
  );
}

/** Where the line begins that follows all of an entry. */
function endOf(text: string, { key, value }: Pair<ParsedNode, ParsedNode | null>): number {
  const end = lastEnd(value) ?? key.range[1];
  if (end > 0 && text[end - 1] === "\n") return end;
  const line = text.indexOf("\n", end);
  return line < 0 ? text.length : line + 1;
}

/** Where the last value of a node ends, without comments behind it; undefined where it is empty. */
function lastEnd(node: ParsedNode | null): number | undefined {
  if (node === null) return undefined;
  if (isMap(node) && !node.flow && node.items.length > 0) {
    const { key, value } = node.items.at(-1) as Pair<ParsedNode, ParsedNode | null>;
    return lastEnd(value) ?? key.range[1];
  }
  if (isSeq(node) && !node.flow && node.items.length > 0) {
    return lastEnd(node.items.at(-1) as ParsedNode) ?? node.range[1];
  }
  return node.range[1] > node.range[0] ? node.range[1] : undefined;
}

function splice(text: string, at: number, lines: string): string {
  const before = text.slice(0, at);
  return `${before}${before === "" || before.endsWith("\n") ? "" : "\n"}${lines}${text.slice(at)}`;
}

/** Gives a key that has nothing its keys: in the block below it. */
function fill(
  text: string,
  { key, value }: Pair<ParsedNode, ParsedNode | null>,
  filling: Filling,
): string {
  const start = key.range[0];
  const indent = start - (text.lastIndexOf("\n", start - 1) + 1);
  const written = value !== null && value.range[1] > value.range[0];
  const bare = written
    ? text.slice(0, value.range[0]).trimEnd() + text.slice(value.range[1])
    : text;
  const colon = bare.indexOf(":", key.range[1]);
  const line = bare.indexOf("\n", colon);
  return splice(bare, line < 0 ? bare.length : line + 1, render(filling, indent + 2));
}

/** Lines of a block; a text alone is never asked for. */
function render(value: Filling, indent: number): string {
  if (typeof value === "string") return "";
  return Object.entries(value)
    .map(([key, inner]) => {
      const start = `${" ".repeat(indent)}${scalar(key)}:`;
      return typeof inner === "string"
        ? `${start} ${scalar(inner)}\n`
        : `${start}\n${render(inner, indent + 2)}`;
    })
    .join("");
}

/** The entries of a mapping on one line, without its braces. */
const flow = (value: { readonly [key: string]: Filling }): string =>
  Object.entries(value)
    .map(
      ([key, inner]) =>
        `${scalar(key)}: ${typeof inner === "string" ? scalar(inner) : `{${flow(inner)}}`}`,
    )
    .join(", ");

/** Words of letters alone mean themselves; in YAML 1.1 some are booleans. */
const PLAIN =
  /^(?!(?:y|n|yes|no|on|off|true|false|null|nan|inf)$)[A-Za-z_][A-Za-z0-9_./ -]*(?<! )$/i;

const scalar = (text: string): string =>
  PLAIN.test(text) ? text : `'${text.replaceAll("'", "''")}'`;
