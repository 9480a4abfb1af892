/** The completion script for zsh. */
import {
  type CompletedCommand,
  LEADING,
  listNamesCommand,
  type NamedFlag,
  singleQuoted,
  valueCases,
  valued,
} from "./model.ts";

export function zshScript(parts: readonly CompletedCommand[]): string {
  const list = parts.map(({ name, description }) => described(name, description));
  const cases = parts.map(
    ({ name, flags, words, images }) =>
      `        ${name}) ${sets(flags)} offers=(${words.join(" ")})${images ? " images=1" : ""} ;;`,
  );
  return `#compdef ingot
# source <(ingot completion zsh), or as the file _ingot in a folder of $fpath
_ingot_names() {
  ${listNamesCommand('"$@"')}
}
_ingot() {
  local command= flag= store= images= word i
  local -a commands flags valued offers names
  commands=(${list.join(" ")})
  ${sets(LEADING)}
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    if [[ -n $flag ]]; then
      if [[ $flag == --store ]]; then
        case $word in "~" | "~/"*) word=$HOME\${word:1} ;; esac
        store=\${(Q)word}
      fi
      flag=
    elif [[ $word == --store=* ]]; then
      word=\${word#*=} store=\${(Q)word}
    elif [[ $word == -* ]]; then
      if ((\${valued[(Ie)$word]})); then flag=$word; fi
    elif [[ -z $command ]]; then
      command=$word
      case $command in
${cases.join("\n")}
      esac
    fi
  done
  if [[ -z $flag && $PREFIX == --*=* ]]; then
    flag=\${PREFIX%%=*}
    compset -P 1 '*='
  fi
  if [[ -n $flag ]]; then
    offers=() images=
    case "$command $flag" in
      ${valueCases(parts, (words) => `offers=(${words})`).join("\n      ")}
    esac
  elif [[ $PREFIX == -* ]]; then
    _describe -o flag flags
    return
  elif [[ -z $command ]]; then
    _describe command commands
    return
  fi
  if (($#offers)); then
    compadd -a offers
    return
  fi
  if [[ -n $images ]]; then
    names=(\${(f)"$(_ingot_names \${store:+"--store=$store"})"})
    compadd -a names
  fi
  _files
}
if [[ $funcstack[1] == _ingot ]]; then _ingot "$@"; else compdef _ingot ingot; fi
`;
}

const sets = (flags: readonly NamedFlag[]): string => {
  const list = flags.map(([name, { description }]) => described(`--${name}`, description));
  return `valued=(${valued(flags)}) flags=(${list.join(" ")})`;
};

const described = (word: string, description: string): string =>
  `'${singleQuoted(word.replaceAll(":", "\\:"))}:${singleQuoted(description)}'`;
