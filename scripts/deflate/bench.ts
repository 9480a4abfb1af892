/**
 * bun scripts/deflate/bench.ts [--runs=5] FILE...     (or deno run -A, or compiled)
 *
 * How fast `ingot-deflate/1` is, and how small, beside gzip -6 and pigz -p2 -6 where these are there. MB/s
 * (10^6 bytes of input), medians; ours with the checksum, and with threads their start. The files lie in memory.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { isMainThread } from "node:worker_threads";
import type { Bytes } from "../../src/base/bytes.ts";
import { encodeTask } from "../../src/base/compression/deflate-chunk.ts";
import { encoders, gzip } from "../../src/base/compression/gzip.ts";
import { Sha256 } from "../../src/base/hash.ts";
import { serve } from "../../src/base/workers/worker.ts";

if (!isMainThread) serve(encodeTask);
else {
  const words = process.argv.slice(2);
  const runs = Number(words.find((word) => word.startsWith("--runs="))?.slice(7) ?? 5);
  console.log("| input | by | MB/s | bytes | / gzip -6 | sha256 |\n|---|---|---|---|---|---|");
  for (const path of words.filter((word) => !word.startsWith("--"))) await bench(path, runs);
  process.exit(0);
}

interface Result {
  readonly seconds: number;
  readonly size: number;
  readonly digest: string;
}

async function bench(path: string, runs: number): Promise<void> {
  const data = readFileSync(path);
  let base: number | undefined;
  const report = (by: string, results: readonly Result[]) => {
    const sorted = results.map(({ seconds }) => seconds).sort((a, b) => a - b);
    const speed = data.length / 1e6 / sorted[sorted.length >> 1]!;
    const [{ size, digest } = { size: 0, digest: "" }] = results;
    base ??= size;
    const cells = [
      basename(path),
      by,
      speed.toFixed(0),
      size,
      (size / base).toFixed(4),
      digest.slice(0, 16),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  };
  for (const argv of [
    ["gzip", "-6", "-n", "-c"],
    ["pigz", "-p2", "-6", "-n", "-c"],
  ] as const) {
    const once = program(argv, path);
    if (once !== undefined) report(argv.slice(0, -2).join(" "), [once]);
  }
  for (const threads of [0, 1, 2, 3]) {
    const results: Result[] = [];
    for (let i = 0; i < runs; i++) results.push(await ours(data, threads));
    report(`ours, ${threads === 0 ? "this thread" : `${threads} workers`}`, results);
  }
}

async function* pieces(data: Uint8Array): Bytes {
  for (let at = 0; at < data.length; at += 256 * 1024) yield data.subarray(at, at + 256 * 1024);
}

async function ours(data: Uint8Array, threads: number): Promise<Result> {
  const start = performance.now();
  const crew = encoders({ threads, entry: new URL(import.meta.url) });
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of gzip(pieces(data), { encoders: crew })) {
    parts.push(part);
    size += part.length;
  }
  const seconds = (performance.now() - start) / 1000;
  await crew.end();
  const hash = new Sha256();
  for (const part of parts) hash.update(part);
  return { seconds, size, digest: hash.hex() };
}

function program(
  [name, ...args]: readonly [string, ...string[]],
  path: string,
): Result | undefined {
  const start = performance.now();
  const ran = spawnSync(name, [...args, path], { maxBuffer: 2 ** 30 });
  const seconds = (performance.now() - start) / 1000;
  if (ran.error !== undefined || ran.status !== 0) return undefined;
  return { seconds, size: ran.stdout.length, digest: new Sha256().update(ran.stdout).hex() };
}
