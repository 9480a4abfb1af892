/** Large files that appear whole or not at all, and together: written beside their names, synced, renamed. */
import * as path from "node:path";
import { IngotError } from "../error.ts";
import { checkPlace, target } from "./atomic-file.ts";
import { onExit } from "./exit-hooks.ts";
import { discard, freeSpace, type OpenFile, openWrite, rename, syncDirectory } from "./file.ts";
import type { FileSegment } from "./segmented-file.ts";
import { freeName, nameBeside, StaleTempFiles } from "./temp-name.ts";

/** A file that is to be. */
export interface FileSpec {
  readonly at: string;
  readonly size: number;
}

export interface AtomicFilesOptions {
  /** The name that they are volumes of. Default: that of the one file. What was left half-written for either is removed, or gone on with. */
  readonly stem?: string;
  /** Whether what is there now is worth that the next run goes on with it. Asked when the program is told to stop. */
  readonly isWorth: () => boolean;
  /** Told when that stays. */
  readonly left: (at: string) => void;
}

/**
 * Files under way, of the sizes they are to have. Of each, what another run left for it is taken over when that is certainly gone:
 * then it is in `found`, and its bytes may be anything; otherwise they are zero. No file is held open, however many there are.
 * Call `place`, `leave` or `drop`, whatever happens; the first of them counts.
 */
export class AtomicFiles {
  /** Where the bytes are for now. */
  readonly parts: readonly FileSegment[];
  /** Those of the parts that another run left. */
  readonly found: ReadonlySet<FileSegment>;
  readonly #to: readonly string[];
  readonly #options: AtomicFilesOptions;
  readonly #release: () => void;
  #isOpen = true;

  /** @param files of one folder @throws not-found, no-space, io */
  constructor(files: readonly FileSpec[], options: AtomicFilesOptions) {
    this.#options = options;
    this.#to = files.map(({ at }) => target(path.resolve(at)));
    const folders = this.#to.map(checkPlace);
    const parts: FileSegment[] = [];
    const found = new Set<FileSegment>();
    this.parts = parts;
    this.found = found;
    this.#release = onExit(() => this.#stop());
    try {
      let leftovers: StaleTempFiles | undefined;
      let needed = 0;
      for (const [i, { size }] of files.entries()) {
        const at = this.#to[i]!;
        const part = { path: nameBeside(at), size };
        parts.push(part);
        const file = openWrite(part.path, "create");
        try {
          const { mtime, mode } = file.stat();
          leftovers ??= new StaleTempFiles(folders[i]!, mtime);
          if (leftovers.take(at, part.path, size)) {
            found.add(part);
            needed += Math.max(0, size - takenOver(part.path, mode));
          } else {
            file.truncate(size);
            needed += size;
          }
        } finally {
          file.close();
        }
      }
      const [folder = ""] = folders;
      leftovers?.sweep(path.basename(this.#name));
      const free = freeSpace(folder);
      if (free !== undefined && free < needed)
        throw new IngotError("no-space", { at: folder, needed, free });
    } catch (error) {
      this.drop();
      throw error;
    }
  }

  /**
   * Waits for `done`, and meanwhile has the disk take what was written already, a stretch at a time: what is left
   * to sync at the end is little, and the disk works while the processors do.
   * When the disk refuses, `stop` is called, and that is thrown once `done` has ended.
   */
  async syncWhile<T>(done: Promise<T>, stop: () => void): Promise<T> {
    let working = true;
    let refused: { readonly error: unknown } | undefined;
    const ended = done
      .catch((error: unknown) => {
        refused ??= { error };
      })
      .finally(() => {
        working = false;
      });
    for (let turn = 0; working; turn++) {
      await Promise.race([ended, new Promise((next) => setTimeout(next, 50))]);
      if (!working || refused !== undefined) continue;
      await syncAside(this.parts[turn % this.parts.length]!).catch((error: unknown) => {
        refused ??= { error };
        stop();
      });
    }
    if (refused !== undefined) throw refused.error;
    return done;
  }

  /** Afterwards all of it is on the disk. @throws io */
  sync(): void {
    for (const { path } of this.parts) use(path, (file) => file.sync());
  }

  /** What is synced has its names afterwards. Where one cannot get its own, those before it have theirs. @throws io */
  place(): void {
    try {
      for (const [i, part] of this.parts.entries()) rename(part.path, this.#to[i]!);
    } catch (error) {
      this.drop();
      throw error;
    }
    this.#end();
    for (const folder of new Set(this.#to.map((at) => path.dirname(at)))) syncDirectory(folder);
  }

  /** Nobody writes any more: whoever comes next goes on with what is there, where it is worth it. Otherwise as `drop`. */
  leave(): void {
    if (!this.#isOpen) return;
    if (!this.#isWorth()) {
      this.drop();
      return;
    }
    this.#end();
    for (const [i, part] of this.parts.entries()) {
      try {
        rename(part.path, freeName(part.path, this.#to[i]!));
      } catch {
        // It is taken over where it is, when this process is gone.
      }
    }
    this.#options.left(this.#name);
  }

  /** Afterwards nothing of it is left. Never throws: it stands where a failure is on its way already. */
  drop(): void {
    if (!this.#isOpen) return;
    this.#end();
    for (const { path } of this.parts) discard(path);
  }

  /** The program ends while threads still write: what stays has our name as long as we live. */
  #stop(): void {
    if (!this.#isOpen) return;
    if (!this.#isWorth()) {
      this.drop();
      return;
    }
    this.#end();
    this.#options.left(this.#name);
  }

  get #name(): string {
    return this.#options.stem ?? this.#to[0]!;
  }

  #isWorth(): boolean {
    try {
      return this.#options.isWorth();
    } catch {
      return false;
    }
  }

  #end(): void {
    this.#isOpen = false;
    this.#release();
  }
}

/** Gives what was taken over these rights, and says how much of the disk it has already. Bytes. */
function takenOver(at: string, mode: number): number {
  return use(at, (file) => {
    file.permit(mode);
    return file.occupied();
  });
}

function use<T>(at: string, act: (file: OpenFile) => T): T {
  const file = openWrite(at, "existing");
  try {
    return act(file);
  } finally {
    file.close();
  }
}

async function syncAside({ path }: FileSegment): Promise<void> {
  const file = openWrite(path, "existing");
  try {
    await file.syncAside();
  } finally {
    file.close();
  }
}
