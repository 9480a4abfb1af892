/** What is said to people and programs: answers on stdout, everything else on stderr. */
import { type ConsolaInstance, createConsola, type LogObject } from "consola/core";
import { isIngotError } from "../../base/error.ts";
import { OpenFile } from "../../base/fs/file.ts";
import type { ErrorMessage } from "./error-messages.ts";
import { cleanLine, escapeControl } from "./text.ts";

export type JsonAnswer =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly JsonAnswer[]
  | { readonly [name: string]: JsonAnswer };

export interface ReporterOptions {
  /** One JSON document instead of text. */
  readonly json: boolean;
  /** Errors only. */
  readonly quiet: boolean;
  readonly color: boolean;
  /** Before every line of reporter, as in `ingot export`. */
  readonly name: string;
}

const COLORS: Readonly<Record<string, string>> = { error: "31;1", warn: "33;1", hint: "36" };

/**
 * Writes at once and waits for the reader: nothing is lost when the program ends.
 * Where the reader of the answer has gone (`| head`), the rest of a text is dropped and the exit code stays what it is.
 */
export class Reporter {
  readonly json: boolean;
  quiet: boolean;
  readonly #color: boolean;
  readonly #name: string;
  readonly #consola: ConsolaInstance;
  #answers = new OpenFile("standard output", 1);
  #before: () => void = () => {};

  constructor({ json, quiet, color, name }: ReporterOptions) {
    this.json = json;
    this.quiet = quiet;
    this.#color = color;
    this.#name = name;
    const log = (entry: LogObject) => this.#report(entry);
    this.#consola = createConsola({ level: quiet ? 0 : 3, throttle: 0, reporters: [{ log }] });
  }

  /** Afterwards answers go to stderr, because stdout is an archive. With --json nothing but the document goes there. */
  answerOnStderr(): void {
    this.#answers = stderr;
    if (this.json) {
      this.quiet = true;
      this.#consola.level = Number.NEGATIVE_INFINITY;
    }
  }

  /** A line of the answer in words. With --json, nothing. */
  print(line: string): void {
    if (!this.json) this.raw(`${cleanLine(line)}\n`);
  }

  /** The whole answer as JSON. Without --json, nothing. */
  document(document: JsonAnswer): void {
    if (this.json) this.raw(`${JSON.stringify(document, null, 2)}\n`);
  }

  /** Text for the answer's stream as it is. */
  raw(text: string): void {
    this.#before();
    write(this.#answers, text);
  }

  warn(message: string, hint?: string): void {
    this.#consola.warn({ message, hint });
  }

  info(message: string): void {
    this.#consola.info({ message });
  }

  error({ message, details = [], hint }: ErrorMessage): void {
    this.#consola.error({ message, details, hint });
  }

  /** Draws over the last line of stderr, or, with nothing to draw, wipes it; `undo` does so before anything else is said. */
  draw(text: string, undo: () => void): void {
    this.#before = undo;
    write(stderr, `\r\u001b[K${text}`);
  }

  #report(entry: LogObject): void {
    const {
      type,
      args,
      details = [],
      hint,
    } = entry as LogObject & { details?: readonly string[]; hint?: string };
    const label =
      type === "warn"
        ? `${this.#paint("warn", "warning:")} `
        : type === "error"
          ? `${this.#paint("error", "error:")} `
          : "";
    const lines = [
      `${this.#name}: ${label}${escapeControl(String(args[0]))}`,
      ...details.map((line) => `  ${cleanLine(line)}`),
    ];
    if (hint !== undefined) lines.push(`${this.#paint("hint", "hint:")} ${escapeControl(hint)}`);
    this.#before();
    write(stderr, `${lines.join("\n")}\n`);
  }

  #paint(color: string, text: string): string {
    return this.#color ? `\u001b[${COLORS[color]}m${text}\u001b[0m` : text;
  }
}

const stderr = new OpenFile("standard error", 2);
const gone = new Set<OpenFile>();

function write(stream: OpenFile, text: string): void {
  if (gone.has(stream)) return;
  try {
    stream.write(new TextEncoder().encode(text), null);
  } catch (error) {
    gone.add(stream);
    const closed = isIngotError(error, "io") && error.facts.code === "EPIPE";
    if (!closed && stream !== stderr) throw error;
  }
}
