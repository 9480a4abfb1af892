/** What a broken run left of an archive: nothing of it is believed, and what holds is not written again. */
import { isZero, sameBytes } from "../base/bytes.ts";
import { SegmentedFile, type SegmentedRange } from "../base/fs/segmented-file.ts";
import { Sha256 } from "../base/hash.ts";
import type { Progress } from "../base/workers/pool.ts";
import type { Digest } from "../oci/digest.ts";
import { padding } from "../tar/header.ts";
import { addProgress, IO_CHUNK } from "./render.ts";

/** A member as the plan has it. */
export interface ExpectedMember {
  readonly header: Uint8Array;
  /** Its bytes, or what they must be. */
  readonly body: Uint8Array | { readonly digest: Digest; readonly size: number };
  /** Whether it is of use to know how much of its beginning has come. */
  readonly isAway: boolean;
}

/** Looks at members that follow each other from `to` on. */
export interface ResumeTask {
  readonly kind: "resume";
  readonly to: SegmentedRange;
  readonly members: readonly ExpectedMember[];
}

/** What is there of a member: all of it, proven; or the beginning of its body, up to the last byte that is not zero. Bytes. */
export type Resumed = { readonly isWhole: true } | { readonly isWhole: false; begun: number };

/** A body that ends with more zeros than this has not been written to its end, as far as is looked. Few layers end so. Bytes. */
const TAIL = 64 * 1024;

/**
 * Does the task. Afterwards a member that is said to be whole has the header, the body and the fill that the plan wants, to the byte: a header
 * or a fill that was not right is put right. What is not whole is for others to write, all of it but a beginning that they prove.
 * Whole members are counted. @throws io; AbortError when told to stop
 */
export function resume({ to, members }: ResumeTask, tally: Progress): Resumed[] {
  const files = new SegmentedFile(to.parts);
  const buffer = new Uint8Array(IO_CHUNK);
  let at = to.offset;
  try {
    return members.map((wanted) => {
      const { header, body } = wanted;
      const size = body instanceof Uint8Array ? body.length : body.size;
      const fill = padding(size);
      const start = at + header.length;
      at = start + size + fill;
      const found = look(files, wanted, { start, buffer, tally });
      if (!found.isWhole) return found;
      mend(files, header, start - header.length);
      mend(files, new Uint8Array(fill), start + size);
      addProgress(header.length + fill, tally);
      return found;
    });
  } finally {
    files.close();
  }
}

function look(
  files: SegmentedFile,
  { body, isAway }: ExpectedMember,
  how: { readonly start: number; readonly buffer: Uint8Array; readonly tally: Progress },
): Resumed {
  const { start, buffer, tally } = how;
  if (body instanceof Uint8Array) {
    if (!isThere(files, body, start)) return { isWhole: false, begun: 0 };
    addProgress(body.length, tally);
    return { isWhole: true };
  }
  const { digest, size } = body;
  const begun = size - zerosBefore(files, start + size, isAway ? size : Math.min(size, TAIL + 1));
  if (size - begun > TAIL || (begun === 0 && size > 0)) return { isWhole: false, begun };
  const hash = new Sha256();
  let done = 0;
  while (done < size) {
    const piece = buffer.subarray(0, Math.min(buffer.length, size - done));
    if (files.read(piece, start + done) < piece.length) break;
    hash.update(piece);
    done += piece.length;
    addProgress(piece.length, tally);
  }
  if (done === size && `sha256:${hash.hex()}` === digest) return { isWhole: true };
  tally.add(-done);
  // What has come to its end and is wrong is of no use.
  return { isWhole: false, begun: begun < size ? begun : 0 };
}

/** How many bytes before `end` are zero, of the last `most`. */
function zerosBefore(files: SegmentedFile, end: number, most: number): number {
  const piece = new Uint8Array(Math.min(TAIL, most));
  const zeros = new Uint8Array(piece.length);
  for (let done = 0; done < most; ) {
    const length = Math.min(piece.length, most - done);
    const found = piece.subarray(0, length);
    files.read(found, end - done - length);
    if (!sameBytes(found, zeros.subarray(0, length)))
      return done + length - 1 - found.findLastIndex((byte) => byte !== 0);
    done += length;
  }
  return most;
}

function isThere(files: SegmentedFile, bytes: Uint8Array, at: number): boolean {
  const found = new Uint8Array(bytes.length);
  return files.read(found, at) === bytes.length && sameBytes(found, bytes);
}

function mend(files: SegmentedFile, bytes: Uint8Array, at: number): void {
  if (!isThere(files, bytes, at)) files.write(bytes, at);
}

/** Whether something has come of a stretch: not all of its first bytes are zero. */
export function hasBegun(
  files: SegmentedFile,
  { start, size }: { start: number; size: number },
): boolean {
  const piece = new Uint8Array(Math.min(4096, size));
  files.read(piece, start);
  return !isZero(piece);
}
