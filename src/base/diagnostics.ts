import { type Diagnostic, IngotError } from "./error.ts";
import { redactCredentials } from "./redact.ts";

/** A place in a source file. Both count from 1; a column is a UTF-16 unit, as editors count. */
export interface SourcePosition {
  readonly line: number;
  readonly column: number;
}

/** The most problems that are kept of one file: nobody reads more. */
const MOST = 1000;

/** Collects the problems of one file, so that all can be told at once. */
export class Diagnostics {
  readonly file: string;
  readonly #what: string;
  readonly #found = new Map<string, Diagnostic>();

  constructor(file: string, what = "the Dockerfile") {
    this.file = file;
    this.#what = what;
  }

  /** Something that makes no image, or not the one that is meant. */
  error(at: SourcePosition, message: string, hint?: string): void {
    this.#add("error", at, message, hint);
  }

  /** Something that is without effect, or unlikely to be meant. */
  warning(at: SourcePosition, message: string, hint?: string): void {
    this.#add("warning", at, message, hint);
  }

  /** Takes over what another report of the same file has found. */
  add(problems: readonly Diagnostic[]): void {
    for (const problem of problems) this.#found.set(keyOf(problem), problem);
  }

  /** How many there are. */
  get size(): number {
    return this.#found.size;
  }

  /** All problems, each once, in the order of the file. */
  problems(): Diagnostic[] {
    return [...this.#found.values()].sort((a, b) => a.line - b.line || a.column - b.column);
  }

  /** @throws source with all that was found, when an error is among it */
  refuse(): void {
    const problems = this.problems();
    if (problems.some(({ level }) => level === "error"))
      throw new IngotError("source", { what: this.#what, at: this.file, problems });
  }

  #add(
    level: Diagnostic["level"],
    { line, column }: SourcePosition,
    message: string,
    hint?: string,
  ): void {
    const problem = { file: this.file, line, column, level, message, ...(hint && { hint }) };
    if (this.#found.size < MOST || level === "error") this.#found.set(keyOf(problem), problem);
    if (this.#found.size > MOST) this.refuse();
  }
}

const keyOf = ({ line, column, message }: Diagnostic) => JSON.stringify([line, column, message]);

const LENGTH = 60;
const ODD = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** `text` in quotes, fit for one line of a message: no one's password in it, cut when long, what would steer a terminal escaped. */
export function quoteExcerpt(text: string): string {
  const plain = redactCredentials(text);
  const shown = plain.length > LENGTH ? `${plain.slice(0, LENGTH)}…` : plain;
  return JSON.stringify(shown).replace(
    ODD,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** `perhaps A or B is meant`; undefined when there is nothing near. */
export function didYouMean(words: readonly string[]): string | undefined {
  return words.length === 0 ? undefined : `perhaps ${words.join(" or ")} is meant`;
}
