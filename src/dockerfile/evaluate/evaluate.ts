import { Diagnostics } from "../../base/diagnostics.ts";
import type { ContainerConfig } from "../image/config.ts";
import type { Dockerfile, Instruction } from "../syntax/instruction.ts";
import { copyFrom } from "./copy-sources.ts";
import { readOnbuild } from "./onbuild.ts";
import { StageEvaluator } from "./stage-evaluator.ts";
import type { BuildScope, EvaluatedStage } from "./step.ts";

/**
 * Works a stage out: its variables filled in, the triggers of its base first. Afterwards `config` is that of the
 * image, with the history and diff_ids still those of the base, and each step has its line of history.
 * @param options.base the config of what the stage begins with (`fromOf`): an evaluated stage's, an image's, or an empty one
 * @throws source with every mistake of the stage
 */
export function evaluate(
  file: Dockerfile,
  index: number,
  { base, scope }: { base: ContainerConfig; scope: BuildScope },
): EvaluatedStage {
  const report = new Diagnostics(file.file);
  const worked = evaluateOnce(file, index, { base, scope, report });
  report.refuse();
  return { ...worked, problems: report.problems() };
}

/** What `evaluate` says, with its problems in a report. */
export function evaluateOnce(
  file: Dockerfile,
  index: number,
  { base, scope, report }: { base: ContainerConfig; scope: BuildScope; report: Diagnostics },
): Omit<EvaluatedStage, "problems"> {
  const { at, instructions } = file.stages[index]!;
  const stage = new StageEvaluator(file, index, { base, scope, report });
  const triggers = readOnbuild(base.onBuild, at, report);
  if (stage.origin?.kind === "image") refuseStages(file, index, triggers, report);
  const all = [...triggers, ...instructions];
  const steps = all.flatMap((instruction) => stage.step(instruction) ?? []);
  return { config: stage.config(), steps };
}

/** Which stages are needed is known before an image's triggers are. */
function refuseStages(
  file: Dockerfile,
  index: number,
  triggers: readonly Instruction[],
  report: Diagnostics,
): void {
  for (const trigger of triggers) {
    if (trigger.kind !== "copy" || copyFrom(file, index, trigger, report)?.kind !== "stage")
      continue;
    const message = `the base has ONBUILD COPY --from=${trigger.from}, which means a stage of this file: it should be an image`;
    report.error(
      trigger.at,
      message,
      "write the COPY into this file, and FROM an image without it",
    );
  }
}
