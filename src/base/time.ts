/** Points in time as whole seconds since 1970-01-01T00:00:00Z. Nothing here reads a clock. */

/** 9999-12-31T23:59:59Z, the last second that RFC 3339 can write. */
export const LAST_EPOCH = 253402300799;

/**
 * The seconds that `text` says, or undefined when it is not `^[0-9]+$` or is after LAST_EPOCH.
 * Strict on purpose: an empty, signed, fractional or padded value is never guessed at
 * (https://reproducible-builds.org/specs/source-date-epoch/).
 */
export function parseEpoch(text: string): number | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const seconds = Number(text);
  return seconds <= LAST_EPOCH ? seconds : undefined;
}

/** `seconds` as RFC 3339 in UTC with whole seconds, as in `1970-01-01T00:00:00Z`. */
export function rfc3339(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}
