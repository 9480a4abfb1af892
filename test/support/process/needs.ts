/**
 * Tests that need something of the machine.
 *
 * What of node:test means the same under `bun test` and `deno test`, and is used here:
 * - `test(name, fn)`, `test(name, options, fn)`, `describe`, `it`, and `before`, `after`, `beforeEach`,
 *   `afterEach` inside a `describe` and at the top of a file;
 * - the option `skip` (true, false, or a reason; neither runner prints the reason, so it belongs in
 *   the name) on `test`, `it` and `describe`; `test.skip`;
 * - `t.after` (runs when the test fails, too), `t.name`, `t.signal`, `t.diagnostic`, `await t.test`.
 *
 * What is not:
 * - `t.skip()`: Deno counts the test as passed, and both go on in the body and forget its failure;
 * - a `describe` and `t.test` count as one test, with steps, under Deno and as their parts under Bun,
 *   so the two runners' numbers differ;
 * - the option `timeout`: Deno has none. Bun's own limit of five seconds is lifted by scripts/test.sh;
 * - the order of several `t.after`: register one that does all;
 * - `t.after` of a test within a `describe`: Deno never runs it. Use `tidily` of support/temp.ts there.
 *
 * `bun test` sets NODE_ENV=test and TZ=Etc/UTC for the tests and for the programs they start.
 */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";

type Body = (t: TestContext) => void | Promise<void>;

/** True where every program must be there: what cannot be tested then has failed. */
export const strict = process.env.CI === "true";

/** The path of a program on PATH, or undefined. A name with a slash is looked up as it is. */
export function which(program: string): string | undefined {
  const folders = program.includes("/") ? [""] : (process.env.PATH ?? "").split(delimiter);
  for (const folder of folders) {
    const path = folder === "" ? program : join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/**
 * A test that needs these programs on PATH. Where one is missing, the test is skipped and its name
 * says why; with CI=true it fails instead.
 */
export function testWith(programs: readonly string[], name: string, body: Body): void {
  const missing = programs.filter((program) => which(program) === undefined);
  if (missing.length === 0) {
    test(name, body);
    return;
  }
  const reason = `not found on PATH: ${missing.join(", ")}`;
  if (strict) {
    test(name, () => {
      throw new Error(`${reason}; with CI=true every program must be there`);
    });
  } else {
    test(`${name} [skipped: ${reason}]`, { skip: reason }, () => {});
  }
}

/**
 * A test that some machines cannot run at all, even in CI: `hindrance` says why, or is undefined
 * where it can. For what a package can bring, use {@link testWith}.
 */
export function testUnless(hindrance: string | undefined, name: string, body: Body): void {
  if (hindrance === undefined) test(name, body);
  else test(`${name} [skipped: ${hindrance}]`, { skip: hindrance }, () => {});
}
