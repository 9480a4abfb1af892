/** Shells as people use them: lines are typed, and a key asks for completions. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, plainEnvironment } from "../process/ingot.ts";
import { run } from "../process/run.ts";
import { say } from "../process/say.ts";
import { type Ends, tempDir } from "../process/temp.ts";

/** Types lines in one shell; what was offered for the last word of each. */
type Offer = (lines: readonly string[], at: Place) => Promise<string[][]>;

interface Place {
  /** A folder with the script, a home, and a folder with nothing in it. */
  readonly dir: string;
  readonly cwd: string;
  readonly script: string;
  /** Where a shell can write what it saw; the variable OUT says so to it. */
  readonly out: string;
  readonly env: Record<string, string | undefined>;
}

/** All that bash offers, put into the line by readline; then each line is written down. */
const bash: Offer = async (lines, { cwd, script, out, env }) => {
  const input = [
    `source '${script}'`,
    `bind -x '"\\C-g": printf "%s\\n" "$READLINE_LINE" >>"$OUT"; READLINE_LINE='`,
    lines.map((line) => `${line}\u001b*\u0007`).join(""),
  ].join("\n");
  await run(["bash", "--norc", "-i"], { cwd, env, input });
  const whole = readFileSync(out, "utf8").split("\n");
  return lines.map((line, i) => {
    const begin = line.lastIndexOf(" ") + 1;
    const got = whole[i] ?? "";
    assert.equal(got.slice(0, begin), line.slice(0, begin));
    return got === line ? [] : got.slice(begin).split(" ");
  });
};

/** All that zsh adds, caught where it adds it, on a terminal of zsh's own. */
const zsh: Offer = async (lines, { dir, cwd, script, out, env }) => {
  const rc = `autoload -U compinit && compinit -u -D
source '${script}'
compadd() {
  local -a hits
  if [[ -z \${(M)@[1,(i)(-|--)]:#-[a-zA-Z]#[OAD]} ]]; then
    builtin compadd -O hits "$@"
    print -rl -- $hits >>$OUT
  fi
  builtin compadd "$@"
}
next() { print -r -- "== next" >>$OUT; BUFFER= }
zle -N next
bindkey '^G' next
`;
  writeFileSync(join(dir, ".zshrc"), rc);
  const drive = `zmodload zsh/zpty
zpty shell zsh -d -i
for line; do zpty -w -n shell "$line"$'\\t\\a'; done
zpty -w shell exit
while zpty -r shell seen; do :; done`;
  await run(["zsh", "-f", "-c", drive, "zsh", ...lines], { cwd, env: { ...env, ZDOTDIR: dir } });
  const added = readFileSync(out, "utf8").split("== next\n");
  return lines.map((line, i) => {
    const before = /\S+=(?=\S*$)/.exec(line)?.[0] ?? "";
    return (added[i] ?? "").split("\n").flatMap((word) => (word === "" ? [] : [before + word]));
  });
};

const fish: Offer = async (lines, { cwd, script, env }) => {
  const words = `source '${script}'; for line in $argv; complete -C $line; echo "== next"; end`;
  const { stdout, stderr } = await run(["fish", "--no-config", "-c", words, ...lines], {
    cwd,
    env,
  });
  assert.equal(stderr, "");
  const added = `${stdout}`.split("== next\n");
  return lines.map((_, i) => (added[i] ?? "").split("\n").map((offer) => offer.split("\t")[0]!));
};

const SHELLS = { bash, zsh, fish };
export type Shell = keyof typeof SHELLS;
export const shells = Object.keys(SHELLS) as Shell[];

/**
 * Types each line in a shell with ingot's script, in a folder with nothing in it, and holds what is offered for its last word,
 * sorted, to what should be.
 */
export async function offers(
  t: Ends,
  shell: Shell,
  cases: Readonly<Record<string, readonly string[]>>,
  changes: Record<string, string> = {},
): Promise<void> {
  const dir = tempDir(t);
  const cwd = join(dir, "empty");
  for (const name of ["bin", "empty"]) mkdirSync(join(dir, name));
  const words = (await command()).map((word) => `'${word}'`).join(" ");
  const program = join(dir, "bin/ingot");
  writeFileSync(program, `#!/bin/sh\nexec ${words} "$@"\n`);
  chmodSync(program, 0o755);
  const script = join(dir, "script");
  writeFileSync(script, (await say(["completion", shell])).out);
  const path = `${join(dir, "bin")}:${process.env.PATH}`;
  const out = join(dir, "out");
  const env = {
    ...plainEnvironment(),
    ...{ TERM: "vt100", OUT: out, PATH: path, HOME: dir },
    ...changes,
  };
  const found = await SHELLS[shell](Object.keys(cases), { dir, cwd, script, out, env });
  for (const [i, [line, expected]] of Object.entries(cases).entries()) {
    const got = new Set(found[i]?.filter((word) => word !== ""));
    assert.deepEqual([...got].sort(), expected, `${shell}: ${line}`);
  }
}
