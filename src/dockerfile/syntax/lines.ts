import { type Diagnostics, quoteExcerpt, type SourcePosition } from "../../base/diagnostics.ts";
import { isSpace, jsonStrings, splitInstruction, trimEnd, trimStart } from "../lexer/split.ts";
import { type HeredocText, heredocsIn } from "./heredoc.ts";

/** One instruction as text: its lines joined, comments and continuations taken out. */
export interface Line {
  readonly text: string;
  /** Where in the file the character at an offset of `text` stands. */
  readonly place: (offset: number) => SourcePosition;
  readonly heredocs: readonly HeredocText[];
}

/** A file as lines. `escape` is `\`, or what `# escape=` says. */
export interface Lines {
  readonly escape: string;
  readonly lines: readonly Line[];
}

interface Piece {
  readonly at: number;
  readonly place: SourcePosition;
}

const DIRECTIVE = /^#[\t-\r ]*([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+)$/;
const FRONTEND = /^(docker\.io\/)?docker\/dockerfile(-upstream)?([:@]|$)/;
const HEREDOCS = new Set(["ADD", "COPY", "RUN"]);

/**
 * Cuts a Dockerfile into instructions as BuildKit does (its parser/parser.go): directives at the top, comments,
 * lines that go on after an escape at their end, here-documents. `source` is without a byte order mark.
 */
export function readLines(source: string, report: Diagnostics): Lines {
  const physical = source
    .split("\n")
    .map((line, i, all) => (i + 1 < all.length ? `${line}\n` : line));
  if (physical.at(-1) === "") physical.pop();
  const token = readDirectives(physical, report);
  const lines: Line[] = [];
  let next = 0;
  while (next < physical.length) {
    const { line, last } = join(physical, next, token);
    const first = next;
    next = last + 1;
    if (line.text === "") continue;
    const heredocs: HeredocText[] = [];
    for (const heredoc of takesHeredocs(line.text, token) ? heredocsIn(line.text) : []) {
      const content: string[] = [];
      const ends = (text: string) =>
        (heredoc.chomps ? chomp(text).replace(/^\t+/, "") : chomp(text)) === heredoc.name;
      while (next < physical.length && !ends(physical[next]!)) content.push(physical[next++]!);
      if (next === physical.length) {
        const message = `the here-document ${quoteExcerpt(heredoc.name)} does not end: a line that says just ${quoteExcerpt(heredoc.name)} should end it`;
        report.error({ line: first + 1, column: 1 }, message);
      }
      next++;
      heredocs.push({ ...heredoc, content: content.join("") });
    }
    lines.push({ ...line, heredocs });
  }
  return { escape: token, lines };
}

const chomp = (line: string) => trimEnd(line, (char) => char === "\r" || char === "\n");
const isComment = (line: string) => trimStart(line).startsWith("#");

/** The lines from `start` to the last that belongs to it, as one. */
function join(
  physical: readonly string[],
  start: number,
  token: string,
): { line: Omit<Line, "heredocs">; last: number } {
  const pieces: Piece[] = [];
  let text = "";
  let last = start;
  for (; last < physical.length; last++) {
    const whole = chomp(physical[last]!);
    if (last > start && (isComment(whole) || trimStart(whole) === "")) continue;
    const line = last > start ? whole : isComment(whole) ? "" : trimStart(whole);
    const kept = withoutContinuation(line, token);
    const column = whole.length - line.length + 1;
    pieces.push({ at: text.length, place: { line: last + 1, column } });
    text += kept ?? line;
    if (kept === undefined) break;
  }
  const place = (offset: number): SourcePosition => {
    let first = 0;
    let end = pieces.length;
    while (end - first > 1) {
      const middle = (first + end) >> 1;
      if (pieces[middle]!.at <= offset) first = middle;
      else end = middle;
    }
    const piece = pieces[first]!;
    return { line: piece.place.line, column: piece.place.column + offset - piece.at };
  };
  return { line: { text, place }, last: Math.min(last, physical.length - 1) };
}

/** The line without the escape at its end, or undefined when it does not go on: two escapes are a plain one. */
function withoutContinuation(line: string, token: string): string | undefined {
  const end = trimEnd(line, (char) => char === "\t" || char === " ");
  if (!end.endsWith(token) || end.endsWith(token + token)) return undefined;
  return end.slice(0, -1);
}

function takesHeredocs(text: string, token: string): boolean {
  let command = splitInstruction({ text, at: 0 }, token);
  if (command.name.text.toUpperCase() === "ONBUILD")
    command = splitInstruction(command.rest, token);
  return (
    HEREDOCS.has(command.name.text.toUpperCase()) && jsonStrings(command.rest.text) === undefined
  );
}

/** Reads the comments at the very top that say how to read the rest. Returns the escape. */
function readDirectives(physical: readonly string[], report: Diagnostics): string {
  const seen = new Set<string>();
  let token = "\\";
  for (const [i, whole] of physical.entries()) {
    const line = trimEnd(trimStart(chomp(whole)), (char) => /[\t\n\f\r ]/.test(char));
    const at = { line: i + 1, column: whole.indexOf("#") + 1 };
    const [, name = "", value = ""] = DIRECTIVE.exec(line) ?? [];
    const key = name.toLowerCase();
    if (!["escape", "syntax", "check"].includes(key)) break;
    if (seen.has(key))
      report.error(at, `the directive ${quoteExcerpt(key)} stands twice: once is enough`);
    seen.add(key);
    if (key === "escape" && value !== "\\" && value !== "`")
      report.error(at, `the escape is ${quoteExcerpt(value)}: it should be \\ or \``);
    else if (key === "escape") token = value;
    else if (key === "syntax" && !FRONTEND.test(value)) {
      const message = `the file asks for the frontend ${quoteExcerpt(value)}: ingot reads it as docker/dockerfile does`;
      report.warning(at, message);
    }
  }
  return token;
}

/** Whether any character of `text` is space that BuildKit does not cut words at: mostly pasted by mistake. */
export function oddSpace(text: string): string | undefined {
  for (const char of text) {
    if (isSpace(char) && !/[\t-\r ]/.test(char))
      return `U+${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  }
  return undefined;
}
