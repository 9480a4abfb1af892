import assert from "node:assert/strict";
import type { Diagnostic } from "../../src/base/error.ts";

/** `2:1 error: message [hint]` for each problem, all of which must be of `file`. */
export function shown(problems: readonly Diagnostic[], file: string): string[] {
  return problems.map((problem) => {
    assert.equal(problem.file, file);
    const { line, column, level, message, hint } = problem;
    return `${line}:${column} ${level}: ${message}${hint === undefined ? "" : ` [${hint}]`}`;
  });
}
