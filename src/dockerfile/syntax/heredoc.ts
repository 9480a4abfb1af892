import { BadSubstitution, expandWords } from "../lexer/expand.ts";

/** A here-document, as `<<NAME` says it. */
export interface Heredoc {
  /** Without quotes. It ends the content, and is the file's name. */
  readonly name: string;
  /** Whether variables in it are filled in: not where a part of the name was quoted. */
  readonly expands: boolean;
  /** `<<-`: whether tabs at the beginning of lines go. */
  readonly chomps: boolean;
}

/** One with its lines, each with its end of line. */
export interface HeredocText extends Heredoc {
  readonly content: string;
}

const NOTHING = () => undefined;
const FORM = /^\d*<<(-?)[\t\n\v\f\r ]*([^<]*)$/;

/** What the word says, or undefined when it is no here-document. */
export function parseHeredoc(word: string): Heredoc | undefined {
  const match = FORM.exec(word);
  const rest = match?.[2] ?? "";
  if (match === null || rest === "") return undefined;
  try {
    const options = { escape: "\\", keepUnset: true };
    const plain = expandWords(rest, NOTHING, options).words;
    const [name] = plain;
    const [raw] = expandWords(rest, NOTHING, { ...options, keepQuotes: true }).words;
    if (name === undefined || raw === undefined || plain.length !== 1) return undefined;
    return { name, expands: quotesIn(name) === quotesIn(raw), chomps: match[1] === "-" };
  } catch (error) {
    if (error instanceof BadSubstitution) return undefined;
    throw error;
  }
}

const quotesIn = (text: string) => text.replace(/[^'"]/g, "").length;

/** The here-documents that the text of an instruction asks for, in order. */
export function heredocsIn(text: string): Heredoc[] {
  if (!text.includes("<<")) return [];
  const options = { escape: "\\", keepUnset: true, keepQuotes: true, keepEscapes: true };
  try {
    const { words } = expandWords(text, NOTHING, options);
    return words.map(parseHeredoc).filter((heredoc) => heredoc !== undefined);
  } catch (error) {
    if (error instanceof BadSubstitution) return [];
    throw error;
  }
}

/** The file that it makes: its lines, without leading tabs where it says so. */
export function contentOf({ content, chomps }: HeredocText): string {
  return chomps ? content.replace(/^\t+/gm, "") : content;
}
