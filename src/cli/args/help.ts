/** Help, made of the definitions that the command line is read by. */

import { table } from "../output/text.ts";
import type { Command } from "./define-command.ts";
import type { Flag, Options } from "./options.ts";

/** `ingot export SOURCE... -o FILE [flags]`. */
export function usageLine({ meta, args }: Pick<Command, "meta" | "args">): string {
  const words = Object.entries(args).flatMap(([key, option]) => {
    if (option.type !== "positional")
      return option.required ? [`-${option.alias ?? `-${key}`} ${option.valueHint}`] : [];
    const word = `${key.toUpperCase()}${option.multiple ? "..." : ""}`;
    return [option.required ? word : `[${word}]`];
  });
  return ["ingot", meta.name, ...words, "[flags]"].join(" ");
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const { meta, args, notes = [], examples, no, document } = command;
  const positionals = Object.entries(args).filter(([, { type }]) => type === "positional");
  return sections([
    [`${meta.description[0]!.toUpperCase()}${meta.description.slice(1)}.`],
    ["USAGE", `  ${usageLine(command)}`],
    positionals.length > 0 && [
      "ARGUMENTS",
      ...table(
        positionals.map(([key, { description }]) => [`  ${key.toUpperCase()}`, description]),
      ),
    ],
    ["FLAGS", ...table(flagRows(args))],
    ...notes.map((note) => note.split("\n")),
    ["EXAMPLES", ...examples.flatMap(({ line, does }) => [`  # ${does}`, `  ${line}`])],
    document !== undefined && [
      "WITH --json",
      ...document.split("\n").map((line) => `  ${line}`),
      '  or, where it could not say: {"error": {"code", "message", "hint", "facts"}}',
    ],
    ["EXIT CODES", ...exitCodes(no)],
  ]);
}

/** The help of ingot as a whole. */
export function overview(title: string, commands: readonly Command[], globals: Options): string {
  return sections([
    [title],
    ["USAGE", "  ingot COMMAND [arguments] [flags]"],
    ["COMMANDS", ...table(commands.map(({ meta }) => [`  ${meta.name}`, meta.description]))],
    ["FLAGS", ...table([...flagRows(globals), ["  -V, --version", "show the version"]])],
    [
      "SOURCE is the name of an image in the store, or",
      ...table([
        ["  FILE.tar, DIR", "an archive, or an image layout in a folder: all of its images"],
        ["  oci-archive:FILE[:REF]", "an archive, or one image of it"],
        ["  docker-archive:FILE[:REF]", "the same, of docker save"],
        ["  oci:DIR[:REF]", "an image layout, or one image of it"],
        ["  docker://REF", "for copy, export and push: an image in a registry"],
      ]),
    ],
    [
      "stdout is the answer; progress, warnings and errors go to stderr.",
      "",
      "EXIT CODES",
      ...exitCodes("no: findings, differences"),
    ],
    ["More on a command: ingot COMMAND --help"],
  ]);
}

function exitCodes(no: string | undefined): string[] {
  return table([
    ["  0", "yes, done"],
    ...(no === undefined ? [] : [["  1", no]]),
    ["  2", "could not say: bad usage, missing input, I/O"],
  ]);
}

function flagRows(options: Options): string[][] {
  return Object.entries(options).flatMap(([name, option]) =>
    option.type === "positional" ? [] : [flagRow(name, option)],
  );
}

function flagRow(
  name: string,
  { alias, type, valueHint = "VALUE", description, multiple }: Flag,
): string[] {
  const value = type === "boolean" ? "" : ` ${valueHint}`;
  return [
    `  ${alias === undefined ? "   " : `-${alias},`} --${name}${value}`,
    multiple ? `${description} (may be repeated)` : description,
  ];
}

function sections(parts: readonly (readonly string[] | false)[]): string {
  return `${parts
    .filter((part) => part !== false)
    .map((part) => part.join("\n"))
    .join("\n\n")}\n`;
}
