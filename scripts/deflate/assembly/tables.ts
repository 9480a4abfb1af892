/** What RFC 1951, 3.2.5 says about lengths and distances. */
import {
  DISTANCE_BASE,
  DISTANCE_EXTRA,
  DISTANCE_SLOT,
  LENGTH_BASE,
  LENGTH_EXTRA,
  LENGTH_SLOT,
} from "./memory";

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
