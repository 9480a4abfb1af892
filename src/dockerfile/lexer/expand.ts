import { isSpace } from "./split.ts";
import { replaceMatches, trimMatch } from "./substitute.ts";

/** Looks up a variable; undefined = not set. */
export type Variables = (name: string) => string | undefined;

export interface ExpandOptions {
  /** The character that takes the meaning of the next away: `\`, or `` ` `` by `# escape`. */
  readonly escape: string;
  /** Whether quotes stay where they are. */
  readonly keepQuotes?: boolean;
  /** Whether escapes stay where they are, with what they escape. */
  readonly keepEscapes?: boolean;
  /** Whether quotes are plain characters, as in a here-document. */
  readonly plainQuotes?: boolean;
  /** Whether a variable that is not set stays as it was written. */
  readonly keepUnset?: boolean;
}

export interface Expanded {
  readonly text: string;
  /** Variables that were wanted and are not set, but for those with a `:-`, `-`, `:+`, `+` of their own. */
  readonly unset: ReadonlySet<string>;
}

/** Why a text cannot be expanded. */
export class BadSubstitution extends Error {}

/**
 * Expands variables and takes quotes and escapes away as BuildKit does (its shell/lex.go), which is not quite as
 * a shell does: `$x`, `${x}`, `${x:-y}`, `${x-y}`, `${x:+y}`, `${x+y}`, `${x:?y}`, `${x?y}`, `${x#y}`, `${x##y}`,
 * `${x%y}`, `${x%%y}`, `${x/y/z}`, `${x//y/z}`, with `*` and `?` in the y of the last six.
 * @throws BadSubstitution
 */
export function expand(source: string, variables: Variables, options: ExpandOptions): Expanded {
  const lexer = new Lexer(source, variables, options);
  const { text } = lexer.until(undefined, options.keepEscapes ?? false);
  return { text, unset: lexer.unset };
}

/**
 * The expanded text cut at its spaces that are neither quoted nor escaped; a variable's spaces cut too.
 * (BuildKit loses what stands before a `${x:-y}` in the same word; here it stays.)
 * @throws BadSubstitution
 */
export function expandWords(
  source: string,
  variables: Variables,
  options: ExpandOptions,
): Omit<Expanded, "text"> & { readonly words: readonly string[] } {
  const lexer = new Lexer(source, variables, options);
  const words = new Words();
  lexer.until(undefined, options.keepEscapes ?? false, words);
  return { words: words.end(), unset: lexer.unset };
}

/** The most that variables may add to one text. UTF-16 units. */
const LONGEST = 4 * 1024 * 1024;

/** The most `${` within each other. */
const DEEPEST = 100;

/** Cuts at spaces as it grows. */
class Words {
  readonly words: string[] = [];
  #word = "";

  plain(text: string): void {
    for (const char of text) {
      if (!isSpace(char)) this.#word += char;
      else this.end();
    }
  }

  raw(text: string): void {
    this.#word += text;
  }

  end(): readonly string[] {
    if (this.#word !== "") this.words.push(this.#word);
    this.#word = "";
    return this.words;
  }
}

class Lexer {
  readonly unset = new Set<string>();
  readonly #chars: readonly string[];
  readonly #variables: Variables;
  readonly #options: ExpandOptions;
  #at = 0;
  #depth = 0;
  #added = 0;

  constructor(source: string, variables: Variables, options: ExpandOptions) {
    this.#chars = [...source];
    this.#variables = variables;
    this.#options = options;
  }

  /**
   * Everything up to `stop`, which is passed over; up to the end when there is none. @param isPattern whether escapes of the result
   * are to be read once more: then one that quotes have made a plain character is escaped itself
   */
  until(
    stop: string | undefined,
    keepEscapes: boolean,
    words?: Words,
    isPattern = false,
  ): { text: string } {
    if (++this.#depth > DEEPEST) throw new BadSubstitution("it is nested too deep");
    const text: string[] = [];
    const { escape: token, plainQuotes } = this.#options;
    for (let char = this.#peek(); char !== undefined; char = this.#peek()) {
      if (char === stop) {
        this.#at++;
        this.#depth--;
        return { text: text.join("") };
      }
      if (char === "$") {
        const value = this.#bounded(this.#dollar());
        text.push(value);
        words?.plain(value);
      } else if (char === "<" || (!plainQuotes && (char === "'" || char === '"'))) {
        const value = char === "<" ? this.#angle() : this.#quoted(char, keepEscapes, isPattern);
        text.push(value);
        words?.raw(value);
      } else if (char === token) {
        this.#at++;
        const next = this.#next();
        const value = (keepEscapes ? char : "") + (next ?? "");
        text.push(value);
        words?.raw(value);
      } else {
        this.#at++;
        text.push(char);
        words?.plain(char);
      }
    }
    if (stop !== undefined) throw new BadSubstitution(`a ${stop} is missing`);
    return { text: text.join("") };
  }

  #bounded(value: string): string {
    this.#added += value.length;
    if (this.#added > LONGEST)
      throw new BadSubstitution(`it becomes longer than ${LONGEST} characters`);
    return value;
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #next(): string | undefined {
    return this.#chars[this.#at++];
  }

  /** `<`, or `<<` with the spaces that follow: they cut no word in two. */
  #angle(): string {
    this.#at++;
    if (this.#peek() !== "<") return "<";
    let text = "<<";
    this.#at++;
    for (let char = this.#peek(); char !== undefined && /[\t\r ]/.test(char); char = this.#peek()) {
      text += char;
      this.#at++;
    }
    return text;
  }

  #quoted(mark: string, keepEscapes: boolean, isPattern: boolean): string {
    const { escape: token, keepQuotes } = this.#options;
    const kept = keepQuotes ? mark : "";
    let text = kept;
    this.#at++;
    for (let char = this.#peek(); char !== mark; char = this.#peek()) {
      if (char === undefined) throw new BadSubstitution(`a closing ${mark} is missing`);
      if (char === "$" && mark === '"') {
        text += this.#bounded(this.#dollar());
        continue;
      }
      this.#at++;
      if (char === token && mark === '"') {
        if (keepEscapes) text += char;
        const next = this.#peek();
        if (next === undefined) continue;
        // Within quotes the escape stands for itself in front of all but these.
        text += next === '"' || next === "$" || next === token ? this.#next() : char;
      } else text += isPattern && char === token ? char + char : char;
    }
    this.#at++;
    return text + kept;
  }

  #dollar(): string {
    this.#at++;
    if (this.#peek() !== "{") {
      const name = this.#name();
      if (name === "") return "$";
      return this.#get(name) ?? this.#missing(name, `$${name}`);
    }
    this.#at++;
    const first = this.#peek();
    if (first === undefined) throw new BadSubstitution("a } is missing");
    if (first === "{" || first === "}" || first === ":")
      throw new BadSubstitution(`\${${first} is not a variable`);
    const name = this.#name();
    const char = this.#next();
    if (char === "}") return this.#get(name) ?? this.#missing(name, `\${${name}}`);
    if (char === "/") return this.#replaced(name);
    return this.#modified(name, char);
  }

  /** After `${name` and a character. */
  #modified(name: string, first: string | undefined): string {
    const orEmpty = first === ":";
    const kind = orEmpty ? this.#next() : first;
    const modifier = `${orEmpty ? ":" : ""}${kind ?? ""}`;
    const trims = kind === "#" || kind === "%";
    if (kind === undefined) throw new BadSubstitution("a } is missing");
    if (!"+-?#%".includes(kind) || (orEmpty && trims))
      throw new BadSubstitution(`${modifier} after \${${name} is not a modifier`);
    const { text: word } = this.until("}", trims, undefined, trims);
    const value = this.#get(name);
    if (value === undefined && this.#options.keepUnset) return `\${${name}${modifier}${word}}`;
    const lacks = value === undefined || (orEmpty && value === "");
    if (kind === "-") return lacks ? word : value;
    if (kind === "+") return lacks ? "" : word;
    if (kind === "?") {
      if (!lacks) return value;
      throw new BadSubstitution(
        `${name}: ${word || `it ${value === "" ? "is empty" : "is not set"}`}`,
      );
    }
    const greedy = word.startsWith(kind);
    const pattern = greedy ? word.slice(1) : word;
    const side = kind === "#" ? "front" : "back";
    return trimMatch(value ?? this.#missing(name, ""), pattern, { side, greedy }, BadSubstitution);
  }

  /** After `${name/`. */
  #replaced(name: string): string {
    const all = this.#peek() === "/";
    if (all) this.#at++;
    const { text: pattern } = this.until("/", true, undefined, true);
    const { text: replacement } = this.until("}", true);
    const value = this.#get(name);
    if (value === undefined && this.#options.keepUnset)
      return `\${${name}/${pattern}/${replacement}}`;
    const found = value ?? this.#missing(name, "");
    return replaceMatches(found, pattern, { replacement, all }, BadSubstitution);
  }

  /** A name, a number (which is never set), or one of the shell's special names (which is not either). */
  #name(): string {
    const first = this.#peek();
    if (first === undefined) return "";
    if (/\p{Nd}/u.test(first)) return this.#while(/\p{Nd}/u);
    if ("@*#?-$!".includes(first)) return this.#next()!;
    return this.#while(/[\p{L}\p{Nd}_]/u);
  }

  #while(pattern: RegExp): string {
    let text = "";
    for (let char = this.#peek(); char !== undefined && pattern.test(char); char = this.#peek()) {
      text += char;
      this.#at++;
    }
    return text;
  }

  #get(name: string): string | undefined {
    return this.#variables(name);
  }

  #missing(name: string, written: string): string {
    if (this.#options.keepUnset) return written;
    this.unset.add(name);
    return "";
  }
}
