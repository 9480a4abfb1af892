import { IngotError } from "../../base/error.ts";
import { LAST_EPOCH, parseEpoch } from "../../base/time.ts";
import type { EpochChoice } from "../../build/epoch.ts";
import { type Settings, sourceDateEpoch } from "../args/settings.ts";

/**
 * What `--source-date-epoch`, else the build argument, else the variable SOURCE_DATE_EPOCH says; 0 where none does.
 * @param argument the build argument of that name, by which BuildKit is told the time
 * @throws usage, quoting the value; also where the flag and the argument differ
 */
export function parseEpochChoice(
  flag: string | undefined,
  settings: Settings,
  argument?: string,
): EpochChoice {
  const given = argument === undefined ? undefined : argumentEpoch(argument);
  if (flag === undefined) return given ?? sourceDateEpoch(settings) ?? 0;
  const choice = flagEpoch(flag);
  if (given === undefined || given === choice) return choice;
  throw new IngotError("usage", {
    message: `--source-date-epoch is ${JSON.stringify(flag)} and --build-arg SOURCE_DATE_EPOCH is ${JSON.stringify(argument)}, should be the same time`,
    hint: "give one of them",
  });
}

function argumentEpoch(text: string): number {
  const seconds = parseEpoch(text);
  if (seconds !== undefined) return seconds;
  throw new IngotError("usage", {
    message: `--build-arg SOURCE_DATE_EPOCH is ${JSON.stringify(text)}, should be whole seconds since 1970, 0 to ${LAST_EPOCH}`,
  });
}

function flagEpoch(flag: string): EpochChoice {
  if (flag === "mtime" || flag === "git") return flag;
  if (flag === "now") return Math.floor(Date.now() / 1000);
  const seconds = parseEpoch(flag);
  if (seconds !== undefined) return seconds;
  throw new IngotError("usage", {
    message: `--source-date-epoch is ${JSON.stringify(flag)}, should be whole seconds since 1970 (0 to ${LAST_EPOCH}), mtime, git or now`,
  });
}
