/** Completion scripts, made of the definitions that the command line is read by. */
import type { Command } from "./command.ts";
import type { Flag } from "./options.ts";

/** The shells that there are scripts for. */
export const SHELLS = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
} as const satisfies Record<string, (commands: readonly Command[]) => string>;

/** Says the names in the store, a line each; quoted for each shell's own use it is the same. */
const NAMES = "ingot list --quiet 2>/dev/null | tail -n +2 | cut -d ' ' -f 1";

const flagsOf = ({ args }: Command): [name: string, flag: Flag][] =>
  Object.entries(args).flatMap(([name, option]) =>
    option.type === "positional" ? [] : [[name, option] as [string, Flag]],
  );

/** Whether an argument of the command is an image, whose name may be in the store. */
const takesImages = ({ args }: Command) =>
  ["source", "reference"].some((name) => args[name]?.type === "positional");

const nameOf = ({ meta }: Command) => meta.name;

function bashScript(commands: readonly Command[]): string {
  const cases = commands.map((command) => {
    const flags = flagsOf(command).map(([name]) => `--${name}`);
    return `    ${nameOf(command)}) words="${flags.join(" ")}" ;;`;
  });
  return `# source <(ingot completion bash)
_ingot() {
  local cur=\${COMP_WORDS[COMP_CWORD]} command= word words=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      ${commands.map(nameOf).join("|")}) command=$word; break ;;
    esac
  done
  case $command in
    "") words="${commands.map(nameOf).join(" ")} --help --version" ;;
${cases.join("\n")}
  esac
  if [[ -n $command && $cur != -* ]]; then
    words=
    case $command in
      ${commands.filter(takesImages).map(nameOf).join("|")}) words=$(${NAMES}) ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "$cur"; fi
}
complete -o default -F _ingot ingot
`;
}

function zshScript(commands: readonly Command[]): string {
  const described = (word: string, description: string) =>
    `'${single(word.replaceAll(":", "\\:"))}:${single(description)}'`;
  const list = commands.map(({ meta }) => described(meta.name, meta.description));
  const cases = commands.map((command) => {
    const flags = flagsOf(command).map(([name, flag]) => described(`--${name}`, flag.description));
    return `    ${nameOf(command)}) flags=(${flags.join(" ")}) ;;`;
  });
  return `#compdef ingot
# source <(ingot completion zsh), or as the file _ingot in a folder of $fpath
_ingot() {
  local -a commands flags names
  local command=\${words[(r)(${commands.map(nameOf).join("|")})]}
  commands=(${list.join(" ")})
  if [[ -z $command || $words[CURRENT] == $command ]]; then
    _describe command commands
    return
  fi
  case $command in
${cases.join("\n")}
  esac
  if [[ $PREFIX == -* ]]; then
    _describe flag flags
    return
  fi
  case $command in
    ${commands.filter(takesImages).map(nameOf).join("|")})
      names=(\${(f)"$(${NAMES})"})
      compadd -a names ;;
  esac
  _files
}
if [[ $funcstack[1] == _ingot ]]; then _ingot "$@"; else compdef _ingot ingot; fi
`;
}

function fishScript(commands: readonly Command[]): string {
  const all = commands.map(nameOf).join(" ");
  const first = commands.map(
    ({ meta }) =>
      `complete -c ingot -f -n 'not __fish_seen_subcommand_from ${all}' -a ${meta.name} -d '${single(meta.description, "\\'")}'`,
  );
  const rest = commands.flatMap((command) => {
    const when = `-n '__fish_seen_subcommand_from ${nameOf(command)}'`;
    const flags = flagsOf(command).map(([name, { alias, type, description }]) => {
      const short = alias === undefined ? "" : ` -s ${alias}`;
      const value = type === "boolean" ? "" : " -r";
      return `complete -c ingot ${when}${short} -l ${name}${value} -d '${single(description, "\\'")}'`;
    });
    return takesImages(command) ? [...flags, `complete -c ingot ${when} -a "(${NAMES})"`] : flags;
  });
  return `# ingot completion fish | source\n${[...first, ...rest].join("\n")}\n`;
}

/** For the inside of single quotes: in a POSIX shell they are closed and opened again around a quote. */
function single(text: string, quote = "'\\''"): string {
  return text.replaceAll("'", quote);
}
