import { text } from "../base/bytes.ts";
import { Diagnostics, quoteExcerpt, type SourcePosition } from "../base/diagnostics.ts";
import { IngotError } from "../base/error.ts";
import { refuseNeeded } from "./evaluate/stage.ts";
import { splitInstruction, splitSpaces } from "./lexer/split.ts";
import { readFlags } from "./syntax/flags.ts";
import type { Dockerfile, From, GlobalArgument, Instruction, Stage } from "./syntax/instruction.ts";
import { type Line, readLines } from "./syntax/lines.ts";
import { readInstruction } from "./syntax/parse-instruction.ts";

export type { Dockerfile, Stage } from "./syntax/instruction.ts";

/** The longest Dockerfile that is read. Bytes. */
export const DOCKERFILE_LIMIT = 4 * 1024 * 1024;
/** The most stages: each may be needed to the end, with all its files. */
export const STAGES_LIMIT = 10_000;

/**
 * Reads a Dockerfile. Here-documents, `# escape`, flags, continued lines and JSON forms are read as BuildKit reads
 * them; nothing is expanded. An instruction that is not carried out (RUN) is no mistake yet: its stage may not
 * be needed (`neededStages` says).
 * @param file its name, for problems
 * @throws source with every problem of the file, too-large
 */
export function parseDockerfile(bytes: Uint8Array, file: string): Dockerfile {
  if (bytes.length > DOCKERFILE_LIMIT)
    throw new IngotError("too-large", {
      what: "the Dockerfile",
      at: file,
      actual: bytes.length,
      limit: DOCKERFILE_LIMIT,
    });
  const report = new Diagnostics(file);
  const { escape: token, lines } = readLines(decode(bytes, report), report);
  const args: GlobalArgument[] = [];
  const stages: (Stage & { readonly instructions: Instruction[] })[] = [];
  for (const line of lines) {
    if (splitInstruction({ text: line.text, at: 0 }, token).name.text.toUpperCase() === "FROM") {
      const from = readFrom(line, token, report);
      stages.push({ ...from, instructions: [] });
      if (stages.length > STAGES_LIMIT)
        throw new IngotError("too-large", {
          what: "the Dockerfile",
          at: file,
          limit: STAGES_LIMIT,
          unit: "stages",
        });
      continue;
    }
    const instruction = readInstruction(line, token, report);
    if (instruction === undefined) continue;
    const stage = stages.at(-1);
    if (stage !== undefined) stage.instructions.push(instruction);
    else if (instruction.kind === "arg")
      args.push(...instruction.args.map((arg) => ({ ...arg, at: instruction.at })));
    else report.error(instruction.at, "an instruction stands before the first FROM: only ARG may");
  }
  if (stages.length === 0) {
    const what = lines.length === 0 ? "the file has no instructions" : "the file has no FROM";
    report.error(
      { line: 1, column: 1 },
      what,
      "begin with FROM scratch, or with FROM and an image",
    );
  }
  checkNames(stages, report);
  const read = { file, escape: token, args, stages, problems: report.problems() };
  // Who has to mend the file should see the rest too that will not do.
  if (stages.length > 0 && read.problems.some(({ level }) => level === "error"))
    refuseNeeded(read, report);
  report.refuse();
  return read;
}

function decode(bytes: Uint8Array, report: Diagnostics): string {
  const decoded = text(bytes);
  if (decoded !== undefined) {
    const nul = decoded.indexOf("\0");
    if (nul < 0) return decoded.replace(/^\ufeff/, "");
    const before = decoded.slice(0, nul).split("\n");
    const at = { line: before.length, column: before.at(-1)!.length + 1 };
    report.error(at, "a NUL stands here: no name, value or program can have one");
    report.refuse();
  }
  const utf16 =
    (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  const good = new TextDecoder().decode(bytes).split("\ufffd", 1)[0] ?? "";
  const line = good.split("\n").length;
  const at = utf16
    ? { line: 1, column: 1 }
    : { line, column: good.length - good.lastIndexOf("\n") };
  const message = utf16 ? "the file is in UTF-16" : "a byte stands here that is not UTF-8";
  report.error(at, `${message}: it should be UTF-8`, "save the file as UTF-8");
  report.refuse();
  return "";
}

function readFrom(
  { text, place }: Line,
  token: string,
  report: Diagnostics,
): From & { at: SourcePosition } {
  const { name, flags: words, rest } = splitInstruction({ text, at: 0 }, token);
  const at = place(name.at);
  const kinds = { platform: "value" } as const;
  const flags = readFlags(words, { of: "FROM", kinds, place }, report);
  const [image, as, alias, ...more] = splitSpaces(rest);
  if (image === undefined)
    report.error(at, "FROM has no image: it should name one, a stage or scratch");
  const isAlias = as !== undefined && alias !== undefined && as.text.toUpperCase() === "AS";
  if (as !== undefined && (!isAlias || more.length > 0)) {
    const message = `FROM ${quoteExcerpt(rest.text)} should be an image, or an image, AS and a name`;
    report.error(place(as.at), message);
  }
  const stage = isAlias ? alias.text.toLowerCase() : undefined;
  if (stage !== undefined && !/^[a-z][a-z0-9-_.]*$/.test(stage)) {
    const hint = "a name begins with a letter; letters, digits, -, _ and . follow";
    report.error(place(alias!.at), `${quoteExcerpt(alias!.text)} is not a valid stage name`, hint);
  }
  const platform = flags.has("platform") ? flags.value("platform") : undefined;
  return { image: image ?? { text: "", at: rest.at }, name: stage, platform, at };
}

/** What of the stages' names is likely a slip. All of it builds, as it does with BuildKit. */
function checkNames(stages: readonly Stage[], report: Diagnostics): void {
  for (const [i, { name, image, at }] of stages.entries()) {
    const before = stages.slice(0, i);
    const twin = name === undefined ? undefined : before.findLast((stage) => stage.name === name);
    if (twin !== undefined) {
      const message = `the stage ${quoteExcerpt(name!)} is defined already, on line ${twin.at.line}: from here on the name means this one`;
      report.warning(at, message);
    }
    if (name === "scratch" || name === "context")
      report.warning(at, `${quoteExcerpt(name)} names a stage: the word has a meaning of its own`);
    const same = (stage: Stage) => stage.name === image.text.toLowerCase();
    const later = stages.slice(i + 1).find(same);
    if (before.some(same) && before.every((stage) => stage.name !== image.text)) {
      const hint = `write FROM ${image.text.toLowerCase()}`;
      report.warning(
        at,
        `FROM ${image.text} is taken as an image: names of stages are lower case here`,
        hint,
      );
    } else if (later !== undefined && !before.some(same) && name !== image.text) {
      const message = `FROM ${image.text} is taken as an image: the stage of that name is defined below, on line ${later.at.line}`;
      report.warning(at, message, "a stage can begin with stages above it only: move that one up");
    }
  }
}
