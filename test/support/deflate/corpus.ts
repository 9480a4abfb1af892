/** Bytes to compress, made from numbers alone: the same on every machine. */

/** Whole numbers that look random (xorshift32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e3779b1) >>> 0 || 1;
  }

  /** From 0 to 2^32 - 1, never 0. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }

  /** From 0 to `n` - 1. */
  below(n: number): number {
    return this.next() % n;
  }
}

/** Kinds of content, each the worst or the best of something in the encoder. */
export const kinds = {
  /** One symbol. */
  zeros: (size: number) => new Uint8Array(size),
  /** Nothing to find. */
  random: (size: number, dice: Dice) => fill(size, () => dice.next() >>> 11),
  /** Long codes for one, short for the other, many candidates. */
  twoSymbols: (size: number, dice: Dice) => fill(size, () => (dice.below(20) === 0 ? 0x41 : 0x42)),
  /** Counts like Fibonacci numbers: the deepest trees, so that lengths must be limited. */
  skewed: (size: number, dice: Dice) =>
    fill(size, () => Math.clz32(dice.next()) * 7 + (dice.below(3) === 0 ? 1 : 0)),
  /** Every distance about as far as one may reach. */
  farPeriod: (size: number, dice: Dice) => period(size, 32768 - 4 + dice.below(9), dice),
  /** Stale entries of the tables, whose positions have wrapped around. */
  wrappedPeriod: (size: number, dice: Dice) => period(size, 65536 - 4 + dice.below(9), dice),
  shortPeriod: (size: number, dice: Dice) => period(size, 1 + dice.below(300), dice),
  text,
  /** Numbers in records, as in the tables of programs. */
  records: (size: number, dice: Dice) => {
    let n = dice.next();
    return fill(size, (i) => {
      if (i % 16 === 0) n += 1 + dice.below(40);
      return i % 16 < 4
        ? n >>> (8 * (i % 4))
        : i % 16 < 8
          ? (i % 16) * 3
          : i % 16 < 9
            ? dice.next()
            : 0;
    });
  },
  /** Repeats of anything before, with flaws. */
  copies: (size: number, dice: Dice) => {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; ) {
      const length = 1 + dice.below(dice.below(4) === 0 ? 600 : 12);
      const back = 1 + dice.below(dice.below(3) === 0 ? 40_000 : 500);
      for (let k = 0; k < length && i < size; k++, i++) {
        bytes[i] = back > i || dice.below(60) === 0 ? dice.next() >>> 9 : bytes[i - back]!;
      }
    }
    return bytes;
  },
  mixed,
} as const;

export type Kind = keyof typeof kinds;

export const kindNames = Object.keys(kinds) as Kind[];

/** `size` bytes of a kind. */
export function make(kind: Kind, size: number, seed: number): Uint8Array {
  return kinds[kind](size, new Dice(seed));
}

function fill(size: number, byte: (i: number) => number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = byte(i);
  return bytes;
}

function period(size: number, length: number, dice: Dice): Uint8Array {
  const bytes = fill(Math.min(size, length), () => dice.next() >>> 11);
  return fill(size, (i) => bytes[i % length]!);
}

/** Words of a made-up language, the frequent ones short, in lines. */
function text(size: number, dice: Dice): Uint8Array {
  const words = Array.from({ length: 800 }, (_, i) =>
    Array.from({ length: 1 + (i % 11) }, () => 97 + Math.min(dice.below(26), dice.below(26))),
  );
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; ) {
    const word = words[Math.min(dice.below(800), dice.below(800), dice.below(800))]!;
    for (const letter of word) if (i < size) bytes[i++] = letter;
    if (i < size) bytes[i++] = dice.below(12) === 0 ? 10 : 32;
  }
  return bytes;
}

/** Stretches of all kinds: blocks of deflate have to follow them. */
function mixed(size: number, dice: Dice): Uint8Array {
  const others = kindNames.filter((kind) => kind !== "mixed");
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; ) {
    const part = make(
      others[dice.below(others.length)]!,
      Math.min(size - i, 1 + dice.below(50_000)),
      dice.next(),
    );
    bytes.set(part, i);
    i += part.length;
  }
  return bytes;
}
