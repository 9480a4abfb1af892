/** Keys as Go's encoding/json matches them to the fields of a struct: without regard to case. */

const ASCII = /^[\x20-\x7e]*$/;
/** The two characters beyond ASCII that fold to a letter of it: U+017F, the long s, and U+212A, the sign for kelvin. */
const LETTERS: ReadonlyMap<string, string> = new Map([
  ["\u017f", "s"],
  ["\u212a", "k"],
]);

/** A form that all keys have in common that fold alike; others may have it, too. */
export function foldKey(key: string): string {
  if (ASCII.test(key)) return key.toLowerCase();
  let folded = "";
  for (const char of key)
    folded += LETTERS.get(char) ?? char.toLowerCase().toUpperCase().toLowerCase();
  return folded;
}

/** Whether two keys are one under Unicode's simple case folding. */
export function foldsAlike(a: string, b: string): boolean {
  if (foldKey(a) !== foldKey(b)) return false;
  if (ASCII.test(a) && ASCII.test(b)) return true;
  // The forms above also have what only full folding takes for the same, as one letter and two.
  return new RegExp(`^${escaped(a)}$`, "iu").test(b);
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
