import type { Scalar, YamlNode } from "./tree.ts";

/** What a scalar is to the YAML reader with which Inspektor Gadget runs gadgets (yaml.v3). */
export type ScalarType = "nothing" | "boolean" | "integer" | "number" | "time" | "text";

/** The type of `scalar`. Text in quotes is text; `yes`, `no`, `on` and `off` are text too. */
export function scalarType(scalar: Scalar): ScalarType {
  if (!scalar.plain) return "text";
  const { text } = scalar;
  if (/^(~|null|Null|NULL)?$/.test(text)) return "nothing";
  if (/^(true|True|TRUE|false|False|FALSE)$/.test(text)) return "boolean";
  if (/^\d{4}-\d\d?-\d\d?([Tt \t].*)?$/.test(text)) return "time";
  const bare = text.replaceAll("_", "");
  if (/^[-+]?(0|[1-9]\d*|0o?[0-7]+|0b[01]+|0x[\da-fA-F]+)$/.test(bare)) return "integer";
  if (/^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$/.test(bare)) return "number";
  return /^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/.test(text) ? "number" : "text";
}

/** The text of `scalar` where text is wanted: nothing is "", all else is as written (as yaml.v2 does it when building). */
export function scalarText(scalar: Scalar): string {
  return scalarType(scalar) === "nothing" ? "" : scalar.text;
}

/**
 * The text that a running gadget gets to see, where numbers and booleans are first understood, then
 * printed: `True` becomes `true`, `0x10` becomes `16`. Undefined where the outcome is nothing that
 * somebody wants (a time, a fraction in an unusual form); quotes then make it what is written.
 */
export function runtimeText(scalar: Scalar): string | undefined {
  const { text } = scalar;
  switch (scalarType(scalar)) {
    case "text":
      return text;
    case "nothing":
      return "";
    case "boolean":
      return text.toLowerCase();
    case "integer":
      return integerText(text.replaceAll("_", ""));
    case "number":
      return /^-?(0|[1-9]\d{0,14})\.\d{0,14}[1-9]$/.test(text) ? text : undefined;
    case "time":
      return undefined;
  }
}

/** The decimal digits of an integer; undefined for one of more than 64 bits, which becomes a fraction. */
function integerText(text: string): string | undefined {
  const digits = text.replace(/^[-+]/, "");
  if (digits.length > 66) return undefined;
  const size = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const value = text.startsWith("-") ? -size : size;
  return value < -(2n ** 63n) || value >= 2n ** 64n ? undefined : String(value);
}

/** What `node` is, in words. */
export function nounOf(node: YamlNode): string {
  if (node.kind === "list") return "a list";
  if (node.kind === "mapping") return "a mapping";
  const type = scalarType(node);
  if (type === "nothing") return "empty";
  if (type === "text") return "text";
  return type === "integer" ? "a number" : `a ${type}`;
}
