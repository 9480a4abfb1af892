/** How much memory the windows of zstd's decoders take together. */
import { setTimeout } from "node:timers/promises";
import { AbortError, IngotError } from "../error.ts";
import type { Progress } from "../workers/pool.ts";

/** The most that all windows of a process have together: the largest that is taken, and some of the usual size. Bytes. */
export const WINDOWS_LIMIT = 144 * 1024 * 1024;
/** How long to wait before looking again. Milliseconds. */
const PAUSE = 5;

/** Who has a window open, and who waits for one. */
export interface Windows {
  /** Afterwards there is room for a window of so many bytes; it is to be closed. @throws unsupported where there will be none */
  open(bytes: number, at: string): Promise<void>;
  close(bytes: number): void;
}

/** There is one window at a time. */
export const NO_OTHERS: Windows = { open: async () => {}, close: () => {} };

/**
 * Windows that are counted with those of all threads. Where there is no room, whoever is in a thread of its own waits for the others;
 * what is read through another decoder would wait for itself, and is refused.
 */
export function windowsOf(tally: Progress, { waits }: { readonly waits: boolean }): Windows {
  return {
    open: async (bytes, at) => {
      while (!tally.hold(bytes, WINDOWS_LIMIT)) {
        if (!waits) throw tooMany(bytes + tally.held, at);
        if (tally.stopped) throw new AbortError();
        await setTimeout(PAUSE);
      }
    },
    close: (bytes) => tally.letGo(bytes),
  };
}

const tooMany = (bytes: number, at: string) =>
  new IngotError("unsupported", {
    what: "the zstd stream",
    at,
    found: `a zstd window in another one, of ${bytes} bytes together`,
    expected: `at most ${WINDOWS_LIMIT}`,
    hint: "decompress the archive first: zstd -dc --long=27 FILE > FILE.tar",
  });
