/** The program as people and programs use it: words in, exit code and two streams out; and something to use it on. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { writeLayout } from "../images/image-layout.ts";
import { ingot } from "./ingot.ts";
import { type Ends, tempDir } from "./temp.ts";

export const COMMANDS = [
  "build",
  "export",
  "import",
  "verify",
  "sign",
  "attest",
  "keygen",
  "public-key",
  "pull",
  "push",
  "copy",
  "login",
  "logout",
  "list",
  "inspect",
  "tag",
  "remove",
  "prune",
  "completion",
];
/** Those that have nothing to do with the store. */
export const STORELESS = ["keygen", "public-key", "login", "logout", "completion"];
export const HELLO = "docker.io/library/hello:v1";

/** What the program says, as text. */
export async function say(args: readonly string[], options: Parameters<typeof ingot>[1] = {}) {
  const { code, stdout, stderr } = await ingot(args, options);
  return { code, out: `${stdout}`, err: stderr };
}

/** The one JSON document on stdout. */
export async function ask(args: readonly string[], options: Parameters<typeof ingot>[1] = {}) {
  const { code, out, err } = await say([...args, "--json"], options);
  return { code, document: JSON.parse(out), err };
}

/** A folder with a layout of one image, an empty place for a store, and the words that choose it. */
export function place(t: Ends, layers: readonly (string | Uint8Array)[] = ["one", "two"]) {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const [digest = ""] = writeLayout(layout, [{ reference: HELLO, layers }]);
  const store = join(dir, "store");
  const in_ = (...words: string[]) => [...words, "--store", store];
  return { dir, layout, digest, store, in_ };
}

/** The same, with the image in the store and in the archive hello.tar. */
export async function stocked(t: Ends) {
  const here = place(t);
  const archive = join(here.dir, "hello.tar");
  assert.equal((await say(["export", here.layout, "-o", archive])).code, 0);
  assert.equal((await say(here.in_("import", archive))).code, 0);
  return { ...here, archive };
}

/** Fails where an error is told with its stack, or with what only the program understands. */
export function plain(err: string): void {
  assert.doesNotMatch(err, /\n\s+at .*(?::\d+|\))$/m, "a stack trace");
  assert.doesNotMatch(err, /undefined|\[object|\bFault\b/);
}
