/**
 * The command line, read strictly. citty 0.2.2 takes unknown flags for answers, keeps one of several values and lets a flag
 * swallow the next one; so its definitions are read here instead.
 */
import { IngotError } from "../../base/error.ts";
import { suggest } from "../../base/suggest.ts";
import { alternatives } from "../output/error-messages.ts";
import { type Flag, GLOBALS, type Options, type Values } from "./options.ts";

/** `--json`, `-q`: a word that is a flag. `-` is none: it stands for a standard stream. */
const isFlag = (word: string) => word.startsWith("-") && word !== "-";

/**
 * What `words` say by `options`. Takes `--flag value`, `--flag=value`, `-f value`, `-fvalue`, `-qh` for booleans, and `--`,
 * after which nothing is a flag.
 * @throws usage: an unknown flag (with the nearest right one), a flag without its value or given twice, a value that is none
 * of the words that there are, a surplus or missing argument
 */
export function parseArgs<const O extends Options>(
  words: readonly string[],
  options: O,
  command: string,
): Values<O> {
  const found = new Map<string, string[]>();
  const positionals: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === "--") {
      positionals.push(...words.slice(at + 1));
      break;
    }
    if (!isFlag(word)) positionals.push(word);
    else at += word.startsWith("--") ? long(word, words[at + 1]) : short(word, words[at + 1]);
  }
  return collect() as Values<O>;

  /** Reads one long flag; how many more words it took. */
  function long(word: string, next: string | undefined): 0 | 1 {
    const equals = word.indexOf("=");
    const spelled = equals < 0 ? word : word.slice(0, equals);
    const value = equals < 0 ? undefined : word.slice(equals + 1);
    const name = spelled.slice(2);
    const flag = Object.hasOwn(options, name) ? options[name]! : undefined;
    if (flag === undefined || flag.type === "positional") throw unknown(spelled, options, command);
    if (flag.type === "boolean") {
      if (value !== undefined)
        throw usage(
          `${spelled} takes no value, but ${JSON.stringify(value)} was given`,
          `write ${spelled} alone`,
        );
      found.set(name, []);
      return 0;
    }
    add(name, flag, spelled, value ?? taken(spelled, flag, next, `${spelled}=`));
    return value === undefined ? 1 : 0;
  }

  /** Reads a word of short flags; how many more words it took. */
  function short(word: string, next: string | undefined): 0 | 1 {
    for (let i = 1; i < word.length; i++) {
      const spelled = `-${word[i]}`;
      const [name, flag] =
        Object.entries(options).find(
          ([, option]) => option.type !== "positional" && option.alias === word[i],
        ) ?? [];
      if (name === undefined || flag === undefined || flag.type === "positional")
        throw unknown(i === 1 ? word : spelled, options, command);
      if (flag.type === "boolean") {
        found.set(name, []);
        continue;
      }
      const rest = word.slice(i + 1);
      if (rest.startsWith("="))
        throw usage(
          `${spelled} is followed by "=", should be by a space`,
          `write ${spelled} ${rest.slice(1)}, or --${name}${rest}`,
        );
      add(name, flag, spelled, rest === "" ? taken(spelled, flag, next, spelled) : rest);
      return rest === "" ? 1 : 0;
    }
    return 0;
  }

  function add(name: string, flag: Flag, spelled: string, value: string): void {
    if (value === "")
      throw usage(`the value of ${spelled} is empty, should be ${flag.valueHint ?? "a value"}`);
    const before = found.get(name);
    if (before !== undefined && !flag.multiple)
      throw usage(
        `${spelled} is given twice: ${JSON.stringify(before[0])} and ${JSON.stringify(value)}, should be once`,
      );
    found.set(name, [...(before ?? []), value]);
  }

  function collect(): Record<string, boolean | string | string[] | undefined> {
    const values: Record<string, boolean | string | string[] | undefined> = {};
    const rest = [...positionals];
    for (const [name, option] of Object.entries(options)) {
      const got =
        option.type === "positional"
          ? rest.splice(0, option.multiple ? rest.length : 1)
          : found.get(name);
      if (option.type === "boolean") values[name] = got !== undefined;
      else if (option.multiple) values[name] = got ?? [];
      else values[name] = got?.[0];
      if (option.type === "positional" && got!.includes(""))
        throw usage(`the argument ${name.toUpperCase()} is empty`);
      for (const value of got ?? []) mustBeWord(value, name, option);
      if (option.required && (got === undefined || got.length === 0))
        throw missing(name, option, command);
    }
    if (rest.length > 0)
      throw usage(`there is an argument too many: ${JSON.stringify(rest[0])}`, seeHelp(command));
    return values;
  }
}

function taken(
  spelled: string,
  { valueHint = "VALUE" }: Flag,
  next: string | undefined,
  joined: string,
): string {
  if (next === undefined)
    throw usage(`${spelled} has no value, should have one: ${spelled} ${valueHint}`);
  if (!isFlag(next)) return next;
  throw usage(
    `${spelled} has no value: ${JSON.stringify(next)} follows, which looks like a flag`,
    `if that is its value, write ${joined}${next}`,
  );
}

/** @throws usage for a value that is not in the option's list, where it has one */
function mustBeWord(value: string, name: string, { type, words }: Options[string]): void {
  if (words === undefined || words.includes(value)) return;
  const what = type === "positional" ? `the argument ${name.toUpperCase()}` : `--${name}`;
  const all = [words.slice(0, -1).join(", "), words.at(-1)].filter(Boolean).join(" or ");
  throw usage(`${what} is ${JSON.stringify(value)}, should be ${all}`);
}

function missing(name: string, option: Options[string], command: string): IngotError {
  const what =
    option.type === "positional"
      ? `the argument ${name.toUpperCase()}`
      : `the flag --${name} ${option.valueHint ?? ""}`.trimEnd();
  return usage(`${what} is missing: ${option.description}`, seeHelp(command));
}

function unknown(spelled: string, options: Options, command: string): IngotError {
  const names = Object.entries(options).flatMap(([name, { type }]) =>
    type === "positional" ? [] : [name],
  );
  const word = spelled.replace(/^--?/, "").replace(/=.*/s, "");
  const same = names.filter((name) => name === word);
  const begun = word.length > 1 ? names.filter((name) => name.startsWith(word)) : [];
  const near = [...new Set([...same, ...begun, ...suggest(word, names)])]
    .slice(0, 3)
    .map((name) => `--${name}`);
  return usage(
    `there is no flag ${JSON.stringify(spelled)}`,
    near.length > 0 ? `did you mean ${alternatives(near)}?` : seeHelp(command),
  );
}

const usage = (message: string, hint?: string) =>
  new IngotError("usage", { message, ...(hint === undefined ? {} : { hint }) });
const seeHelp = (command: string) => `see: ingot ${command} --help`;

/** A command line in parts: the name of the command, undefined where there is none, and all the other words. */
export interface CommandLine {
  readonly name: string | undefined;
  readonly words: readonly string[];
}

/** Finds the command's name among the words: flags that every command has may stand before it. */
export function splitCommandLine(words: readonly string[], globals: Options): CommandLine {
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === "--") break;
    if (!isFlag(word))
      return { name: word, words: [...words.slice(0, at), ...words.slice(at + 1)] };
    const flag = Object.entries(globals).find(
      ([name, option]) =>
        option.type === "string" && (word === `--${name}` || word === `-${option.alias}`),
    );
    if (flag !== undefined) at++;
  }
  return { name: undefined, words };
}

/** Whether the flag is among the words before `--`. For what must be known before the words are read strictly. */
export function hasFlag(words: readonly string[], ...spellings: readonly string[]): boolean {
  const end = words.indexOf("--");
  return words.slice(0, end < 0 ? words.length : end).some((word) => {
    const begun = SWITCHES.exec(word)?.[1] ?? "";
    return spellings.some(
      (spelled) => word === spelled || (/^-\w$/.test(spelled) && begun.includes(spelled[1]!)),
    );
  });
}

/** The letters, at the beginning of a word of short flags, that take no value: `-qo FILE` says `-q`, too. */
const SWITCHES = new RegExp(
  `^-([${Object.values(GLOBALS)
    .flatMap((option) => (option.type === "boolean" && "alias" in option ? option.alias : []))
    .join("")}]+)`,
);
