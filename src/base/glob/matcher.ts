/** How a pattern's steps are matched: by sets of states, each set worked out once and then remembered. */

/** One step of a pattern. A character is one code point. */
export type PatternToken =
  | { readonly kind: "char"; readonly point: number }
  /** Any character but a slash. */
  | { readonly kind: "one" }
  | { readonly kind: "class"; readonly not: boolean; readonly ranges: readonly Range[] }
  /** Any number of characters but slashes. */
  | { readonly kind: "run" }
  /** Any number of whole folders. */
  | { readonly kind: "folders" }
  | { readonly kind: "rest" };
export type Range = readonly [low: number, high: number];

const SLASH = 0x2f;
const LINE_FEED = 0x0a;

/** What a pattern can be in the middle of, after some characters: several states at once. */
interface States {
  /** State 2n is before token n, state 2n + 1 within the folders that it stands for. In rising order. */
  readonly all: readonly number[];
  /** Whether a text may end here. */
  readonly isEnd: boolean;
  /** What follows, by the character: as far as anybody asked. */
  readonly next: Map<number, States>;
}

/** The most that patterns with one memory remember: states, and characters that lead from one set to another. */
const REMEMBERED = 200_000;
/** What a set costs besides its states. */
const SET = 16;

/** A set of more states than this is worked out anew each time: it hardly comes up again. */
const LARGE = 1000;

/** What the patterns of one list remember, all together: so it does not grow with them. */
export class PatternMemory {
  readonly #limit: number;
  readonly #owners = new Set<Matcher>();
  #held = 0;

  constructor(limit: number = REMEMBERED) {
    this.#limit = limit;
  }

  /** How much is remembered: never more than the limit. */
  get held(): number {
    return this.#held;
  }

  /** To be called before `owner` remembers so much more. All of them forget where it would be too much. */
  hold(owner: Matcher, cost: number): void {
    if (this.#held + cost > this.#limit) {
      for (const one of this.#owners) one.forget();
      this.#owners.clear();
      this.#held = 0;
    }
    this.#owners.add(owner);
    this.#held += cost;
  }
}

/** Matches one pattern. It never goes back: a text takes at most as long as its length times the pattern's. */
export class Matcher {
  readonly #tokens: readonly PatternToken[];
  readonly #memory: PatternMemory;
  readonly #start: States;
  /** The characters that every text that fits begins and ends with. */
  readonly #head: string;
  readonly #tail: string;
  readonly #sets = new Map<string, States>();

  constructor(tokens: readonly PatternToken[], memory: PatternMemory) {
    this.#tokens = tokens;
    this.#memory = memory;
    const first = tokens.findIndex(({ kind }) => kind !== "char");
    const last = tokens.findLastIndex(({ kind }) => kind !== "char");
    this.#head = literal(tokens.slice(0, first < 0 ? tokens.length : first));
    this.#tail = literal(tokens.slice(last + 1));
    const start = new Set<number>();
    enter(tokens, 0, start);
    this.#start = this.#states(start);
  }

  /** Whether the whole of `text` fits. */
  fits(text: string): boolean {
    if (!text.endsWith(this.#tail) || !text.startsWith(this.#head)) return false;
    let states = this.#start;
    for (let i = 0; i < text.length; i++) {
      const point = text.codePointAt(i)!;
      if (point > 0xffff) i++;
      states = states.next.get(point) ?? this.#follow(states, point);
      if (states.all.length === 0) return false;
    }
    return states.isEnd;
  }

  forget(): void {
    this.#sets.clear();
    this.#start.next.clear();
  }

  #follow(from: States, point: number): States {
    const found = new Set<number>();
    for (const state of from.all) step(this.#tokens, state, point, found);
    const states = this.#states(found);
    if (states.all.length > LARGE) return states;
    const key = states.all.join();
    this.#memory.hold(this, this.#sets.has(key) ? 1 : SET + states.all.length);
    // A set that comes up again is the same object; it is looked for when all may just have been forgotten.
    const next = this.#sets.get(key) ?? states;
    this.#sets.set(key, next);
    from.next.set(point, next);
    return next;
  }

  #states(found: ReadonlySet<number>): States {
    const all = [...found].sort((a, b) => a - b);
    return { all, isEnd: found.has(2 * this.#tokens.length), next: new Map() };
  }
}

function literal(tokens: readonly PatternToken[]): string {
  return tokens
    .map((token) => (token.kind === "char" ? String.fromCodePoint(token.point) : ""))
    .join("");
}

/** Adds the state before token `n`, and those that follow where it may stand for nothing. */
function enter(tokens: readonly PatternToken[], n: number, states: Set<number>): void {
  // Where the first of them is there, the others are.
  for (let at = n; !states.has(2 * at); at++) {
    states.add(2 * at);
    const kind = tokens[at]?.kind;
    if (kind !== "run" && kind !== "folders" && kind !== "rest") return;
  }
}

function step(
  tokens: readonly PatternToken[],
  state: number,
  point: number,
  next: Set<number>,
): void {
  const n = state >> 1;
  const token = tokens[n];
  switch (token?.kind) {
    case "run":
      if (point !== SLASH) enter(tokens, n, next);
      break;
    case "rest":
      if (point !== LINE_FEED) enter(tokens, n, next);
      break;
    case "folders":
      if (point !== LINE_FEED) next.add(2 * n + 1);
      if (point === SLASH) enter(tokens, n + 1, next);
      break;
    case "char":
      if (point === token.point) enter(tokens, n + 1, next);
      break;
    case "one":
      if (point !== SLASH) enter(tokens, n + 1, next);
      break;
    case "class":
      if (token.ranges.some(([low, high]) => low <= point && point <= high) !== token.not)
        enter(tokens, n + 1, next);
      break;
  }
}
