/** File systems of other kinds, each new and empty, mounted for one test. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { whyNoMount } from "../clients/mount.ts";
import { which } from "./needs.ts";
import type { Ends } from "./temp.ts";

export type FileSystem = "ext4" | "xfs" | "btrfs";

const MiB = 1024 * 1024;
/** What the programs of the field take at least, with room for a test. The files behind them are sparse. */
const SIZES: Readonly<Record<FileSystem, number>> = { ext4: 200, xfs: 400, btrfs: 400 };

const quiet = { stdio: "ignore" } as const;

function attempt(act: (at: string) => void): boolean {
  const at = mkdtempSync(join(tmpdir(), "ingot-test-"));
  try {
    act(at);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(at, { recursive: true, force: true });
  }
}

/** Why no file can be mounted as a file system of this kind; undefined where it can. */
export function whyNoLoop(kind: FileSystem): string | undefined {
  if (whyNoMount !== undefined) return whyNoMount;
  if (which(`mkfs.${kind}`) === undefined) return undefined;
  const can = attempt((at) => {
    const folder = mount(at, kind);
    execFileSync("umount", [folder], quiet);
  });
  return can ? undefined : `no file can be mounted as ${kind}`;
}

/** Why no directory can be shuffled; undefined where it can. */
export const whyNoFuse = (): string | undefined => {
  if (whyNoMount !== undefined) return whyNoMount;
  if (which("disorderfs") === undefined) return undefined;
  if (!existsSync("/dev/fuse")) return "there is no /dev/fuse";
  const can = attempt((at) => {
    const to = join(at, "to");
    mkdirSync(to);
    execFileSync("disorderfs", ["--quiet", at, to], quiet);
    execFileSync("umount", [to], quiet);
  });
  return can ? undefined : "FUSE is not permitted";
};

function mount(at: string, kind: FileSystem): string {
  const [image, folder] = [join(at, "image"), join(at, "mounted")];
  mkdirSync(folder);
  writeFileSync(image, "");
  truncateSync(image, SIZES[kind] * MiB);
  execFileSync(
    `mkfs.${kind}`,
    kind === "ext4" ? ["-F", "-q", "-b", "4096", image] : ["-f", image],
    quiet,
  );
  execFileSync("mount", ["-o", "loop", image, folder], quiet);
  return folder;
}

/** A new file system of this kind. It is gone when the test is over. */
export function mountLoop(t: Ends, kind: FileSystem): string {
  const at = mkdtempSync(join(tmpdir(), "ingot-test-"));
  const folder = mount(at, kind);
  t.after(() => {
    execFileSync("umount", [folder]);
    rmSync(at, { recursive: true, force: true });
  });
  return folder;
}

/** The folder `from` with its directories in an order of chance, or in their reverse order. */
export function mountDisorder(t: Ends, from: string, how: "shuffle" | "reverse"): string {
  const at = mkdtempSync(join(tmpdir(), "ingot-test-"));
  const flag = how === "shuffle" ? "--shuffle-dirents=yes" : "--reverse-dirents=yes";
  execFileSync("disorderfs", ["--quiet", "--multi-user=yes", flag, from, at]);
  t.after(() => {
    execFileSync("umount", [at]);
    rmSync(at, { recursive: true, force: true });
  });
  return at;
}
