/** Prefix codes: their lengths from counts, the codes from lengths. */
import {
  NEXT_CODE,
  NODE,
  PER_LENGTH,
  SORTED,
} from "./memory";

/** Lengths of a prefix code for `n` counts, at most `limit` bits; at least two symbols get one. */
export function makeLengths(counts: usize, lengths: usize, n: u32, limit: u32): void {
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
export function makeCodes(lengths: usize, codes: usize, n: u32): void {
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
