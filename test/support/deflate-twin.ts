/**
 * `ingot-deflate/1` once more, in plain TypeScript and the words of docs/deflate.md: the oracle of the
 * encoder in WebAssembly. Nothing is shared with it.
 */

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

interface Match {
  readonly length: number;
  readonly distance: number;
}

/** What a block is made of: the byte itself, or a match. */
type Item = number | Match;

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

class BitWriter {
  #bytes = new Uint8Array(1024);
  #bit = 0;

  put(value: number, count: number): void {
    if ((this.#bit >> 3) + 4 > this.#bytes.length) this.#grow(4);
    for (let i = 0; i < count; i++, this.#bit++) {
      if ((value >> i) & 1) this.#bytes[this.#bit >> 3]! |= 1 << (this.#bit & 7);
    }
  }

  align(): void {
    this.#bit = (this.#bit + 7) & ~7;
  }

  /** A stored block, not the last one. */
  stored(bytes: Uint8Array): void {
    this.put(0, 3);
    this.align();
    this.put(bytes.length, 16);
    this.put(~bytes.length & 0xffff, 16);
    this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#bit >> 3);
    this.#bit += 8 * bytes.length;
  }

  get bits(): number {
    return this.#bit;
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, (this.#bit + 7) >> 3);
  }

  #grow(more: number): void {
    const need = (this.#bit >> 3) + more + 8;
    if (need <= this.#bytes.length) return;
    const next = new Uint8Array(2 * need);
    next.set(this.#bytes);
    this.#bytes = next;
  }
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

/** A symbol with the extra bits that follow its code. */
interface Symbol {
  readonly symbol: number;
  readonly extra: number;
  readonly bits: number;
}

/** RFC 1951, 3.2.5. */
function lengthSymbol(length: number): Symbol {
  if (length === 258) return { symbol: 285, extra: 0, bits: 0 };
  const n = length - 3;
  const bits = n < 8 ? 0 : 29 - Math.clz32(n);
  return { symbol: 257 + 4 * bits + (n >> bits), extra: n & ((1 << bits) - 1), bits };
}

function distanceSymbol(distance: number): Symbol {
  const n = distance - 1;
  const bits = n < 4 ? 0 : 30 - Math.clz32(n);
  return { symbol: 2 * bits + (n >> bits), extra: n & ((1 << bits) - 1), bits };
}

function writeBlock(out: BitWriter, items: readonly Item[], bytes: Uint8Array): void {
  const literalCounts = new Array<number>(286).fill(0);
  const distanceCounts = new Array<number>(30).fill(0);
  let extra = 0;
  for (const item of items) {
    if (typeof item === "number") {
      literalCounts[item]!++;
    } else {
      const length = lengthSymbol(item.length);
      const distance = distanceSymbol(item.distance);
      literalCounts[length.symbol]!++;
      distanceCounts[distance.symbol]!++;
      extra += length.bits + distance.bits;
    }
  }
  literalCounts[256] = 1;
  const literals = trim(lengthsOf(literalCounts, 14), 257);
  const distances = trim(lengthsOf(distanceCounts, 15), 1);
  const runs = runsOf([...literals, ...distances]);
  const runCounts = new Array<number>(19).fill(0);
  for (const { symbol } of runs) runCounts[symbol]!++;
  const precode = lengthsOf(runCounts, 7);
  const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
  const ordered = trim(
    order.map((symbol) => precode[symbol]!),
    4,
  );

  const fixedLiterals = Array.from({ length: 288 }, (_, i) =>
    i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8,
  );
  const fixedDistances = new Array<number>(30).fill(5);
  const sum = (counts: readonly number[], lengths: readonly number[]) =>
    counts.reduce((bits, count, i) => bits + count * (lengths[i] ?? 0), 0);
  const dynamicBits =
    17 +
    3 * ordered.length +
    runs.reduce((bits, run) => bits + precode[run.symbol]! + run.bits, 0) +
    sum(literalCounts, literals) +
    sum(distanceCounts, distances);
  const fixedBits = 3 + sum(literalCounts, fixedLiterals) + sum(distanceCounts, fixedDistances);
  const pieces = Math.ceil(bytes.length / 65535);
  const padding = (8 - ((out.bits + 3) % 8)) % 8;
  const storedBits = 3 + padding + 32 + 40 * (pieces - 1) + 8 * bytes.length;

  if (storedBits <= Math.min(dynamicBits, fixedBits) + extra) {
    for (let at = 0; at < bytes.length; at += 65535) out.stored(bytes.subarray(at, at + 65535));
  } else if (fixedBits <= dynamicBits) {
    out.put(0, 1);
    out.put(1, 2);
    writeItems(out, items, codesOf(fixedLiterals), codesOf(fixedDistances));
  } else {
    out.put(0, 1);
    out.put(2, 2);
    out.put(literals.length - 257, 5);
    out.put(distances.length - 1, 5);
    out.put(ordered.length - 4, 4);
    for (const length of ordered) out.put(length, 3);
    const codes = codesOf(precode);
    for (const run of runs) writeSymbol(out, codes, run);
    writeItems(out, items, codesOf(literals), codesOf(distances));
  }
}

/** Without zeros at the end, but not shorter than `least`. */
function trim(lengths: readonly number[], least: number): number[] {
  let n = lengths.length;
  while (n > least && lengths[n - 1] === 0) n--;
  return lengths.slice(0, n);
}

/** Lengths of a Huffman code for these counts, at most `limit` bits. */
function lengthsOf(counts: readonly number[], limit: number): number[] {
  const lengths = new Array<number>(counts.length).fill(0);
  const leaves = counts
    .map((count, symbol) => ({ count, symbol }))
    .filter((leaf) => leaf.count > 0);
  leaves.sort((a, b) => a.count - b.count || a.symbol - b.symbol);
  if (leaves.length < 2) {
    const only = leaves[0]?.symbol ?? 0;
    lengths[only] = 1;
    lengths[only === 0 ? 1 : 0] = 1;
    return lengths;
  }
  const inner: { weight: number; parent: number }[] = [];
  let leaf = 0;
  let taken = 0;
  while (inner.length < leaves.length - 1) {
    let weight = 0;
    for (let side = 0; side < 2; side++) {
      const first = leaves[leaf];
      const second = inner[taken];
      if (first !== undefined && (second === undefined || first.count <= second.weight)) {
        weight += first.count;
        leaf++;
      } else {
        weight += second!.weight;
        second!.parent = inner.length;
        taken++;
      }
    }
    inner.push({ weight, parent: -1 });
  }
  const perLength = new Array<number>(limit + 1).fill(0);
  perLength[1] = 2;
  const depths = new Array<number>(inner.length).fill(0);
  for (let node = inner.length - 2; node >= 0; node--) {
    depths[node] = depths[inner[node]!.parent]! + 1;
    let at = Math.min(depths[node]!, limit - 1);
    while (perLength[at] === 0) at--;
    perLength[at]!--;
    perLength[at + 1]! += 2;
  }
  const longestFirst = perLength
    .flatMap((n, length) => new Array<number>(n).fill(length))
    .reverse();
  leaves.forEach(({ symbol }, i) => {
    lengths[symbol] = longestFirst[i]!;
  });
  return lengths;
}

/** RFC 1951, 3.2.7: lengths as runs of the precode's symbols. */
function runsOf(lengths: readonly number[]): Symbol[] {
  const runs: Symbol[] = [];
  for (let i = 0; i < lengths.length; ) {
    const length = lengths[i]!;
    let left = 0;
    while (i < lengths.length && lengths[i] === length) {
      left++;
      i++;
    }
    const single = { symbol: length, extra: 0, bits: 0 };
    if (length > 0) {
      runs.push(single);
      left--;
    }
    while (left >= 3) {
      const part = Math.min(left, length > 0 ? 6 : 138);
      if (length > 0) runs.push({ symbol: 16, extra: part - 3, bits: 2 });
      else if (part <= 10) runs.push({ symbol: 17, extra: part - 3, bits: 3 });
      else runs.push({ symbol: 18, extra: part - 11, bits: 7 });
      left -= part;
    }
    while (left-- > 0) runs.push(single);
  }
  return runs;
}

interface Code {
  readonly value: number;
  readonly bits: number;
}

/** RFC 1951, 3.2.2, with the first bit of a code as its lowest. */
function codesOf(lengths: readonly number[]): Code[] {
  const codes = lengths.map((bits) => ({ value: 0, bits }));
  let next = 0;
  for (let bits = 1; bits <= 15; bits++) {
    for (const code of codes) {
      if (code.bits !== bits) continue;
      for (let i = 0; i < bits; i++) code.value |= ((next >> i) & 1) << (bits - 1 - i);
      next++;
    }
    next *= 2;
  }
  return codes;
}

function writeSymbol(
  out: BitWriter,
  codes: readonly Code[],
  { symbol, extra, bits }: Symbol,
): void {
  const code = codes[symbol]!;
  out.put(code.value, code.bits);
  out.put(extra, bits);
}

function writeItems(
  out: BitWriter,
  items: readonly Item[],
  literals: readonly Code[],
  distances: readonly Code[],
): void {
  for (const item of items) {
    if (typeof item === "number") {
      writeSymbol(out, literals, { symbol: item, extra: 0, bits: 0 });
    } else {
      writeSymbol(out, literals, lengthSymbol(item.length));
      writeSymbol(out, distances, distanceSymbol(item.distance));
    }
  }
  writeSymbol(out, literals, { symbol: 256, extra: 0, bits: 0 });
}
