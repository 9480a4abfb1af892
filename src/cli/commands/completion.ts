import { defineCommand } from "../args/define-command.ts";
import { completionScript } from "../completion/index.ts";

export const completionCommand = defineCommand({
  name: "completion",
  description: "print a script that completes ingot's words in a shell",
  store: false,
  args: {
    shell: {
      type: "positional",
      required: true,
      words: ["bash", "zsh", "fish"],
      description: "bash, zsh or fish",
    },
  },
  examples: [
    {
      line: "source <(ingot completion bash)",
      does: "for this shell; in ~/.bashrc, for every one",
    },
    { line: "ingot completion fish | source", does: "the same in fish" },
  ],
  document: '{"shell", "script"}',
  async run({ shell }, { reporter, all }) {
    const script = completionScript(shell, await all());
    if (!reporter.json) reporter.raw(script);
    reporter.document({ shell, script });
    return 0;
  },
});
