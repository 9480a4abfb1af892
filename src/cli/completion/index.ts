/** Completion scripts, made of the definitions that the command line is read by. */
import type { Command } from "../args/define-command.ts";
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import { type CompletedCommand, completedCommand } from "./model.ts";
import { zshScript } from "./zsh.ts";

const SCRIPTS = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
} as const satisfies Record<string, (parts: readonly CompletedCommand[]) => string>;

/** The script that completes these commands in a shell. */
export function completionScript(
  shell: keyof typeof SCRIPTS,
  commands: readonly Command[],
): string {
  return SCRIPTS[shell](commands.map(completedCommand));
}
