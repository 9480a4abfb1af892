import { type Diagnostics, quoteExcerpt, type SourcePosition } from "../../base/diagnostics.ts";
import { splitSpaces } from "../lexer/split.ts";
import { parseDuration } from "./duration.ts";
import type { FlagKinds } from "./flags.ts";
import type { Health, Operands } from "./instruction.ts";
import { type InstructionReader, readCommand } from "./operands.ts";

/** The flags of HEALTHCHECK. */
export const HEALTH_FLAGS: FlagKinds = {
  interval: "value",
  timeout: "value",
  "start-period": "value",
  "start-interval": "value",
  retries: "value",
};
/** Reads HEALTHCHECK. */
export function readHealth(part: InstructionReader): Operands | undefined {
  const { rest, flags, report, at, place } = part;
  const [type] = splitSpaces(rest);
  if (type === undefined) return undefined;
  const word = type.text.toUpperCase();
  const gap = /^\S+\s*/.exec(rest.text)?.[0].length ?? 0;
  const after = { text: rest.text.slice(gap), at: rest.at + gap };
  const time = (name: string): number => {
    const text = flags.value(name);
    if (text === "") return 0;
    const nanoseconds = parseDuration(text);
    if (nanoseconds === undefined || (nanoseconds !== 0 && nanoseconds < 1_000_000)) {
      const hint = /^\d+$/.test(text) ? `write ${text}s for seconds` : undefined;
      report.error(
        at,
        `--${name} is ${quoteExcerpt(text)}: it should be a time such as 30s, 1ms or more`,
        hint,
      );
    }
    return nanoseconds ?? 0;
  };
  const health: Omit<Health, "test"> = {
    interval: time("interval"),
    timeout: time("timeout"),
    startPeriod: time("start-period"),
    startInterval: time("start-interval"),
    retries: retriesOf(flags.value("retries"), at, report),
  };
  if (word === "NONE") {
    if (after.text !== "")
      report.error(place(after.at), "HEALTHCHECK NONE has words after it: it should have none");
    const none = { interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0 };
    return { kind: "healthcheck", health: { test: ["NONE"], ...none } };
  }
  if (word !== "CMD") {
    report.error(
      place(type.at),
      `HEALTHCHECK ${quoteExcerpt(type.text)} should be CMD or NONE`,
      `write HEALTHCHECK CMD ${rest.text}`,
    );
    return undefined;
  }
  const { words, json } = readCommand({ ...part, rest: after });
  if (words.length === 0) report.error(at, "HEALTHCHECK CMD has no command");
  return {
    kind: "healthcheck",
    health: { test: [json ? "CMD" : "CMD-SHELL", ...words], ...health },
  };
}

function retriesOf(text: string, at: SourcePosition, report: Diagnostics): number {
  if (text === "") return 0;
  if (/^\+?\d{1,9}$/.test(text)) return Number(text);
  report.error(at, `--retries is ${quoteExcerpt(text)}: it should be a whole number, 0 or more`);
  return 0;
}
