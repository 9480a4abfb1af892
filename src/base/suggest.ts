/** The word that was probably meant. */

/**
 * Those of `words` that differ from `word` by little (a third of its length, at least one edit,
 * with swapped neighbours as one edit), the nearest first, at most three. To a single letter nothing is near.
 */
export function suggest(word: string, words: Iterable<string>): string[] {
  if (word.length < 2) return [];
  const limit = Math.max(1, Math.floor(word.length / 3));
  const found: { word: string; edits: number }[] = [];
  for (const other of words) {
    if (other === word || Math.abs(other.length - word.length) > limit) continue;
    const edits = distance(word.toLowerCase(), other.toLowerCase());
    if (edits <= limit) found.push({ word: other, edits });
  }
  return found
    .sort((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map((hit) => hit.word);
}

/** Optimal string alignment: insertions, deletions, replacements and swaps of neighbours. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, before[j - 2]! + 1);
      }
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
