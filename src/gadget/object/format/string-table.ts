import { text } from "../../../base/bytes.ts";
import type { Refuse } from "./refuse.ts";

/** Bytes. The kernel takes symbol names of at most 511 and BTF names of at most 127; C++ makes longer ones. */
const LONGEST = 16 << 10;

/**
 * A table of strings that end with a zero byte (ELF and BTF have the same form), read by offset.
 *
 * The strings of a table may share their ends, so a hostile file could ask for far more text than it has bytes.
 * All names that are asked for may have 16 times the table's length together; what compilers write stays under twice.
 */
export class StringTable {
  readonly #bytes: Uint8Array;
  readonly #refuse: Refuse;
  readonly #what: string;
  readonly #read = new Map<number, string>();
  #budget: number;

  /** @param what the table's name, for messages */
  constructor(bytes: Uint8Array, what: string, refuse: Refuse) {
    this.#bytes = bytes;
    this.#what = what;
    this.#refuse = refuse;
    this.#budget = 16 * bytes.length + (64 << 10);
  }

  /** The string that begins at `offset`; an IngotError `malformed` where there is none, or not in UTF-8. */
  at(offset: number): string {
    const known = this.#read.get(offset);
    if (known !== undefined) return known;
    const bytes = this.#bytes;
    if (offset === 0 && bytes.length === 0) return "";
    if (offset >= bytes.length) {
      return this.#refuse(
        `it names byte ${offset} of the string table ${this.#what}, which has ${bytes.length}`,
      );
    }
    const end = bytes.subarray(offset, offset + LONGEST + 1).indexOf(0);
    if (end < 0) {
      return this.#refuse(
        `the string at byte ${offset} of ${this.#what} has no end, or more than ${LONGEST} bytes`,
      );
    }
    this.#budget -= end;
    if (this.#budget < 0) {
      return this.#refuse(`the names it takes from ${this.#what} are far longer than the table`);
    }
    const name = text(bytes.subarray(offset, offset + end));
    if (name === undefined) {
      return this.#refuse(`the string at byte ${offset} of ${this.#what} is not UTF-8`);
    }
    this.#read.set(offset, name);
    return name;
  }
}
