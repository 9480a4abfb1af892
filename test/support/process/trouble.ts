/** What the tests share in which something goes wrong: a sample image, and what a refusal must look like. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { imageNameOf } from "../../../src/oci/layout.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { writeLayout } from "../images/layout.ts";
import { ingot } from "./ingot.ts";
import type { Ran } from "./run.ts";
import { type Ends, tempDir } from "./temp.ts";

export const NAME = "r.test/image:1";

export interface Sample {
  readonly dir: string;
  readonly layout: string;
  readonly archive: string;
}

export async function sample(
  t: Ends,
  layers: readonly number[] = Array(40).fill(100_000),
): Promise<Sample> {
  const dir = tempDir(t);
  const [layout, archive] = [join(dir, "layout"), join(dir, "image.tar")];
  writeLayout(layout, [{ name: NAME, layers }]);
  await succeeds(["export", `oci:${layout}`, "-o", archive]);
  return { dir, layout, archive };
}

export async function succeeds(words: readonly string[], input?: Uint8Array): Promise<void> {
  const { code, stderr } = await ingot(words, input === undefined ? {} : { input });
  assert.equal(code, 0, stderr);
}

/** It says what could not be, in one line, and what to do, in another. */
export function refused(
  { code, stderr }: Pick<Ran, "code" | "stderr">,
  message: RegExp,
  hint: RegExp,
): void {
  assert.equal(code, 2, stderr);
  assert.match(stderr, message);
  assert.match(stderr, hint);
  assert.doesNotMatch(stderr, /mistake in ingot|\n\s+at /);
}

/** No half-written file, and no session's work. */
export function assertNothingLeft(folder: string): void {
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes(".partial.")),
    [],
  );
  const work = join(folder, ".ingot/work");
  if (existsSync(work)) assert.deepEqual(readdirSync(work), []);
}

export const namesIn = (store: string) => new FolderStore(store).images().map(imageNameOf);
