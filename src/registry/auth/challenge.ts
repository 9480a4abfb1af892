/** How a server says what it wants to see before it answers. */

/** One challenge of `WWW-Authenticate`: its scheme, and its parameters, both in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER = new RegExp(
  `^\\s*(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))\\s*(?:,|$)`,
);
const SCHEME = new RegExp(`^[\\s,]*(${TOKEN})(?:\\s+|\\s*,|$)`);

/** The challenges of a header (RFC 9110, 11.6.1). What is not of its form ends them. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let rest = header.slice(0, 8192);
  for (;;) {
    const scheme = SCHEME.exec(rest);
    if (scheme === null) return challenges;
    rest = rest.slice(scheme[0].length);
    const parameters = new Map<string, string>();
    for (let next = PARAMETER.exec(rest); next !== null; next = PARAMETER.exec(rest)) {
      const [whole, name = "", quoted, plain = ""] = next;
      parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, "$1") ?? plain);
      rest = rest.slice(whole.length);
    }
    challenges.push({ scheme: scheme[1]!.toLowerCase(), parameters });
  }
}
