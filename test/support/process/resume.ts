/** What the tests share in which an import is begun again. */
import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { judgeOwner, processOwner } from "../../../src/base/fs/process-id.ts";
import { Child } from "./child.ts";
import { command, ingot, plainEnvironment } from "./ingot.ts";

const within = (at: string): string[] => (existsSync(at) ? readdirSync(at) : []);

/** The name of a process that is certainly gone: it had this one's number before it. */
export function goneOwner(): string {
  const gone = processOwner().replace(/[0-9]+$/, (start) => `${Number(start) + 1}`);
  assert.equal(judgeOwner(gone), "gone");
  return gone;
}

/** Leaves `files` as an import of `who` does that is killed; where they are. */
export function leave(
  store: string,
  files: Readonly<Record<string, Uint8Array>>,
  { who = goneOwner(), how = "again.x" } = {},
): string {
  const work = join(store, ".ingot/work", `${who}-${how}`);
  mkdirSync(work, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(work, name), bytes);
  return work;
}

/** Every file of a session that has ended, by its blob: which it is, when it was written, and whether all of it is there. */
export interface Left {
  readonly inode: bigint;
  readonly mtime: bigint;
  readonly size: bigint;
  readonly whole: boolean;
}

export function leftIn(store: string): Map<string, Left> {
  const found = new Map<string, Left>();
  for (const folder of ["work", "left"].map((name) => join(store, ".ingot", name)))
    for (const session of within(folder))
      for (const name of within(join(folder, session))) {
        const at = join(folder, session, name);
        const there = lstatSync(at, { bigint: true, throwIfNoEntry: false });
        const whole = /^[0-9a-f]{64}$/.test(name);
        // One that is being written may have another name by now.
        if (there !== undefined)
          found.set(name.slice(0, 64), {
            inode: there.ino,
            mtime: there.mtimeNs,
            size: there.size,
            whole,
          });
      }
  return found;
}

/** How many blobs of the store are files that were left: as they were, and gone on with. */
export function takenOver(store: string, left: ReadonlyMap<string, Left>) {
  const taken = { whole: 0, parts: 0 };
  for (const [hex, { inode, mtime, size }] of left) {
    const blob = join(store, "blobs/sha256", hex);
    if (!existsSync(blob)) continue;
    const now = lstatSync(blob, { bigint: true });
    if (now.ino !== inode) continue;
    if (now.mtimeNs === mtime && now.size === size) taken.whole++;
    else if (size > 0n) taken.parts++;
  }
  return taken;
}

/** Whether two stores are the same, byte for byte, and nothing is left over in `store`. */
export function assertSame(store: string, unbroken: string): void {
  for (const folder of ["", "blobs", "blobs/sha256"]) {
    const names = (at: string) => readdirSync(join(at, folder)).sort();
    assert.deepEqual(names(store), names(unbroken));
  }
  const files = ["index.json", "oci-layout"];
  for (const name of readdirSync(join(unbroken, "blobs/sha256")))
    files.push(`blobs/sha256/${name}`);
  for (const file of files)
    assert.ok(
      readFileSync(join(store, file)).equals(readFileSync(join(unbroken, file))),
      `${file} is another`,
    );
  assertNothing(store);
}

/** No session's work, nothing that one left, and no lock. */
export function assertNothing(store: string): void {
  for (const name of ["work", "left", "lock"])
    assert.deepEqual(within(join(store, ".ingot", name)), [], name);
}

export async function begin(
  words: readonly string[],
  stdin: number | "ignore" | "pipe" = "ignore",
): Promise<Child> {
  return new Child([...(await command()), ...words], { env: plainEnvironment(), stdin });
}

/** An import of a stream of which so much has come that `isEnough`, and nothing more comes. */
export async function halfWay(
  store: string,
  bytes: Uint8Array,
  isEnough: (left: ReadonlyMap<string, Left>) => boolean,
): Promise<Child> {
  const child = await begin(["import", "-", "--store", store], "pipe");
  child.process.stdin?.on("error", () => {});
  child.process.stdin?.write(bytes);
  for (let waited = 0; !isEnough(leftIn(store)); waited += 5) {
    assert.ok(waited < 60_000, "it did not come so far within a minute");
    await new Promise((next) => setTimeout(next, 5));
  }
  return child;
}

export async function done(words: readonly string[], input?: Uint8Array): Promise<void> {
  const { code, stderr } = await ingot(words, input === undefined ? {} : { input });
  assert.equal(code, 0, stderr);
}
