import { suggest } from "../../base/suggest.ts";
import type { YamlDiagnostics } from "../yaml/diagnostics.ts";
import { quoteForeign } from "../yaml/quote.ts";
import type { Mapping, YamlEntry } from "../yaml/tree.ts";

/** What is known of the keys of one kind of mapping. */
export interface Keys<K extends string> {
  readonly known: readonly K[];
  /** The mapping in words, to stand after "not a key of". */
  readonly of: string;
  /**
   * What of a key that is written with other capitals: by default it is unknown. A running gadget
   * finds it, so it is "fine" where nothing else reads it; building does not, hence "doubtful".
   */
  readonly anyCase?: "fine" | "doubtful";
  /** What to do with an unknown key, given the known ones it is near to. By default a warning. */
  readonly unknown?: (entry: YamlEntry, message: string, near: readonly string[]) => void;
}

/**
 * The entries of `mapping` by their known keys. Every other key is reported at its place, with the
 * known one that was probably meant.
 */
export function pick<K extends string>(
  mapping: Mapping,
  keys: Keys<K>,
  report: YamlDiagnostics,
): Partial<Record<K, YamlEntry>> {
  const found: Partial<Record<K, YamlEntry>> = {};
  for (const entry of mapping.entries.values()) {
    const exact = keys.known.find((key) => key === entry.key);
    const same =
      exact ?? (keys.anyCase ? keys.known.find((key) => sameWord(key, entry.key)) : undefined);
    if (same === undefined) {
      const near = suggest(entry.key, keys.known);
      const message = `${quoteForeign(entry.key)} is not a key of ${keys.of}`;
      if (keys.unknown === undefined) report.warning(entry.at, message, didYouMeanKey(near));
      else keys.unknown(entry, message, near);
      continue;
    }
    if (exact === undefined && keys.anyCase === "doubtful") warnCase(entry, same, report);
    if (exact !== undefined || found[same] === undefined) found[same] = entry;
  }
  return found;
}

/** Reports a key that only those readers find that do not mind capitals. */
export function warnCase(entry: YamlEntry, right: string, report: YamlDiagnostics): void {
  const message = `${quoteForeign(entry.key)} is found when the gadget runs, where capitals do not matter, but not when it is built`;
  report.warning(entry.at, message, `write ${quoteForeign(right)}`);
}

/** `perhaps "a" or "b" is meant`; undefined when there is nothing near. */
export function didYouMeanKey(words: readonly string[]): string | undefined {
  if (words.length === 0) return undefined;
  return `perhaps ${words.map(quoteForeign).join(" or ")} is meant`;
}

/** Whether two words differ by capitals at most. */
export function sameWord(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
