/** Sizes on the command line. */
import { IngotError } from "../../base/error.ts";

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  KB: 1000,
  KIB: 1024,
  MB: 1000 ** 2,
  MIB: 1024 ** 2,
  GB: 1000 ** 3,
  GIB: 1024 ** 3,
  TB: 1000 ** 4,
  TIB: 1024 ** 4,
};

/**
 * Bytes: `4GiB`, `700MB`, `4.7GB` or a number of them alone. Units of one letter mean either kind, depending on whom one asks.
 * @param least what it must be at least @throws usage
 */
export function parseSize(flag: string, text: string, least: number): number {
  const [, number, unit = ""] = /^([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([A-Za-z]*)$/.exec(text) ?? [];
  const each = UNITS[unit.toUpperCase()];
  const bytes = number === undefined || each === undefined ? 0 : Math.floor(Number(number) * each);
  if (Number.isSafeInteger(bytes) && bytes >= least) return bytes;
  throw new IngotError("usage", {
    message: `${flag} is ${JSON.stringify(text)}, should be a size of at least ${least / 1024 ** 2} MiB`,
    hint: `with a unit, or in bytes: ${flag} 4GiB, ${flag} 700MB, ${flag} 734003200`,
  });
}
