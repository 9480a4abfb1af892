import { Fault } from "../base/fault.ts";
import { LAST_EPOCH, parseEpoch } from "../base/time.ts";
import type { EpochChoice } from "../image/epoch.ts";
import { type Settings, sourceDateEpoch } from "./settings.ts";

/** What `--source-date-epoch`, else SOURCE_DATE_EPOCH says; 0 where neither does. @throws usage, quoting the value */
export function parseEpochChoice(flag: string | undefined, settings: Settings): EpochChoice {
  if (flag === undefined) return sourceDateEpoch(settings) ?? 0;
  if (flag === "mtime" || flag === "git") return flag;
  if (flag === "now") return Math.floor(Date.now() / 1000);
  const seconds = parseEpoch(flag);
  if (seconds !== undefined) return seconds;
  throw new Fault("usage", {
    message: `--source-date-epoch is ${JSON.stringify(flag)}, should be whole seconds since 1970 (0 to ${LAST_EPOCH}), mtime, git or now`,
  });
}
