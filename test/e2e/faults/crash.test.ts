/** Whatever is killed, whenever: what was there is there, what is there is whole, and the next run needs no help. */
import assert from "node:assert/strict";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, test } from "node:test";
import { sha256Hex } from "../../../src/base/hash.ts";
import { Progress } from "../../../src/base/workers/pool.ts";
import { isVerified } from "../../../src/image/findings.ts";
import { imageNameOf } from "../../../src/oci/layout.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { verifyLayout } from "../../../src/verify/verify.ts";
import { noise, writeLayout } from "../../support/images/layout.ts";
import { Child, type Ended, pause } from "../../support/process/child.ts";
import { command, ingot, plainEnvironment, root } from "../../support/process/ingot.ts";
import { type Ends, tempDir, tidily } from "../../support/process/temp.ts";
import { writeTree } from "../../support/trees/tree.ts";

const NAME = "r.test/image:1";
const OTHER = "r.test/other:1";
const KILLS = 50;
/** So many runs are killed over the same leftovers before one may end. */
const IN_A_ROW = 5;

/** Where a case works: `layout` and `archive` are its sources, `store` and `output` what it changes. */
interface Place {
  readonly dir: string;
  readonly layout: string;
  readonly archive: string;
  readonly store: string;
  readonly output: string;
}

interface Case {
  readonly words: (place: Place) => readonly string[];
  /** Standard input comes from this file. */
  readonly input?: (place: Place) => string;
  /** The name that the image gets in the store; undefined where none does. */
  readonly stores?: string;
}

const cases: Record<string, Case> = {
  "import of a file": {
    words: ({ archive, store }) => ["import", archive, "--store", store],
    stores: NAME,
  },
  "import of a stream": {
    words: ({ store }) => ["import", "-", "--store", store],
    input: ({ archive }) => archive,
    stores: NAME,
  },
  export: {
    words: ({ layout, output, store }) => [
      "export",
      `oci:${layout}`,
      "-o",
      output,
      "--store",
      store,
    ],
  },
  "build into a store": {
    words: ({ store }) => [
      "build",
      join(root, "examples/gadget/hello"),
      "-t",
      "r.test/hello:1",
      "--store",
      store,
    ],
    stores: "r.test/hello:1",
  },
  "build into an archive": {
    words: ({ output, store }) => [
      "build",
      join(root, "examples/gadget/hello"),
      "-t",
      "r.test/hello:1",
      "-o",
      output,
      "--store",
      store,
    ],
  },
  "build of a Dockerfile into a store": {
    words: ({ dir, store }) => [
      "build",
      join(dir, "context"),
      "-t",
      "r.test/box:1",
      "--store",
      store,
    ],
    stores: "r.test/box:1",
  },
  "build of a Dockerfile into an archive": {
    words: ({ dir, output, store }) => [
      "build",
      join(dir, "context"),
      "-t",
      "r.test/box:1",
      "-o",
      output,
      "--store",
      store,
    ],
  },
};

/** Some layers, some of them of many files, some of large ones. */
const DOCKERFILE = `FROM scratch AS first
COPY small /small
COPY large /large
FROM first
COPY --from=first --chown=1:1 /large /again
COPY small large /together/
COPY <<END /text
END
WORKDIR /work
`;

for (const [name, what] of Object.entries(cases)) {
  describe(name, () => {
    it(
      `survives kill -9 at ${KILLS} moments`,
      tidily(async (t) => {
        const place = await prepare(t);
        let { took, digest } = await measure(what, place);
        let killed = 0;
        for (const [i, share] of moments(name, KILLS).entries()) {
          const before = readFileSync(place.output);
          const ended = await stop(what, place, share * took, "SIGKILL");
          if (ended.signal === "SIGKILL") killed++;
          else {
            assert.equal(ended.code, 0, ended.stderr);
            took = ended.took;
          }
          await check(what, place, before, digest);
          // What else the machine does changes how long it takes.
          if ((i + 1) % IN_A_ROW === 0) took = Math.max(took, await runWhole(what, place, digest));
        }
        assert.ok(killed >= KILLS / 4, `only ${killed} of ${KILLS} were killed`);
      }),
    );

    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      it(
        `told to stop by ${signal}, leaves nothing behind at once`,
        tidily(async (t) => {
          const place = await prepare(t);
          const { took, digest } = await measure(what, place);
          for (const share of moments(`${name} ${signal}`, 10)) {
            const before = readFileSync(place.output);
            const ended = await stop(what, place, share * took, signal);
            assert.ok(
              ended.signal === signal ||
                ended.code === 0 ||
                ended.code === (signal === "SIGINT" ? 130 : 143),
              JSON.stringify(ended),
            );
            await check(what, place, before, digest);
            assert.deepEqual(leftovers(place), []);
          }
          await runWhole(what, place, digest);
        }),
      );
    }
  });
}

test(
  "a store that is just being made survives kill -9: it is empty or has the image",
  tidily(async (t) => {
    const place = await prepare(t);
    const what = cases["import of a file"] as Case;
    const small = { ...place, archive: join(place.dir, "other.tar") };
    const { took } = await (await start(what, { ...small, store: join(place.dir, "first") })).ended;
    for (const [i, share] of moments("a new store", 20).entries()) {
      const store = join(place.dir, `new-${i}`);
      await stop({ ...what, stores: OTHER }, { ...small, store }, share * took, "SIGKILL");
      const names = new FolderStore(store).images().map(imageNameOf);
      assert.ok(names.every((name) => name === OTHER));
      if (names.length > 0)
        assert.ok(
          isVerified(
            await verifyLayout(store, { entry: undefined, threads: 1, tally: new Progress() }),
          ),
        );
      await done(["import", small.archive, "--store", store]);
      assert.deepEqual(leftovers({ ...small, store }), []);
      await done(["verify", store]);
    }
  }),
);

/** A store with another image in it, an old output, and what is imported and exported: large enough for threads. */
async function prepare(t: Ends): Promise<Place> {
  const dir = tempDir(t);
  const at = (name: string) => join(dir, name);
  const place = {
    dir,
    layout: at("layout"),
    archive: at("image.tar"),
    store: at("store"),
    output: at("output.tar"),
  };
  writeLayout(place.layout, [
    { name: NAME, layers: [...Array(12).fill(1_500_000), ...Array(150).fill(20_000)] },
  ]);
  writeLayout(at("other"), [{ name: OTHER, layers: [1000] }]);
  for (const [source, file] of [
    [place.layout, place.archive],
    [at("other"), at("other.tar")],
  ] as const)
    await done(["export", `oci:${source}`, "-o", file]);
  await done(["import", at("other.tar"), "--store", place.store]);
  const files = Object.fromEntries(
    Array.from({ length: 300 }, (_, i) => [`small/${i % 7}/${i}`, `${i}\n`.repeat(i)]),
  );
  writeTree(at("context"), { Dockerfile: DOCKERFILE, ...files, "large/text": "text\n" });
  for (let i = 0; i < 4; i++)
    writeFileSync(at(`context/large/l${i}`), noise(`large ${i}`, 1_500_000));
  writeFileSync(place.output, "old");
  return place;
}

async function done(words: readonly string[]): Promise<void> {
  const { code, stderr } = await ingot(words);
  assert.equal(code, 0, stderr);
}

/** How long it takes, and the digest of the output it makes. The first run of a program is not like the others. */
async function measure(what: Case, place: Place): Promise<{ took: number; digest: string }> {
  const took: number[] = [];
  for (let i = 0; i < 3; i++) {
    await reset(what, place);
    const ended = await (await start(what, place)).ended;
    assert.equal(ended.code, 0, ended.stderr);
    took.push(ended.took);
  }
  const digest = sha256Hex(readFileSync(place.output));
  await reset(what, place);
  return { took: Math.min(...took), digest };
}

/** As it was before the run, as far as a next one would have less to do. */
async function reset({ stores }: Case, { store, output }: Place): Promise<void> {
  writeFileSync(output, "old");
  if (stores === undefined) return;
  const folder = new FolderStore(store);
  await folder.untag([stores]);
  await folder.prune(
    () =>
      new Set(folder.images().flatMap((image) => [image.digest, ...needs(store, image.digest)])),
  );
}

/** The blobs that the manifest of the other image names. */
function needs(store: string, digest: string): `sha256:${string}`[] {
  const { config, layers } = JSON.parse(
    readFileSync(join(store, "blobs/sha256", digest.slice(7)), "utf8"),
  );
  return [config, ...layers].map((blob) => blob.digest);
}

async function start({ words, input }: Case, place: Place): Promise<Child> {
  const stdin = input === undefined ? ("ignore" as const) : openSync(input(place), "r");
  try {
    return new Child([...(await command()), ...words(place)], { env: plainEnvironment(), stdin });
  } finally {
    if (stdin !== "ignore") closeSync(stdin);
  }
}

async function stop(
  what: Case,
  place: Place,
  delay: number,
  signal: NodeJS.Signals,
): Promise<Ended> {
  const child = await start(what, place);
  await Promise.race([pause(delay), child.ended]);
  child.kill(signal);
  const ended = await child.ended;
  if (ended.signal === null && ended.code === 0) await reset(what, place);
  return ended;
}

/** What holds after any end: the output is the old one or the new one, the store is what it was or has the image, all of it. */
async function check(
  { stores }: Case,
  { store, output }: Place,
  before: Buffer,
  digest: string,
): Promise<void> {
  const after = readFileSync(output);
  assert.ok(
    after.equals(before) || sha256Hex(after) === digest || after.equals(Buffer.from("old")),
    "the output is neither the old one nor the new one",
  );
  if (!after.equals(Buffer.from("old"))) writeFileSync(output, "old");
  const names = new FolderStore(store).images().map(imageNameOf);
  assert.deepEqual(
    names.filter((name) => name !== stores),
    [OTHER],
  );
  const report = await verifyLayout(store, { entry: undefined, threads: 1, tally: new Progress() });
  assert.ok(
    isVerified(report),
    JSON.stringify(report.findings.filter(({ level }) => level === "finding")),
  );
}

/** The next run succeeds, and nothing is left of those that were killed. @returns how long it took */
async function runWhole(what: Case, place: Place, digest: string): Promise<number> {
  const ended = await (await start(what, place)).ended;
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(leftovers(place), []);
  if (what.stores === undefined) assert.equal(sha256Hex(readFileSync(place.output)), digest);
  else assert.ok(new FolderStore(place.store).images().map(imageNameOf).includes(what.stores));
  await done(["verify", place.store]);
  await reset(what, place);
  return ended.took;
}

function leftovers({ dir, store }: Place): string[] {
  const within = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);
  const half = [dir, store].flatMap((folder) =>
    within(folder).filter((name) => name.includes(".partial.")),
  );
  return [...half, ...within(join(store, ".ingot/work")), ...within(join(store, ".ingot/lock"))];
}

/** Moments from the start, 0, to a little after the end, 1; the same for the same words. */
function moments(seed: string, count: number): number[] {
  let state = [...seed].reduce((sum, char) => (Math.imul(sum, 31) + char.charCodeAt(0)) | 0, 7);
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return ((state >>> 8) / 2 ** 24) * 1.05;
  });
}
