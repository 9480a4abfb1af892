/** Patterns of `*`, `?` and plain characters, found without backtracking: time grows as pattern times text. */

/** One step of a pattern: any run of characters, any one character, or this one. */
export type GlobToken = "any run" | "any one" | { readonly char: string };

/**
 * Where matches that begin at `start` end, shortest and longest; undefined when none does.
 * Neither wildcard stands for a line feed.
 */
export function ends(
  tokens: readonly GlobToken[],
  text: readonly string[],
  start: number,
): { shortest: number; longest: number } | undefined {
  let found: { shortest: number; longest: number } | undefined;
  let states = closure(tokens, [0]);
  for (let i = start; ; i++) {
    if (states.includes(tokens.length)) found = { shortest: found?.shortest ?? i, longest: i };
    if (i >= text.length || states.length === 0) return found;
    const char = text[i]!;
    const next: number[] = [];
    for (const state of states) {
      const token = tokens[state];
      if (token === "any run" && char !== "\n") next.push(state);
      else if (token === "any one" && char !== "\n") next.push(state + 1);
      else if (typeof token === "object" && token.char === char) next.push(state + 1);
    }
    states = closure(tokens, next);
  }
}

/** The states, and those that a run of nothing leads to; each once. */
function closure(tokens: readonly GlobToken[], states: readonly number[]): number[] {
  const all = new Set<number>();
  for (let state of states) {
    all.add(state);
    while (tokens[state] === "any run") all.add(++state);
  }
  return [...all];
}
