import { Fault } from "../../base/fault.ts";
import { command } from "../command.ts";
import { SHELLS, type Shell } from "../completion.ts";
import { alternatives } from "../words.ts";

export const completionCommand = command({
  name: "completion",
  description: "print a script that completes ingot's words in a shell",
  args: {
    shell: { type: "positional", required: true, description: "bash, zsh or fish" },
  },
  examples: [
    {
      line: "source <(ingot completion bash)",
      does: "for this shell; in ~/.bashrc, for every one",
    },
    { line: "ingot completion fish | source", does: "the same in fish" },
  ],
  document: '{"shell", "script"}',
  async run({ shell }, { talk, all }) {
    if (!isShell(shell)) {
      const names = alternatives(Object.keys(SHELLS));
      throw new Fault("usage", {
        message: `there is no completion for ${JSON.stringify(shell)}, should be ${names}`,
      });
    }
    const script = SHELLS[shell](await all());
    if (!talk.json) talk.raw(script);
    talk.document({ shell, script });
    return 0;
  },
});

const isShell = (text: string): text is Shell => Object.hasOwn(SHELLS, text);
