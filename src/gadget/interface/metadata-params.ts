/** What gadget.yaml says of parameters and datasources, as a running gadget reads it: capitals of keys do not matter. */
import { runtimeText } from "../yaml/scalar.ts";
import type { YamlNode } from "../yaml/tree.ts";

/** A parameter as gadget.yaml describes it. Texts that are missing or empty are undefined. */
export interface MetadataParam {
  readonly name: string;
  readonly key: string | undefined;
  readonly type: string | undefined;
  readonly default: string | undefined;
  readonly title: string | undefined;
  readonly description: string | undefined;
}

/** What is under `path`; undefined where there is nothing, or something on the way has no keys. */
export function nodeAt(
  root: YamlNode | undefined,
  ...path: readonly string[]
): YamlNode | undefined {
  let node = root;
  for (const key of path) node = childrenIn(node).get(key.toLowerCase());
  return node;
}

const lowered = new WeakMap<YamlNode, ReadonlyMap<string, YamlNode>>();

/** The values of a mapping by their keys in lower case; none for what is none. */
function childrenIn(node: YamlNode | undefined): ReadonlyMap<string, YamlNode> {
  if (node?.kind !== "mapping") return new Map();
  let found = lowered.get(node);
  if (found === undefined) {
    found = new Map([...node.entries.values()].map(({ key, value }) => [key.toLowerCase(), value]));
    lowered.set(node, found);
  }
  return found;
}

/** The text under `path`; undefined where there is none, or it is empty. */
export function textAt(root: YamlNode | undefined, ...path: readonly string[]): string | undefined {
  const node = nodeAt(root, ...path);
  return (node?.kind === "scalar" && (runtimeText(node) ?? node.text)) || undefined;
}

/** The parameters under `params.GROUP`, in the order of the file. */
export function metadataParams(root: YamlNode | undefined, group: string): MetadataParam[] {
  const mapping = nodeAt(root, "params", group);
  if (mapping?.kind !== "mapping") return [];
  return [...mapping.entries.values()].map(({ key, value }) => metadataParam(key, value));
}

/** What `params.ebpf`, or the older `ebpfParams`, says of a variable. */
export function ebpfMetadata(root: YamlNode | undefined, variable: string): MetadataParam {
  const node = nodeAt(root, "params", "ebpf", variable) ?? nodeAt(root, "ebpfParams", variable);
  return metadataParam(variable, node);
}

const metadataParam = (name: string, node: YamlNode | undefined): MetadataParam => ({
  name,
  key: textAt(node, "key"),
  type: textAt(node, "type") ?? textAt(node, "typeHint"),
  default: textAt(node, "defaultValue"),
  title: textAt(node, "title"),
  description: textAt(node, "description"),
});
