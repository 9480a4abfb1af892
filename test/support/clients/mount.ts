import { execFileSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { which } from "../process/needs.ts";
import type { Ends } from "../process/temp.ts";

/** Why no file system can be mounted here; undefined where it can. */
export const whyNoMount: string | undefined = (() => {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    return "only root can mount a file system of a size, on Linux";
  const at = mkdtempSync(join(tmpdir(), "ingot-test-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", at], { stdio: "ignore" });
    execFileSync("umount", [at], { stdio: "ignore" });
    return undefined;
  } catch {
    return "mount is not permitted";
  } finally {
    rmSync(at, { recursive: true, force: true });
  }
})();

/** A new tmpfs with these mount options. It is gone when the test is over. */
export function mountTmpfs(t: Ends, options: string): string {
  const at = mkdtempSync(join(tmpdir(), "ingot-test-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", at]);
  t.after(() => {
    execFileSync("umount", ["-l", at]);
    rmdirSync(at);
  });
  return at;
}

/** The user whom files of root do not belong to. */
const NOBODY = "65534";

/** Why no program can be run as somebody else; undefined where it can. */
export const whyNoOther: string | undefined = (() => {
  if (process.getuid?.() !== 0) return "only root can run a program as somebody else";
  if (which("setpriv") === undefined) return "there is no setpriv";
  try {
    accessSync(process.execPath, constants.X_OK);
    execFileSync("setpriv", asOther([process.execPath, "--version"]).slice(1), { stdio: "ignore" });
    return undefined;
  } catch {
    return "somebody else cannot run the runtime";
  }
})();

/** The words that run a program as a user without any rights. */
export function asOther(argv: readonly string[]): string[] {
  return ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--", ...argv];
}
