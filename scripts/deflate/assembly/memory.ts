/** The constants of the encoder, and where everything lies in its memory. */

export const CHUNK: u32 = 1 << 20;
export const WINDOW: u32 = 32768;
/** How many candidates a search looks at, and one that is to better a match by the next position. */
export const DEPTH: u32 = 10;
export const NEXT_DEPTH: u32 = 5;
/** From this length on a match is taken at once. */
export const NICE: u32 = 40;
/** A match of three bytes pays only when it is near. */
export const NEAR: u32 = 4096;

export const HEAD4_BITS: u32 = 16;
export const HEAD3_BITS: u32 = 14;

export const MIN_BLOCK: u32 = 5000;
export const MAX_BLOCK: u32 = 300000;
export const MAX_SEQUENCES: u32 = 32000;
/** Items (literals and matches) between two looks at whether the statistics have changed. */
export const LOOK: u32 = 512;

export const LITERAL_BITS: u32 = 14;
export const DISTANCE_BITS: u32 = 15;
export const PRECODE_BITS: u32 = 7;

// Memory. What the compiler itself places lies below 64 KiB.
export const HEAD4: usize = 0x10000; // u16[1 << HEAD4_BITS]: the last position with this hash of four bytes
export const HEAD3: usize = 0x30000; // u16[1 << HEAD3_BITS]: the same of three bytes
export const PREVIOUS: usize = 0x40000; // u16[WINDOW]: by position, the one before it with the same hash
export const SEQUENCES: usize = 0x50000; // 8 bytes each: literals before (u32, 23 bits) | length << 23, distance (u16), slot (u16)
export const LITERAL_COUNT: usize = 0x90000; // u32[288]
export const DISTANCE_COUNT: usize = 0x90480; // u32[32]
export const PRECODE_COUNT: usize = 0x90500; // u32[20]
export const LITERAL_LENGTH: usize = 0x90600; // u8[288]; the distances' follow when the header is written
export const DISTANCE_LENGTH: usize = 0x90780; // u8[32]
export const PRECODE_LENGTH: usize = 0x907c0; // u8[20]
export const LITERAL_CODE: usize = 0x90800; // u32[288]: code | bits << 24
export const DISTANCE_CODE: usize = 0x90c80; // u32[32]
export const PRECODE_CODE: usize = 0x90d00; // u32[20]
export const LENGTH_CODE: usize = 0x90e00; // u32[259]: by length of match, code with its extra bits | bits << 24
export const SORTED: usize = 0x91400; // u32[288]: count << 9 | symbol
export const NODE: usize = 0x91900; // u32[288]: weights of inner nodes, then their parents, then their depths
export const PER_LENGTH: usize = 0x91e00; // u32[16]
export const NEXT_CODE: usize = 0x91e40; // u32[17]
export const OBSERVED: usize = 0x91f00; // u32[10]
export const FRESH: usize = 0x91f40; // u32[10]
export const RUNS: usize = 0x92000; // u16[320]: precode symbol | extra value << 8
export const LENGTH_SLOT: usize = 0x92400; // u8[259]: by length of match, its symbol less 257
export const LENGTH_BASE: usize = 0x92600; // u16[29]
export const LENGTH_EXTRA: usize = 0x92640; // u8[29]
export const DISTANCE_BASE: usize = 0x92680; // u16[30]
export const DISTANCE_EXTRA: usize = 0x926c0; // u8[30]
export const DISTANCE_SLOT: usize = 0x92700; // u8[512]: by distance - 1 below 256, else 256 + (distance - 1 >> 7)
/** The preceding bytes end where the chunk begins. Room for reads past its end, which have no say. */
export const DATA: usize = 0xa8000;
export const OUT: usize = 0x1b0000;
// The output of a chunk is at most CHUNK + 4096 bytes.

export const ORDER: usize = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);
