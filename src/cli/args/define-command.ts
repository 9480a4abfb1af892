/** What a command is: citty's definition, made closed. Types of arguments follow from their definitions, with no holes. */
import { type ArgsDef, type CommandDef, defineCommand as cittyCommand } from "citty";
import type { Reporter } from "../output/reporter.ts";
import { COMMON, GLOBALS, type Options, type Values } from "./options.ts";
import { parseArgs } from "./parse.ts";
import type { Settings } from "./settings.ts";

/** 0 yes, 1 no, 2 could not say. */
export type ExitCode = 0 | 1 | 2;

/** What a command runs in. */
export interface Context {
  readonly settings: Settings;
  readonly reporter: Reporter;
  /** The module that a worker thread starts with. */
  readonly entry: URL;
  /** Every command there is, for those that tell of the others. */
  all(): Promise<readonly Command[]>;
}

export interface Example {
  readonly line: string;
  readonly does: string;
}

/** The flags that a command has besides its own. */
type Besides<S extends boolean> = S extends false ? typeof COMMON : typeof GLOBALS;

interface Definition<O extends Options, S extends boolean = boolean> {
  readonly name: string;
  readonly description: string;
  readonly args: O;
  /** false = it has nothing to do with the store, and no flag --store; default: true. */
  readonly store?: S;
  /** Paragraphs of the help after the options. */
  readonly notes?: readonly string[];
  readonly examples: readonly Example[];
  /** What 1 means, where the command can say it. */
  readonly no?: string;
  /** The shape of the JSON document, for the help. */
  readonly document?: string;
  run(values: Values<O & Besides<S>>, context: Context): Promise<ExitCode>;
}

/** A definition of citty's, with what it lacks. */
export interface Command
  extends CommandDef,
    Pick<Definition<Options>, "notes" | "examples" | "no" | "document"> {
  readonly meta: { readonly name: string; readonly description: string };
  readonly args: Options;
  /** Reads the words after the command's name, strictly, and does what they say. @throws IngotError */
  answer(words: readonly string[], context: Context): Promise<ExitCode>;
}

/** A command with the flags that every command has added to its own. */
export function defineCommand<const O extends Options, const S extends boolean = true>(
  definition: Definition<O, S>,
): Command {
  const { name, description, notes = [], examples, no, document } = definition;
  const besides = (definition.store === false ? COMMON : GLOBALS) as Besides<S>;
  const args = { ...definition.args, ...besides };
  const meta = { name, description };
  return {
    ...cittyCommand<ArgsDef>({ meta, args }),
    ...{ meta, args, notes, examples },
    ...(no === undefined ? {} : { no }),
    ...(document === undefined ? {} : { document }),
    answer: (words, context) => definition.run(parseArgs(words, args, name), context),
  };
}
