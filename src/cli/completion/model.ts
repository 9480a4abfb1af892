/** What the completion scripts of all shells are made of. */
import type { Command } from "../args/define-command.ts";
import { type Flag, GLOBALS, type Options } from "../args/options.ts";

/** A flag under its name, without dashes. */
export type NamedFlag = readonly [name: string, flag: Flag];

/** A command, as far as a shell can complete it. */
export interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly NamedFlag[];
  /** All that its argument can be; none where that is no closed list. */
  readonly words: readonly string[];
  /** Whether an argument of it is an image, whose name may be in the store. */
  readonly images: boolean;
}

export function completedCommand({ meta, args }: Command): CompletedCommand {
  return {
    ...meta,
    flags: flagsOf(args),
    words: Object.values(args).flatMap(({ type, words = [] }) =>
      type === "positional" ? words : [],
    ),
    images: ["source", "reference"].some((name) => args[name]?.type === "positional"),
  };
}

/** The flags that may stand before a command, or without one. */
export const LEADING: readonly NamedFlag[] = [
  ...flagsOf(GLOBALS),
  ["version", { type: "boolean", alias: "V", description: "show the version" }],
];

function flagsOf(options: Options): NamedFlag[] {
  return Object.entries(options).flatMap(([name, option]) =>
    option.type === "positional" ? [] : [[name, option] as const],
  );
}

/** `--tag`, `-t`. */
export function spellings([name, { alias }]: NamedFlag): string[] {
  return [`--${name}`, ...(alias === undefined ? [] : [`-${alias}`])];
}

/** Every spelling of the flags that a value follows. */
export function valued(flags: readonly NamedFlag[]): string {
  return flags
    .filter(([, { type }]) => type === "string")
    .flatMap(spellings)
    .join(" ");
}

/** The words of a flag that has a list of them, for the `case "$command $flag"` of a POSIX shell: `"build --modes") `, and so on. */
export function valueCases(
  parts: readonly CompletedCommand[],
  set: (words: string) => string,
): string[] {
  return parts.flatMap(({ name, flags }) =>
    flags.flatMap((flag) => {
      const [, { words }] = flag;
      if (words === undefined) return [];
      const patterns = spellings(flag).map((spelled) => `"${name} ${spelled}"`);
      return [`${patterns.join(" | ")}) ${set(words.join(" "))} ;;`];
    }),
  );
}

/**
 * A program for sed that makes names of what `ingot list` prints, a line each, and after a name its short one, if it has one. A
 * name that means something to a shell is left out: it can come from a layout of anybody's.
 */
const NAMES = [
  "1d",
  "s/ .*//",
  "\\|[^][A-Za-z0-9._:/-]|d",
  "p",
  "s|^docker\\.io/library/\\([^/]*\\)$|\\1|p",
  "s|^docker\\.io/\\([^/.:]*/\\)|\\1|p",
  "s|^ghcr\\.io/inspektor-gadget/gadget/\\([^/]*\\)$|\\1|p",
  "s|^ghcr\\.io/\\([^/.:]*/\\)|\\1|p",
].join(";");

/** The command, for any of the shells, that prints the names in the store; `store` = how the shell says which one. */
export function listNamesCommand(store: string): string {
  return `ingot list --quiet ${store} 2>/dev/null | LC_ALL=C sed -n '${NAMES}'`;
}

/** For the inside of single quotes: in a POSIX shell they are closed and opened again around a quote. */
export function singleQuoted(text: string): string {
  return text.replaceAll("'", "'\\''");
}
