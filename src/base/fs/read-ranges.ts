/** Stretches of many files, brought together in one piece of memory: by this thread, or as a task for others. */
import { type FileSnapshot, type SnapshotOptions, UnchangedFile } from "./unchanged-file.ts";

/** A stretch of a file that was seen. Bytes. */
export interface FileRange {
  readonly file: SnapshotOptions;
  /** Where it begins in the file. */
  readonly from: number;
  readonly length: number;
  /** Where it belongs in the memory. */
  readonly to: number;
}

/** Reads stretches into `memory`. Packed as it is because it goes to another thread: there may be thousands of files in one. */
export interface ReadRangesTask {
  readonly kind: "gather";
  /** Whoever asked leaves it alone meanwhile. Shared, so that nothing is copied between threads. */
  readonly memory: SharedArrayBuffer;
  /** The files' paths, each but the first after a NUL, which no path has. */
  readonly paths: string;
  /** NUMBERS of each stretch. */
  readonly numbers: Float64Array;
}

const NUMBERS = 7;

/** The task that reads `stretches` into `memory`. */
export function readRangesTask(
  stretches: readonly FileRange[],
  memory: SharedArrayBuffer,
): ReadRangesTask {
  const numbers = new Float64Array(stretches.length * NUMBERS);
  let paths = "";
  for (let i = 0; i < stretches.length; i++) {
    const { file, from, length, to } = stretches[i]!;
    const at = i * NUMBERS;
    numbers[at] = file.stamp.ino;
    numbers[at + 1] = file.stamp.mtimeMs;
    numbers[at + 2] = file.stamp.ctimeMs;
    numbers[at + 3] = file.size;
    numbers[at + 4] = from;
    numbers[at + 5] = length;
    numbers[at + 6] = to;
    paths += i === 0 ? file.path : `\0${file.path}`;
  }
  return { kind: "gather", memory, paths, numbers };
}

/**
 * Does a GatherTask. Afterwards it is certain that every stretch is of the file that was seen.
 * @returns how many stretches there were @throws changed for the first that is not; io
 */
export function readRanges({ memory, paths, numbers }: ReadRangesTask): number {
  const bytes = new Uint8Array(memory);
  const count = numbers.length / NUMBERS;
  const path = count === 0 ? [] : paths.split("\0");
  for (let i = 0; i < count; i++) {
    // By their places: taken apart as a list, or cut out as memory of their own, they cost as much as the reading.
    const at = i * NUMBERS;
    const stamp: FileSnapshot = {
      ino: numbers[at]!,
      mtimeMs: numbers[at + 1]!,
      ctimeMs: numbers[at + 2]!,
    };
    const file = new UnchangedFile({ path: path[i]!, stamp, size: numbers[at + 3]! });
    try {
      const to = numbers[at + 6]!;
      file.readInto(bytes, { from: numbers[at + 4]!, to, end: to + numbers[at + 5]! });
      file.prove();
    } finally {
      file.close();
    }
  }
  return count;
}
