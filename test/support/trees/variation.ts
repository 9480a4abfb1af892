/** Conditions under which one and the same archive must come to be: what gadgets and containers have in common there. */
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import {
  binary,
  command,
  type Form,
  forms,
  ownForm,
  plainEnvironment,
  root,
} from "../process/ingot.ts";
import { type Ran, type RunOptions, succeed } from "../process/run.ts";
import { readUstar } from "../tar/ustar.ts";

export interface Condition extends Pick<RunOptions, "cwd" | "env"> {
  /** Words before the program's own. */
  readonly wrap?: readonly string[];
  /** Words in place of the program's own. */
  readonly words?: readonly string[];
  readonly form?: Form;
  readonly tags?: readonly string[];
  /** Where what is made comes to be. */
  readonly place?: string;
  /** Words at the end. */
  readonly more?: readonly string[];
}

/** Runs ingot under a condition; it must succeed. */
export async function under(condition: Condition, args: readonly string[]): Promise<Ran> {
  const { wrap = [], form = ownForm, words = await command(form), cwd = root, env } = condition;
  const options = { cwd, env: { ...plainEnvironment(), ...env } };
  return succeed([...wrap, ...words, ...args], options);
}

/** Which members differ: an answer to where to look; empty where all bytes are the same. */
export function difference(actual: Buffer, expected: Buffer): string {
  if (actual.equals(expected)) return "";
  const table = (bytes: Buffer) =>
    new Map(readUstar(bytes).map(({ name, content }) => [name, `${content}`.slice(0, 4000)]));
  const [a, b] = [table(actual), table(expected)];
  const only = (x: Map<string, string>, y: Map<string, string>) =>
    [...x].filter(([name, text]) => y.get(name) !== text);
  return JSON.stringify({ here: only(a, b), expected: only(b, a) }, undefined, 1);
}

/** A new folder in `dir` that everybody may write to. */
export function placeIn(dir: string): string {
  const folder = mkdtempSync(join(dir, "place-"));
  chmodSync(folder, 0o777);
  return folder;
}

/** As the user `uid`, who has `folder` and nothing else. @param more words for setpriv */
export async function asUser(
  uid: number,
  folder: string,
  more: readonly string[] = [],
): Promise<Condition> {
  // Copied to where anybody may go: the project's own folder may be closed to others.
  const program = join(folder, "ingot");
  copyFileSync(await binary(), program);
  chmodSync(program, 0o755);
  chownSync(folder, uid, uid);
  const wrap = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", ...more];
  const env = { HOME: folder, USER: "somebody", LOGNAME: "somebody", TMPDIR: folder };
  return { wrap, words: [program], env, place: folder, cwd: "/" };
}

/** A program whose files nobody may read, unless they say so. */
export const withUmask = (umask: string): readonly string[] => [
  ...["sh", "-c", `umask ${umask}; exec "$@"`, "sh"],
];

/** The words that run the program of another processor: Debian's qemu, and its C library for that processor. */
const EMULATED = ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"];

type Axis = (
  name: string,
  condition: () => Condition | Promise<Condition>,
  needs?: readonly string[],
) => void;

/** The axes that have nothing to do with what is built. @param tags what it is called where nothing varies */
export function axes(axis: Axis, place: () => string, tags: readonly string[]): void {
  for (const form of forms) axis(`the runtime: ${form}`, () => ({ form }));

  for (const TZ of ["Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati", "<-12>+12"])
    axis(`the time zone: ${TZ}`, () => ({ env: { TZ } }));

  for (const locale of ["C", "tr_TR.UTF-8", "no_SUCH"])
    axis(`the locale: ${locale}`, () => ({
      env: { LANG: locale, LC_ALL: locale, LANGUAGE: locale },
    }));

  for (const clock of ["1999-12-31 23:59:59", "2020-02-29 12:34:56", "2040-02-29 12:34:56"])
    axis(`the clock: ${clock}`, () => ({ wrap: ["faketime", "-f", `@${clock}`] }), ["faketime"]);

  axis("HOME and TMPDIR", () => {
    const folder = place();
    const TMPDIR = join(folder, "t m p");
    mkdirSync(TMPDIR);
    return { env: { HOME: join(folder, "none"), TMPDIR, XDG_CACHE_HOME: folder } };
  });

  axis("the working directory", () => ({ cwd: "/" }));
  axis("the processors: one", () => ({ wrap: ["taskset", "-c", "0"] }), ["taskset"]);
  axis("the processors: two", () => ({ wrap: ["taskset", "-c", "0,1"] }), ["taskset"]);
  for (const jobs of ["1", "2", "4"]) axis(`the jobs: ${jobs}`, () => ({ more: ["--jobs", jobs] }));
  axis(
    "the processor: arm64",
    async () => ({ words: [...EMULATED, await binary("linux-arm64")] }),
    [EMULATED[0]!, "/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1"],
  );
  axis("the order of the tags", () => ({ tags: tags.toReversed() }));
  axis("tags given twice", () => ({ tags: [...tags, ...tags] }));
}

/** What programs of all kinds may listen to. */
export const NOISE: Readonly<Record<string, string>> = {
  TAR_OPTIONS: "--owner=junk",
  POSIXLY_CORRECT: "1",
  COLUMNS: "3",
  CI: "1",
  DEBUG: "*",
  USER: "somebody",
  HOSTNAME: "elsewhere",
  JUNK: "x".repeat(10_000),
};
