import {
  type Diagnostics,
  didYouMean,
  quoteExcerpt,
  type SourcePosition,
} from "../../base/diagnostics.ts";
import { IngotError } from "../../base/error.ts";
import { suggest } from "../../base/suggest.ts";
import { BadSubstitution, type ExpandOptions, expand, expandWords } from "../lexer/expand.ts";
import type { Dockerfile, Instruction } from "../syntax/instruction.ts";

/** The most that all texts of a stage, or all ARGs above the first FROM, may become: variables can double. UTF-16 units. */
export const EXPANDED = 64 * 1024 * 1024;

/** That it is more. */
export function tooLarge(at: string, actual: number): IngotError {
  const what = "the text that variables make of";
  return new IngotError("too-large", { what, at, actual, limit: EXPANDED, unit: "characters" });
}

/** What is known of names that are not set. */
export interface Hints {
  /** Whether an ARG above the first FROM has the name. */
  readonly isGlobal: (name: string) => boolean;
  /** Where an ARG or ENV of this stage sets it, if one does. */
  readonly setAt: (name: string) => SourcePosition | undefined;
}

/** The variables of a stage as its instructions set them, one after the other; the last to set one wins. */
export class Environment {
  readonly #values: Map<string, string>;
  readonly #escape: string;
  readonly #report: Diagnostics;
  readonly #hints: Hints;
  #spent = 0;

  constructor(
    values: Iterable<readonly [string, string]>,
    { token, report, hints }: { token: string; report: Diagnostics; hints: Hints },
  ) {
    this.#values = new Map(values);
    this.#escape = token;
    this.#report = report;
    this.#hints = hints;
  }

  set(name: string, value: string): void {
    this.#values.set(name, value);
  }

  values(): ReadonlyMap<string, string> {
    return new Map(this.#values);
  }

  /** `text` expanded; "" and a report where it cannot be. @param own a name that may well not be set yet */
  text(text: string, at: SourcePosition, own?: string): string {
    return this.#expanded(text, at, { escape: this.#escape }, own);
  }

  /** A here-document expanded: quotes are plain, and the escape is `\` whatever `# escape` says. */
  document(text: string, at: SourcePosition): string {
    return this.#expanded(text, at, { escape: "\\", plainQuotes: true });
  }

  /** `text` expanded and cut at its spaces. */
  words(text: string, at: SourcePosition): readonly string[] {
    const options = { escape: this.#escape };
    return this.#reported(text, at, () => expandWords(text, this.#get, options))?.words ?? [];
  }

  #expanded(text: string, at: SourcePosition, options: ExpandOptions, own?: string): string {
    const found = this.#reported(text, at, () => expand(text, this.#get, options), own);
    this.#spent += found?.text.length ?? 0;
    if (this.#spent > EXPANDED) throw tooLarge(this.#report.file, this.#spent);
    return found?.text ?? "";
  }

  readonly #get = (name: string) => this.#values.get(name);

  /** What `act` returns, its unset names reported; undefined, and reported, where it fails. */
  #reported<T extends { readonly unset: ReadonlySet<string> }>(
    text: string,
    at: SourcePosition,
    act: () => T,
    own?: string,
  ): T | undefined {
    try {
      const found = act();
      for (const name of found.unset) if (name !== own) this.#unset(name, at);
      return found;
    } catch (error) {
      if (!(error instanceof BadSubstitution)) throw error;
      this.#report.error(at, `${quoteExcerpt(text)} cannot be expanded: ${error.message}`);
      return undefined;
    }
  }

  #unset(name: string, at: SourcePosition): void {
    const { isGlobal, setAt } = this.#hints;
    const below = setAt(name);
    const near = () => didYouMean(suggest(name, this.#values.keys()));
    const hint = isGlobal(name)
      ? `write ARG ${name} in this stage: without it only FROM sees the value`
      : below
        ? `it is set below only, on line ${below.line}`
        : near();
    this.#report.warning(at, `${name} is not set here: it is taken as nothing`, hint);
  }
}

/** The name and the value of `NAME=value`. */
export function splitPair(pair: string): [string, string] {
  const equals = pair.indexOf("=");
  return equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
}

/** What the stage itself, and the ARGs above the first FROM, say of names. */
export function hintsOf(
  { stages }: Dockerfile,
  index: number,
  globals: ReadonlyMap<string, string>,
): Hints {
  const { instructions } = stages[index]!;
  const sets = (one: Instruction, name: string) =>
    (one.kind === "arg" && one.args.some((arg) => arg.name === name)) ||
    (one.kind === "env" && one.pairs.some(({ key }) => key === name));
  return {
    isGlobal: (name) => globals.has(name),
    setAt: (name) => instructions.find((one) => sets(one, name))?.at,
  };
}
