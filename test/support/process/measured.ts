import { command, plainEnvironment } from "./ingot.ts";
import { run } from "./run.ts";

export interface Measured {
  readonly code: number | null;
  readonly said: string;
  /** The most memory the process had at a time, as GNU time says it. MiB. */
  readonly peak: number;
}

/** Runs ingot from source under Bun, to its end, and measures its memory. Needs `time`. */
export async function measured(words: readonly string[], cwd?: string): Promise<Measured> {
  const argv = ["time", "-f", "PEAK %M", ...(await command("bun")), ...words];
  const options = {
    env: plainEnvironment(),
    timeout: 300_000,
    ...(cwd === undefined ? {} : { cwd }),
  };
  const { code, stdout, stderr } = await run(argv, options);
  const said = `${stdout}${stderr}`;
  return { code, said, peak: Number(/^PEAK ([0-9]+)$/m.exec(said)?.[1]) / 1024 };
}
