/**
 * One reading: what ingot says yes to is what clients written in Go load. Thousands of small changes of archives are judged by ingot and by a
 * model of how Go reads JSON and tar, which is compared with Go itself.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { planArchive, streamArchive } from "../../src/archive/write.ts";
import { FolderStore } from "../../src/store/folder-store.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { baseLayersOf } from "../../src/transfer/delta-bases.ts";
import { importArchive } from "../../src/verify/import.ts";
import {
  CONFIG,
  DOCUMENT,
  digestOf,
  LAYOUT,
  LISTED,
  roadsOf,
} from "../support/clients/go-roads.ts";
import { alone, canonical, container, type Image, noise } from "../support/images/archive.ts";
import {
  archiveOf,
  type Mutant,
  mutantOf,
  piecesOf,
  randomOf,
  type Seed,
  seedsOf,
} from "../support/images/mutants.ts";
import { Asker, disagreement, type How, WAYS, type Way } from "../support/images/reading.ts";
import { root } from "../support/process/ingot.ts";
import { testWith } from "../support/process/needs.ts";
import { run } from "../support/process/run.ts";
import { tempDir } from "../support/process/temp.ts";
import { decode, GoError, type Schema } from "../support/tar/go-json.ts";
import { readGoTar } from "../support/tar/go-tar-read.ts";

/** A fifth under Deno, where they are the same ones. More, and others: to be set by hand. */
const COUNT = Number(process.env.GO_READING_COUNT ?? ("Deno" in globalThis ? 2_100 : 10_500));
const SEED = Number(process.env.GO_READING_SEED ?? 1);

const selected = ({ reference, descriptor, blobs }: Image) => {
  const store = new MemoryStore(reference);
  for (const bytes of blobs.values()) store.put(bytes);
  return { reference, descriptor, store };
};

const old = container("docker.io/library/app:v1", noise(600, 1));
const newer = container("docker.io/library/app:v2", noise(600, 1), ["amd64", "arm64"]);

/** Both have a layer of one content. */
async function delta(): Promise<Buffer> {
  const plan = await planArchive(
    [selected(old), selected(other)],
    baseLayersOf([selected(old)], true),
  );
  const written: Uint8Array[] = [];
  await streamArchive(plan, { write: async (piece) => void written.push(piece.slice()) }, alone());
  return Buffer.concat(written);
}
const other = container("docker.io/library/other:v1", noise(700, 2));

async function allSeeds(): Promise<Seed[]> {
  const layers = [...old.blobs]
    .filter(([, bytes]) => bytes.length === 600)
    .map(([digest]) => digest);
  return seedsOf([
    { name: "canonical", pieces: piecesOf(await canonical([old, newer])) },
    { name: "delta", pieces: piecesOf(await delta()), elsewhere: new Set(layers) },
    { name: "volumes", pieces: piecesOf(await canonical([other, old])) },
  ]);
}

const imagesOf = (seed: Seed, bytes: Uint8Array) => {
  const index = readGoTar(bytes).members.findLast(({ name }) => name === "index.json");
  const names = [other, old].map(({ reference, descriptor: { digest } }) => ({
    reference,
    digest,
  }));
  if (seed.name !== "volumes") return {};
  try {
    const { manifests } = decode(index?.body ?? new Uint8Array(0), DOCUMENT);
    const said = manifests.map((one: { digest: string; annotations: Record<string, string> }) => ({
      reference: one.annotations["org.opencontainers.image.ref.name"] ?? "",
      digest: one.digest,
    }));
    const isList =
      said.length > 0 &&
      said.every(({ digest }: { digest: string }) => /^sha256:[0-9a-f]{64}$/.test(digest));
    return { volumes: isList ? said : names };
  } catch {
    return { volumes: names };
  }
};

function* mutants(seeds: readonly Seed[], count: number): Generator<Mutant> {
  for (let i = 0; i < count; i++)
    yield mutantOf(seeds[i % seeds.length]!, randomOf(SEED * 1_000_003 + i));
}

test("what ingot says yes to is what clients written in Go load", async (t) => {
  const dir = tempDir(t);
  const files = join(dir, "files");
  mkdirSync(files);
  const store = new FolderStore(join(dir, "store"));
  const base = async function* () {
    yield await canonical([old]);
  };
  await importArchive({ bytes: base(), at: "base" }, store, alone());
  const asker = new Asker(files, store);
  const seeds = await allSeeds();
  assert.ok(seeds.length >= 12);
  const judge = async (
    { seed, bytes, what }: Mutant,
    way: Way,
  ): Promise<[boolean, string | undefined]> => {
    const { members, failed } = readGoTar(bytes);
    const isStrict = way.includes("layers");
    const ask = {
      layers: isStrict,
      isPartial: way.startsWith("import"),
      ...(seed.elsewhere && { elsewhere: seed.elsewhere }),
    };
    const roads = roadsOf(members, failed, ask);
    const how: How = {
      bases: seed.elsewhere === undefined ? [] : [store],
      isCompressed: seed.isCompressed === true,
      ...imagesOf(seed, bytes),
    };
    const { images, said } = await asker.ask(bytes, way, how);
    if (images === undefined) return [false, said];
    const wrong = disagreement(images, roads, way.startsWith("import"));
    return [true, wrong && `${seed.name}: ${what}: ${way}: ${wrong}`];
  };
  for (const seed of seeds)
    for (const way of WAYS) {
      if (way.includes("canonical") && !/^(?:canonical|delta)$/.test(seed.name)) continue;
      const whole = {
        seed,
        what: "as it is",
        bytes: archiveOf(seed.pieces),
      };
      const [isYes, said] = await judge(whole, way);
      assert.deepEqual([isYes, said], [true, undefined], `${seed.name}: ${way}: ${said}`);
    }
  const wrong: string[] = [];
  const tally = new Map<Way, [yes: number, no: number]>(WAYS.map((way) => [way, [0, 0]]));
  let i = 0;
  for (const mutant of mutants(seeds, COUNT)) {
    // An import costs ten times what a verification costs.
    const turn = Math.floor(i / seeds.length);
    const ways: readonly Way[] = turn % 50 === 0 ? WAYS : [ONE_OF[turn % ONE_OF.length]!];
    i++;
    for (const way of ways) {
      const [isYes, said] = await judge(mutant, way);
      tally.get(way)![isYes ? 0 : 1]++;
      if (isYes && said !== undefined) wrong.push(`${i - 1}: ${said}`);
    }
  }
  const counted = [...tally].map(([way, [yes, no]]) => `${way}: ${yes} yes, ${no} no`).join("; ");
  if (process.env.GO_READING_COUNT !== undefined) console.log(counted);
  assert.ok(
    [...tally.values()].every(([yes, no]) => no > yes / 100 && yes + no > 0),
    counted,
  );
  assert.deepEqual(wrong.slice(0, 20), [], `${wrong.length} of ${COUNT}`);
});

const ONE_OF: readonly Way[] = [
  "verify",
  "verify, stdin",
  "verify --layers",
  "verify",
  "verify --canonical",
  "verify --layers, stdin",
  "verify, stdin",
  "import",
  "verify",
  "verify --layers",
  "import, stdin",
];

/** Where two values differ first. */
function differenceOf(a: unknown, b: unknown, path = ""): string | undefined {
  const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
  if (!isObject(a) || !isObject(b) || Array.isArray(a) !== Array.isArray(b))
    return Object.is(a, b)
      ? undefined
      : `${path}: the model ${JSON.stringify(a)?.slice(0, 80)}, Go ${JSON.stringify(b)?.slice(0, 80)}`;
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const of = (value: object) => (value as Record<string, unknown>)[key];
    const found = differenceOf(of(a), of(b), `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The bytes as each kind of JSON; null as what they cannot be decoded. */
function kinds(body: Buffer): unknown {
  const isJson = /^[ \t\r\n\u00ef\u00bb\u00bf]*[{[]/.test(body.toString("latin1"));
  if (!isJson) return null;
  const as = (schema: Schema, whole: boolean) => {
    try {
      const found = decode(body, schema, whole);
      if (schema !== CONFIG) return found;
      const history = found.history?.map((one: object) => ({ ...one, created: null })) ?? null;
      return { ...found, created: null, history };
    } catch (error) {
      if (error instanceof GoError) return null;
      throw error;
    }
  };
  return [true, false].flatMap((whole) =>
    [DOCUMENT, CONFIG, LISTED, LAYOUT].map((schema) => as(schema, whole)),
  );
}

testWith(["go"], "the model of Go reads as Go does", async (t) => {
  const dir = tempDir(t);
  const program = join(dir, "go-reading");
  const built = await run(
    ["go", "build", "-o", program, join(root, "test/support/clients/go-reading/main.go")],
    {
      env: { GO111MODULE: "off", GOFLAGS: "" },
    },
  );
  assert.equal(built.code, 0, built.stderr);
  const child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
  const said: Buffer[] = [];
  child.stdout.on("data", (piece: Buffer) => said.push(piece));
  const ended = new Promise((done) => child.on("close", done));
  const seeds = await allSeeds();
  const count = Math.ceil(COUNT / 5);
  const expected: { what: string; text: string }[] = [];
  for (const { bytes, what, seed } of mutants(seeds, count)) {
    // Of sparse files the model says only that nobody should need them.
    if (bytes.includes("GNU.sparse.")) continue;
    const { members, failed } = readGoTar(bytes);
    if (members.some(({ isOpen }) => isOpen)) continue;
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    child.stdin.write(length);
    if (!child.stdin.write(bytes)) await new Promise((done) => child.stdin.once("drain", done));
    const found = members.map(({ name, type, link, body }) => ({
      name,
      type,
      link,
      size: body.length,
      hash: digestOf(body).slice(7),
      json: kinds(body),
    }));
    expected.push({
      what: `${seed.name}: ${what}`,
      text: JSON.stringify({ failed, members: found }),
    });
  }
  child.stdin.end();
  await ended;
  const lines = Buffer.concat(said).toString().trimEnd().split("\n");
  assert.equal(lines.length, expected.length);
  const differ = expected.flatMap(({ what, text }, i) => {
    const difference = differenceOf(JSON.parse(text), JSON.parse(lines[i]!));
    return difference === undefined ? [] : [`${i}: ${what}: ${difference}`];
  });
  assert.deepEqual(differ.slice(0, 10), [], `${differ.length} of ${count}`);
});
