/** Containers, really run: the least that runc needs, and whether it may. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { whyNoMount } from "../clients/mount.ts";
import { which } from "./needs.ts";
import { type Ran, run } from "./run.ts";

/** Runs what a bundle says, without a terminal and without a network of its own. */
export function runBundle(bundle: string): Promise<Ran> {
  const file = join(bundle, "config.json");
  const config = JSON.parse(readFileSync(file, "utf8"));
  config.process.terminal = false;
  // What the image says stays; where it runs is the machine's business.
  config.linux.resources = {};
  writeFileSync(file, JSON.stringify(config));
  const name = `ingot-test-${basename(join(bundle, ".."))}`;
  return run(["runc", "--root", join(bundle, "state"), "run", "--bundle", bundle, name]);
}

/** Why no container can be run; undefined where it can. Programs that are missing are no reason. */
export async function whyNoContainer(): Promise<string | undefined> {
  if (whyNoMount !== undefined) return whyNoMount;
  const busybox = which("busybox");
  if (which("runc") === undefined || busybox === undefined) return undefined;
  const at = mkdtempSync(join(tmpdir(), "ingot-test-"));
  try {
    mkdirSync(join(at, "bundle/rootfs/bin"), { recursive: true });
    copyFileSync(busybox, join(at, "bundle/rootfs/bin/sh"));
    chmodSync(join(at, "bundle/rootfs/bin/sh"), 0o755);
    execFileSync("runc", ["spec"], { cwd: join(at, "bundle") });
    const file = join(at, "bundle/config.json");
    const config = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(
      file,
      JSON.stringify({ ...config, process: { ...config.process, args: ["sh", "-c", "exit 0"] } }),
    );
    const { code } = await runBundle(join(at, "bundle"));
    return code === 0 ? undefined : "runc may start no container";
  } catch {
    return "runc may start no container";
  } finally {
    rmSync(at, { recursive: true, force: true });
  }
}
