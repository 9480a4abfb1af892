import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What runs a function when a test, passed or failed, is over: node:test's context, for one. */
export interface Ends {
  after(clean: () => void): void;
}

/** Folders that are there: within a `describe`, Deno does not run what `t.after` was given. */
const left = new Set<string>();
(globalThis as { addEventListener?: (name: string, act: () => void) => void }).addEventListener?.(
  "unload",
  () => {
    for (const path of left) rmSync(path, { recursive: true, force: true });
  },
);

/** A new, empty folder, by its real path. It is gone when the test is over, at the latest when all of its file are. */
export function tempDir(t: Ends): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "ingot-test-")));
  left.add(path);
  t.after(() => {
    rmSync(path, { recursive: true, force: true });
    left.delete(path);
  });
  return path;
}

/**
 * The body of a test within a `describe`: there Deno does not run what `t.after` was given. What `after` is given here runs
 * when the body ends, passed or failed, the latest first.
 */
export function tidily(body: (t: Ends) => Promise<void> | void): () => Promise<void> {
  return async () => {
    const ends: (() => void)[] = [];
    try {
      await body({ after: (clean) => void ends.unshift(clean) });
    } finally {
      for (const end of ends) end();
    }
  };
}
