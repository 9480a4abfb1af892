/** Durations as Go's time package reads and writes them. */

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** The nanoseconds that `1m30s`, `1.5h` or `0` says; undefined when it is no duration or not a safe integer. */
export function parseDuration(text: string): number | undefined {
  const [, sign, rest = ""] = /^([-+]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return 0;
  if (!/^((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/.test(rest)) return undefined;
  let total = 0n;
  for (const [, whole, fraction = "", unit] of rest.matchAll(/(\d*)(?:\.(\d*))?([a-zµμ]+)/g)) {
    const scale = UNITS[unit!]!;
    total += BigInt(whole || 0) * scale;
    total += (BigInt(fraction || 0) * scale) / 10n ** BigInt(fraction.length);
  }
  const nanoseconds = Number(sign === "-" ? -total : total);
  return Number.isSafeInteger(nanoseconds) ? nanoseconds : undefined;
}

/** As Go prints a duration: `1m30s`, `500ms`, `0s`. Not negative. */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return "0s";
  if (nanoseconds < 1_000) return `${nanoseconds}ns`;
  if (nanoseconds < 1_000_000) return `${decimal(nanoseconds, 3)}µs`;
  if (nanoseconds < 1_000_000_000) return `${decimal(nanoseconds, 6)}ms`;
  const total = Math.floor(nanoseconds / 1_000_000_000);
  const seconds = `${decimal((total % 60) * 1_000_000_000 + (nanoseconds % 1_000_000_000), 9)}s`;
  const minutes = Math.floor(total / 60);
  if (minutes === 0) return seconds;
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes}m${seconds}` : `${hours}h${minutes % 60}m${seconds}`;
}

/** `value` with its last `digits` behind the point, without zeros at the end. */
function decimal(value: number, digits: number): string {
  const text = String(value).padStart(digits + 1, "0");
  const fraction = text.slice(-digits).replace(/0+$/, "");
  return fraction === "" ? text.slice(0, -digits) : `${text.slice(0, -digits)}.${fraction}`;
}
