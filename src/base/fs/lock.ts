/** One writer at a time, across processes, with nothing left to clean up by hand after `kill -9`. */
import * as path from "node:path";
import { IngotError } from "../error.ts";
import { byBytes } from "../order.ts";
import { onExit } from "./exit-hooks.ts";
import { discard, lstat, makeDirectory, openWrite, readDirectory } from "./file.ts";
import { judgeOwner, processOwner } from "./process-id.ts";

/** How long the entry of a process that nobody can judge (another host, another container) is honoured, in seconds. */
const UNKNOWN_SECONDS = 60;
/** How often a holder says that it is still there. Milliseconds. */
const BEAT = 10_000;

let count = 0;

/**
 * Runs `act` while this process alone holds the lock, a directory `at`. Waits up to `patience` milliseconds,
 * then throws `busy`.
 *
 * Who wants the lock puts an entry with a name of its own into the directory, then lists it: alone in it, it
 * holds the lock. Of two, the one that came second sees the other, so both never think they are alone; the lower
 * name waits, the others withdraw and come again. The entry of a process that is certainly gone is taken away by
 * its name, which nobody else ever has: a new holder cannot be hit. An entry is empty: it needs no room on a full disk.
 *
 * The entry of a process that cannot be judged counts as gone when it was not touched for a minute: a holder
 * touches its own meanwhile. The age is read off the file system's own clock.
 */
export async function withLock<T>(
  at: string,
  act: () => T | Promise<T>,
  patience = 30_000,
): Promise<T> {
  makeDirectory(at);
  const mine = `${processOwner()}.${++count}`;
  const entry = path.join(at, mine);
  const release = onExit(() => discard(entry));
  try {
    for (let waited = 0; ; ) {
      const holder = contend(at, mine);
      if (holder === undefined) return await holding(entry, act);
      if (waited >= patience) throw new IngotError("busy", { what: "the lock", at, holder });
      const step = Math.min(50, 2 + waited / 4);
      await new Promise((done) => setTimeout(done, step));
      waited += step;
    }
  } finally {
    discard(entry);
    release();
  }
}

/** Enters `mine` into the directory, or keeps it there: undefined when it is alone in it, else one of the others. */
function contend(at: string, mine: string): string | undefined {
  const entry = path.join(at, mine);
  if (lstat(entry) === undefined) openWrite(entry, "create").close();
  const others = readDirectory(at).filter((name) => name !== mine && !isStale(at, name, entry));
  const [holder] = others;
  if (others.some((name) => byBytes(name, mine) < 0)) discard(entry);
  return holder;
}

/** Whether the entry `name` is there for nobody; then it is taken away. */
function isStale(at: string, name: string, mine: string): boolean {
  const other = path.join(at, name);
  const judged = judgeOwner(name.replace(/\.[0-9]+$/, ""));
  if (judged === "alive") return false;
  if (judged === "unknown") {
    touch(mine);
    const [found, now] = [lstat(other), lstat(mine)];
    if (found === undefined) return true;
    if (now === undefined || now.mtime - found.mtime <= UNKNOWN_SECONDS) return false;
  }
  discard(other);
  return true;
}

/** Afterwards the time of the entry is now, by the file system's own clock: setting its size does that, even to what it is. */
function touch(entry: string): void {
  try {
    const file = openWrite(entry, "existing");
    try {
      file.truncate(0);
    } finally {
      file.close();
    }
  } catch {
    // It is gone, or not ours: then its age says so.
  }
}

async function holding<T>(entry: string, act: () => T | Promise<T>): Promise<T> {
  const beat = setInterval(() => touch(entry), BEAT);
  try {
    return await act();
  } finally {
    clearInterval(beat);
  }
}
