import {
  type Diagnostics,
  didYouMean,
  quoteExcerpt,
  type SourcePosition,
} from "../../base/diagnostics.ts";
import { isIngotError } from "../../base/error.ts";
import { suggest } from "../../base/suggest.ts";
import { type Platform, parsePlatform } from "../../oci/platform.ts";
import { BadSubstitution, expand } from "../lexer/expand.ts";
import type { Dockerfile } from "../syntax/instruction.ts";
import type { StageBase } from "./step.ts";

/** What a stage begins with. Undefined, and reported, when that cannot be said. @param variables what FROM sees */
export function stageBaseOf(
  file: Dockerfile,
  index: number,
  variables: ReadonlyMap<string, string>,
  report: Diagnostics,
): StageBase | undefined {
  const { image, at, platform: platformText } = file.stages[index]!;
  const filled = (text: string) => {
    try {
      return expand(text, (name) => variables.get(name), { escape: file.escape });
    } catch (error) {
      if (!(error instanceof BadSubstitution)) throw error;
      report.error(at, `FROM ${quoteExcerpt(text)} cannot be expanded: ${error.message}`);
      return undefined;
    }
  };
  const found = filled(image.text);
  if (found === undefined) return undefined;
  const { text, unset } = found;
  for (const name of unset) {
    const message = `FROM ${quoteExcerpt(image.text)}: ${name} is not set above the first FROM`;
    const hint = declaredIn(file, name)
      ? `move ARG ${name} above the first FROM`
      : didYouMean(suggest(name, variables.keys()));
    if (text === "") report.error(at, `${message}, so that it names nothing`, hint);
    else report.warning(at, message, hint);
  }
  if (text === "" && unset.size === 0)
    report.error(
      at,
      `FROM ${quoteExcerpt(image.text)} names nothing: it should be an image, a stage or scratch`,
    );
  const wanted = platformText === undefined ? undefined : filled(platformText)?.text;
  const platform = wanted === undefined ? undefined : platformOf(wanted, platformText!, at, report);
  const before = file.stages.slice(0, index);
  const stage = before.findLastIndex(({ name }) => name !== undefined && name === text);
  if (stage >= 0) return { kind: "stage", index: stage };
  if (text === "scratch") return { kind: "scratch" };
  const place = `${file.file}:${at.line}:${at.column}`;
  return { kind: "image", text, place, ...(platform && { platform }) };
}

function declaredIn({ stages }: Dockerfile, name: string): boolean {
  return stages.some(({ instructions }) =>
    instructions.some((one) => one.kind === "arg" && one.args.some((arg) => arg.name === name)),
  );
}

function platformOf(
  text: string,
  written: string,
  at: SourcePosition,
  report: Diagnostics,
): Platform | undefined {
  try {
    return parsePlatform(text);
  } catch (error) {
    if (!isIngotError(error, "usage")) throw error;
    const hint = "for example --platform=linux/arm64, or $TARGETPLATFORM";
    report.error(
      at,
      `--platform=${written} is ${quoteExcerpt(text)}: it should be os/architecture[/variant]`,
      hint,
    );
    return undefined;
  }
}
