/**
 * YAML as a tree in which every node knows its place.
 *
 * Every scalar stays the text that was written: what a number or a boolean means is the reader's
 * affair (`scalar.ts`), and does not depend on the version of YAML that a parser happens to follow.
 */

import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type ParsedNode,
  type YAMLMap,
} from "yaml";
import { quoteForeign } from "./quote.ts";

/** Where something stands in its file. Line and column count from 1. */
export interface YamlPosition {
  readonly line: number;
  readonly column: number;
}

export interface Scalar {
  readonly kind: "scalar";
  readonly at: YamlPosition;
  readonly text: string;
  /** Written without quotes and without a block marker, so that it may be a number, a boolean or nothing. */
  readonly plain: boolean;
}

export interface List {
  readonly kind: "list";
  readonly at: YamlPosition;
  readonly items: readonly YamlNode[];
}

export interface Mapping {
  readonly kind: "mapping";
  readonly at: YamlPosition;
  /** In the order of the file; what a merge key brings comes last. */
  readonly entries: ReadonlyMap<string, YamlEntry>;
}

export interface YamlEntry {
  readonly key: string;
  /** The place of the key. */
  readonly at: YamlPosition;
  readonly value: YamlNode;
}

/** Nodes that an alias repeats are shared, not copied: what is reached twice is the same object. */
export type YamlNode = Scalar | List | Mapping;

/**
 * Bytes of one file; levels of nesting; values, each alias counting as all that it stands for; and
 * the marks that a file is cut into before it means anything: words, signs, spaces, line ends.
 */
export const YAML_LIMITS = {
  bytes: 1024 * 1024,
  depth: 64,
  values: 20_000,
  marks: 400_000,
} as const;

/** One reason not to take the file; `readYaml` makes it a Problem. */
export class YamlRefusal extends Error {
  readonly offset: number;
  readonly hint: string | undefined;
  constructor(offset: number, message: string, hint?: string) {
    super(message);
    this.offset = offset;
    this.hint = hint;
  }
}

export const tooDeep = (offset: number) =>
  new YamlRefusal(offset, `nested too deeply: at most ${YAML_LIMITS.depth} levels are read`);

/** A node with what it weighs once every alias in it is followed. */
interface Grown {
  readonly node: YamlNode;
  readonly values: number;
  readonly depth: number;
}

/** Turns the parser's nodes into ours. Needs no more memory than they do, whatever the aliases stand for. */
export class YamlTree {
  readonly refusals: YamlRefusal[] = [];
  readonly #lines: LineCounter;
  readonly #anchors = new Map<string, Grown>();

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  convert(node: ParsedNode): Grown {
    if (isAlias(node)) {
      const known = this.#anchors.get(node.source);
      if (known !== undefined) return known;
      const hint = "an anchor stands before its aliases, and not around them";
      throw new YamlRefusal(
        node.range[0],
        `there is no anchor ${quoteForeign(node.source)} before this alias`,
        hint,
      );
    }
    const grown = this.#grow(node);
    if (grown.values > YAML_LIMITS.values) {
      const message = `too many values: at most ${YAML_LIMITS.values} are read, aliases followed`;
      throw new YamlRefusal(node.range[0], message);
    }
    if (grown.depth > YAML_LIMITS.depth) throw tooDeep(node.range[0]);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, grown);
    return grown;
  }

  #grow(node: ParsedNode): Grown {
    const offset = node.range[0];
    if (isMap(node)) return this.#mapping(node as YAMLMap.Parsed);
    if (isSeq(node)) {
      const items = node.items.map((item) => this.convert(item as ParsedNode));
      return grow(
        { kind: "list", at: this.#place(offset), items: items.map((it) => it.node) },
        items,
      );
    }
    if (!isScalar(node)) throw new YamlRefusal(offset, "neither a value nor a list nor a mapping");
    const text = String(node.value ?? "");
    if (!text.isWellFormed()) {
      throw new YamlRefusal(offset, "the text holds half a surrogate pair, which is no character");
    }
    if (node.type?.startsWith("BLOCK_") && /^\n*\t/.test(text)) {
      const message = "the block begins with a tab: Inspektor Gadget takes it for indentation";
      throw new YamlRefusal(offset, message, "put the text in double quotes, the tab as \\t");
    }
    const plain = node.type === "PLAIN" && node.tag === undefined;
    return grow({ kind: "scalar", at: this.#place(offset), text, plain }, []);
  }

  #mapping(map: YAMLMap.Parsed): Grown {
    const entries = new Map<string, YamlEntry>();
    const parts: Grown[] = [];
    const merges: { offset: number; before: number; value: Grown }[] = [];
    for (const pair of map.items) {
      const offset = pair.key?.range[0] ?? map.range[0];
      const key = this.#key(pair.key, offset);
      const empty: Scalar = { kind: "scalar", at: this.#place(offset), text: "", plain: true };
      const value = pair.value === null ? grow(empty, []) : this.convert(pair.value as ParsedNode);
      parts.push(value);
      if (key === "<<" && isScalar(pair.key) && pair.key.type === "PLAIN") {
        merges.push({ offset, before: entries.size, value });
        continue;
      }
      const first = entries.get(key);
      if (first === undefined)
        entries.set(key, { key, at: this.#place(offset), value: value.node });
      else {
        const message = `the key ${quoteForeign(key)} stands twice: first on line ${first.at.line}`;
        this.refusals.push(new YamlRefusal(offset, message, "remove one of the two"));
      }
    }
    for (const merge of merges) this.#merge(entries, merge);
    return grow({ kind: "mapping", at: this.#place(map.range[0]), entries }, parts);
  }

  #key(key: ParsedNode | null, offset: number): string {
    const node = key === null ? undefined : this.convert(key).node;
    if (node !== undefined && node.kind !== "scalar") {
      throw new YamlRefusal(offset, `a ${node.kind} is used as a key: a key is text`);
    }
    if (node === undefined || (node.plain ? /^(~|null|Null|NULL)?$/ : /^$/).test(node.text))
      throw new YamlRefusal(offset, "a key is missing: it is empty");
    return node.text;
  }

  /** Adds what a merge key brings; the mapping's own keys win, and of several mappings the first. */
  #merge(
    entries: Map<string, YamlEntry>,
    merge: { offset: number; before: number; value: Grown },
  ): void {
    const { node } = merge.value;
    const before = new Set([...entries.keys()].slice(0, merge.before));
    for (const from of node.kind === "list" ? node.items : [node]) {
      if (from.kind !== "mapping") {
        const hint = 'write "<<" in quotes where the key itself is meant';
        throw new YamlRefusal(
          merge.offset,
          "a merge key takes a mapping or a list of mappings",
          hint,
        );
      }
      for (const [key, entry] of from.entries) {
        if (before.has(key)) {
          const message = `the merge key follows ${quoteForeign(key)}, which it brings too: readers differ in which wins`;
          throw new YamlRefusal(merge.offset, message, "put the merge key first");
        }
        if (!entries.has(key)) entries.set(key, entry);
      }
    }
  }

  #place(offset: number): YamlPosition {
    const { line, col: column } = this.#lines.linePos(offset);
    return { line, column };
  }
}

function grow(node: YamlNode, parts: readonly Grown[]): Grown {
  let values = 1;
  let depth = 0;
  for (const part of parts) {
    values += part.values;
    depth = Math.max(depth, part.depth);
  }
  return { node, values, depth: depth + 1 };
}
