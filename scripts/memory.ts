// bun scripts/memory.ts [--only PATTERN] [--dir DIR] [--ingot dist/ingot] [--jobs 4] [--json]
//
// Makes archives and Dockerfiles that ask much of who reads them (scripts/memory/), runs verify, import and build on each, from a file
// and through a pipe, and prints how much memory was resident at most, and how much of the processor it took, as a Markdown table.
// `--only` takes the cases whose name matches PATTERN. Needs Linux, GNU time, zstd, and about 500 MiB in DIR.
// Exits 1 where verify or import took more than 256 MiB or build more than 512 MiB, or anything more than a minute of the processor.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ARCHIVES, makeArchive } from "./memory/archives.ts";
import { DOCKERFILES } from "./memory/dockerfiles.ts";

const LIMITS = { verify: 256, import: 256, build: 512 };
const SECONDS = 60;

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    dir: { type: "string", default: os.tmpdir() },
    ingot: { type: "string", default: join(import.meta.dirname, "../dist/ingot") },
    jobs: { type: "string", default: "4" },
    json: { type: "boolean", default: false },
  },
});
const ingot = resolve(flags.ingot);
if (!fs.existsSync(ingot))
  throw new Error(`memory: ${ingot}: not there; make it: sh scripts/build.sh`);
const only = new RegExp(flags.only);
const work = fs.mkdtempSync(join(resolve(flags.dir), "ingot-memory-"));
const store = join(work, "store");
const measured: Measured[] = [];

interface Measured {
  readonly name: string;
  readonly command: string;
  readonly exit: number | string;
  readonly mebibytes: number;
  readonly seconds: number;
  /** The first line of what it says where it did not work. */
  readonly said: string;
}

try {
  main();
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}
const over = measured.filter(({ command, mebibytes, seconds }) => {
  const verb = command.split(" ")[0] as keyof typeof LIMITS;
  return mebibytes > LIMITS[verb] || seconds > SECONDS;
});
if (flags.json) console.log(JSON.stringify(measured, null, 2));
for (const { name, command } of over) console.error(`memory: too much: ${command} of ${name}`);
process.exit(over.length > 0 ? 1 : 0);

function main(): void {
  if (!flags.json)
    console.log("| case | command | exit | MiB | s | says |\n|---|---|---|---|---|---|");
  const archive = join(work, "archive.tar");
  for (const [name, one] of Object.entries(ARCHIVES)) {
    if (!only.test(name)) continue;
    makeArchive(one, archive);
    const ways = [
      ["verify", archive],
      ["verify", "-"],
      ...(one.layers
        ? [
            ["verify", "--layers", archive],
            ["verify", "--layers", "-"],
          ]
        : []),
      ["import", archive],
      ["import", "-"],
    ];
    for (const [verb = "", ...rest] of ways) {
      const input = rest.at(-1) === "-" ? archive : undefined;
      measure(
        name,
        [verb, ...(rest.includes("--layers") ? ["--jobs", flags.jobs] : []), ...rest],
        input,
      );
      fs.rmSync(store, { recursive: true, force: true });
    }
    fs.rmSync(archive);
  }
  const context = join(work, "context");
  fs.mkdirSync(context);
  for (const [name, dockerfile] of Object.entries(DOCKERFILES)) {
    if (!only.test(name)) continue;
    fs.writeFileSync(join(context, "Dockerfile"), dockerfile());
    measure(name, ["build", context, "-t", "a:1"]);
    fs.rmSync(store, { recursive: true, force: true });
  }
}

function measure(name: string, args: readonly string[], input?: string): void {
  const report = join(work, "time");
  const stdin = input === undefined ? "ignore" : fs.openSync(input, "r");
  // A pipe, not a file: nothing can be read again. The processor's time, not the clock's: others may be at work here.
  const script = `ulimit -t ${SECONDS}; ${input === undefined ? "" : "cat | "}exec "$@"`;
  const time = ["/usr/bin/time", "-q", "-f", "%M %U %S", "-o", report];
  const words = ["-c", script, "sh", ...time, ingot, ...args, "--store", store];
  const { status, stderr, signal } = spawnSync("sh", words, {
    stdio: [stdin, "ignore", "pipe"],
    maxBuffer: 1 << 28,
    encoding: "utf8",
  });
  if (typeof stdin === "number") fs.closeSync(stdin);
  const last = fs.readFileSync(report, "utf8").trim().split("\n").at(-1) ?? "";
  const [kibibytes = 0, user = 0, system = 0] = last.split(" ").map(Number);
  const said = stderr.split("\n").find((line) => line !== "") ?? "";
  const exit = status === null || status > 128 ? (signal ?? "stopped") : status;
  const one: Measured = {
    name,
    command: args.join(" ").replaceAll(`${work}/`, "").replace(" -t a:1", ""),
    exit,
    mebibytes: Math.round(kibibytes / 1024),
    seconds: Math.round((user + system) * 10) / 10,
    said: exit === 0 ? "" : said.replaceAll(work, "").replaceAll("|", "/").slice(0, 160),
  };
  measured.push(one);
  if (flags.json) return;
  console.log(
    `| ${[one.name, one.command, one.exit, one.mebibytes, one.seconds, one.said].join(" | ")} |`,
  );
}
