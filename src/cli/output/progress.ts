/** Progress on a terminal: one line, redrawn, gone when the work is. */
import { performance } from "node:perf_hooks";
import { onExit } from "../../base/fs/exit-hooks.ts";
import type { Reporter } from "./reporter.ts";
import { formatBytes } from "./text.ts";

/** How far something is. Bytes; bytes a second; `total` undefined where nobody knows. */
export interface ProgressLine {
  readonly label: string;
  readonly bytes: number;
  readonly total: number | undefined;
  readonly rate: number;
}

/** The line, at most `width` characters: what counts least goes first. */
export function formatProgress({ label, bytes, total, rate }: ProgressLine, width: number): string {
  const parts = [label];
  const done = total === undefined ? bytes : Math.min(bytes, total);
  if (total === undefined) parts.push(formatBytes(done));
  else {
    parts.push(`${total === 0 ? 100 : Math.floor((done / total) * 100)} %`);
    parts.push(`${formatBytes(done)} of ${formatBytes(total)}`);
  }
  if (rate > 0) parts.push(`${formatBytes(Math.floor(rate))}/s`);
  if (rate > 0 && total !== undefined)
    parts.push(`${formatSeconds(Math.ceil((total - done) / rate))} left`);
  let line = parts.join("  ");
  while (line.length > width && parts.length > 1) {
    parts.pop();
    line = parts.join("  ");
  }
  return line.slice(0, Math.max(0, width));
}

/** `5 s`, `2 min 05 s`, `1 h 04 min`. */
export function formatSeconds(seconds: number): string {
  const two = (number: number) => String(number).padStart(2, "0");
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${two(Math.floor(seconds / 60) % 60)} min`;
}

/** Points in time and what was done by then, of the last few seconds: the rate follows changes and does not flicker. */
export class Rate {
  readonly #points: { readonly at: number; readonly bytes: number }[] = [];
  readonly #window: number;

  /** @param window seconds */
  constructor(window = 3) {
    this.#window = window;
  }

  /** Bytes a second, with `bytes` done at second `at`. 0 before a rate can be known. */
  add(at: number, bytes: number): number {
    this.#points.push({ at, bytes });
    while (this.#points.length > 2 && at - this.#points[0]!.at > this.#window) this.#points.shift();
    const [first] = this.#points;
    const seconds = at - first!.at;
    return seconds > 0 ? (bytes - first!.bytes) / seconds : 0;
  }
}

export interface ProgressOptions {
  readonly label: string;
  readonly total: number | undefined;
  /** Bytes done so far. */
  bytes(): number;
  /** Columns of the terminal. */
  columns(): number;
}

/** Shows progress ten times a second until the returned function is called, which leaves the line empty. */
export function showProgress(
  reporter: Reporter,
  { label, total, bytes, columns }: ProgressOptions,
): () => void {
  const rate = new Rate();
  let drawn = false;
  const wipe = () => {
    if (drawn) reporter.draw("", () => {});
    drawn = false;
  };
  const draw = () => {
    const done = bytes();
    const line = formatProgress(
      { label, bytes: done, total, rate: rate.add(performance.now() / 1000, done) },
      columns() - 1,
    );
    drawn = true;
    reporter.draw(line, wipe);
  };
  rate.add(performance.now() / 1000, bytes());
  const timer = setInterval(draw, 100);
  const release = onExit(wipe);
  return () => {
    clearInterval(timer);
    release();
    wipe();
  };
}
