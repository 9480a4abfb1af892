/** A containerd of the test's own, with its data in the test's folder. It needs root. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pause } from "../process/child.ts";
import { run, succeed } from "../process/run.ts";
import { type Ends, tempDir } from "../process/temp.ts";

/** Starts one that is gone when the test is over. @returns what runs `ctr` with these words, which must succeed */
export async function startContainerd(
  t: Ends,
): Promise<(...words: readonly string[]) => Promise<string>> {
  const dir = tempDir(t);
  const at = (name: string) => JSON.stringify(join(dir, name));
  writeFileSync(
    join(dir, "config.toml"),
    [
      "version = 2",
      `root = ${at("root")}`,
      `state = ${at("state")}`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      "[grpc]",
      `address = ${at("socket")}`,
      "",
    ].join("\n"),
  );
  const child = spawn("containerd", ["-c", join(dir, "config.toml")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr?.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  t.after(() => child.kill("SIGKILL"));
  const ctr = ["ctr", "-a", join(dir, "socket")];
  for (let waited = 0; (await run([...ctr, "version"])).code !== 0; waited += 50) {
    if (waited > 30_000 || child.exitCode !== null)
      throw new Error(`startContainerd: it does not answer\n${said}`);
    await pause(50);
  }
  return async (...words) => `${(await succeed([...ctr, ...words])).stdout}`;
}
