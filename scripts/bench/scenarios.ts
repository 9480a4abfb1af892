/** What is measured, each with its input, its cases and its ratios. */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { DOCKER, startDocker } from "../../test/support/clients/dockerd.ts";
import { BUILD_CASES } from "./build-cases.ts";
import { CASES, VERSION } from "./cases.ts";
import { ENCODER_CASES } from "./encoder-cases.ts";
import { makeImage } from "./layout.ts";
import { has } from "./machine.ts";
import { buildRatios, encoderRatios, imageRatios, registryRatios } from "./ratios.ts";
import { startRegistry } from "./registry.ts";
import { REGISTRY_CASES } from "./registry-cases.ts";
import { measure, type Setting } from "./series.ts";
import { figures, judge, type Measured, median } from "./tables.ts";
import { type Folder, makeMany, makeMixed, makeOne } from "./trees.ts";

export interface Bench {
  readonly work: string;
  readonly cores: string | undefined;
  readonly runs: number;
  readonly ingot: string;
  readonly inMemory: boolean;
  /** Bytes of the large inputs. */
  readonly size: number;
  /** How many blobs and files the inputs of many small things have. */
  readonly blobs: number;
  readonly files: number;
}

export interface Result {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly measured: readonly Measured[];
  readonly missed: readonly string[];
  /** Markdown. */
  readonly text: string;
}

const MIB = 2 ** 20;
/** Bytes of a small blob. */
const SMALL = 20_000;
/** From so many blobs on, an image is many files. */
const MANY = 100;

type Scenario = (bench: Bench) => AsyncGenerator<Result>;

/** By the names that `--only` takes. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  images,
  registry,
  tree: (bench) => build(bench, "tree", (at) => makeMixed(at, bench.size)),
  files: (bench) => build(bench, "files", (at) => makeMany(at, bench.files)),
  encoder,
};

async function* images(bench: Bench): AsyncGenerator<Result> {
  for (const [name, count, each] of [
    ["large", 4, Math.ceil(bench.size / 4)],
    ["small", bench.blobs, SMALL],
  ] as const) {
    const image = makeImage(join(bench.work, name), { count, size: each, name });
    const archive = join(bench.work, "archive.tar");
    const { layout, reference, bytes, blobs } = image;
    const environment = { INGOT: bench.ingot, LAYOUT: layout, REF: reference, ARCHIVE: archive };
    execFileSync(bench.ingot, ["export", `oci:${layout}`, "-o", archive], { stdio: "ignore" });
    const setting = settingOf(bench, environment, { manyResults: blobs > MANY });
    const measured = await measure(CASES, setting);
    const judged = judge(imageRatios(measured, bench.inMemory));
    const title = `## Export, import, verify: ${blobs} blobs, ${(bytes / MIB).toFixed(0)} MiB`;
    yield {
      name,
      input: { name, count, each, bytes },
      measured,
      missed: judged.missed,
      text: `${title}\n\n${figures(measured, { bytes })}\n\n${judged.table}\n`,
    };
    if (name === "large") yield await start(bench, setting);
    for (const at of [layout, archive]) fs.rmSync(at, { recursive: true });
  }
}

async function* registry(bench: Bench): AsyncGenerator<Result> {
  if (!has("docker-registry")) {
    yield {
      ...{ name: "registry", input: {}, measured: [], missed: [] },
      text: "## From a registry on loopback\n\nnot here: docker-registry\n",
    };
    return;
  }
  const each = Math.ceil(bench.size / 4);
  const large = { count: 4, size: each, name: "registry" };
  const { layout, bytes } = makeImage(join(bench.work, "registry"), large);
  const server = await startRegistry(join(bench.work, "server"));
  try {
    const image = `${server.host}/bench/registry:v1`;
    const urls = join(bench.work, "urls");
    const blobs = join(layout, "blobs/sha256");
    const layers = fs
      .readdirSync(blobs)
      .filter((hex) => fs.statSync(join(blobs, hex)).size === each);
    const lines = layers.map(
      (hex) => `url = "http://${server.host}/v2/bench/registry/blobs/sha256:${hex}"\n`,
    );
    fs.writeFileSync(urls, lines.join(""));
    execFileSync(bench.ingot, ["copy", `oci:${layout}`, `docker://${image}`], { stdio: "ignore" });
    fs.rmSync(layout, { recursive: true });
    const environment = { INGOT: bench.ingot, IMAGE: image, URLS: urls };
    const measured = await measure(REGISTRY_CASES, settingOf(bench, environment));
    const judged = judge(registryRatios(measured, bench.inMemory));
    const title = `## From a registry on loopback: 4 blobs, ${(bytes / MIB).toFixed(0)} MiB`;
    yield {
      name: "registry",
      input: { count: 4, each, bytes },
      measured,
      missed: judged.missed,
      text: `${title}\n\n${figures(measured, { bytes })}\n\n${judged.table}\n`,
    };
  } finally {
    await server.stop();
    fs.rmSync(join(bench.work, "server"), { recursive: true, force: true });
  }
}

async function start(bench: Bench, setting: Setting): Promise<Result> {
  const measured = await measure([VERSION], { ...setting, count: Math.max(bench.runs, 15) });
  const wall = median(measured[0]!.runs.map((one) => one.wall)) * 1000;
  const missed = wall < 60 ? [] : ["ingot --version"];
  const said = missed.length === 0 ? "met" : "**not met**";
  const text = `ingot --version: ${wall.toFixed(0)} ms, target < 60 ms: ${said}\n`;
  return { name: "start", input: {}, measured, missed, text };
}

async function* build(
  bench: Bench,
  name: string,
  make: (at: string) => Folder,
): AsyncGenerator<Result> {
  const tree = make(join(bench.work, name));
  const warm = join(bench.work, "warm");
  const dockerfile = join(bench.work, "Dockerfile");
  const policy = join(bench.work, "policy.json");
  fs.mkdirSync(warm);
  fs.writeFileSync(dockerfile, "FROM scratch\nCOPY . /\n");
  fs.writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
  const docks = has("dockerd")
    ? await startDocker(join(bench.work, "docker"), bench.cores)
    : undefined;
  try {
    const environment = {
      ...{ INGOT: bench.ingot, TREE: tree.at, DOCKERFILE: dockerfile, WARM: warm, POLICY: policy },
      ...{ DOCKER, DOCKER_HOST: docks?.host ?? "" },
    };
    const setting = settingOf(bench, environment, { daemon: docks?.pid });
    const measured = await measure(BUILD_CASES, setting);
    const { bytes, files, made } = tree;
    const large = name === "tree";
    const judged = judge(buildRatios(measured, { bytes, inMemory: bench.inMemory, large }));
    const title = `## Build: ${files} files, ${(bytes / MIB).toFixed(0)} MiB (${made})`;
    yield {
      name,
      input: { name, files, bytes },
      measured,
      missed: judged.missed,
      text: `${title}\n\n${figures(measured, { bytes, results: true })}\n\n${judged.table}\n`,
    };
  } finally {
    await docks?.stop();
    for (const at of [tree.at, warm, join(bench.work, "docker")])
      fs.rmSync(at, { recursive: true, force: true });
  }
}

async function* encoder(bench: Bench): AsyncGenerator<Result> {
  for (const kind of ["program", "text", "noise"] as const) {
    const input = makeOne(join(bench.work, kind), kind, Math.min(bench.size, 128 * MIB));
    const { bytes, made } = input;
    const environment = {
      ...{ FILE: input.file, BUN: process.execPath },
      ENCODE: join(import.meta.dirname, "encode.ts"),
    };
    const measured = await measure(ENCODER_CASES, settingOf(bench, environment));
    const judged = judge(encoderRatios(measured, kind, bytes));
    const what = kind === "noise" ? kind : `${kind} (${made})`;
    const title = `## The encoder alone: ${what}, ${(bytes / MIB).toFixed(0)} MiB`;
    yield {
      name: `encoder, ${kind}`,
      input: { kind, bytes },
      measured,
      missed: judged.missed,
      text: `${title}\n\n${figures(measured, { bytes, results: true })}\n\n${judged.table}\n`,
    };
    fs.rmSync(input.at, { recursive: true });
  }
}

const settingOf = (
  { work, cores, runs }: Bench,
  environment: Readonly<Record<string, string>>,
  more: Partial<Setting> = {},
): Setting => ({ work, cores, count: runs, environment, ...more });
