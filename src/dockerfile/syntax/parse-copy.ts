import { quoteExcerpt } from "../../base/diagnostics.ts";
import { splitSpaces, type Word } from "../lexer/split.ts";
import type { FlagKinds } from "./flags.ts";
import { type HeredocText, heredocsIn, parseHeredoc } from "./heredoc.ts";
import type { Operands } from "./instruction.ts";
import { type InstructionReader, jsonOf } from "./operands.ts";

/** The flags of COPY. */
export const COPY_FLAGS: FlagKinds = {
  from: "value",
  chown: "value",
  chmod: "value",
  link: "switch",
  parents: "switch",
  exclude: "values",
};
/** The flags of ADD. */
export const ADD_FLAGS: FlagKinds = {
  chown: "value",
  chmod: "value",
  link: "switch",
  exclude: "values",
  checksum: "value",
  "keep-git-dir": "switch",
  unpack: "switch",
};

/** Reads COPY and ADD. */
export function readCopy(part: InstructionReader): Operands | undefined {
  const { name, rest, flags, report, at, place, heredocs } = part;
  const strings = jsonOf(part);
  const words = strings?.map((text) => ({ text, at: rest.at })) ?? splitSpaces(rest);
  const dest = words.at(-1);
  if (dest === undefined || words.length === 1) {
    const has = dest === undefined ? "no words" : `just ${quoteExcerpt(dest.text)}`;
    const hint = dest && `write ${name} ${dest.text} . to put it into the working directory`;
    report.error(
      at,
      `${name} has ${has}: it should have one source at least, and then the destination`,
      hint,
    );
    return undefined;
  }
  if (parseHeredoc(dest.text) !== undefined && strings === undefined)
    report.error(
      place(dest.at),
      `${name} has a here-document as its destination: it should be a path`,
    );
  const sources: Word[] = [];
  const found: HeredocText[] = [];
  // Where a name stands twice BuildKit takes the last one's lines for both.
  const texts = new Map(heredocs.map((heredoc) => [heredoc.name, heredoc]));
  for (const word of words.slice(0, -1)) {
    const heredoc = parseHeredoc(word.text);
    const text = heredoc && texts.get(heredoc.name);
    if (heredoc === undefined) sources.push(word);
    else {
      found.push({ content: "", ...text, ...heredoc });
      if (/^\.{0,2}$|\//.test(heredoc.name))
        report.error(
          place(word.at),
          `the here-document's name ${quoteExcerpt(heredoc.name)} is not a file name: it names the file that is made`,
        );
    }
  }
  if (strings === undefined && heredocsIn(part.text).length !== found.length) {
    const hint = "write <<NAME or <<'NAME' with no space in it";
    report.error(at, `${name} has a here-document whose name is not one word with its <<`, hint);
  }
  if (flags.has("checksum") && !sources.some(({ text }) => isRemoteSource(text)))
    report.error(at, "--checksum is for URLs and git repositories: none is copied here");
  return {
    kind: "copy",
    add: name === "ADD",
    sources,
    heredocs: found,
    dest: dest.text,
    from: flags.has("from") ? flags.value("from") : undefined,
    chown: flags.value("chown"),
    chmod: flags.value("chmod"),
    exclude: flags.values("exclude"),
    parents: flags.isOn("parents"),
    link: flags.isOn("link"),
    unpack: name === "ADD" && flags.value("unpack") !== "false",
  };
}

/** Whether a source is a URL or a git repository, as BuildKit tells them from paths. */
export function isRemoteSource(source: string): boolean {
  return /^(https?|git|ssh):\/\//.test(source) || /^[a-zA-Z0-9._-]+@[a-zA-Z0-9.-]+:/.test(source);
}
