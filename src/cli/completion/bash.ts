/** The completion script for bash, from 3.2 on, with bash-completion or without it. */
import {
  type CompletedCommand,
  LEADING,
  listNamesCommand,
  type NamedFlag,
  spellings,
  valueCases,
  valued,
} from "./model.ts";

export function bashScript(parts: readonly CompletedCommand[]): string {
  const cases = parts.map(
    ({ name, flags, words, images }) =>
      `        ${name}) ${sets(flags, words)}${images ? " images=1" : ""} ;;`,
  );
  return `# source <(ingot completion bash)
_ingot_names() {
  ${listNamesCommand('"$@"')}
}
_ingot() {
  local IFS=$' \\t\\n' line=\${COMP_LINE:0:COMP_POINT} n=-1 i word blank full cur head
  local command= flag= store= images= ${sets(
    LEADING,
    parts.map(({ name }) => name),
  )}
  local -a typed=()
  # bash takes words apart at = and : too; here they are as they were typed.
  for word in "\${COMP_WORDS[@]:0:COMP_CWORD}" ""; do
    blank=\${line%%[![:space:]]*}
    line=\${line:\${#blank}}
    if [[ $n -lt 0 || -n $blank ]]; then typed[++n]=; fi
    typed[n]+=$word
    line=\${line:\${#word}}
  done
  full=\${typed[n]}$line cur=$full
  for ((i = 1; i < n; i++)); do
    word=\${typed[i]}
    if [[ -n $flag ]]; then
      if [[ $flag == --store ]]; then
        case $word in "~" | "~/"*) word=$HOME\${word:1} ;; esac
        store=\${word//[\\\\\\"\\']/}
      fi
      flag=
    elif [[ $word == --store=* ]]; then
      word=\${word#*=} store=\${word//[\\\\\\"\\']/}
    elif [[ $word == -* ]]; then
      if [[ " $valued " == *" $word "* ]]; then flag=$word; fi
    elif [[ -z $command ]]; then
      command=$word words=
      case $command in
${cases.join("\n")}
      esac
    fi
  done
  if [[ -z $flag && $cur == --*=* ]]; then flag=\${cur%%=*} cur=\${cur#*=}; fi
  if [[ -n $flag ]]; then
    words= images=
    case "$command $flag" in
      ${valueCases(parts, (words) => `words="${words}"`).join("\n      ")}
    esac
  elif [[ $cur == -* ]]; then
    words=$flags images=
  fi
  # What is offered takes the place of what follows the last = or :.
  blank=\${COMP_WORDBREAKS//[^:=]/} head=
  if [[ -n $blank && $full == *[$blank]* ]]; then head=\${full%"\${full##*[$blank]}"}; fi
  COMPREPLY=()
  while IFS= read -r word; do
    if [[ -n $word && $word == "$cur"* ]]; then
      word=\${full%"$cur"}$word
      COMPREPLY+=("\${word#"$head"}")
    fi
  done < <(
    printf '%s\\n' $words
    if [[ -n $images ]]; then _ingot_names \${store:+"--store=$store"}; fi
  )
}
complete -o default -F _ingot ingot
`;
}

const sets = (flags: readonly NamedFlag[], words: readonly string[]): string =>
  `words="${words.join(" ")}" valued="${valued(flags)}" flags="${flags.map((flag) => spellings(flag)[0]).join(" ")}"`;
