// bun scripts/runtime.ts TARGET DIR
//
// Fetches the pinned Bun for a target of `bun build --compile` (linux-arm64-musl, …) into DIR, which
// must exist, and prints its path. `bun build` would fetch it, too, but from one fixed host and unchecked: this goes
// through npm, as configured, and takes nothing but what package-lock.json promises.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Pinned {
  readonly version: string;
  readonly integrity: string;
}

/** What bun's package does not name among its own parts, and the lock file therefore cannot. */
const unlocked: Readonly<Record<string, Pinned>> = {
  "@oven/bun-linux-x64-baseline": {
    version: "1.4.5",
    integrity:
      "sha512-s8yMwYcFnnrA178gji0gZbkE2WVDej/Ti1x770oPfihxyRxSMNhGhiAQNXV53aDeraZxksdvKV/RAdQBCd0qPA==",
  },
};

const [target = "", dir = ""] = process.argv.slice(2);
const lock = JSON.parse(
  readFileSync(join(import.meta.dirname, "../package-lock.json"), "utf8"),
) as {
  readonly packages: Readonly<Record<string, Pinned>>;
};
const name = `@oven/bun-${target.replace("arm64", "aarch64")}`;
const pinned = lock.packages[`node_modules/${name}`] ?? unlocked[name];
const bun = lock.packages["node_modules/bun"];
if (pinned === undefined) throw new Error(`runtime: ${name}: not in package-lock.json`);
if (pinned.version !== bun?.version) {
  throw new Error(`runtime: ${name}: ${pinned.version}, should be ${bun?.version}, as bun is`);
}

execFileSync("npm", ["pack", "--silent", "--pack-destination", dir, `${name}@${pinned.version}`], {
  stdio: ["ignore", "ignore", "inherit"],
});
const packed = readdirSync(dir).find((file) => file.endsWith(".tgz"));
if (packed === undefined) throw new Error(`runtime: ${name}: npm pack left no file in ${dir}`);
const integrity = `sha512-${createHash("sha512")
  .update(readFileSync(join(dir, packed)))
  .digest("base64")}`;
if (integrity !== pinned.integrity) {
  throw new Error(`runtime: ${name}: ${integrity}, should be ${pinned.integrity}`);
}
execFileSync("tar", ["-xzf", packed], { cwd: dir, stdio: ["ignore", "ignore", "inherit"] });
const program = readdirSync(join(dir, "package/bin")).find((file) => /^bun(\.exe)?$/.test(file));
if (program === undefined) throw new Error(`runtime: ${name}: holds no program`);
console.log(join(dir, "package/bin", program));
