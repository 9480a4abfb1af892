/** Files of a stream whose digests are known only at their end, on their way into a session of the store. */
import { openRead, remove } from "../base/fs/file.ts";
import type { BlobSink } from "../check/scan.ts";
import { IO_CHUNK } from "../jobs/render.ts";
import type { Digest } from "../oci/digest.ts";
import { BlobWriter } from "../store/blob-writer.ts";
import { ExtentReader, withOpenFiles } from "../store/extent-reader.ts";
import type { Session } from "../store/session.ts";

/** Call `settle` when it is known which are needed, and `drop`, whatever happens: what is not needed goes with the session. */
export class UnnamedStager {
  readonly #session: Session;
  readonly #written = new Map<Digest, { path: string; size: number }>();
  #arrival: BlobWriter | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** A file of `size` bytes begins. @throws no-space */
  readonly take = (size: number): BlobSink => {
    const session = this.#session;
    const coming = session.comingFile(size);
    session.checkRoom([coming]);
    const arrival = new BlobWriter(coming);
    this.#arrival = arrival;
    return {
      write: (bytes) => arrival.write(bytes),
      end: (digest) => {
        if (!arrival.isDone) return this.drop();
        arrival.end(digest)?.close();
        if (this.#written.has(digest)) remove(coming.to);
        else this.#written.set(digest, { path: session.identify(coming.to, digest), size });
      },
    };
  };

  /** Afterwards those that are needed, and that the store has not whole, are staged and on the disk. */
  async settle(needed: ReadonlySet<Digest>): Promise<void> {
    for (const [digest, { path, size }] of this.#written) {
      if (!needed.has(digest) || (await this.#hasWhole(digest, size))) continue;
      const file = openRead(path);
      try {
        file.sync();
      } finally {
        file.close();
      }
      this.#session.adopt(path, digest);
    }
  }

  /** Afterwards nothing is open. */
  drop(): void {
    this.#arrival?.drop();
    this.#arrival = undefined;
  }

  async #hasWhole(digest: Digest, size: number): Promise<boolean> {
    const path = this.#session.existing(digest);
    if (path === undefined) return false;
    try {
      return await withOpenFiles((files) => {
        const stretch = new ExtentReader({ path, offset: 0, size, digest }, files);
        const buffer = new Uint8Array(IO_CHUNK);
        while (stretch.read(buffer) > 0);
        stretch.prove();
        return files.open(path).stat().size === size;
      });
    } catch {
      return false;
    }
  }
}
