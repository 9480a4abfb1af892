/** The completion script for fish. */
import { type CompletedCommand, LEADING, listNamesCommand, type NamedFlag } from "./model.ts";

export function fishScript(parts: readonly CompletedCommand[]): string {
  const first = parts.map(
    ({ name, description }) =>
      `complete -c ingot -n __ingot_is -f -a ${name} -d ${quoted(description)}`,
  );
  const rest = parts.flatMap(({ name, flags, words, images }) => {
    const when = `'__ingot_is ${name}'`;
    return [
      ...flagLines(when, flags),
      ...(words.length > 0 ? [`complete -c ingot -n ${when} -f -a '${words.join(" ")}'`] : []),
      ...(images ? [`complete -c ingot -n ${when} -a '(__ingot_names)'`] : []),
    ];
  });
  return `# ingot completion fish | source
# Whether the command is one of these; without any, whether there is none yet.
function __ingot_is
    set -l before
    for word in (commandline -opc)[2..-1]
        if test "$before" != --store; and not string match -q -- '-*' $word
            contains -- $word $argv
            return
        end
        set before $word
    end
    not set -q argv[1]
end
function __ingot_names
    set -l before
    set -l store
    for word in (commandline -opc)
        if test "$before" = --store
            set store --store=(string replace -r -- '^~(?=/|$)' $HOME $word)
        else if string match -q -- '--store=*' $word
            set store $word
        end
        set before $word
    end
    ${listNamesCommand("$store")}
end
${[...first, ...flagLines("__ingot_is", LEADING), ...rest].join("\n")}
`;
}

function flagLines(when: string, flags: readonly NamedFlag[]): string[] {
  return flags.map(([name, { alias, type, words, description }]) => {
    const short = alias === undefined ? "" : ` -s ${alias}`;
    const value = words !== undefined ? ` -x -a '${words.join(" ")}'` : " -r -F";
    return `complete -c ingot -n ${when}${short} -l ${name}${type === "boolean" ? "" : value} -d ${quoted(description)}`;
  });
}

const quoted = (text: string): string =>
  `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
