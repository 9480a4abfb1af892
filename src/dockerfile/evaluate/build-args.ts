import { type Diagnostics, didYouMean, quoteExcerpt } from "../../base/diagnostics.ts";
import type { Diagnostic } from "../../base/error.ts";
import { suggest } from "../../base/suggest.ts";
import { formatPlatform } from "../../oci/platform.ts";
import { BadSubstitution, expand } from "../lexer/expand.ts";
import type { Dockerfile } from "../syntax/instruction.ts";
import { EXPANDED, tooLarge } from "./environment.ts";
import type { BuildScope } from "./step.ts";

/**
 * Variables that every Dockerfile has, for FROM and for an ARG of their name. The build's platform is what `scope`
 * says: the target's, never the host's.
 */
export function predefined(scope: BuildScope, last: string | undefined): Map<string, string> {
  const { platform, buildPlatform, buildArgs, epoch } = scope;
  const all = new Map([
    ["BUILDPLATFORM", formatPlatform(buildPlatform)],
    ["BUILDOS", buildPlatform.os],
    ["BUILDOSVERSION", buildPlatform["os.version"] ?? ""],
    ["BUILDARCH", buildPlatform.architecture],
    ["BUILDVARIANT", buildPlatform.variant ?? ""],
    ["TARGETPLATFORM", formatPlatform(platform)],
    ["TARGETOS", platform.os],
    ["TARGETOSVERSION", platform["os.version"] ?? ""],
    ["TARGETARCH", platform.architecture],
    ["TARGETVARIANT", platform.variant ?? ""],
    ["TARGETSTAGE", scope.target ?? last ?? "default"],
  ]);
  for (const name of all.keys()) {
    const given = buildArgs.get(name);
    if (given !== undefined) all.set(name, given);
  }
  if (epoch !== undefined) all.set("SOURCE_DATE_EPOCH", String(epoch));
  return all;
}

/** The predefined variables and the ARGs in front of the first FROM: what FROM sees. */
export function globalVariables(
  file: Dockerfile,
  scope: BuildScope,
  report?: Diagnostics,
): ReadonlyMap<string, string> {
  const all = predefined(scope, file.stages.at(-1)?.name);
  let spent = 0;
  for (const { name, value, at } of file.args) {
    const given = scope.buildArgs.get(name);
    if (given !== undefined) all.set(name, given);
    else if (value !== undefined) {
      try {
        const { text } = expand(value, (other) => all.get(other), { escape: file.escape });
        all.set(name, text);
        spent += text.length;
        if (spent > EXPANDED) throw tooLarge(file.file, spent);
      } catch (error) {
        if (!(error instanceof BadSubstitution)) throw error;
        report?.error(
          at,
          `ARG ${name} ${quoteExcerpt(value)} cannot be expanded: ${error.message}`,
        );
      }
    }
  }
  return all;
}

/** Build arguments that BuildKit itself reads: a file need not declare them. */
const UNDECLARED = /^((https?|ftp|no|all)_proxy|BUILDKIT_.*|SOURCE_DATE_EPOCH)$/i;

/** A warning for each `--build-arg` that no ARG of the file takes. */
export function unusedArgs(file: Dockerfile, scope: BuildScope): Diagnostic[] {
  const declared = new Set(file.args.map(({ name }) => name));
  for (const { instructions } of file.stages)
    for (const instruction of instructions)
      if (instruction.kind === "arg") for (const { name } of instruction.args) declared.add(name);
  const known = new Set([...declared, ...predefined(scope, undefined).keys()]);
  return [...scope.buildArgs.keys()]
    .filter((name) => !known.has(name) && !UNDECLARED.test(name))
    .map((name) => {
      const message = `--build-arg ${name} has no effect: no ARG of the file declares it`;
      const hint =
        didYouMean(suggest(name, declared)) ?? `write ARG ${name} in the stage that uses it`;
      return { file: file.file, line: 1, column: 1, level: "warning" as const, message, hint };
    });
}
