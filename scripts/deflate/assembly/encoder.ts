/**
 * The deflate encoder `ingot-deflate/1`, in AssemblyScript. docs/deflate.md describes it to the byte.
 * One call encodes one chunk; nothing that a call leaves behind has a say in the next one.
 * No imports, no SIMD, no floating point, fixed memory: laid out by hand in memory.ts.
 */
import { begin, finishOutput, writeBlock } from "./block";
import {
  DATA,
  DEPTH,
  DISTANCE_COUNT,
  DISTANCE_SLOT,
  FRESH,
  HEAD3,
  HEAD3_BITS,
  HEAD4,
  HEAD4_BITS,
  LENGTH_SLOT,
  LITERAL_COUNT,
  LOOK,
  MAX_BLOCK,
  MAX_SEQUENCES,
  MIN_BLOCK,
  NEAR,
  NEXT_DEPTH,
  NICE,
  OBSERVED,
  OUT,
  PREVIOUS,
  SEQUENCES,
  WINDOW,
} from "./memory";
export { prepare } from "./tables";

/** Where the chunk goes; the bytes before it end there. */
export function input(): usize {
  return DATA;
}

/** Where the output of a call is. */
export function output(): usize {
  return OUT;
}

/**
 * Encodes the `length` bytes at `input()`, to whose matches the `before` bytes in front of them serve too.
 * The result, of so many bytes at `output()`, ends on a byte's border.
 */
export function encode(before: u32, length: u32, last: bool): u32 {
  begin();
  const start = DATA - <usize>before;
  const end = DATA + <usize>length;
  reset(<u32>start);
  prime(start, end);
  parse(end);
  return finishOutput(last);
}

/** Every entry of every table is the first position. */
function reset(position: u32): void {
  const first: u64 = (<u64>(position & 0xffff)) * 0x0001000100010001;
  fill(HEAD4, 2 << HEAD4_BITS, first);
  fill(HEAD3, 2 << HEAD3_BITS, first);
  fill(PREVIOUS, 2 * WINDOW, first);
}

function fill(at: usize, size: u32, value: u64): void {
  const end = at + <usize>size;
  for (; at < end; at += 8) store<u64>(at, value);
}


const FACTOR: u32 = 0x9e3779b1;

/** Where `head4` has the entry of `h4`. Of one product: eight bits up, it is that of the first three bytes. */
// @ts-ignore: decorator
@inline
function place4(product: u32): u32 {
  return (product >> (31 - HEAD4_BITS)) & ((2 << HEAD4_BITS) - 2);
}

/** Where `head3` has the entry of `h3`. */
// @ts-ignore: decorator
@inline
function place3(product: u32): u32 {
  return (product >> (23 - HEAD3_BITS)) & ((2 << HEAD3_BITS) - 2);
}

/** Enters position `p` into the tables. Four bytes must be there. */
// @ts-ignore: decorator
@inline
function enter(p: usize): void {
  const product = load<u32>(p) * FACTOR;
  const at4 = place4(product);
  store<u16>((<u32>p & (WINDOW - 1)) << 1, load<u16>(at4, HEAD4), PREVIOUS);
  store<u16>(at4, <u16>p, HEAD4);
  store<u16>(place3(product), <u16>p, HEAD3);
}

function prime(p: usize, end: usize): void {
  const stop = min(DATA, end - 3);
  for (; p < stop; p++) enter(p);
}

/** How many bytes at `p` and `c` are the same, the first four known to be, at most `max`, which is four at least. */
// @ts-ignore: decorator
@inline
function extend(p: usize, c: usize, max: u32): u32 {
  let n: u32 = 4;
  do {
    const x = load<u64>(p + n) ^ load<u64>(c + n);
    if (x != 0) {
      n += <u32>(ctz(x) >> 3);
      break;
    }
    n += 8;
  } while (n < max);
  return min(n, max);
}

/**
 * Enters `p` and looks for a match longer than `best`: length << 16 | distance, or 0. Four bytes must be there.
 * Inlined in both places where it is called, it is a tenth faster.
 */
// @ts-ignore: decorator
@inline
function search(p: usize, end: usize, best: u32, depth: u32): u32 {
  const word = load<u32>(p);
  const product = word * FACTOR;
  const at4 = place4(product);
  const at3 = place3(product);
  let entry: u32 = load<u16>(at4, HEAD4);
  const entry3: u32 = load<u16>(at3, HEAD3);
  store<u16>(at4, <u16>p, HEAD4);
  store<u16>(at3, <u16>p, HEAD3);
  store<u16>((<u32>p & (WINDOW - 1)) << 1, <u16>entry, PREVIOUS);
  const max = <u32>min(<usize>258, end - p);
  if (best >= max) return 0;
  let found: u32 = 0;
  let distance: u32 = 0;
  let tail = best < 4 ? word : load<u32>(p + best - 3);
  let at: usize = best < 4 ? 0 : best - 3;
  do {
    const next = (<u32>p - entry) & 0xffff;
    // One comparison for two: next <= distance || next > WINDOW.
    if (next - distance - 1 >= WINDOW - distance) break;
    distance = next;
    const c = p - distance;
    // An entry is a position modulo 65,536: the next one is on its way while this one is compared.
    entry = load<u16>((entry & (WINDOW - 1)) << 1, PREVIOUS);
    if (load<u32>(c + at) == tail && load<u32>(c) == word) {
      const length = extend(p, c, max);
      if (length > best) {
        best = length;
        found = (length << 16) | distance;
        if (length >= NICE || length == max) break;
        at = length - 3;
        tail = load<u32>(p + at);
      }
    }
  } while (--depth != 0);
  // Three bytes have no say in the search for more, so it is only now, and seldom, that they are looked at.
  if (best < 3) {
    const near = (<u32>p - entry3) & 0xffff;
    if (near - 1 < NEAR && ((load<u32>(p - near) ^ word) << 8) == 0) return (3 << 16) | near;
  }
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
  // Two counts at a time, of an even byte and of an odd one: neither sum outgrows its half.
  for (let quarter: usize = 0; quarter < 4; quarter++) {
    let both: u64 = 0;
    const stop = (quarter + 1) << 8;
    for (let at = quarter << 8; at < stop; at += 32) {
      both += load<u64>(at, LITERAL_COUNT) + load<u64>(at, LITERAL_COUNT + 8);
      both += load<u64>(at, LITERAL_COUNT + 16) + load<u64>(at, LITERAL_COUNT + 24);
    }
    store<u64>(quarter << 3, both, FRESH);
  }
  let short: u32 = 0;
  for (let slot: u32 = 0; slot < 6; slot++) short += load<u32>(slot << 2, LITERAL_COUNT + 257 * 4);
  let long: u32 = 0;
  for (let slot: u32 = 6; slot < 29; slot++) long += load<u32>(slot << 2, LITERAL_COUNT + 257 * 4);
  store<u32>(0, short, FRESH + 32);
  store<u32>(0, long, FRESH + 36);
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
