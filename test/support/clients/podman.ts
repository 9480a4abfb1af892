/** A podman with all that it keeps in a folder of its own, and nothing of the machine's settings. It needs root. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Ran, succeed } from "../process/run.ts";

/** @returns what runs `podman` with these words, which must succeed. Before `folder` goes, `podman system reset --force`. */
export function podmanIn(folder: string): (...words: readonly string[]) => Promise<Ran> {
  mkdirSync(folder, { recursive: true });
  const at = (name: string) => JSON.stringify(join(folder, name));
  const files = {
    CONTAINERS_STORAGE_CONF: [
      "[storage]",
      'driver = "vfs"',
      `graphroot = ${at("graph")}`,
      `runroot = ${at("run")}`,
    ],
    CONTAINERS_CONF: [
      "[containers]",
      'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]',
      'netns = "none"',
      "[engine]",
      'runtime = "runc"',
      'cgroup_manager = "cgroupfs"',
      'events_logger = "none"',
      `tmp_dir = ${at("tmp")}`,
    ],
    REGISTRY_AUTH_FILE: ["{}"],
  };
  const env: Record<string, string> = {};
  for (const [name, lines] of Object.entries(files)) {
    env[name] = join(folder, name.toLowerCase());
    writeFileSync(env[name], `${lines.join("\n")}\n`);
  }
  return (...words) => succeed(["podman", ...words], { env });
}
