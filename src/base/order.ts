/** Order by bytes, the only order that bytes may depend on (never a locale, never UTF-16). */

/**
 * Compares two strings by their UTF-8 bytes: negative, zero or positive, as sorting wants it.
 * UTF-16 order differs from it only where a surrogate (U+D800…DFFF) meets U+E000…FFFF;
 * lifting surrogates above those gives the order of code points, which is that of UTF-8.
 */
export function byBytes(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

const isSurrogate = (unit: number) => unit >= 0xd800 && unit <= 0xdfff;
const rank = (unit: number) =>
  isSurrogate(unit) ? unit + 0x2000 : unit >= 0xe000 ? unit - 0x800 : unit;

/** A new array of `items`, ordered by the bytes of their `key`; equal keys keep their order. */
export function sortedBy<T>(items: Iterable<T>, key: (item: T) => string): T[] {
  return [...items].sort((a, b) => byBytes(key(a), key(b)));
}

/** Where no text has one of these, UTF-16 has the order of UTF-8. */
const LIFTED = /[\ud800-\uffff]/;

const byUnits = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** The strings in the order of their bytes; where that is UTF-16's, by the engine's own comparison, which is much faster. */
export function sorted<T extends string>(items: Iterable<T>): T[] {
  const all = [...items];
  return all.sort(all.some((item) => LIFTED.test(item)) ? byBytes : byUnits);
}

/** The strings in the order of their bytes, each once. */
export function sortedUnique(items: Iterable<string>): string[] {
  return sorted(new Set(items));
}
