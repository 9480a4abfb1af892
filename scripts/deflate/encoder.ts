/**
 * The deflate encoder `ingot-deflate/1`, in AssemblyScript. docs/deflate.md describes it to the byte.
 * One call encodes one chunk; nothing that a call leaves behind has a say in the next one.
 * No imports, no SIMD, no floating point, fixed memory: `memory` is laid out by hand, below.
 */

const CHUNK: u32 = 1 << 20;
const WINDOW: u32 = 32768;
/** How many candidates a search looks at, and one that is to better a match by the next position. */
const DEPTH: u32 = 10;
const NEXT_DEPTH: u32 = 5;
/** From this length on a match is taken at once. */
const NICE: u32 = 40;
/** A match of three bytes pays only when it is near. */
const NEAR: u32 = 4096;

const HEAD4_BITS: u32 = 16;
const HEAD3_BITS: u32 = 14;

const MIN_BLOCK: u32 = 5000;
const MAX_BLOCK: u32 = 300000;
const MAX_SEQUENCES: u32 = 32000;
/** Items (literals and matches) between two looks at whether the statistics have changed. */
const LOOK: u32 = 512;

const LITERAL_BITS: u32 = 14;
const DISTANCE_BITS: u32 = 15;
const PRECODE_BITS: u32 = 7;

// Memory. What the compiler itself places lies below 64 KiB.
const HEAD4: usize = 0x10000; // u16[1 << HEAD4_BITS]: the last position with this hash of four bytes
const HEAD3: usize = 0x30000; // u16[1 << HEAD3_BITS]: the same of three bytes
const PREVIOUS: usize = 0x40000; // u16[WINDOW]: by position, the one before it with the same hash
const SEQUENCES: usize = 0x50000; // 8 bytes each: literals before (u32, 23 bits) | length << 23, distance (u16), slot (u16)
const LITERAL_COUNT: usize = 0x90000; // u32[288]
const DISTANCE_COUNT: usize = 0x90480; // u32[32]
const PRECODE_COUNT: usize = 0x90500; // u32[20]
const LITERAL_LENGTH: usize = 0x90600; // u8[288]; the distances' follow when the header is written
const DISTANCE_LENGTH: usize = 0x90780; // u8[32]
const PRECODE_LENGTH: usize = 0x907c0; // u8[20]
const LITERAL_CODE: usize = 0x90800; // u32[288]: code | bits << 24
const DISTANCE_CODE: usize = 0x90c80; // u32[32]
const PRECODE_CODE: usize = 0x90d00; // u32[20]
const LENGTH_CODE: usize = 0x90e00; // u32[259]: by length of match, code with its extra bits | bits << 24
const SORTED: usize = 0x91400; // u32[288]: count << 9 | symbol
const NODE: usize = 0x91900; // u32[288]: weights of inner nodes, then their parents, then their depths
const PER_LENGTH: usize = 0x91e00; // u32[16]
const NEXT_CODE: usize = 0x91e40; // u32[17]
const OBSERVED: usize = 0x91f00; // u32[10]
const FRESH: usize = 0x91f40; // u32[10]
const RUNS: usize = 0x92000; // u16[320]: precode symbol | extra value << 8
const LENGTH_SLOT: usize = 0x92400; // u8[259]: by length of match, its symbol less 257
const LENGTH_BASE: usize = 0x92600; // u16[29]
const LENGTH_EXTRA: usize = 0x92640; // u8[29]
const DISTANCE_BASE: usize = 0x92680; // u16[30]
const DISTANCE_EXTRA: usize = 0x926c0; // u8[30]
const DISTANCE_SLOT: usize = 0x92700; // u8[512]: by distance - 1 below 256, else 256 + (distance - 1 >> 7)
/** The preceding bytes end where the chunk begins. Room for reads past its end, which have no say. */
const DATA: usize = 0xa8000;
const OUT: usize = 0x1b0000;
// The output of a chunk is at most CHUNK + 4096 bytes.

const ORDER: usize = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);

let out: usize = 0;
let bits: u64 = 0;
let bitCount: u32 = 0;

/** Where the chunk goes; the bytes before it end there. */
export function input(): usize {
  return DATA;
}

/** Where the output of a call is. */
export function output(): usize {
  return OUT;
}

/** Fills the tables that never change. Once, before the first `encode`. */
export function prepare(): void {
  let length: u32 = 3;
  for (let slot: u32 = 0; slot < 28; slot++) {
    const extra: u32 = slot < 8 ? 0 : (slot >> 2) - 1;
    store<u16>(slot << 1, <u16>length, LENGTH_BASE);
    store<u8>(slot, <u8>extra, LENGTH_EXTRA);
    for (let i: u32 = 0; i < 1 << extra; i++) store<u8>(length++, <u8>slot, LENGTH_SLOT);
  }
  store<u16>(28 << 1, 258, LENGTH_BASE);
  store<u8>(28, 0, LENGTH_EXTRA);
  store<u8>(258, 28, LENGTH_SLOT);
  let distance: u32 = 1;
  for (let slot: u32 = 0; slot < 30; slot++) {
    const extra: u32 = slot < 4 ? 0 : (slot >> 1) - 1;
    store<u16>(slot << 1, <u16>distance, DISTANCE_BASE);
    store<u8>(slot, <u8>extra, DISTANCE_EXTRA);
    for (let i: u32 = 0; i < 1 << extra; i++, distance++) {
      if (distance <= 256) store<u8>(distance - 1, <u8>slot, DISTANCE_SLOT);
      else store<u8>(256 + ((distance - 1) >> 7), <u8>slot, DISTANCE_SLOT);
    }
  }
}

/**
 * Encodes the `length` bytes at `input()`, to whose matches the `before` bytes in front of them serve too.
 * The result, of so many bytes at `output()`, ends on a byte's border.
 */
export function encode(before: u32, length: u32, last: bool): u32 {
  out = OUT;
  bits = 0;
  bitCount = 0;
  const start = DATA - <usize>before;
  const end = DATA + <usize>length;
  reset(<u32>start);
  prime(start, end);
  parse(end);
  if (last) {
    put(3, 10);
    align();
  } else {
    put(0, 3);
    align();
    store<u32>(out, 0xffff0000);
    out += 4;
  }
  return <u32>(out - OUT);
}

/** Every entry of every table is the first position. */
function reset(position: u32): void {
  const first: u64 = (<u64>(position & 0xffff)) * 0x0001000100010001;
  fill(HEAD4, 2 << HEAD4_BITS, first);
  fill(HEAD3, 2 << HEAD3_BITS, first);
  fill(PREVIOUS, 2 * WINDOW, first);
  clearCounts();
}

function fill(at: usize, size: u32, value: u64): void {
  const end = at + <usize>size;
  for (; at < end; at += 8) store<u64>(at, value);
}

function clearCounts(): void {
  memory.fill(LITERAL_COUNT, 0, 288 * 4);
  memory.fill(DISTANCE_COUNT, 0, 32 * 4);
  memory.fill(OBSERVED, 0, 10 * 4);
}

// @ts-ignore: decorator
@inline
function hash4(word: u32): u32 {
  return (word * 0x9e3779b1) >> (32 - HEAD4_BITS);
}

// @ts-ignore: decorator
@inline
function hash3(word: u32): u32 {
  return ((word << 8) * 0x9e3779b1) >> (32 - HEAD3_BITS);
}

/** Enters position `p` into the tables. Four bytes must be there. */
// @ts-ignore: decorator
@inline
function enter(p: usize): void {
  const word = load<u32>(p);
  const h4 = hash4(word) << 1;
  store<u16>((<u32>p & (WINDOW - 1)) << 1, load<u16>(h4, HEAD4), PREVIOUS);
  store<u16>(h4, <u16>p, HEAD4);
  store<u16>(hash3(word) << 1, <u16>p, HEAD3);
}

function prime(p: usize, end: usize): void {
  const stop = min(DATA, end - 3);
  for (; p < stop; p++) enter(p);
}

/** How many bytes at `p` and `c` are the same, the first `from` known to be, at most `max`. */
// @ts-ignore: decorator
@inline
function extend(p: usize, c: usize, from: u32, max: u32): u32 {
  let n = from;
  while (n < max) {
    const x = load<u64>(p + n) ^ load<u64>(c + n);
    if (x != 0) {
      n += <u32>(ctz(x) >> 3);
      break;
    }
    n += 8;
  }
  return min(n, max);
}

/** Enters `p` and looks for a match longer than `best`: length << 16 | distance, or 0. Four bytes must be there. */
function search(p: usize, end: usize, best: u32, depth: u32): u32 {
  const word = load<u32>(p);
  const h4 = hash4(word) << 1;
  const h3 = hash3(word) << 1;
  let entry: u32 = load<u16>(h4, HEAD4);
  const entry3: u32 = load<u16>(h3, HEAD3);
  store<u16>(h4, <u16>p, HEAD4);
  store<u16>(h3, <u16>p, HEAD3);
  store<u16>((<u32>p & (WINDOW - 1)) << 1, <u16>entry, PREVIOUS);
  const max = <u32>min(<usize>258, end - p);
  if (best >= max) return 0;
  let found: u32 = 0;
  if (best < 3) {
    const distance = (<u32>p - entry3) & 0xffff;
    if (distance - 1 < NEAR && ((load<u32>(p - distance) ^ word) << 8) == 0) {
      best = 3;
      found = (3 << 16) | distance;
      if (max == 3) return found;
    }
  }
  let distance: u32 = 0;
  let tail = best < 4 ? word : load<u32>(p + best - 3);
  let at: usize = best < 4 ? 0 : best - 3;
  do {
    const next = (<u32>p - entry) & 0xffff;
    if (next <= distance || next > WINDOW) break;
    distance = next;
    const c = p - distance;
    if (load<u32>(c + at) == tail && load<u32>(c) == word) {
      const length = extend(p, c, 4, max);
      if (length > best) {
        best = length;
        found = (length << 16) | distance;
        if (length >= NICE || length == max) break;
        at = length - 3;
        tail = load<u32>(p + at);
      }
    }
    entry = load<u16>((<u32>c & (WINDOW - 1)) << 1, PREVIOUS);
  } while (--depth != 0);
  return found;
}

// @ts-ignore: decorator
@inline
function distanceSlot(distance: u32): u32 {
  const less = <usize>(distance - 1);
  return load<u8>(less < 256 ? less : 256 + (less >> 7), DISTANCE_SLOT);
}

// @ts-ignore: decorator
@inline
function countLiteral(p: usize): void {
  const at = <usize>load<u8>(p) << 2;
  store<u32>(at, load<u32>(at, LITERAL_COUNT) + 1, LITERAL_COUNT);
}

/** Cuts the chunk into literals and matches and those into blocks, and writes the blocks. */
function parse(end: usize): void {
  let p: usize = DATA;
  let block = p; // where the block begins
  let run = p; // where the literals since the last match of the block begin
  let quiet = p; // the end of the last match of the chunk
  let sequence: usize = SEQUENCES;
  let items: u32 = 0;
  while (p < end) {
    let m: u32 = end - p < 4 ? 0 : search(p, end, 2, DEPTH);
    if (m == 0) {
      let step: usize = 1 + min(<usize>31, (p - quiet) >> 8);
      step = min(step, end - p);
      items += <u32>step;
      do {
        countLiteral(p);
        p++;
      } while (--step != 0);
    } else {
      let length = m >> 16;
      let distance = m & 0xffff;
      let entered: usize = 1;
      while (length < NICE && end - p > 4) {
        m = search(p + 1, end, length - 1, NEXT_DEPTH);
        const better = m >> 16;
        const nearer = m & 0xffff;
        if (m == 0 || <i32>(4 * (better - length)) + (<i32>clz(nearer) - <i32>clz(distance)) <= 2) {
          entered = 2;
          break;
        }
        countLiteral(p);
        items++;
        p++;
        length = better;
        distance = nearer;
      }
      const slot = distanceSlot(distance);
      store<u32>(sequence, <u32>(p - run) | (length << 23));
      store<u32>(sequence, distance | (slot << 16), 4);
      sequence += 8;
      const ls: usize = <usize>load<u8>(length, LENGTH_SLOT) << 2;
      store<u32>(ls, load<u32>(ls, LITERAL_COUNT + 257 * 4) + 1, LITERAL_COUNT + 257 * 4);
      store<u32>(slot << 2, load<u32>(slot << 2, DISTANCE_COUNT) + 1, DISTANCE_COUNT);
      items++;
      const next = p + length;
      const stop = min(next, end - 3);
      for (let q = p + entered; q < stop; q++) enter(q);
      p = next;
      run = p;
      quiet = p;
    }
    if (items >= LOOK) {
      const size = <u32>(p - block);
      let done = size >= MAX_BLOCK || sequence >= SEQUENCES + 8 * MAX_SEQUENCES;
      if (!done && size >= MIN_BLOCK && end - p >= MIN_BLOCK) {
        done = changed(items, size);
        items = 0;
      }
      if (done) {
        sequence = finish(sequence, run, p);
        writeBlock(block, p, sequence);
        block = p;
        run = p;
        sequence = SEQUENCES;
        items = 0;
      }
    }
  }
  if (end > block) {
    sequence = finish(sequence, run, p);
    writeBlock(block, end, sequence);
  }
}

/** The literals after the last match of a block. */
function finish(sequence: usize, run: usize, p: usize): usize {
  store<u32>(sequence, <u32>(p - run));
  store<u32>(sequence, 0, 4);
  return sequence + 8;
}

/** Whether the `items` since the last look differ from those before so much that a new block pays. If not they join them. */
function changed(items: u32, size: u32): bool {
  memory.fill(FRESH, 0, 40);
  for (let byte: u32 = 0; byte < 256; byte++) {
    const kind = (((byte >> 5) & 6) | (byte & 1)) << 2;
    store<u32>(kind, load<u32>(kind, FRESH) + load<u32>(byte << 2, LITERAL_COUNT), FRESH);
  }
  for (let slot: u32 = 0; slot < 29; slot++) {
    const kind: u32 = slot < 6 ? 8 << 2 : 9 << 2;
    store<u32>(kind, load<u32>(kind, FRESH) + load<u32>(slot << 2, LITERAL_COUNT + 257 * 4), FRESH);
  }
  let before: u32 = 0;
  for (let kind: u32 = 0; kind < 40; kind += 4) before += load<u32>(kind, OBSERVED);
  if (before > 0) {
    let delta: u64 = 0;
    for (let kind: u32 = 0; kind < 40; kind += 4) {
      const old: i64 = load<u32>(kind, OBSERVED);
      const fresh: i64 = <i64>load<u32>(kind, FRESH) - old;
      const d = fresh * before - old * items;
      delta += <u64>(d < 0 ? -d : d);
    }
    let cutoff: u64 = ((<u64>items * 200) / 512) * before;
    const total = before + items;
    if (size < 10000 && total < 8192) cutoff += (cutoff * (8192 - total)) / 8192;
    if (delta + <u64>(size / 4096) * before >= cutoff) return true;
  }
  memory.copy(OBSERVED, FRESH, 40);
  return false;
}

// @ts-ignore: decorator
@inline
function put(value: u64, n: u32): void {
  bits |= value << bitCount;
  bitCount += n;
  store<u64>(out, bits);
  out += <usize>(bitCount >> 3);
  bits >>= bitCount & 56;
  bitCount &= 7;
}

/** To the next border of a byte, with zero bits. */
function align(): void {
  if (bitCount > 0) {
    store<u8>(out, <u8>bits);
    out++;
    bits = 0;
    bitCount = 0;
  }
}

/** Writes the bytes from `block` to `end` in the form that takes fewest bits. Afterwards all counts are zero. */
function writeBlock(block: usize, end: usize, sequence: usize): void {
  const size = <u32>(end - block);
  store<u32>(256 << 2, 1, LITERAL_COUNT);
  makeLengths(LITERAL_COUNT, LITERAL_LENGTH, 286, LITERAL_BITS);
  makeLengths(DISTANCE_COUNT, DISTANCE_LENGTH, 30, DISTANCE_BITS);
  let literals: u32 = 286;
  while (literals > 257 && load<u8>(literals - 1, LITERAL_LENGTH) == 0) literals--;
  let distances: u32 = 30;
  while (distances > 1 && load<u8>(distances - 1, DISTANCE_LENGTH) == 0) distances--;
  memory.copy(LITERAL_LENGTH + literals, DISTANCE_LENGTH, distances);
  const runs = makeRuns(literals + distances);
  makeLengths(PRECODE_COUNT, PRECODE_LENGTH, 19, PRECODE_BITS);
  let precodes: u32 = 19;
  while (precodes > 4 && load<u8>(<usize>load<u8>(ORDER + precodes - 1), PRECODE_LENGTH) == 0) precodes--;

  // Bits of either form, without those of the extra bits, which both have.
  let dynamic: u32 = 3 + 14 + 3 * precodes;
  for (let i: u32 = 0; i < 19; i++) {
    dynamic += load<u32>(i << 2, PRECODE_COUNT) * (<u32>load<u8>(i, PRECODE_LENGTH) + (i < 16 ? 0 : i == 16 ? 2 : i == 17 ? 3 : 7));
  }
  let fixed: u32 = 3;
  let extra: u32 = 0;
  for (let i: u32 = 0; i < literals; i++) {
    const n = load<u32>(i << 2, LITERAL_COUNT);
    dynamic += n * load<u8>(i, LITERAL_LENGTH);
    fixed += n * fixedLength(i);
    if (i > 256) extra += n * load<u8>(i - 257, LENGTH_EXTRA);
  }
  for (let i: u32 = 0; i < distances; i++) {
    const n = load<u32>(i << 2, DISTANCE_COUNT);
    dynamic += n * load<u8>(i, DISTANCE_LENGTH);
    fixed += n * 5;
    extra += n * load<u8>(i, DISTANCE_EXTRA);
  }
  const stored: u32 = 3 + (-<i32>(bitCount + 3) & 7) + 32 + 40 * ((size - 1) / 65535) + 8 * size;
  if (stored <= min(dynamic, fixed) + extra) {
    writeStored(block, end);
  } else if (fixed <= dynamic) {
    put(2, 3);
    for (let i: u32 = 0; i < 288; i++) store<u8>(i, <u8>fixedLength(i), LITERAL_LENGTH);
    memory.fill(DISTANCE_LENGTH, 5, 30);
    makeCodes(LITERAL_LENGTH, LITERAL_CODE, 288);
    makeCodes(DISTANCE_LENGTH, DISTANCE_CODE, 30);
    writeItems(block, sequence);
  } else {
    put(4, 3);
    put((literals - 257) | ((distances - 1) << 5) | ((precodes - 4) << 10), 14);
    makeCodes(PRECODE_LENGTH, PRECODE_CODE, 19);
    for (let i: u32 = 0; i < precodes; i++) put(load<u8>(<usize>load<u8>(ORDER + i), PRECODE_LENGTH), 3);
    for (let i: u32 = 0; i < runs; i++) {
      const symbol: u32 = load<u8>(i << 1, RUNS);
      const code = load<u32>(symbol << 2, PRECODE_CODE);
      put(code & 0xffffff, code >> 24);
      if (symbol >= 16) put(load<u8>(i << 1, RUNS + 1), symbol == 16 ? 2 : symbol == 17 ? 3 : 7);
    }
    makeCodes(LITERAL_LENGTH, LITERAL_CODE, literals);
    makeCodes(DISTANCE_LENGTH, DISTANCE_CODE, distances);
    writeItems(block, sequence);
  }
  clearCounts();
}

function fixedLength(symbol: u32): u32 {
  return symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
}

function writeStored(p: usize, end: usize): void {
  while (p < end) {
    const size = <u32>min(<usize>65535, end - p);
    put(0, 3);
    align();
    store<u32>(out, size | (~size << 16));
    memory.copy(out + 4, p, size);
    out += 4 + <usize>size;
    p += size;
  }
}

/** Lengths of a prefix code for `n` counts, at most `limit` bits; at least two symbols get one. */
function makeLengths(counts: usize, lengths: usize, n: u32, limit: u32): void {
  memory.fill(lengths, 0, n);
  let used: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const c = load<u32>(counts + (i << 2));
    if (c > 0) store<u32>(used++ << 2, (c << 9) | i, SORTED);
  }
  if (used < 2) {
    const only = used == 0 ? 0 : load<u32>(0, SORTED) & 511;
    store<u8>(lengths + only, 1);
    store<u8>(lengths + (only == 0 ? 1 : 0), 1);
    return;
  }
  sort(used);
  // Two queues: the leaves in order, and the inner nodes, whose weights come out in order by themselves.
  let leaf: u32 = 0;
  let inner: u32 = 0;
  for (let node: u32 = 0; node < used - 1; node++) {
    let weight: u32 = 0;
    for (let side = 0; side < 2; side++) {
      if (leaf < used && (inner == node || load<u32>(leaf << 2, SORTED) >> 9 <= load<u32>(inner << 2, NODE))) {
        weight += load<u32>(leaf++ << 2, SORTED) >> 9;
      } else {
        weight += load<u32>(inner << 2, NODE);
        store<u32>(inner++ << 2, node, NODE);
      }
    }
    store<u32>(node << 2, weight, NODE);
  }
  // From the root down: the depth of each inner node; what is no inner node on the next level is a leaf.
  memory.fill(PER_LENGTH, 0, 64);
  store<u32>(1 << 2, 2, PER_LENGTH);
  store<u32>((used - 2) << 2, 0, NODE);
  for (let node: i32 = <i32>used - 3; node >= 0; node--) {
    const depth = load<u32>(load<u32>(node << 2, NODE) << 2, NODE) + 1;
    store<u32>(node << 2, depth, NODE);
    // An inner node at this depth takes the place of one leaf and has two. Below the limit it takes one further up.
    let at = min(depth, limit - 1);
    while (load<u32>(at << 2, PER_LENGTH) == 0) at--;
    store<u32>(at << 2, load<u32>(at << 2, PER_LENGTH) - 1, PER_LENGTH);
    store<u32>((at + 1) << 2, load<u32>((at + 1) << 2, PER_LENGTH) + 2, PER_LENGTH);
  }
  let i: u32 = 0;
  for (let length = limit; length > 0; length--) {
    for (let k = load<u32>(length << 2, PER_LENGTH); k > 0; k--) {
      store<u8>(lengths + (load<u32>(i++ << 2, SORTED) & 511), <u8>length);
    }
  }
}

/** Puts the first `n` of SORTED in order. No two are the same. */
function sort(n: u32): void {
  for (let gap: u32 = n > 57 ? 57 : n > 10 ? 10 : 1; ; gap = gap == 57 ? 23 : gap == 23 ? 10 : gap == 10 ? 4 : 1) {
    for (let i = gap; i < n; i++) {
      const key = load<u32>(i << 2, SORTED);
      let j = i;
      while (j >= gap && load<u32>((j - gap) << 2, SORTED) > key) {
        store<u32>(j << 2, load<u32>((j - gap) << 2, SORTED), SORTED);
        j -= gap;
      }
      store<u32>(j << 2, key, SORTED);
    }
    if (gap == 1) break;
  }
}

/** The canonical codes of `n` lengths, bits reversed as deflate wants them. */
function makeCodes(lengths: usize, codes: usize, n: u32): void {
  memory.fill(PER_LENGTH, 0, 64);
  for (let i: u32 = 0; i < n; i++) {
    const length: u32 = <u32>load<u8>(lengths + i) << 2;
    store<u32>(length, load<u32>(length, PER_LENGTH) + 1, PER_LENGTH);
  }
  store<u32>(0, 0, PER_LENGTH);
  let code: u32 = 0;
  for (let length: u32 = 1; length < 16; length++) {
    code = (code + load<u32>((length - 1) << 2, PER_LENGTH)) << 1;
    store<u32>(length << 2, code, NEXT_CODE);
  }
  for (let i: u32 = 0; i < n; i++) {
    const length: u32 = load<u8>(lengths + i);
    let reversed: u32 = 0;
    if (length > 0) {
      let value = load<u32>(length << 2, NEXT_CODE);
      store<u32>(length << 2, value + 1, NEXT_CODE);
      for (let k: u32 = 0; k < length; k++) {
        reversed = (reversed << 1) | (value & 1);
        value >>= 1;
      }
    }
    store<u32>(codes + (i << 2), reversed | (length << 24));
  }
}

/** Packs the `n` lengths at LITERAL_LENGTH into runs, and counts the symbols of the precode. */
function makeRuns(n: u32): u32 {
  memory.fill(PRECODE_COUNT, 0, 19 * 4);
  let runs: u32 = 0;
  let i: u32 = 0;
  while (i < n) {
    const length = load<u8>(i, LITERAL_LENGTH);
    let run: u32 = 1;
    while (i + run < n && load<u8>(i + run, LITERAL_LENGTH) == length) run++;
    i += run;
    if (length != 0) {
      addRun(runs++, length, 0);
      run--;
    }
    while (run >= 3) {
      let part: u32;
      if (length != 0) {
        part = min(run, <u32>6);
        addRun(runs++, 16, part - 3);
      } else if (run <= 10) {
        part = run;
        addRun(runs++, 17, part - 3);
      } else {
        part = min(run, <u32>138);
        addRun(runs++, 18, part - 11);
      }
      run -= part;
    }
    for (; run > 0; run--) addRun(runs++, length, 0);
  }
  return runs;
}

function addRun(i: u32, symbol: u32, value: u32): void {
  store<u16>(i << 1, <u16>(symbol | (value << 8)), RUNS);
  store<u32>(symbol << 2, load<u32>(symbol << 2, PRECODE_COUNT) + 1, PRECODE_COUNT);
}

/** Writes the block's literals and matches with the codes as they are, and the end of the block. */
function writeItems(p: usize, end: usize): void {
  for (let length: u32 = 3; length <= 258; length++) {
    const slot: u32 = load<u8>(length, LENGTH_SLOT);
    const code = load<u32>((257 + slot) << 2, LITERAL_CODE);
    const n = code >> 24;
    const extra = length - load<u16>(slot << 1, LENGTH_BASE);
    store<u32>(length << 2, (code & 0xffffff) | (extra << n) | ((n + load<u8>(slot, LENGTH_EXTRA)) << 24), LENGTH_CODE);
  }
  let o = out;
  let b = bits;
  let n = bitCount;
  for (let s: usize = SEQUENCES; s < end; s += 8) {
    const head = load<u32>(s);
    let run = head & 0x7fffff;
    for (; run >= 4; run -= 4, p += 4) {
      const four = load<u32>(p);
      const c0 = load<u32>((four & 255) << 2, LITERAL_CODE);
      const c1 = load<u32>((four >> 6) & 1020, LITERAL_CODE);
      const c2 = load<u32>((four >> 14) & 1020, LITERAL_CODE);
      const c3 = load<u32>((four >> 22) & 1020, LITERAL_CODE);
      b |= <u64>(c0 & 0xffffff) << n;
      n += c0 >> 24;
      b |= <u64>(c1 & 0xffffff) << n;
      n += c1 >> 24;
      b |= <u64>(c2 & 0xffffff) << n;
      n += c2 >> 24;
      b |= <u64>(c3 & 0xffffff) << n;
      n += c3 >> 24;
      store<u64>(o, b);
      o += <usize>(n >> 3);
      b >>= n & 56;
      n &= 7;
    }
    for (; run > 0; run--, p++) {
      const c = load<u32>(<usize>load<u8>(p) << 2, LITERAL_CODE);
      b |= <u64>(c & 0xffffff) << n;
      n += c >> 24;
    }
    store<u64>(o, b);
    o += <usize>(n >> 3);
    b >>= n & 56;
    n &= 7;
    const length = head >> 23;
    if (length > 0) {
      p += length;
      const tail = load<u32>(s, 4);
      const slot = tail >> 16;
      const c = load<u32>(length << 2, LENGTH_CODE);
      b |= <u64>(c & 0xffffff) << n;
      n += c >> 24;
      const d = load<u32>(slot << 2, DISTANCE_CODE);
      b |= <u64>(d & 0xffffff) << n;
      n += d >> 24;
      b |= <u64>((tail & 0xffff) - load<u16>(slot << 1, DISTANCE_BASE)) << n;
      n += load<u8>(slot, DISTANCE_EXTRA);
      store<u64>(o, b);
      o += <usize>(n >> 3);
      b >>= n & 56;
      n &= 7;
    }
  }
  out = o;
  bits = b;
  bitCount = n;
  const c = load<u32>(256 << 2, LITERAL_CODE);
  put(c & 0xffffff, c >> 24);
}
