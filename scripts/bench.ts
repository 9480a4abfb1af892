// bun scripts/bench.ts [--only images,registry,tree,files,encoder] [--dir DIR] [--size 1GiB] [--blobs 5000] [--files 100000] [--runs 5]
//                      [--cores 0,1] [--ingot dist/ingot] [--json]
//
// Measures ingot beside others, and prints Markdown tables:
//
// - images: export, import and verify beside cat, openssl, skopeo and GNU tar, on an image of four large blobs that are SIZE
//   together and on one of many BLOBS of 20 kB;
// - registry: export and pull of an image of SIZE from a docker-registry on loopback, beside curl of its blobs and skopeo;
// - tree: a build of a folder of SIZE in files of all sizes, beside GNU tar, pigz, umoci, buildah and docker (a daemon of its own);
// - files: the same of a folder of that many small FILES;
// - encoder: the compressor alone beside gzip, pigz and fflate.
//
// A run is every command once, in another order each time; before each of them the last result is put away
// and the file system synced. The warm-up, in which temporary disk is watched, is not counted, unless it takes so long that it is
// the only run. Programs that are not here are named and left out; those for docker and buildah want root.
// Needs Linux, and in DIR, which may be a file system in memory, about eight times SIZE and forty times the small blobs'.
// Exits 1 when a target is missed.
import * as fs from "node:fs";
import * as os from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { stopDockers } from "../test/support/clients/dockerd.ts";
import { has, load, machine } from "./bench/machine.ts";
import { type Bench, type Result, SCENARIOS } from "./bench/scenarios.ts";

const UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

if (process.argv.includes("--help")) {
  const head = fs.readFileSync(import.meta.filename, "utf8").split("import ")[0]!;
  console.log(head.replace(/^\/\/ ?/gm, "").trimEnd());
  process.exit(0);
}

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", default: Object.keys(SCENARIOS).join() },
    dir: { type: "string", default: os.tmpdir() },
    size: { type: "string", default: "1GiB" },
    blobs: { type: "string", default: "5000" },
    files: { type: "string", default: "100000" },
    runs: { type: "string", default: "5" },
    cores: { type: "string", default: "0,1" },
    ingot: { type: "string", default: join(import.meta.dirname, "../dist/ingot") },
    json: { type: "boolean", default: false },
  },
});
const chosen = flags.only.split(",").map((name) => {
  const scenario = SCENARIOS[name];
  if (scenario !== undefined) return scenario;
  const known = Object.keys(SCENARIOS).join(", ");
  throw new Error(`bench: --only has ${JSON.stringify(name)}, should be of ${known}`);
});
const counts = {
  runs: wholeNumber("--runs", flags.runs),
  blobs: wholeNumber("--blobs", flags.blobs),
  files: wholeNumber("--files", flags.files),
  size: sizeOf(flags.size),
};
const ingot = resolve(flags.ingot);
if (!fs.existsSync(ingot))
  throw new Error(`bench: ${ingot}: not there; make it: sh scripts/build.sh`);

const work = fs.mkdtempSync(join(resolve(flags.dir), "ingot-bench-"));
const leave = async (code: number) => {
  await stopDockers();
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
  const programs = [
    [ingot, "--version"],
    ...["cat", "skopeo", "tar", "umoci", "buildah", "pigz", "gzip", "curl"].map(
      (name) => [name, "--version"] as const,
    ),
    ["openssl", "version"],
    ["dockerd", "--version"],
  ] as const;
  const about = machine({ cores, work, runs: counts.runs, programs });
  const say = (text: string) => (flags.json ? undefined : console.log(text));
  const lines = Object.entries(about).map(([name, value]) => `- ${name}: ${value}`);
  say(`${lines.join("\n")}\n`);
  const inMemory = about["file system"]?.startsWith("tmpfs") === true;
  const bench: Bench = { work, cores, ingot, inMemory, ...counts };
  const results: Result[] = [];
  for (const scenario of chosen) {
    for await (const result of scenario(bench)) {
      say(result.text);
      say(`load: ${load()}\n`);
      results.push(result);
    }
  }
  const missed = results.flatMap((one) => one.missed.map((what) => `${one.name}: ${what}`));
  if (flags.json) {
    const shown = results.map(({ name, input, measured }) => ({ name, input, measured }));
    console.log(JSON.stringify({ machine: about, results: shown, missed }, null, 2));
  }
  return missed;
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
