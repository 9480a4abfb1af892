/** Runs the cases of a scenario, in turns. */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import type { Case } from "./case.ts";
import { has } from "./machine.ts";
import { type Run, run } from "./measure.ts";
import type { Measured } from "./tables.ts";

/** A command whose warm-up takes longer than SLOW is not run again; after LIMIT it is given up. Seconds. */
const SLOW = 20;
const LIMIT = 120;

export interface Setting {
  /** A folder of the bench's own. */
  readonly work: string;
  readonly cores: string | undefined;
  /** How often, after a warm-up that is not counted. */
  readonly count: number;
  readonly environment: Readonly<Record<string, string>>;
  /** Whether all results are folders of very many files. */
  readonly manyResults?: boolean;
  /** The process of the daemon that some cases need. */
  readonly daemon?: number | undefined;
}

interface Taken {
  readonly runs: Run[];
  readonly temporary: number;
  readonly result: number;
  readonly fast: boolean;
  readonly givenUp: boolean;
}

/** Before each command the last result is put away and the file system synced; the order is another one in each run. */
export async function measure(cases: readonly Case[], setting: Setting): Promise<Measured[]> {
  const series = new Series(setting);
  const here = cases.filter((one) => series.missing(one).length === 0);
  const taken = new Map<string, Taken>();
  for (const one of here) taken.set(one.id, await series.warmUp(one));
  const fast = here.filter(({ id }) => taken.get(id)!.fast);
  for (let i = 0; i < setting.count; i++) {
    for (const one of inTurns(fast, i)) {
      const ran = await series.once(one);
      if (ran !== undefined) taken.get(one.id)!.runs.push(ran);
    }
  }
  series.end();
  return cases.map((one) => {
    const { runs = [], temporary = 0, result = 0, givenUp = false } = taken.get(one.id) ?? {};
    const missing = series.missing(one);
    return { ...one, runs, temporary, result, missing, givenUp: givenUp ? LIMIT : undefined };
  });
}

/**
 * All of `list` in the order of the given run: by steps of another length than in the runs before, so that nothing follows the same
 * one again. Some leave the disk at work: after a daemon that removed GiBs, GNU tar took twice as long.
 */
function inTurns<T>(list: readonly T[], run: number): T[] {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  const steps = list.map((_, i) => i).filter((step) => divisor(step, list.length) === 1);
  const step = steps[run % steps.length] ?? 1;
  return list.map((_, i) => list[(run + i * step) % list.length]!);
}

class Series {
  readonly #setting: Setting;
  readonly #out: string;
  readonly #tmp: string;
  readonly #kept: string;
  readonly #env: Readonly<Record<string, string | undefined>>;
  #results = 0;
  #many = false;

  constructor(setting: Setting) {
    const { work, environment } = setting;
    this.#setting = setting;
    this.#out = join(work, "out");
    this.#tmp = join(work, "tmp");
    this.#kept = join(work, "kept");
    for (const folder of [this.#out, this.#tmp, this.#kept])
      fs.mkdirSync(folder, { recursive: true });
    const own = { OUT: join(this.#out, "result"), TMPDIR: this.#tmp, LC_ALL: "C" };
    this.#env = { ...process.env, ...environment, ...own };
  }

  /** What a case needs and is not here. */
  missing({ needs, byDaemon }: Case): string[] {
    const missing = needs.filter((program) => !has(program));
    const { daemon } = this.#setting;
    return byDaemon && missing.length === 0 && daemon === undefined ? ["a daemon"] : missing;
  }

  async warmUp(one: Case): Promise<Taken> {
    const ran = await this.once(one, [this.#out, this.#tmp, "/var/tmp"]);
    const fast = ran !== undefined && ran.wall < SLOW;
    return {
      runs: ran === undefined || fast ? [] : [ran],
      temporary: ran?.temporary ?? 0,
      result: sizeOf(this.#env.OUT!),
      fast,
      givenUp: ran === undefined,
    };
  }

  /** Undefined when it took too long. */
  async once(one: Case, watch?: readonly string[]): Promise<Run | undefined> {
    this.#putAway();
    this.#many = this.#setting.manyResults === true || one.leavesMany === true;
    const { work, cores, daemon } = this.#setting;
    if (one.before !== undefined)
      execFileSync("sh", ["-c", one.before], {
        env: this.#env as NodeJS.ProcessEnv,
        stdio: ["ignore", "ignore", "inherit"],
      });
    execFileSync("sync", ["-f", work]);
    return run(one.script, {
      env: this.#env,
      cores,
      log: join(work, "log"),
      limit: LIMIT,
      ...(one.byDaemon ? { daemon } : {}),
      ...(watch === undefined ? {} : { watch }),
    });
  }

  /**
   * For minutes after thousands of files were removed, ext4 is slow to create others (recently_deleted in its
   * ialloc.c): the second command would pay for the first. A folder of many files stays until the end.
   */
  #putAway(): void {
    const out = this.#env.OUT!;
    if (this.#many && fs.existsSync(out))
      fs.renameSync(out, join(this.#kept, `${++this.#results}`));
    else fs.rmSync(out, { recursive: true, force: true });
  }

  end(): void {
    for (const folder of [this.#out, this.#kept])
      fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Bytes of a file, or of all files in a folder; 0 where nothing is. */
function sizeOf(at: string): number {
  const found = fs.lstatSync(at, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found?.isFile() ? found.size : 0;
  return fs.readdirSync(at).reduce((sum, name) => sum + sizeOf(join(at, name)), 0);
}
