import { Diagnostics } from "../../base/diagnostics.ts";
import { IngotError } from "../../base/error.ts";
import { within } from "../../base/subject.ts";
import { suggest } from "../../base/suggest.ts";
import { type ContainerConfig, emptyConfig } from "../image/config.ts";
import type { Dockerfile } from "../syntax/instruction.ts";
import { globalVariables } from "./build-args.ts";
import { copyFrom, refuseUnsupported } from "./copy-sources.ts";
import { evaluateOnce } from "./evaluate.ts";
import { readOnbuild } from "./onbuild.ts";
import { stageBaseOf } from "./stage-base.ts";
import type { BuildScope, StageBase } from "./step.ts";

export { unusedArgs } from "./build-args.ts";
export { evaluate } from "./evaluate.ts";
export type { BuildScope, CopyStep, EvaluatedStage, StageBase as From, Step } from "./step.ts";

/** What the stage begins with, for the platform of `scope`. @throws source */
export function fromOf(file: Dockerfile, index: number, scope: BuildScope): StageBase {
  const report = new Diagnostics(file.file);
  const origin = stageBaseOf(file, index, globalVariables(file, scope, report), report);
  report.refuse();
  return origin ?? { kind: "scratch" };
}

/**
 * The stages that the target needs, itself last, in the order of making: that of the file. Those it is not built on and
 * does not copy from are left out, and with them whatever they could not do. Which stages these are may depend on
 * `scope`, as in `FROM build-${TARGETARCH}`.
 * @param target a stage's name, in any case; undefined = the last stage
 * @throws not-found for the target; source with every instruction of these stages that cannot be carried out, and every
 *   mistake in those that do not depend on an image
 */
export function neededStages(
  file: Dockerfile,
  target: string | undefined,
  scope: BuildScope,
): number[] {
  const report = new Diagnostics(file.file);
  report.add(file.problems);
  const variables = globalVariables(file, scope, report);
  const found = walk(file, targetOf(file, target), variables, { report, refusals: report });
  const needed = [...found].sort((a, b) => a - b);
  tryOut(file, needed, scope, report);
  report.refuse();
  return needed;
}

/** Reports the mistakes of the stages that come from scratch: of an image's nothing is known yet. */
function tryOut(
  file: Dockerfile,
  needed: readonly number[],
  scope: BuildScope,
  report: Diagnostics,
): void {
  const variables = globalVariables(file, scope);
  const configs = new Map<number, ContainerConfig>();
  for (const index of needed) {
    const origin = stageBaseOf(file, index, variables, report);
    const parent = origin?.kind === "stage" ? configs.get(origin.index) : undefined;
    const base = origin?.kind === "scratch" ? emptyConfig(scope.platform) : parent;
    if (base !== undefined)
      configs.set(index, evaluateOnce(file, index, { base, scope, report }).config);
  }
}

/** Reports what cannot be carried out in the stages that the last one needs, as far as that can be said without arguments. */
export function refuseNeeded(file: Dockerfile, report: Diagnostics): void {
  const trial = new Diagnostics(file.file);
  walk(file, file.stages.length - 1, new Map(), { report: trial, refusals: report });
}

/** The stages that the one at `start` needs. `refusals` is told of RUN and the like, `report` of all else. */
function walk(
  file: Dockerfile,
  start: number,
  variables: ReadonlyMap<string, string>,
  { report, refusals }: { report: Diagnostics; refusals: Diagnostics },
): ReadonlySet<number> {
  const needed = new Set<number>();
  const open = [start];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (needed.has(index)) continue;
    needed.add(index);
    const origin = stageBaseOf(file, index, variables, report);
    const { instructions, at } = file.stages[index]!;
    const parent = origin?.kind === "stage" ? file.stages[origin.index]! : undefined;
    if (origin?.kind === "stage") open.push(origin.index);
    const expressions = (parent?.instructions ?? []).flatMap((instruction) =>
      instruction.kind === "onbuild" ? [instruction.expression] : [],
    );
    for (const instruction of [...readOnbuild(expressions, at, refusals), ...instructions]) {
      refuseUnsupported(instruction, refusals);
      if (instruction.kind !== "copy") continue;
      const source = copyFrom(file, index, instruction, report);
      if (source?.kind === "stage") open.push(source.index);
    }
  }
  return needed;
}

function targetOf({ stages, file }: Dockerfile, target: string | undefined): number {
  if (target === undefined) return stages.length - 1;
  const index = stages.findLastIndex(({ name }) => name === target.toLowerCase());
  if (index >= 0) return index;
  const names = stages.flatMap(({ name }) => name ?? []);
  const hint =
    names.length > 0
      ? `its stages are ${names.join(", ")}`
      : "its stages have no names; without --target its last one is built";
  const near = suggest(target, names);
  throw new IngotError("not-found", { what: "the stage", at: within(target, file), near, hint });
}
