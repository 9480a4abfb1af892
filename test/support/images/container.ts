import assert from "node:assert/strict";
import { utf8 } from "../../../src/base/bytes.ts";
import type { Diagnostic } from "../../../src/base/error.ts";
import {
  type BuildScope,
  evaluate,
  fromOf,
  neededStages,
  type Step,
} from "../../../src/dockerfile/evaluate/stage.ts";
import {
  type ContainerConfig,
  emptyConfig,
  type History,
} from "../../../src/dockerfile/image/config.ts";
import { parseDockerfile } from "../../../src/dockerfile/read.ts";
import type { Platform } from "../../../src/oci/platform.ts";

export const AMD64: Platform = { architecture: "amd64", os: "linux" };

/** The scope of a build for `platform` with these arguments. */
export function scopeOf(args: Record<string, string> = {}, platform = AMD64): BuildScope {
  return { buildArgs: new Map(Object.entries(args)), platform, buildPlatform: platform };
}

/** A target, worked out. Every stage's line of history is there; a copy makes a layer, WORKDIR too but for "/". */
export interface Worked {
  readonly config: ContainerConfig;
  readonly history: readonly History[];
  readonly steps: readonly Step[];
  readonly problems: readonly Diagnostic[];
}

/** Works out every stage that the target needs; an image that is built on has the config `base`. */
export function work(
  text: string,
  {
    scope = scopeOf(),
    target,
    base,
  }: { scope?: BuildScope; target?: string; base?: ContainerConfig } = {},
): Worked {
  const file = parseDockerfile(utf8(text), "Dockerfile");
  const made = new Map<number, Worked>();
  let last: Worked | undefined;
  const problems = [...file.problems];
  for (const index of neededStages(file, target, scope)) {
    const from = fromOf(file, index, scope);
    const start = from.kind === "stage" ? made.get(from.index) : undefined;
    const empty = from.kind === "image" ? base : emptyConfig(scope.platform);
    const config = start?.config ?? empty;
    assert.ok(config, "there is nothing to build on");
    const worked = evaluate(file, index, { base: config, scope });
    problems.push(...worked.problems);
    const lines = worked.steps.map((step) => {
      const isEmpty = step.kind === "empty" || (step.kind === "workdir" && step.path === "/");
      return { created_by: step.createdBy, ...(isEmpty ? { empty_layer: true } : {}) };
    });
    last = {
      ...worked,
      history: [...(start?.history ?? config.history), ...lines],
      problems,
    };
    made.set(index, last);
  }
  return last!;
}

/** The copies of a target, in order. */
export const copiesOf = ({ steps }: Worked) =>
  steps.flatMap((step) => (step.kind === "copy" ? [step.copy] : []));

/** `2:1 error: message [hint]` for each problem. */
export function shown(problems: readonly Diagnostic[]): string[] {
  return problems.map(({ file, line, column, level, message, hint }) => {
    assert.equal(file, "Dockerfile");
    return `${line}:${column} ${level}: ${message}${hint === undefined ? "" : ` [${hint}]`}`;
  });
}
