/** Figures to Markdown tables. */
import type { Case } from "./case.ts";
import type { Run } from "./measure.ts";

export interface Measured extends Case {
  /** Empty when a program that it needs is not here, or when it was given up. */
  readonly runs: readonly Run[];
  /** Of the warm-up run: bytes. */
  readonly temporary: number;
  /** Bytes of what it left. */
  readonly result: number;
  readonly missing: readonly string[];
  /** Seconds after which it was given up. */
  readonly givenUp: number | undefined;
}

export const MIB = 1024 * 1024;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const rows = (head: readonly string[], body: readonly (readonly string[])[]) =>
  [head, head.map((_, i) => (i === 0 ? "---" : "---:")), ...body]
    .map((row) => `| ${row.join(" | ")} |`)
    .join("\n");

const mib = (bytes: number) =>
  bytes === 0 ? "0" : (bytes / MIB).toFixed(bytes < 10 * MIB ? 1 : 0);
/** What is over before anyone looked has no peak. */
const seen = (peaks: readonly number[]) =>
  Math.max(...peaks) === 0 ? "too brief" : mib(Math.max(...peaks));
const ms = (seconds: number) => (seconds * 1000).toFixed(0);

/** The figures: medians, for the wall clock with the least and the most. */
export function figures(
  measured: readonly Measured[],
  {
    bytes,
    results = false,
  }: { bytes: number /** Whether the sizes of results matter. */; results?: boolean },
): string {
  const head = [
    "what",
    "wall ms",
    "least–most",
    "MiB/s",
    "CPU ms",
    "peak MiB, one process",
    "all together",
    "written MiB",
    "temporary MiB",
    ...(results ? ["result MiB"] : []),
  ];
  const body = measured.map(({ title, runs, temporary, result, missing, givenUp }) => {
    if (runs.length === 0) {
      const why =
        missing.length > 0 ? `not here: ${missing.join(", ")}` : `given up after ${givenUp} s`;
      return [title, why, ...head.slice(2).map(() => "")];
    }
    const walls = runs.map(({ wall }) => wall);
    const wall = median(walls);
    return [
      title,
      ms(wall),
      `${runs.length === 1 ? "one run" : `${ms(Math.min(...walls))}–${ms(Math.max(...walls))}`}`,
      bytes === 0 ? "" : (bytes / MIB / wall).toFixed(0),
      ms(median(runs.map(({ cpu }) => cpu))),
      seen(runs.map(({ peak }) => peak)),
      seen(runs.map(({ peakSum }) => peakSum)),
      mib(median(runs.map(({ written }) => written))),
      mib(temporary),
      ...(results ? [result === 0 ? "" : mib(result)] : []),
    ];
  });
  return rows(head, body);
}

export interface Ratio {
  readonly what: string;
  readonly value: number | undefined;
  readonly unit?: string;
  readonly digits?: number;
  /** It is more: how much more nobody waited for. */
  readonly atLeast?: boolean;
  /** What it should be; undefined = there is no target, the ratio is shown for comparison. */
  readonly target?: { readonly atMost?: number; readonly atLeast?: number };
}

/** The ratios, those with a target judged. A ratio to what was not measured is not there. */
export function judge(found: readonly Ratio[]): { table: string; missed: string[] } {
  const missed: string[] = [];
  const body = found.map(({ what, value, unit = "", digits, atLeast: more, target }) => {
    const { atMost, atLeast } = target ?? {};
    const wanted =
      atMost !== undefined
        ? `≤ ${atMost}${unit}`
        : atLeast !== undefined
          ? `≥ ${atLeast}${unit}`
          : "";
    if (value === undefined) return [what, "not measured", wanted, ""];
    const met =
      value <= (atMost ?? Number.POSITIVE_INFINITY) &&
      value >= (atLeast ?? Number.NEGATIVE_INFINITY);
    if (!met) missed.push(what);
    return [
      what,
      `${more ? "> " : ""}${value.toFixed(digits ?? (unit === "" ? 2 : 0))}${unit}`,
      wanted,
      target === undefined ? "" : met ? "met" : "**not met**",
    ];
  });
  return { table: rows(["ratio of medians", "measured", "target", ""], body), missed };
}
