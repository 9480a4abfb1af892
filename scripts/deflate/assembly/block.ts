/** Blocks of deflate data, from the counts, sequences and bytes in memory. */
import { makeCodes, makeLengths } from "./codes";
import {
  DISTANCE_BASE,
  DISTANCE_BITS,
  DISTANCE_CODE,
  DISTANCE_COUNT,
  DISTANCE_EXTRA,
  DISTANCE_LENGTH,
  LENGTH_BASE,
  LENGTH_CODE,
  LENGTH_EXTRA,
  LENGTH_SLOT,
  LITERAL_BITS,
  LITERAL_CODE,
  LITERAL_COUNT,
  LITERAL_LENGTH,
  OBSERVED,
  ORDER,
  OUT,
  PRECODE_BITS,
  PRECODE_CODE,
  PRECODE_COUNT,
  PRECODE_LENGTH,
  RUNS,
  SEQUENCES,
} from "./memory";

let out: usize = 0;
let bits: u64 = 0;
let bitCount: u32 = 0;

/** Starts the output anew, with all counts zero. */
export function begin(): void {
  out = OUT;
  bits = 0;
  bitCount = 0;
  clearCounts();
}

/** Ends it, on a byte's border. @returns how many bytes it has */
export function finishOutput(last: bool): u32 {
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

function clearCounts(): void {
  memory.fill(LITERAL_COUNT, 0, 288 * 4);
  memory.fill(DISTANCE_COUNT, 0, 32 * 4);
  memory.fill(OBSERVED, 0, 10 * 4);
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
export function writeBlock(block: usize, end: usize, sequence: usize): void {
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
