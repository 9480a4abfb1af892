/** From words to an exit code. */
import { isatty } from "node:tty";
import { IngotError } from "../base/error.ts";
import { type Subject, subjectText } from "../base/subject.ts";
import { suggest } from "../base/suggest.ts";
import type { Command, ExitCode } from "./args/define-command.ts";
import { commandHelp, overview } from "./args/help.ts";
import { GLOBALS } from "./args/options.ts";
import { hasFlag, splitCommandLine } from "./args/parse.ts";
import { type ProcessEnvironment, readSettings, type Settings } from "./args/settings.ts";
import { commands, DESCRIPTION, VERSION } from "./commands.ts";
import { alternatives, describeError } from "./output/error-messages.ts";
import { Reporter } from "./output/reporter.ts";

export interface Start {
  /** The words after the program's name. */
  readonly words: readonly string[];
  readonly environment: ProcessEnvironment;
  /** The module that a worker thread starts with. */
  readonly entry: URL;
}

/** Does what the words say. Never throws: whatever goes wrong is told, in one line and a hint, and is 2. */
export async function runCli({ words, environment, entry }: Start): Promise<ExitCode> {
  const settings = readSettings(environment);
  const { name, words: rest } = splitCommandLine(words, GLOBALS);
  const reporter = reporterFor(words, settings, name);
  try {
    if (name === undefined || name === "help") return await answerAlone(name, rest, reporter);
    const command = await find(name);
    if (hasFlag(rest, "--help", "-h")) {
      reporter.raw(commandHelp(command));
      return 0;
    }
    return await command.answer(rest, { settings, reporter, entry, all });
  } catch (error) {
    return fail(error, reporter, hasFlag(words, "--debug"));
  }
}

/** Tells of an error that nobody expected, outside of everything that was awaited. */
export function crash(error: unknown, { words, environment }: Start): ExitCode {
  return fail(
    error,
    reporterFor(words, readSettings(environment), undefined),
    hasFlag(words, "--debug"),
  );
}

function reporterFor(
  words: readonly string[],
  settings: Settings,
  name: string | undefined,
): Reporter {
  return new Reporter({
    json: hasFlag(words, "--json"),
    quiet: hasFlag(words, "--quiet", "-q"),
    color: settings.color && isatty(2),
    name: name !== undefined && Object.hasOwn(commands, name) ? `ingot ${name}` : "ingot",
  });
}

/** `ingot`, `ingot --help`, `ingot --version`, `ingot help [COMMAND]`. */
async function answerAlone(
  name: string | undefined,
  words: readonly string[],
  reporter: Reporter,
): Promise<ExitCode> {
  if (hasFlag(words, "--version", "-V")) {
    reporter.print(`ingot ${VERSION}`);
    reporter.document({ version: VERSION });
    return 0;
  }
  const [wanted] = words.filter((word) => !word.startsWith("-"));
  if (name === "help" && wanted !== undefined) reporter.raw(commandHelp(await find(wanted)));
  else if (name === "help" || hasFlag(words, "--help", "-h"))
    reporter.raw(overview(`ingot ${VERSION}: ${DESCRIPTION}`, await all(), GLOBALS));
  else {
    const [flag] = words.filter(
      (word) => word.startsWith("-") && !["--json", "--quiet", "-q", "--debug"].includes(word),
    );
    if (flag !== undefined)
      throw new IngotError("usage", {
        message: `there is no flag ${JSON.stringify(flag)} without a command`,
        hint: "see: ingot --help",
      });
    throw new IngotError("usage", {
      message: "there is no command, should be one",
      hint: `one of ${Object.keys(commands).join(", ")}; see: ingot --help`,
    });
  }
  return 0;
}

/** @throws usage with the nearest commands that there are */
async function find(name: string): Promise<Command> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load !== undefined) return load();
  const near = suggest(name, Object.keys(commands));
  throw new IngotError("usage", {
    message: `there is no command ${JSON.stringify(name)}`,
    hint:
      near.length > 0
        ? `did you mean ${alternatives(near)}?`
        : `one of ${Object.keys(commands).join(", ")}`,
  });
}

async function all(): Promise<Command[]> {
  return Promise.all(Object.values(commands).map((load) => load()));
}

function fail(error: unknown, reporter: Reporter, debug: boolean): ExitCode {
  const fault =
    error instanceof IngotError
      ? error
      : new IngotError(
          "internal",
          { message: error instanceof Error ? error.message : String(error) },
          { cause: error },
        );
  const { code, facts } = fault;
  const said = describeError(fault);
  reporter.error(debug ? { ...said, details: [...(said.details ?? []), ...trace(fault)] } : said);
  reporter.document({
    error: {
      code,
      message: said.message,
      hint: said.hint ?? null,
      facts: JSON.parse(JSON.stringify({ ...facts, ...subjectOf(facts) })),
    },
  });
  return 2;
}

/** The subject of an error as JSON has it: as text. */
function subjectOf(facts: { readonly at?: Subject }): { readonly at?: string } {
  return facts.at === undefined ? {} : { at: subjectText(facts.at) };
}

/** Where an error arose, and what caused it. */
function trace(error: unknown): string[] {
  if (!(error instanceof Error)) return error === undefined ? [] : [String(error)];
  const own = (error.stack ?? `${error}`).split("\n");
  const more =
    error instanceof IngotError && error.code === "internal"
      ? (error as IngotError<"internal">).facts.message.split("\n")
      : [];
  return [
    ...own,
    ...more,
    ...(error.cause === undefined ? [] : ["caused by:", ...trace(error.cause)]),
  ];
}
