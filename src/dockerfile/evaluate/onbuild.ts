import { Diagnostics, quoteExcerpt, type SourcePosition } from "../../base/diagnostics.ts";
import type { Instruction } from "../syntax/instruction.ts";
import { readLines } from "../syntax/lines.ts";
import { readInstruction } from "../syntax/parse-instruction.ts";

/** Where an image is on a disk: for whoever writes the Dockerfile to say, and not for a base. */
const PATH = /^(?:oci|oci-archive|docker-archive|dir):/;

/**
 * The instructions that ONBUILD of a stage's base left for it. They stand at `at`, the stage's FROM, whatever
 * is wrong with them.
 */
export function readOnbuild(
  expressions: readonly string[],
  at: SourcePosition,
  report: Diagnostics,
): Instruction[] {
  return expressions.flatMap((expression) => {
    const trial = new Diagnostics(report.file);
    const { escape: token, lines } = readLines(expression, trial);
    const [line] = lines;
    const place = () => at;
    const found = line && readInstruction({ ...line, place }, token, trial);
    const isOne = lines.length === 1 && found?.kind !== "onbuild";
    for (const { level, message, hint } of trial.problems())
      if (level === "error")
        report.error(at, `ONBUILD ${quoteExcerpt(expression)}: ${message}`, hint);
    if (found?.kind === "run") {
      const message =
        "the base has ONBUILD RUN, which is not carried out: ingot runs no programs, since what they write differs from machine to machine";
      report.error(at, message, "write FROM an image that has no such trigger");
    }
    if (found?.kind === "copy" && PATH.test(found.from ?? "")) {
      const message = `ONBUILD ${quoteExcerpt(expression)} of the base is not carried out: it takes files of the machine it is built on`;
      report.error(at, message, "if that is meant, write the COPY in this file");
    }
    if (!isOne)
      report.error(at, `ONBUILD ${quoteExcerpt(expression)} of the base should be one instruction`);
    return found === undefined || found.kind === "run" || !isOne ? [] : [found];
  });
}
