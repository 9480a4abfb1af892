import assert from "node:assert/strict";
import { type Fault, type FaultCode, isFault } from "../../src/base/error.ts";

/** The facts of the Fault `code` that `act` ends in. Fails when there is none, or another one. */
export async function faultOf<C extends FaultCode>(
  code: C,
  act: () => unknown,
): Promise<Fault<C>["facts"]> {
  try {
    await act();
  } catch (error) {
    if (isFault(error, code)) return error.facts;
    throw error;
  }
  return assert.fail(`nothing failed, ${code} expected`);
}
