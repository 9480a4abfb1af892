/** Figures to Markdown tables. */
import type { Case } from "./cases.ts";
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

const MIB = 1024 * 1024;

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
export function figures(measured: readonly Measured[], bytes: number): string {
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
  ];
  const body = measured.map(({ title, runs, temporary, missing, givenUp }) => {
    if (runs.length === 0) {
      const why =
        missing.length > 0 ? `not here: ${missing.join(", ")}` : `given up after ${givenUp} s`;
      return [title, why, ...Array<string>(7).fill("")];
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
    ];
  });
  return rows(head, body);
}

interface Ratio {
  readonly what: string;
  readonly value: number | undefined;
  readonly unit?: string;
  /** It is more: how much more nobody waited for. */
  readonly atLeast?: boolean;
  /** What it should be; undefined = there is no target, the ratio is shown for comparison. */
  readonly target?: { readonly atMost?: number; readonly atLeast?: number };
}

/** The ratios, those with a target judged. A ratio to what was not measured is not there. */
export function ratios(
  measured: readonly Measured[],
  inMemory: boolean,
): { table: string; missed: string[] } {
  const found = ratiosOf(measured, inMemory);
  const missed: string[] = [];
  const body = found.map(({ what, value, unit = "", atLeast: more, target }) => {
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
      `${more ? "> " : ""}${value.toFixed(unit === "" ? 2 : 0)}${unit}`,
      wanted,
      target === undefined ? "" : met ? "met" : "**not met**",
    ];
  });
  return { table: rows(["ratio of medians", "measured", "target", ""], body), missed };
}

function ratiosOf(measured: readonly Measured[], inMemory: boolean): Ratio[] {
  const by = new Map(measured.map((one) => [one.id, one]));
  const wall = (id: string) => {
    const runs = by.get(id)?.runs ?? [];
    return runs.length === 0 ? undefined : median(runs.map((run) => run.wall));
  };
  const givenUp = by.get("skopeo")?.givenUp;
  const over = (a: number | undefined, ...b: (number | undefined)[]) =>
    a === undefined || b.includes(undefined)
      ? undefined
      : a / b.reduce<number>((sum, part) => sum + part!, 0);
  const ours = measured.filter(({ title }) => title.includes("ingot"));
  const peak = Math.max(...ours.flatMap(({ runs }) => runs.map((run) => run.peakSum)));
  const [exported] = measured.filter(({ id }) => id === "export");
  const written = exported && median(exported.runs.map((run) => run.written));
  return [
    {
      what: "export / (cat + openssl)",
      value: over(wall("export"), wall("cat"), wall("openssl")),
      target: { atMost: 0.7 },
    },
    {
      what: "export / (cat, sync + openssl): as much on the disk",
      value: over(wall("export"), wall("cat-sync"), wall("openssl")),
    },
    {
      what: "skopeo / export",
      value: over(givenUp ?? wall("skopeo"), wall("export")),
      atLeast: givenUp !== undefined,
      target: { atLeast: 5 },
    },
    {
      what: "export / GNU tar, which proves and syncs nothing",
      value: over(wall("export"), wall("tar")),
    },
    {
      what: "export to a pipe / (cat to a pipe + openssl)",
      value: over(wall("export-pipe"), wall("cat-pipe"), wall("openssl")),
    },
    {
      what: "verify / openssl",
      value: over(wall("verify"), wall("openssl")),
      target: { atMost: 0.7 },
    },
    { what: "verify of stdin / openssl", value: over(wall("verify-stdin"), wall("openssl")) },
    {
      what: "import / (GNU tar -x + openssl)",
      value: over(wall("import"), wall("untar"), wall("openssl")),
    },
    {
      what: "import / (GNU tar -x, sync + openssl)",
      value: over(wall("import"), wall("untar-sync"), wall("openssl")),
    },
    {
      what: "peak memory of any ingot, all its processes",
      value: peak / MIB,
      unit: " MiB",
      target: { atMost: 150 },
    },
    {
      what: "export: bytes written / size of the archive",
      value: inMemory || !exported ? undefined : written! / exported.result,
      target: { atMost: 1.01 },
    },
    {
      what: "export: temporary disk",
      value: exported && exported.temporary / MIB,
      unit: " MiB",
      target: { atMost: 0 },
    },
  ];
}
