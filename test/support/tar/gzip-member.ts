import { crc32 } from "node:zlib";
import {
  ChunkEncoder,
  DEFLATE_CHUNK,
  WINDOW,
} from "../../../src/base/compression/deflate-chunk.ts";

/** One gzip member that holds `bytes`, put together from its chunks one after the other: what `gzip` is to give. */
export function gzipMember(bytes: Uint8Array): Buffer {
  const encoder = new ChunkEncoder();
  const parts: Uint8Array[] = [Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff)];
  for (let at = 0; at === 0 || at < bytes.length; at += DEFLATE_CHUNK) {
    const before = Math.min(at, WINDOW);
    const end = Math.min(at + DEFLATE_CHUNK, bytes.length);
    parts.push(
      encoder.encode(bytes.subarray(at - before, end), before, end === bytes.length).slice(),
    );
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(bytes), 0);
  trailer.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([...parts, trailer]);
}
