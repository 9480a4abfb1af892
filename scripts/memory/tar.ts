/** Archives for measuring, written as they are made: nothing of `src`, whose reading is measured. */
import { createHash } from "node:crypto";
import * as fs from "node:fs";

/** A tar in a file. Names have at most 100 bytes; members are files. Call `end`. */
export class Tar {
  readonly #file: number;
  #pieces: Uint8Array[] = [];
  #waiting = 0;

  readonly #checksum: string;

  /** @param own whether headers are those that export writes */
  constructor(path: string, own = false) {
    this.#file = fs.openSync(path, "w");
    this.#checksum = own ? " \0" : "\0 ";
  }

  member(name: string, body: string | Uint8Array, type = "0"): void {
    const bytes = Buffer.from(body as string);
    this.#add(header(name, bytes.length, type, this.#checksum));
    this.#add(bytes);
    this.#add(Buffer.alloc(-bytes.length & 511));
  }

  /** The bytes as a blob of a layout. @returns their digest */
  blob(body: string | Uint8Array): string {
    const hex = sha256(body);
    this.member(`blobs/sha256/${hex}`, body);
    return `sha256:${hex}`;
  }

  end(): void {
    this.#add(Buffer.alloc(1024));
    this.#flush();
    fs.closeSync(this.#file);
  }

  #add(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#waiting += bytes.length;
    if (this.#waiting > 4 << 20) this.#flush();
  }

  #flush(): void {
    fs.writeSync(this.#file, Buffer.concat(this.#pieces));
    this.#pieces = [];
    this.#waiting = 0;
  }
}

export const sha256 = (body: string | Uint8Array): string =>
  createHash("sha256").update(body).digest("hex");

function header(name: string, size: number, type: string, end: string): Uint8Array {
  const block = Buffer.alloc(512);
  const put = (text: string, at: number) => block.write(text, at, "latin1");
  put(name, 0);
  put("000644 \0", 100);
  put("000000 \0", 108);
  put("000000 \0", 116);
  put(`${size.toString(8).padStart(11, "0")} `, 124);
  put("00000000000 ", 136);
  put("        ", 148);
  put(type, 156);
  put("ustar\x0000", 257);
  put("000000 \0", 329);
  put("000000 \0", 337);
  const sum = block.reduce((all, byte) => all + byte, 0);
  put(`${sum.toString(8).padStart(6, "0")}${end}`, 148);
  return block;
}

/**
 * One zstd frame (RFC 8878) without a content size, whose window is 2^`log` bytes: `noise` blocks of 128 KiB that do not repeat, then
 * `runs` blocks of one byte 131072 times, so that the window fills and the frame stays short.
 */
export function zstdFrame(log: number, noise: number, runs: number, seed: number): Zstd {
  const size = 128 * 1024;
  const block = (kind: number, last: boolean) => {
    const word = (size << 3) | (kind << 1) | Number(last);
    return Buffer.from([word & 255, (word >> 8) & 255, word >> 16]);
  };
  const pieces = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3])];
  const hash = createHash("sha256");
  let state = seed + 1;
  for (let i = 0; i < noise; i++) {
    const bytes = Buffer.alloc(size);
    for (let at = 0; at < size; at += 4) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      bytes.writeUInt32LE((state ^ (state >>> 15)) >>> 0, at);
    }
    pieces.push(block(0, false), bytes);
    hash.update(bytes);
  }
  const run = Buffer.alloc(size, seed & 255);
  for (let i = 0; i < runs; i++) {
    pieces.push(block(1, i === runs - 1), Buffer.from([seed & 255]));
    hash.update(run);
  }
  return { bytes: Buffer.concat(pieces), diffID: `sha256:${hash.digest("hex")}` };
}

export interface Zstd {
  readonly bytes: Uint8Array;
  readonly diffID: string;
}
