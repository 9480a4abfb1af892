/** The archive that volumes are together, as a stream: each volume is hashed as it passes by. */
import type { Bytes } from "../../base/bytes.ts";
import { type OpenFile, openRead } from "../../base/fs/file.ts";
import { HashWorker } from "../../base/workers/hash-worker.ts";
import type { Progress } from "../../base/workers/pool.ts";
import type { Finding } from "../../image/findings.ts";
import { type JobContext, threadsForBytes } from "../../jobs/job-context.ts";
import type { Digest } from "../../oci/digest.ts";
import { checkVolume } from "./check.ts";
import type { VolumeSet } from "./find.ts";

/** Bytes that are read at a time: each piece goes to the thread that hashes by a message, and is worth one. */
const PIECE = 1024 * 1024;
/** Pieces that are on their way: one is read ahead, one is used, the others are hashed. */
const PIECES = 4;

/** Memory that pieces are read into, and the hashing of the one that is there. */
interface Buffer {
  readonly memory: Uint8Array;
  hashed: Promise<void>;
}

/** Reads volumes one after the other, a piece ahead. Call `end`, whatever happens. */
export class VolumeStream {
  readonly #set: VolumeSet;
  readonly #hash: HashWorker;
  readonly #buffers: readonly Buffer[];
  readonly #findings: Finding[] = [];
  readonly #tally: Progress;
  #turn = 0;
  /** The volume that is read, and how far. */
  #place = 0;
  #position = 0;
  #file: OpenFile | undefined;
  /** What comes next, on its way. */
  #ahead: Promise<{ readonly buffer: Buffer; readonly got: number }> | undefined;

  constructor(set: VolumeSet, working: JobContext) {
    this.#set = set;
    this.#tally = working.tally;
    const total = set.files.reduce((sum, { size }) => sum + size, 0);
    this.#hash = new HashWorker(threadsForBytes(total, working) > 1 ? working.entry : undefined);
    this.#buffers = Array.from({ length: PIECES }, () => ({
      memory: new Uint8Array(new SharedArrayBuffer(PIECE)),
      hashed: Promise.resolve(),
    }));
  }

  /** A piece is valid until the next one is asked for. @throws io */
  async *bytes(): Bytes {
    for (let piece = await this.#next(); piece !== undefined; piece = await this.#next())
      yield piece;
  }

  /** Reads on to the end of the last volume. @returns what is wrong with volumes, from front to back @throws io */
  async settle(): Promise<readonly Finding[]> {
    for (let piece = await this.#next(); piece !== undefined; piece = await this.#next())
      this.#tally.add(piece.length);
    return this.#findings;
  }

  /** Afterwards nothing is open. */
  async end(): Promise<void> {
    await this.#ahead?.catch(() => {});
    this.#file?.close();
    this.#file = undefined;
    await this.#hash.end();
  }

  /** The next piece of a volume; undefined behind the last one. */
  async #next(): Promise<Uint8Array | undefined> {
    const { files } = this.#set;
    while (this.#place < files.length) {
      this.#file ??= openRead(files[this.#place]!.path);
      const { buffer, got } = await (this.#ahead ?? this.#read(this.#file));
      this.#ahead = undefined;
      if (got === 0) {
        await this.#close(this.#file);
        continue;
      }
      this.#position += got;
      const piece = buffer.memory.subarray(0, got);
      buffer.hashed = this.#hash.update(piece);
      buffer.hashed.catch(() => {});
      this.#ahead = this.#read(this.#file);
      this.#ahead.catch(() => {});
      return piece;
    }
    return undefined;
  }

  /** Begins to read what follows of the volume. */
  async #read(file: OpenFile): Promise<{ readonly buffer: Buffer; readonly got: number }> {
    const buffer = this.#buffers[this.#turn]!;
    this.#turn = (this.#turn + 1) % PIECES;
    const { size } = this.#set.list.volumes[this.#place]!;
    const wanted = buffer.memory.subarray(0, Math.min(PIECE, size - this.#position));
    const position = this.#position;
    await buffer.hashed;
    const got = wanted.length === 0 ? 0 : await file.readAside(wanted, position);
    return { buffer, got };
  }

  /** The volume is over: it is what the list says, or there is a finding. */
  async #close(file: OpenFile): Promise<void> {
    const { size } = file.stat();
    file.close();
    this.#file = undefined;
    for (const { hashed } of this.#buffers) await hashed;
    const digest: Digest = `sha256:${await this.#hash.hex()}`;
    const read = { path: file.at, size, digest };
    this.#findings.push(...checkVolume(this.#set.list, this.#place, read));
    this.#position = 0;
    this.#place++;
  }
}
