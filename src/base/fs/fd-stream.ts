/** Standard streams and other files that are read and written from front to back. */
import * as fs from "node:fs";
import type { Bytes } from "../bytes.ts";
import { ioError } from "../error.ts";

/** Where bytes go, in order. A piece must stay as it is until its promise is settled. */
export interface Sink {
  write(piece: Uint8Array): Promise<void>;
}

/** Writes to an open file descriptor, without holding this thread. */
export function fdSink(fd: number, at: string): Sink {
  return {
    async write(piece) {
      for (let done = 0; done < piece.length; )
        done += await writeSome(fd, piece.subarray(done), at);
    },
  };
}

function writeSome(fd: number, piece: Uint8Array, at: string): Promise<number> {
  return again((settle) => fs.write(fd, piece, 0, piece.length, null, settle), "write to", at);
}

const PIECE = 256 * 1024;

/** The bytes of an open file descriptor to its end, read one piece ahead. A piece is valid until the next is asked for. */
export async function* fdBytes(fd: number, at: string): Bytes {
  const read = (buffer: Uint8Array) => {
    const got = again((settle) => fs.read(fd, buffer, 0, buffer.length, null, settle), "read", at);
    got.catch(() => {});
    return got;
  };
  let buffer = new Uint8Array(PIECE);
  let spare = new Uint8Array(PIECE);
  for (let reading = read(buffer); ; ) {
    const got = await reading;
    if (got === 0) return;
    reading = read(spare);
    yield buffer.subarray(0, got);
    [buffer, spare] = [spare, buffer];
  }
}

type Settle = (error: NodeJS.ErrnoException | null, count: number) => void;

/** Tries until it is done: a non-blocking pipe says EAGAIN, which is no failure. */
async function again(act: (settle: Settle) => void, doing: string, at: string): Promise<number> {
  for (let pause = 1; ; pause = Math.min(50, pause * 2)) {
    try {
      return await new Promise<number>((done, fail) =>
        act((error, count) => (error ? fail(error) : done(count))),
      );
    } catch (error) {
      if ((error as { code?: string }).code === "EOF") return 0;
      if ((error as { code?: string }).code !== "EAGAIN") throw ioError(doing, at, error);
    }
    await new Promise((done) => setTimeout(done, pause));
  }
}
