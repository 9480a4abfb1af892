import type { OpenFile } from "./file.ts";

/** How many files are synced at a time: from about eight on it is no faster, and one by one it takes twice as long as to write them. */
const MOST = 16;

/** Files that are written and not yet on the disk, which takes several at a time faster than one after the other. */
export class SyncQueue {
  readonly #under = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  /** Takes `file` over: it is synced and closed, here when many others are, else meanwhile. */
  add(file: OpenFile): void {
    if (this.#under.size >= MOST) {
      try {
        file.sync();
      } finally {
        file.close();
      }
      return;
    }
    const one = this.#sync(file).finally(() => this.#under.delete(one));
    this.#under.add(one);
  }

  async #sync(file: OpenFile): Promise<void> {
    const failed = (error: unknown) => {
      this.#failure ??= { error };
    };
    await file.syncAside().catch(failed);
    // Some disks tell only here that they are full; thrown, it would be nobody's to catch.
    try {
      file.close();
    } catch (error) {
      failed(error);
    }
  }

  /** Afterwards the next file is taken without waiting for it. */
  async room(): Promise<void> {
    while (this.#under.size >= MOST) await Promise.race(this.#under);
  }

  /** Afterwards all files are on the disk; in any case they are closed. @throws io for the first that is not */
  async settle(): Promise<void> {
    await Promise.all(this.#under);
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
