/** Blocks of deflate data from literals and matches: the second half of the twin. */

export interface Match {
  readonly length: number;
  readonly distance: number;
}

/** What a block is made of: the byte itself, or a match. */
export type Item = number | Match;

export class BitWriter {
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

export function writeBlock(out: BitWriter, items: readonly Item[], bytes: Uint8Array): void {
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
