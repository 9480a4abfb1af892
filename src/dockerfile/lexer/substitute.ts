import { ends, type GlobToken } from "./glob.ts";

type Failure = new (message: string) => Error;

/**
 * The pattern of a `#`, `%` or `/`: `*` and `?` are wildcards, `[` is plain. A `\` makes `*`, `?` and `\` plain;
 * before `}` and `/` it is left out, since there it ended nothing.
 */
function tokensOf(pattern: string, Bad: Failure): GlobToken[] {
  const tokens: GlobToken[] = [];
  const chars = [...pattern];
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!;
    const next = chars[i + 1];
    if (char === "*") tokens.push("any run");
    else if (char === "?") tokens.push("any one");
    else if (char !== "\\") tokens.push({ char });
    else if (next === "*" || next === "?" || next === "\\") tokens.push({ char: chars[++i]! });
    else if (next !== "}" && next !== "/")
      throw new Bad(`\\${next ?? ""} in the pattern ${JSON.stringify(pattern)} escapes nothing`);
  }
  return tokens;
}

/** `value` without what `pattern` matches at its front or back: the shortest match, or the longest when greedy. */
export function trimMatch(
  value: string,
  pattern: string,
  { side, greedy }: { side: "front" | "back"; greedy: boolean },
  Bad: Failure,
): string {
  const tokens = tokensOf(pattern, Bad);
  const chars = [...value];
  if (side === "back") {
    tokens.reverse();
    chars.reverse();
  }
  const match = ends(tokens, chars, 0);
  if (match === undefined) return value;
  const rest = chars.slice(greedy ? match.longest : match.shortest);
  if (side === "back") rest.reverse();
  return rest.join("");
}

/** The longest value that is searched: the time grows with its square. Characters. */
const SEARCHED = 10_000;

/** `value` with the first, or every, longest match of `pattern` replaced. */
export function replaceMatches(
  value: string,
  pattern: string,
  { replacement, all }: { replacement: string; all: boolean },
  Bad: Failure,
): string {
  const tokens = tokensOf(pattern, Bad);
  const chars = [...value];
  if (chars.length > SEARCHED)
    throw new Bad(`a value of ${chars.length} characters is too long for a / to search`);
  const out: string[] = [];
  let ended = -1;
  let i = 0;
  while (i <= chars.length) {
    const end = all || ended < 0 ? ends(tokens, chars, i)?.longest : undefined;
    // A match of nothing right behind another match is none.
    if (end !== undefined && !(end === i && i === ended)) {
      out.push(replacement);
      ended = end;
      if (end > i) {
        i = end;
        continue;
      }
    }
    if (i < chars.length) out.push(chars[i]!);
    i++;
  }
  return out.join("");
}
