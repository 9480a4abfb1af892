import assert from "node:assert/strict";
import { type ErrorCode, type IngotError, isIngotError } from "../../src/base/error.ts";

/** The facts of the IngotError `code` that `act` ends in. Fails when there is none, or another one. */
export async function faultOf<C extends ErrorCode>(
  code: C,
  act: () => unknown,
): Promise<IngotError<C>["facts"]> {
  try {
    await act();
  } catch (error) {
    if (isIngotError(error, code)) return error.facts;
    throw error;
  }
  return assert.fail(`nothing failed, ${code} expected`);
}
