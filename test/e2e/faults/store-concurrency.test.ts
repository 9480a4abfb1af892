/** Many processes on one store at once: nothing is lost, and nobody ever reads half of something. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { imageNameOf } from "../../../src/oci/layout.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { writeLayout } from "../../support/images/layout.ts";
import { Child, pause } from "../../support/process/child.ts";
import { command, ingot, plainEnvironment } from "../../support/process/ingot.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";

const EIGHT = [0, 1, 2, 3, 4, 5, 6, 7];

async function start(words: readonly string[]): Promise<Child> {
  return new Child([...(await command()), ...words], { env: plainEnvironment() });
}

async function done(words: readonly string[]): Promise<void> {
  const { code, stderr } = await ingot(words);
  assert.equal(code, 0, stderr);
}

/** One archive for each process, of an image of its own that shares a layer with the others'. */
async function archives(t: Ends): Promise<{ dir: string; store: string; files: string[] }> {
  const dir = tempDir(t);
  const files: string[] = [];
  for (const i of EIGHT) {
    const layout = join(dir, `layout-${i}`);
    writeLayout(layout, [
      { name: `r.test/image-${i}:1`, layers: [60_000, ...Array(i).fill(1000)], seed: "shared" },
    ]);
    const file = join(dir, `${i}.tar`);
    await done(["export", `oci:${layout}`, "-o", file]);
    files.push(file);
  }
  return { dir, store: join(dir, "store"), files };
}

const namesIn = (store: string) => new FolderStore(store).images().map(imageNameOf);

function assertClean(store: string): void {
  assert.deepEqual(readdirSync(join(store, ".ingot/work")), []);
  assert.deepEqual(readdirSync(join(store, ".ingot/lock")), []);
  assert.deepEqual(
    readdirSync(store).filter((name) => name.includes(".partial.")),
    [],
  );
}

/** Reads the store as fast as it can until `over` has ended: each time all of it can be read. */
async function readAllTheTime(store: string, over: Promise<unknown>): Promise<number> {
  let running = true;
  const ended = over.finally(() => {
    running = false;
  });
  let reads = 0;
  while (running) {
    for (const { digest } of new FolderStore(store).images()) {
      assert.ok(
        existsSync(join(store, "blobs/sha256", digest.slice(7))),
        `${digest} is named and not there`,
      );
    }
    const index = join(store, "index.json");
    if (existsSync(index)) JSON.parse(readFileSync(index, "utf8"));
    reads++;
    await pause(1);
  }
  await ended;
  return reads;
}

test("eight imports at once into a store that is not there yet", async (t) => {
  const { store, files } = await archives(t);
  const children = await Promise.all(
    files.map((file) => start(["import", file, "--store", store])),
  );
  const over = Promise.all(children.map(({ ended }) => ended));
  assert.ok((await readAllTheTime(store, over)) > 0);
  for (const { code, stderr } of await over) assert.equal(code, 0, stderr);
  assert.deepEqual(
    namesIn(store),
    EIGHT.map((i) => `r.test/image-${i}:1`),
  );
  assertClean(store);
  await done(["verify", store]);
});

test("imports, tags and removals at once: each takes effect, none undoes another's", async (t) => {
  const { store, files } = await archives(t);
  await done(["import", files[0]!, "--store", store]);
  const old = EIGHT.map((i) => `r.test/old-${i}:1`);
  await done(["tag", "r.test/image-0:1", ...old, "--store", store]);
  const words = EIGHT.map((i) => {
    if (i % 4 === 1) return ["import", files[i]!];
    if (i % 4 === 3) return ["remove", old[i]!, old[i - 1]!];
    return ["tag", "r.test/image-0:1", `r.test/new-${i}:1`, `r.test/more-${i}:1`];
  });
  const children = await Promise.all(words.map((line) => start([...line, "--store", store])));
  const over = Promise.all(children.map(({ ended }) => ended));
  await readAllTheTime(store, over);
  for (const { code, stderr } of await over) assert.equal(code, 0, stderr);
  const expected = [
    ...[0, 1, 5].map((i) => `r.test/image-${i}:1`),
    ...[0, 2, 4, 6].flatMap((i) => [`r.test/new-${i}:1`, `r.test/more-${i}:1`]),
    ...[0, 1, 4, 5].map((i) => `r.test/old-${i}:1`),
  ];
  assert.deepEqual(new Set(namesIn(store)), new Set(expected));
  assertClean(store);
  await done(["verify", store]);
});

test("the same archive, eight times at once", async (t) => {
  const { store, files } = await archives(t);
  const children = await Promise.all(
    EIGHT.map(() => start(["import", files[3]!, "--store", store])),
  );
  for (const { ended } of children) assert.equal((await ended).code, 0, (await ended).stderr);
  assert.deepEqual(namesIn(store), ["r.test/image-3:1"]);
  assertClean(store);
  await done(["verify", store]);
});

test("prune between imports takes nothing that they need: it removes what it may, or says who is at work", async (t) => {
  const { store, files } = await archives(t);
  for (const round of [0, 1, 2]) {
    const imports = await Promise.all(
      [1, 2, 3].map((i) => start(["import", files[round * 2 + (i % 2)]!, "--store", store])),
    );
    const prunes = await Promise.all([1, 2, 3].map(() => start(["prune", "--store", store])));
    for (const { ended } of imports) assert.equal((await ended).code, 0, (await ended).stderr);
    for (const { ended } of prunes) {
      const { code, stderr } = await ended;
      assert.ok(code === 0 || (code === 2 && stderr.includes("is using it")), stderr);
    }
    await done(["verify", store]);
    await done(["remove", `r.test/image-${round * 2}:1`, "--store", store]);
  }
  await done(["prune", "--store", store]);
  const report = await ingot(["verify", store]);
  assert.equal(report.code, 0, report.stderr);
  assert.doesNotMatch(report.stdout.toString(), /unreachable/);
  assert.deepEqual(
    namesIn(store),
    [1, 3, 5].map((i) => `r.test/image-${i}:1`),
  );
  assertClean(store);
});
