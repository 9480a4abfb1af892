import { suggest as nearest } from "../../base/suggest.ts";
import type { YamlDiagnostics } from "../yaml/diagnostics.ts";
import { quoteForeign, tame } from "../yaml/quote.ts";
import { runtimeText, scalarText } from "../yaml/scalar.ts";
import type { Scalar } from "../yaml/tree.ts";
import { didYouMeanKey } from "./keys.ts";

/** What a value must look like. The texts are those that a running gadget gets to see. */
export type Check =
  | "text"
  | "boolean"
  | "integer"
  /** Columns: an integer, or the word "type". */
  | "width"
  /** What Go's time.ParseDuration takes. */
  | "duration"
  /** One of a closed set: another stops the gadget. */
  | { readonly oneOf: readonly string[] }
  /** One of a set that may grow: another is passed over. */
  | { readonly usually: readonly string[] };

const DURATION = /^[-+]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$/;
const INTEGER = /^[-+]?\d+$/;

/** Reports a value that does not pass its check. Where templates are allowed, a value that holds one passes. */
export function checkValue(
  name: string,
  scalar: Scalar,
  check: Check,
  report: YamlDiagnostics,
): void {
  const written = scalarText(scalar);
  if (report.templates && written.includes("{{")) return;
  const text = runtimeText(scalar);
  const should = (what: string, hint?: string) =>
    report.error(
      scalar.at,
      `${quoteForeign(name)} is ${quoteForeign(written)}: it should be ${what}`,
      hint,
    );
  if (check === "text") {
    if (text === undefined || (text !== written && text.toLowerCase() !== written.toLowerCase())) {
      const message = `${quoteForeign(name)} is ${tame(written)}: without quotes it is read as a number or a time, and printed anew`;
      report.warning(scalar.at, message, `write ${quoteForeign(written)} with its quotes`);
    }
  } else if (check === "boolean") {
    if (text !== "true" && text !== "false") should("true or false", asBoolean(written));
  } else if (check === "integer" || check === "width") {
    if (text === "type" && check === "width") return;
    if (text === undefined || !INTEGER.test(text)) should("a whole number");
  } else if (check === "duration") {
    const hint = INTEGER.test(written)
      ? `write ${quoteForeign(`${written}s`)} for seconds`
      : undefined;
    if (text === undefined || !DURATION.test(text))
      should('a duration such as "500ms" or "1m30s"', hint);
  } else if ("oneOf" in check) {
    if (!check.oneOf.includes(text ?? "\0"))
      should(listed(check.oneOf), suggest(written, check.oneOf));
  } else if (!check.usually.includes(text ?? "\0")) {
    const message = `${quoteForeign(name)} is ${quoteForeign(written)}: it has no effect unless it is ${listed(check.usually)}`;
    report.warning(scalar.at, message, suggest(written, check.usually));
  }
}

function asBoolean(written: string): string | undefined {
  if (/^(yes|y|on|1|true)$/i.test(written)) return "write true";
  return /^(no|n|off|0|false)$/i.test(written) ? "write false" : undefined;
}

const suggest = (written: string, words: readonly string[]) =>
  didYouMeanKey(nearest(written, words));

/** `a, b or c`; of a long list, no more than its first dozen. */
function listed(words: readonly string[]): string {
  const shown = words.filter((word) => word !== "").slice(0, 12);
  if (shown.length < words.length - 1) return `one of ${shown.join(", ")}, …`;
  return shown.length === 1 ? `${shown[0]}` : `${shown.slice(0, -1).join(", ")} or ${shown.at(-1)}`;
}
