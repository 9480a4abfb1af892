import assert from "node:assert/strict";
import { type ErrorCode, type IngotError, isIngotError } from "../../src/base/error.ts";
import { type Subject, subjectText } from "../../src/base/subject.ts";

/** An error's facts with its subject as text. */
type Facts<F> = { [K in keyof F]: K extends "at" ? string : F[K] };

/** The facts of the IngotError `code` that `act` ends in. Fails when there is none, or another one. */
export async function faultOf<C extends ErrorCode>(
  code: C,
  act: () => unknown,
): Promise<Facts<IngotError<C>["facts"]>> {
  try {
    await act();
  } catch (error) {
    if (isIngotError(error, code)) {
      const { at } = error.facts as { at?: Subject };
      const facts = at === undefined ? error.facts : { ...error.facts, at: subjectText(at) };
      return facts as Facts<IngotError<C>["facts"]>;
    }
    throw error;
  }
  return assert.fail(`nothing failed, ${code} expected`);
}
