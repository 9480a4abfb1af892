import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Ran, type RunOptions, run, succeed } from "./run.ts";

/** The project's folder. */
export const root: string = resolve(import.meta.dirname, "../../..");

/** The three forms in which ingot exists. */
export type Form = "bun" | "deno" | "binary";
export const forms: readonly Form[] = ["bun", "deno", "binary"];

/** The form that has the runtime of the test itself. */
export const ownForm: Form = "Deno" in globalThis ? "deno" : "bun";

/** The installed program itself, not npm's wrapper: signals reach it. */
const programs = {
  bun: () => realpathSync(join(root, "node_modules/.bin/bun")),
  deno: () => join(root, "node_modules/deno/deno"),
};

const built = new Map<string, Promise<string>>();

/**
 * The path of the compiled program, built first where it is absent or older than its sources.
 * @param target another machine's, as scripts/build.sh names it; default: this one's
 */
export function binary(target?: string): Promise<string> {
  const name = target === undefined ? "ingot" : `ingot-${target}`;
  const known = built.get(name);
  if (known !== undefined) return known;
  const building = (async () => {
    const path = join(root, "dist", name);
    const sources = ["src", "package.json", "package-lock.json", "scripts/build.sh"];
    const newest = Math.max(...sources.map((source) => newestIn(join(root, source))));
    if (!existsSync(path) || statSync(path).mtimeMs < newest) {
      const targets = target === undefined ? [] : [target];
      await succeed(["sh", "scripts/build.sh", ...targets], { cwd: root, timeout: 600_000 });
    }
    return path;
  })();
  built.set(name, building);
  return building;
}

/** The newest modification time, in milliseconds, of a file or of anything under a folder. */
function newestIn(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  const names = readdirSync(path);
  return Math.max(stat.mtimeMs, ...names.map((name) => newestIn(join(path, name))));
}

/** The words that start ingot in this form; arguments follow. */
export async function command(form: Form = ownForm): Promise<string[]> {
  const main = join(root, "src/main.ts");
  switch (form) {
    case "bun":
      return [process.versions.bun ? process.execPath : programs.bun(), main];
    case "deno":
      return ["Deno" in globalThis ? process.execPath : programs.deno(), "run", "-A", main];
    case "binary":
      return [await binary()];
  }
}

/**
 * The environment in which the command under test runs: that of the test without what would change
 * its answers. Give what matters explicitly.
 */
export function plainEnvironment(): Record<string, string | undefined> {
  const env: Record<string, string | undefined> = {
    NO_COLOR: "1",
    DENO_NO_UPDATE_CHECK: "1",
    NODE_ENV: undefined,
    SOURCE_DATE_EPOCH: undefined,
    // A test that forgets to say which store fails, rather than touch somebody's images.
    XDG_DATA_HOME: "/dev/null",
  };
  for (const name of Object.keys(process.env)) if (name.startsWith("INGOT_")) env[name] = undefined;
  return env;
}

export interface IngotOptions extends RunOptions {
  /** Default: from source, on the runtime of the test. */
  readonly form?: Form;
}

/** Runs `ingot` with these arguments, to its end, whatever its exit code is. */
export async function ingot(args: readonly string[], options: IngotOptions = {}): Promise<Ran> {
  const { form = ownForm, ...rest } = options;
  const env = { ...plainEnvironment(), ...rest.env };
  return run([...(await command(form)), ...args], { ...rest, env });
}
