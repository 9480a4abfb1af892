import {
  type Diagnostics,
  didYouMean,
  quoteExcerpt,
  type SourcePosition,
} from "../../base/diagnostics.ts";
import { suggest } from "../../base/suggest.ts";
import { splitInstruction, splitQuoted, splitSpaces, type Word } from "../lexer/split.ts";
import { type FlagKinds, readFlags } from "./flags.ts";
import type { Instruction, Operands, Pair } from "./instruction.ts";
import { type Line, oddSpace } from "./lines.ts";
import { type InstructionReader, jsonOf, readCommand } from "./operands.ts";
import { ADD_FLAGS, COPY_FLAGS, readCopy } from "./parse-copy.ts";
import { HEALTH_FLAGS, readHealth } from "./parse-healthcheck.ts";

type Reader = (part: InstructionReader) => Operands | undefined;

/** Each instruction but FROM: its flags (undefined: any, unread) and how its words are read. */
const INSTRUCTIONS: Readonly<Record<string, { flags: FlagKinds | undefined; read: Reader }>> = {
  ADD: { flags: ADD_FLAGS, read: readCopy },
  ARG: { flags: undefined, read: readArg },
  CMD: { flags: {}, read: (part) => ({ kind: "cmd", ...readCommand(part) }) },
  COPY: { flags: COPY_FLAGS, read: readCopy },
  ENTRYPOINT: { flags: {}, read: (part) => ({ kind: "entrypoint", ...readCommand(part) }) },
  ENV: { flags: {}, read: (part) => pairs(part, (pairs) => ({ kind: "env", pairs })) },
  EXPOSE: { flags: {}, read: readExpose },
  HEALTHCHECK: { flags: HEALTH_FLAGS, read: readHealth },
  LABEL: { flags: {}, read: (part) => pairs(part, (pairs) => ({ kind: "label", pairs })) },
  MAINTAINER: { flags: {}, read: readMaintainer },
  ONBUILD: { flags: {}, read: readOnbuild },
  RUN: { flags: undefined, read: () => ({ kind: "run" }) },
  SHELL: { flags: {}, read: readShell },
  STOPSIGNAL: { flags: undefined, read: (part) => one(part, "stopsignal") },
  USER: { flags: {}, read: (part) => one(part, "user") },
  VOLUME: { flags: {}, read: readVolume },
  WORKDIR: { flags: {}, read: (part) => one(part, "workdir") },
};

/** Reads an instruction that is not FROM. Undefined, and reported, when it is none. */
export function readInstruction(
  line: Line,
  token: string,
  report: Diagnostics,
): Instruction | undefined {
  const { name, flags: words, rest } = splitInstruction({ text: line.text, at: 0 }, token);
  const upper = name.text.toUpperCase();
  const at = line.place(name.at);
  const known = Object.hasOwn(INSTRUCTIONS, upper) ? INSTRUCTIONS[upper] : undefined;
  if (known === undefined) {
    unknown(name, at, report);
    return undefined;
  }
  const { flags: kinds, read } = known;
  const { place, heredocs } = line;
  const before = report.size;
  const flags = readFlags(
    kinds === undefined ? [] : words,
    { of: upper, kinds: kinds ?? {}, place },
    report,
  );
  const part = {
    name: upper,
    rest,
    at,
    place,
    escape: token,
    heredocs,
    text: line.text,
    flags,
    report,
  };
  const said = read(part);
  if (said === undefined && report.size === before)
    report.error(at, `${upper} has no words: it should have at least one`);
  return said && { ...said, at, place };
}

function unknown({ text }: Word, at: SourcePosition, report: Diagnostics): void {
  const odd = oddSpace(text);
  const near = suggest(text.toUpperCase(), [...Object.keys(INSTRUCTIONS), "FROM"]);
  const hint =
    odd === undefined
      ? didYouMean(near)
      : `${odd} in it is not a plain space: write one in its place`;
  report.error(at, `${quoteExcerpt(text)} is not an instruction`, hint);
}

function one(
  part: InstructionReader,
  kind: "user" | "workdir" | "stopsignal" | "maintainer",
): Operands | undefined {
  return part.rest.text === "" ? undefined : { kind, value: part.rest.text };
}

function readMaintainer(part: InstructionReader): Operands | undefined {
  const hint = "write LABEL org.opencontainers.image.authors=…";
  const said = one(part, "maintainer");
  if (said !== undefined)
    part.report.warning(part.at, "MAINTAINER is out of date: few tools show it", hint);
  return said;
}

/** `KEY=VALUE …`, or the old `KEY VALUE` where the first word has no "=". */
function pairs(part: InstructionReader, said: (pairs: Pair[]) => Operands): Operands | undefined {
  const { rest, name, place, report, escape: token } = part;
  const words = splitQuoted(rest, token);
  const [first] = words;
  if (first === undefined) return undefined;
  if (!first.text.includes("=")) {
    const match = /^([^\t\v\f\r ]*)[\t\v\f\r ]+(.*)$/s.exec(rest.text);
    if (match !== null) return said([{ key: match[1]!, value: match[2]! }]);
    report.error(
      part.at,
      `${name} ${quoteExcerpt(rest.text)} has no value`,
      `write ${name} KEY=VALUE`,
    );
    return undefined;
  }
  const found: Pair[] = [];
  for (const { text, at } of words) {
    const equals = text.indexOf("=");
    if (equals > 0) found.push({ key: text.slice(0, equals), value: text.slice(equals + 1) });
    else if (equals === 0)
      report.error(place(at), `${quoteExcerpt(text)} has no name before its "="`);
    else {
      const hint = 'put a value that has spaces in double quotes: KEY="a b"';
      report.error(place(at), `${quoteExcerpt(text)} has no "=": it should be KEY=VALUE`, hint);
    }
  }
  return said(found);
}

function readArg({ rest, escape: token, place, report }: InstructionReader): Operands | undefined {
  const words = splitQuoted(rest, token);
  if (words.length === 0) return undefined;
  const args = words.map(({ text, at }) => {
    const equals = text.indexOf("=");
    if (equals === 0) report.error(place(at), `${quoteExcerpt(text)} has no name before its "="`);
    return equals < 0
      ? { name: text, value: undefined }
      : { name: text.slice(0, equals), value: text.slice(equals + 1) };
  });
  return { kind: "arg", args };
}

function readShell(part: InstructionReader): Operands | undefined {
  const words = jsonOf(part);
  if (words !== undefined) return words.length > 0 ? { kind: "shell", words } : undefined;
  const hint = 'for example SHELL ["/bin/bash", "-c"]';
  part.report.error(part.at, "SHELL should have a JSON array of strings", hint);
  return undefined;
}

function readExpose({ rest }: InstructionReader): Operands | undefined {
  const words = splitSpaces(rest).map(({ text }) => text);
  return words.length === 0 ? undefined : { kind: "expose", words };
}

function readVolume(part: InstructionReader): Operands | undefined {
  const words = (jsonOf(part) ?? splitSpaces(part.rest).map(({ text }) => text)).map((word) =>
    word.trim(),
  );
  if (words.includes("")) part.report.error(part.at, "VOLUME has an empty path");
  return words.length === 0 ? undefined : { kind: "volume", words };
}

function readOnbuild(part: InstructionReader): Operands | undefined {
  const { rest, report, place, escape: token, heredocs, text } = part;
  if (rest.text === "") return undefined;
  const word = splitInstruction(rest, token).name.text.toUpperCase();
  if (["ONBUILD", "FROM", "MAINTAINER"].includes(word)) {
    report.error(
      place(rest.at),
      `ONBUILD ${word} is not allowed: a trigger is any other instruction`,
    );
    return undefined;
  }
  const line = { text: rest.text, place: (offset: number) => place(rest.at + offset), heredocs };
  readInstruction(line, token, report);
  const original = text.replace(/^[\t\n\f\r ]*ONBUILD[\t\n\f\r ]*/i, "");
  const documents = heredocs.map(({ content, name }) => `\n${content}${name}`).join("");
  return { kind: "onbuild", expression: original + documents };
}
