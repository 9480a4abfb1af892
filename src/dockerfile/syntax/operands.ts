import type { Diagnostics, SourcePosition } from "../../base/diagnostics.ts";
import { jsonStrings, type Word } from "../lexer/split.ts";
import type { Flags } from "./flags.ts";
import type { HeredocText } from "./heredoc.ts";

/** What is needed to read one instruction. */
export interface InstructionReader {
  readonly name: string;
  readonly rest: Word;
  readonly at: SourcePosition;
  readonly place: (offset: number) => SourcePosition;
  readonly escape: string;
  readonly heredocs: readonly HeredocText[];
  readonly text: string;
  readonly flags: Flags;
  readonly report: Diagnostics;
}

/** The strings of a JSON array, or undefined where there is none. */
export function jsonOf({
  rest,
  place,
  report,
  name,
}: InstructionReader): readonly string[] | undefined {
  const strings = jsonStrings(rest.text);
  if (strings === "mixed") {
    report.error(place(rest.at), `${name} has a JSON array with other things than strings in it`);
    return [];
  }
  if (strings === undefined && /^\[\s*["']/.test(rest.text)) {
    const message = `${name} looks like a JSON array, but is not one: its text is used as it is`;
    const hint =
      "JSON has double quotes around each string, no comma behind the last, and \\\\ for \\";
    report.warning(place(rest.at), message, hint);
  }
  return strings;
}

/** The words of CMD and its like: a JSON array's, or the whole text as one. */
export function readCommand(part: InstructionReader): { words: readonly string[]; json: boolean } {
  const strings = jsonOf(part);
  if (strings !== undefined) return { words: strings, json: true };
  return { words: part.rest.text === "" ? [] : [part.rest.text], json: false };
}
