/** One YAML document as a tree, read strictly and within bounds. */

import { Composer, CST, type Document, type ErrorCode, Lexer, LineCounter, Parser } from "yaml";
import type { Diagnostic } from "../../base/error.ts";
import { quoteForeign, tame } from "./quote.ts";
import { decodeSource } from "./source.ts";
import { tooDeep, YAML_LIMITS, type YamlNode, YamlRefusal, YamlTree } from "./tree.ts";

/**
 * Reads one YAML document. With an error among the problems there is no root; without one, no root
 * means that the file holds nothing but comments and space.
 *
 * Refused: more than one document, directives, tags other than `!!str`, `!!map` and `!!seq`, keys
 * that are no text or stand twice, a merge key after a key that it would override (the two readers
 * of Inspektor Gadget, yaml.v2 and yaml.v3, then differ), and whatever exceeds `YAML_LIMITS`.
 */
export function readYaml(
  bytes: Uint8Array,
  file: string,
): { root?: YamlNode; problems: Diagnostic[] } {
  const problems: Diagnostic[] = [];
  const lines = new LineCounter();
  const refuse = (refusal: YamlRefusal) => {
    const { line, col: column } = lines.linePos(refusal.offset);
    const { message, hint } = refusal;
    problems.push({ file, line, column, level: "error", message, ...(hint && { hint }) });
  };
  const source = decodeSource(bytes, YAML_LIMITS.bytes);
  if (typeof source !== "string") {
    const { line, column, message, hint } = source;
    return { problems: [{ file, line, column, level: "error", message, ...(hint && { hint }) }] };
  }
  try {
    const document = compose(source, lines);
    if (document?.contents == null) return { problems };
    const tree = new YamlTree(lines);
    const root = tree.convert(document.contents).node;
    for (const refusal of tree.refusals) refuse(refusal);
    return problems.length === 0 ? { root, problems } : { problems };
  } catch (error) {
    if (!(error instanceof YamlRefusal)) throw error;
    refuse(error);
    return { problems };
  }
}

/** The one document of `source`; none when there are only comments. The first error is thrown: others follow from it. */
function compose(source: string, lines: LineCounter): Document.Parsed | undefined {
  const composer = new Composer({ schema: "failsafe", uniqueKeys: false, logLevel: "silent" });
  const [document, second] = composer.compose(tokenize(source, lines), false, source.length);
  if (document === undefined) return undefined;
  const [error] = document.errors.toSorted((a, b) => a.pos[0] - b.pos[0]);
  if (error !== undefined)
    throw new YamlRefusal(error.pos[0], asWords(error.message), HINTS[error.code]);
  const [tag] = document.warnings;
  if (tag !== undefined) {
    throw new YamlRefusal(tag.pos[0], asWords(tag.message), "write the value without a tag");
  }
  if (second !== undefined) {
    const [, , end] = document.range;
    const hint = "remove it, or the line of dashes that starts it";
    throw new YamlRefusal(end, "a second document begins here: only one is read", hint);
  }
  return document as Document.Parsed;
}

/** The tokens of `source`. Depth is judged while they are built, before anything recursive sees them. */
function tokenize(source: string, lines: LineCounter): CST.Token[] {
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  const take = (token: CST.Token) => {
    if (token.type === "directive") {
      const message = `${quoteForeign(token.source.trim())} is a directive: none is read`;
      throw new YamlRefusal(token.offset, message, "remove the line");
    }
    tokens.push(token);
  };
  lines.addNewLine(0);
  let last = "";
  let marks = 0;
  for (const lexeme of new Lexer().lex(source)) {
    if (last !== CST.SCALAR && isUnclosed(lexeme)) {
      const message = `the quote ${lexeme[0]} that opens here is not closed`;
      throw new YamlRefusal(
        parser.offset,
        message,
        "the next lines of a text in quotes are indented",
      );
    }
    if (++marks > YAML_LIMITS.marks) {
      const message = `the file is too long: at most ${YAML_LIMITS.marks} words and signs are read`;
      throw new YamlRefusal(parser.offset, message);
    }
    last = lexeme;
    for (const token of parser.next(lexeme)) take(token);
    if (parser.stack.length > YAML_LIMITS.depth) throw tooDeep(parser.offset);
  }
  for (const token of parser.end()) take(token);
  return tokens;
}

/** Whether a lexeme (no text without quotes, which may begin with one in a block) lacks its closing quote. */
function isUnclosed(lexeme: string): boolean {
  return /^["']/.test(lexeme) && (lexeme.length === 1 || lexeme.at(-1) !== lexeme[0]);
}

/** What helps against the parser's commoner complaints, which say what it expected rather than what happened. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  BAD_SCALAR_START: "put the value in quotes",
  BLOCK_AS_IMPLICIT_KEY: `put a text with ": " in it in quotes, and start the keys of a mapping in one column`,
  MULTILINE_IMPLICIT_KEY: "a key and its colon stand on one line",
  TAB_AS_INDENT: "indent with spaces",
};

/** The parser's sentence in the shape of ours. */
const asWords = (message: string) => tame(message.charAt(0).toLowerCase() + message.slice(1));
