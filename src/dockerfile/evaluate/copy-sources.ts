import {
  type Diagnostics,
  didYouMean,
  quoteExcerpt,
  type SourcePosition,
} from "../../base/diagnostics.ts";
import { suggest } from "../../base/suggest.ts";
import type { CopyOperands, Dockerfile, Instruction } from "../syntax/instruction.ts";
import { isRemoteSource } from "../syntax/parse-copy.ts";
import type { CopyStep } from "./step.ts";

/** Reports what is never carried out. */
export function refuseUnsupported(instruction: Instruction, report: Diagnostics): void {
  if (instruction.kind === "run") {
    const message =
      "RUN is not carried out: ingot runs no programs, since what they write differs from machine to machine";
    const hint =
      "make the files outside and COPY them, or write FROM an image that another tool made";
    report.error(instruction.at, message, hint);
  } else if (instruction.kind === "copy") {
    for (const { text, at } of instruction.sources)
      if (isRemoteSource(text)) {
        const place = instruction.place(at);
        refuseRemote(text, text, instruction, { at: place, report });
      }
  }
}

/** Reports a source that is no file, as it is `written`: a value may be secret. @param source the same, expanded */
export function refuseRemote(
  source: string,
  written: string,
  { add }: CopyOperands,
  { at, report }: { readonly at: SourcePosition; readonly report: Diagnostics },
): void {
  const name = add ? "ADD" : "COPY";
  const message = `${name} of ${quoteExcerpt(written.replace(/^"(.*)"$/s, "$1"))} is not carried out: ingot fetches nothing while it builds, since tomorrow something else may be there`;
  const git = !/^https?:/.test(source) || /\.git(#|$)/.test(source);
  const hint = git
    ? "clone the repository into the context, and COPY it"
    : "fetch the file into the context, check its digest, and COPY it";
  report.error(at, message, hint);
}

/** Where COPY copies from; undefined, and reported, when there is no such place. */
export function copyFrom(
  file: Dockerfile,
  index: number,
  { from, at }: CopyOperands & Instruction,
  report: Diagnostics,
): CopyStep["from"] | undefined {
  if (from === undefined || from === "") return { kind: "context" };
  const wrong = (message: string, hint?: string) => {
    report.error(at, `COPY --from=${from}: ${message}`, hint);
    return undefined;
  };
  if (/[$"'\\]/.test(from)) {
    const hint = `write FROM ${from} AS a-name in a stage above, and --from=a-name`;
    return wrong("variables, quotes and escapes are not expanded here", hint);
  }
  const { stages } = file;
  const number = /^[-+]?\d+$/.test(from) ? Number(from) : undefined;
  const name = from.toLowerCase();
  const found = number ?? stages.findLastIndex((stage) => stage.name === name);
  if (number !== undefined && stages[number] === undefined)
    return wrong(`there is no stage ${number}: the file has ${stages.length}, counted from 0`);
  if (found < 0) {
    const near = suggest(
      name,
      stages.flatMap((stage) => stage.name ?? []),
    );
    const message = `COPY --from=${from} is taken as an image: no stage has the name`;
    if (near.length > 0) report.warning(at, message, didYouMean(near));
    return { kind: "image", text: from };
  }
  if (found < index) return { kind: "stage", index: found };
  if (found === index) return wrong("a stage cannot copy from itself");
  const { line } = stages[found]!.at;
  return wrong(
    `the stage is defined below, on line ${line}`,
    "move it above the stage that copies from it",
  );
}
