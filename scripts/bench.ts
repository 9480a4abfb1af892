// bun scripts/bench.ts [--dir DIR] [--size 1GiB] [--blobs 5000] [--runs 5] [--cores 0,1] [--ingot dist/ingot] [--json]
//
// Measures export, import and verify beside cat, openssl, skopeo and GNU tar, on an image of four large blobs that are
// SIZE together and on one of many blobs of 20 kB, and prints Markdown tables. A run is every command once, in an
// order that is turned from run to run; before each of them the last result is put away and the file system synced.
// The warm-up, in which temporary disk is watched, is not counted, unless it takes so long that it is the only run.
// Needs Linux, and about four times SIZE and forty times the small blobs' in DIR, which may be a file system in
// memory. Exits 1 when a target is missed.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { CASES, type Case, VERSION } from "./bench/cases.ts";
import { type Image, makeImage } from "./bench/layout.ts";
import { type Run, run } from "./bench/measure.ts";
import { figures, type Measured, median, ratios } from "./bench/tables.ts";

const SMALL = 20_000;
/** A command whose warm-up takes longer than SLOW is not run again; after LIMIT it is given up. Seconds. */
const SLOW = 20;
const LIMIT = 120;
const MANY = 100;
const UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

const { values: flags } = parseArgs({
  options: {
    dir: { type: "string", default: os.tmpdir() },
    size: { type: "string", default: "1GiB" },
    blobs: { type: "string", default: "5000" },
    runs: { type: "string", default: "5" },
    cores: { type: "string", default: "0,1" },
    ingot: { type: "string", default: join(import.meta.dirname, "../dist/ingot") },
    json: { type: "boolean", default: false },
  },
});
const runs = wholeNumber("--runs", flags.runs);
const many = wholeNumber("--blobs", flags.blobs);
const size = sizeOf(flags.size);
const ingot = resolve(flags.ingot);
if (!fs.existsSync(ingot))
  throw new Error(`bench: ${ingot}: not there; make it: sh scripts/build.sh`);

const work = fs.mkdtempSync(join(resolve(flags.dir), "ingot-bench-"));
const leave = (code: number) => {
  fs.rmSync(work, { recursive: true, force: true });
  process.exit(code);
};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => leave(130));

let missed: string[] = [];
try {
  missed = await main();
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}
process.exit(missed.length > 0 ? 1 : 0);

async function main(): Promise<string[]> {
  const cores = has("taskset") ? flags.cores : undefined;
  const about = machine(cores);
  const say = (text: string) => (flags.json ? undefined : console.log(text));
  say(
    `${Object.entries(about)
      .map(([name, value]) => `- ${name}: ${value}`)
      .join("\n")}\n`,
  );
  const missed: string[] = [];
  const documents = [];
  const inMemory = about["file system"]?.startsWith("tmpfs") === true;
  for (const [name, count, each] of [
    ["large", 4, Math.ceil(size / 4)],
    ["small", many, SMALL],
  ] as const) {
    const image = makeImage(join(work, name), { count, size: each, name });
    const measured = await measure(CASES, image, cores, runs);
    const judged = ratios(measured, inMemory);
    missed.push(...judged.missed.map((what) => `${name}: ${what}`));
    documents.push({ image: { name, count, each, bytes: image.bytes }, measured });
    say(`## ${image.blobs} blobs, ${(image.bytes / 2 ** 20).toFixed(0)} MiB\n`);
    say(`${figures(measured, image.bytes)}\n\n${judged.table}\n`);
    if (name === "large") {
      const start = await measure([VERSION], image, cores, Math.max(runs, 15));
      const wall = median(start[0]!.runs.map((one) => one.wall)) * 1000;
      if (wall >= 60) missed.push("ingot --version");
      say(
        `ingot --version: ${wall.toFixed(0)} ms, target < 60 ms: ${wall < 60 ? "met" : "**not met**"}\n`,
      );
      documents.push({ measured: start });
    }
    fs.rmSync(image.layout, { recursive: true });
  }
  say(`load at the end: ${load()}`);
  if (flags.json)
    console.log(JSON.stringify({ machine: about, results: documents, missed }, null, 2));
  return missed;
}

/** Runs every case `count` times after one that is not counted. */
async function measure(
  cases: readonly Case[],
  image: Image,
  cores: string | undefined,
  count: number,
): Promise<Measured[]> {
  const folders = { out: join(work, "out"), tmp: join(work, "tmp") };
  for (const folder of Object.values(folders)) fs.mkdirSync(folder, { recursive: true });
  const archive = join(work, "archive.tar");
  const env = {
    ...process.env,
    INGOT: ingot,
    LAYOUT: image.layout,
    REF: image.reference,
    ARCHIVE: archive,
    OUT: join(folders.out, "result"),
    TMPDIR: folders.tmp,
    LC_ALL: "C",
  };
  const log = join(work, "log");
  const kept = join(work, "kept");
  fs.mkdirSync(kept, { recursive: true });
  let results = 0;
  const once = (script: string, watch?: readonly string[]) => {
    // For minutes after thousands of files were removed, ext4 is slow to create others (recently_deleted in its
    // ialloc.c): the second command would pay for the first. A folder of many files stays until the end.
    if (image.blobs > MANY && fs.existsSync(env.OUT))
      fs.renameSync(env.OUT, join(kept, `${++results}`));
    else fs.rmSync(env.OUT, { recursive: true, force: true });
    execFileSync("sync", ["-f", work]);
    return run(script, { env, cores, log, limit: LIMIT, ...(watch && { watch }) });
  };
  await once('"$INGOT" export "oci:$LAYOUT" -o "$ARCHIVE"');
  const missing = new Map(
    cases.map(({ id, needs }) => [id, needs.filter((program) => !has(program))]),
  );
  const here = cases.filter(({ id }) => missing.get(id)!.length === 0);
  const taken = new Map<
    string,
    { runs: Run[]; temporary: number; result: number; fast: boolean }
  >();
  const givenUp = new Set<string>();
  for (const { id, script } of here) {
    const warm = await once(script, [folders.out, folders.tmp, "/var/tmp"]);
    const result = fs.statSync(env.OUT, { throwIfNoEntry: false });
    if (warm === undefined) givenUp.add(id);
    const runs = warm === undefined || warm.wall < SLOW ? [] : [warm];
    taken.set(id, {
      runs,
      temporary: warm?.temporary ?? 0,
      result: result?.isFile() ? result.size : 0,
      fast: warm !== undefined && runs.length === 0,
    });
  }
  const fast = here.filter(({ id }) => taken.get(id)!.fast);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < fast.length; j++) {
      const { id, script } = fast[(i + j) % fast.length]!;
      const one = await once(script);
      if (one !== undefined) taken.get(id)!.runs.push(one);
    }
  }
  for (const at of [env.OUT, kept, archive]) fs.rmSync(at, { recursive: true, force: true });
  return cases.map((one) => ({
    ...one,
    missing: missing.get(one.id)!,
    givenUp: givenUp.has(one.id) ? LIMIT : undefined,
    ...(taken.get(one.id) ?? { runs: [], temporary: 0, result: 0, fast: true }),
  }));
}

function machine(cores: string | undefined): Record<string, string> {
  const said = (program: string, ...args: string[]) =>
    execFileSync(program, args, { encoding: "utf8" }).trim();
  const version = (program: string, ...args: string[]) =>
    has(program) ? said(program, ...args).split("\n")[0]! : `${program}: not here`;
  return {
    processors: `${os.cpus().length} × ${os.cpus()[0]?.model.trim() ?? "?"}, ${cores === undefined ? "all in use (no taskset)" : `pinned to ${cores}`}`,
    memory: `${(os.totalmem() / 2 ** 30).toFixed(1)} GiB`,
    kernel: `${os.type()} ${os.release()}`,
    "file system": said("df", "--output=fstype", work).split("\n")[1] ?? "?",
    load: load(),
    runs: `${runs} of each, interleaved, after a warm-up; warm cache`,
    programs: [
      version(ingot, "--version"),
      version("cat", "--version"),
      version("openssl", "version"),
      version("skopeo", "--version"),
      version("tar", "--version"),
    ].join("; "),
  };
}

function load(): string {
  return os
    .loadavg()
    .map((value) => value.toFixed(2))
    .join(" ");
}

function has(program: string): boolean {
  const folders = (process.env.PATH ?? "").split(":");
  const there =
    program.includes("/") || folders.some((folder) => fs.existsSync(join(folder, program)));
  if (!there || program !== "tar") return there;
  return execFileSync("tar", ["--version"], { encoding: "utf8" }).includes("GNU tar");
}

function wholeNumber(flag: string, text: string): number {
  if (/^[1-9][0-9]{0,5}$/.test(text)) return Number(text);
  throw new Error(
    `bench: ${flag} is ${JSON.stringify(text)}, should be a whole number from 1 to 999999`,
  );
}

function sizeOf(text: string): number {
  const [, digits, unit] = /^([1-9][0-9]{0,8})(B|KiB|MiB|GiB)$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined)
    throw new Error(`bench: --size is ${JSON.stringify(text)}, should be like 1GiB or 64MiB`);
  return Number(digits) * UNITS[unit]!;
}
