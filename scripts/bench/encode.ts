// bun scripts/bench/encode.ts THREADS|fflate FILE >RESULT    compresses FILE, which it reads piece by piece
import * as fs from "node:fs";
import { isMainThread } from "node:worker_threads";
import { Gzip } from "fflate";
import type { Bytes } from "../../src/base/bytes.ts";
import { encodeTask } from "../../src/base/compression/deflate-chunk.ts";
import { encoders, gzip } from "../../src/base/compression/gzip.ts";
import { serve } from "../../src/base/workers/worker.ts";

if (!isMainThread) serve(encodeTask);
else {
  const [how, path] = process.argv.slice(2);
  if (how === undefined || path === undefined) throw new Error("encode: HOW FILE are not given");
  if (how === "fflate") await fflate(path);
  else await ours(path, Number(how));
  process.exit(0);
}

/** Valid until the next one is asked for. */
async function* pieces(path: string): Bytes {
  const fd = fs.openSync(path, "r");
  const buffer = new Uint8Array(1024 * 1024);
  for (let got = fs.readSync(fd, buffer); got > 0; got = fs.readSync(fd, buffer))
    yield buffer.subarray(0, got);
  fs.closeSync(fd);
}

function put(bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += fs.writeSync(1, bytes, done);
}

async function ours(path: string, threads: number): Promise<void> {
  const crew = encoders({ threads, entry: new URL(import.meta.url) });
  for await (const piece of gzip(pieces(path), { encoders: crew })) put(piece);
  await crew.end();
}

async function fflate(path: string): Promise<void> {
  const stream = new Gzip({ level: 6, mtime: 0 }, put);
  for await (const piece of pieces(path)) stream.push(piece.slice());
  stream.push(new Uint8Array(), true);
}
