/**
 * `ingot-deflate/1` once more, in plain TypeScript and the words of docs/deflate.md: the oracle of the
 * encoder in WebAssembly. Nothing is shared with it.
 */
import { BitWriter, type Item, type Match, writeBlock } from "./twin-block.ts";

const WINDOW = 32768;
export const CHUNK = 1 << 20;
const DEPTH = 10;
const NEXT_DEPTH = 5;
const NICE = 40;
const NEAR = 4096;
const LOOK = 512;
const MIN_BLOCK = 5000;
const MAX_BLOCK = 300_000;
const MAX_MATCHES = 32_000;

/** All of `data` as deflate data, chunk by chunk: the body of the gzip member. */
export function deflateTwin(data: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < data.length; at += CHUNK) {
    const end = Math.min(at + CHUNK, data.length);
    parts.push(
      encodeTwin(
        data.subarray(Math.max(0, at - WINDOW), at),
        data.subarray(at, end),
        end === data.length,
      ),
    );
  }
  return Buffer.concat(parts);
}

/** One chunk after the bytes `before` it, up to a byte's border. */
export function encodeTwin(before: Uint8Array, chunk: Uint8Array, last: boolean): Uint8Array {
  const out = new BitWriter();
  const data = new Uint8Array(before.length + chunk.length);
  data.set(before);
  data.set(chunk, before.length);
  for (const block of cut(data, before.length)) writeBlock(out, block.items, block.bytes);
  if (last) {
    out.put(1, 1);
    out.put(1, 2);
    out.put(0, 7);
    out.align();
  } else {
    out.stored(new Uint8Array(0));
  }
  return out.bytes();
}

/** Finds earlier places with the same bytes. Positions count from the first byte of `data`, modulo 65536. */
class Finder {
  readonly #data: Uint8Array;
  readonly #heads4 = new Uint16Array(1 << 16);
  readonly #heads3 = new Uint16Array(1 << 14);
  readonly #previous = new Uint16Array(WINDOW);

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  #hash(p: number, bytes: 3 | 4): number {
    const d = this.#data;
    const low = d[p]! | (d[p + 1]! << 8) | (d[p + 2]! << 16);
    if (bytes === 3) return Math.imul(low << 8, 0x9e3779b1) >>> (32 - 14);
    return Math.imul(low | (d[p + 3]! << 24), 0x9e3779b1) >>> (32 - 16);
  }

  /** What stood in the two tables under the hashes of `p`, which now stands there. */
  enter(p: number): { near: number; entry: number } {
    const h3 = this.#hash(p, 3);
    const h4 = this.#hash(p, 4);
    const found = { near: this.#heads3[h3]!, entry: this.#heads4[h4]! };
    this.#heads3[h3] = p;
    this.#heads4[h4] = p;
    this.#previous[p % WINDOW] = found.entry;
    return found;
  }

  search(p: number, longerThan: number, depth: number): Match | undefined {
    const { near, entry } = this.enter(p);
    const max = Math.min(258, this.#data.length - p);
    let best = longerThan;
    if (best >= max) return undefined;
    let found: Match | undefined;
    if (best < 3) {
      const distance = (p - near) & 0xffff;
      if (distance >= 1 && distance <= NEAR && this.#same(p, p - distance, 3) === 3) {
        best = 3;
        found = { length: 3, distance };
        if (max === 3) return found;
      }
    }
    let distance = 0;
    let candidate = entry;
    for (let i = 0; i < depth; i++) {
      const next = (p - candidate) & 0xffff;
      if (next <= distance || next > WINDOW) break;
      distance = next;
      const length = this.#same(p, p - distance, max);
      if (length >= 4 && length > best) {
        best = length;
        found = { length, distance };
        if (length >= NICE || length === max) break;
      }
      candidate = this.#previous[(p - distance) % WINDOW]!;
    }
    return found;
  }

  #same(p: number, c: number, max: number): number {
    let n = 0;
    while (n < max && this.#data[p + n] === this.#data[c + n]) n++;
    return n;
  }
}

interface Block {
  readonly items: readonly Item[];
  readonly bytes: Uint8Array;
}

/** `data` from `start` on as blocks; what is before serves matches only. */
function* cut(data: Uint8Array, start: number): Generator<Block> {
  const end = data.length;
  const finder = new Finder(data);
  const room = (p: number) => end - p >= 4;
  for (let p = 0; p < start && room(p); p++) finder.enter(p);
  let block = start;
  let items: Item[] = [];
  let matches = 0;
  let statistics = new Statistics();
  let fresh = 0;
  let quiet = start;
  for (let p = start; p < end; ) {
    let match = room(p) ? finder.search(p, 2, DEPTH) : undefined;
    if (match === undefined) {
      const step = Math.min(1 + Math.min(31, (p - quiet) >> 8), end - p);
      for (let i = 0; i < step; i++) items.push(data[p++]!);
      fresh += step;
    } else {
      let entered = 1;
      while (match.length < NICE && end - p > 4) {
        const next = finder.search(p + 1, match.length - 1, NEXT_DEPTH);
        if (next === undefined || !better(next, match)) {
          entered = 2;
          break;
        }
        items.push(data[p++]!);
        fresh++;
        match = next;
      }
      items.push(match);
      matches++;
      fresh++;
      for (let q = p + entered; q < p + match.length; q++) if (room(q)) finder.enter(q);
      p += match.length;
      quiet = p;
    }
    if (fresh < LOOK) continue;
    const size = p - block;
    let done = size >= MAX_BLOCK || matches >= MAX_MATCHES;
    if (!done && size >= MIN_BLOCK && end - p >= MIN_BLOCK) {
      done = statistics.changed(items, size);
      fresh = 0;
    }
    if (done) {
      yield { items, bytes: data.subarray(block, p) };
      block = p;
      items = [];
      matches = 0;
      fresh = 0;
      statistics = new Statistics();
    }
  }
  if (block < end) yield { items, bytes: data.subarray(block, end) };
}

function better(next: Match, match: Match): boolean {
  const log = (n: number) => 31 - Math.clz32(n);
  return 4 * (next.length - match.length) + log(match.distance) - log(next.distance) > 2;
}

/** How often each of ten kinds of items came in a block, as far as it was looked at. */
class Statistics {
  #seen = 0;
  readonly #counts = new Array<number>(10).fill(0);

  changed(items: readonly Item[], size: number): boolean {
    const fresh = new Array<number>(10).fill(0);
    for (const item of items.slice(this.#seen)) fresh[kindOf(item)]!++;
    const n = items.length - this.#seen;
    const before = this.#seen;
    if (before > 0) {
      let delta = 0;
      for (let kind = 0; kind < 10; kind++)
        delta += Math.abs(fresh[kind]! * before - this.#counts[kind]! * n);
      let cutoff = Math.floor((n * 200) / 512) * before;
      const total = before + n;
      if (size < 10_000 && total < 8192) cutoff += Math.floor((cutoff * (8192 - total)) / 8192);
      if (delta + Math.floor(size / 4096) * before >= cutoff) return true;
    }
    for (let kind = 0; kind < 10; kind++) this.#counts[kind]! += fresh[kind]!;
    this.#seen = items.length;
    return false;
  }
}

function kindOf(item: Item): number {
  if (typeof item === "object") return item.length < 9 ? 8 : 9;
  return 2 * (item >> 6) + (item & 1);
}
