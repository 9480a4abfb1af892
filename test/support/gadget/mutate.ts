/** Objects that are slightly wrong, the same ones from the same seed. */

/** Numbers from 0 to 1: xorshift32. */
export function chance(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const NUMBERS = [
  0, 1, 2, 7, 8, 23, 24, 63, 64, 255, 0x7f, 0xff, 0xffff, 0xfffff, 0x7fffffff, 0x80000000,
  0xffffffff,
];

/** `bytes` with one to eight mutations: bits, bytes and words changed, ranges copied over others, the end cut off. */
export function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  let mutant = bytes.slice();
  const below = (limit: number) => Math.floor(random() * limit);
  for (let n = 1 + below(8); n > 0; n--) {
    // Half of them where it hurts: the headers, at the front and at the end.
    const places = [
      below(mutant.length),
      below(64),
      mutant.length - 1 - below(Math.min(mutant.length, 2048)),
      below(mutant.length),
    ];
    const at = Math.min(Math.max(places[below(4)]!, 0), mutant.length - 1);
    switch (below(6)) {
      case 0:
        mutant[at]! ^= 1 << below(8);
        break;
      case 1:
        mutant[at] = below(256);
        break;
      case 2:
      case 3: {
        const word = at & ~3;
        if (word + 4 > mutant.length) break;
        const view = new DataView(mutant.buffer, word, 4);
        const kind = below(3);
        view.setUint32(
          0,
          kind === 0
            ? NUMBERS[below(NUMBERS.length)]!
            : kind === 1
              ? below(mutant.length)
              : view.getUint32(0) + (below(2) << 24) - 1,
          true,
        );
        break;
      }
      case 4: {
        const size = 1 + below(Math.min(64, mutant.length));
        const from = below(mutant.length - size + 1);
        mutant.copyWithin(Math.min(at, mutant.length - size), from, from + size);
        break;
      }
      default:
        if (below(4) === 0) mutant = mutant.slice(0, below(mutant.length) + 1);
    }
  }
  return mutant;
}
