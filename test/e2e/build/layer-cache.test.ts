/** A second build does less, and its result is that of one that does everything. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ingot } from "../../support/process/ingot.ts";
import { type Ends, tempDir, tidily } from "../../support/process/temp.ts";
import { writeTree } from "../../support/trees/tree.ts";

const DOCKERFILE = "FROM scratch\nCOPY data /data\nCOPY other /other\n";

interface Built {
  readonly digest: string;
  /** Whether each layer was there already. */
  readonly known: readonly boolean[];
  readonly layers: readonly string[];
}

interface Place {
  readonly folder: string;
  readonly store: string;
  readonly name?: string;
}

function place(t: Ends): Place {
  const dir = tempDir(t);
  const folder = join(dir, "app");
  mkdirSync(folder);
  const files = { Dockerfile: DOCKERFILE, "data/a": "one\n", "data/b": "two\n", other: "x\n" };
  return { folder: writeTree(folder, files), store: join(dir, "store") };
}

async function build(
  { folder, store, name = "app:1" }: Place,
  ...args: readonly string[]
): Promise<Built> {
  const words = ["build", folder, "-t", name, "--store", store, "--json", ...args];
  const { code, stdout, stderr } = await ingot(words);
  assert.equal(code, 0, `${stdout}${stderr}`);
  const { digest, layers } = JSON.parse(`${stdout}`) as {
    digest: string;
    layers: { digest: string; known: boolean }[];
  };
  return {
    digest,
    known: layers.map(({ known }) => known),
    layers: layers.map((layer) => layer.digest),
  };
}

/** Builds with and without what was made before: both must agree. */
async function both(at: Place): Promise<Built> {
  const found = await build(at);
  const anew = await build(at, "--no-cache");
  assert.deepEqual(anew.known, [false, false]);
  assert.deepEqual([found.digest, found.layers], [anew.digest, anew.layers]);
  return found;
}

const blobFile = ({ store }: Place, digest: string) => join(store, "blobs/sha256", digest.slice(7));

/** The cache's entries: their paths. */
function entries({ store }: Place): string[] {
  const at = join(store, ".ingot/layers");
  if (!existsSync(at)) return [];
  const all = readdirSync(at, { recursive: true, encoding: "utf8" }).map((name) => join(at, name));
  return all.filter((file) => statSync(file).isFile());
}

describe("a layer that was made before", () => {
  it(
    "is taken from the store, whatever the files' times and whichever folder they are in",
    tidily(async (t) => {
      const at = place(t);
      const first = await build(at);
      assert.deepEqual(first.known, [false, false]);
      assert.deepEqual((await both(at)).known, [true, true]);
      utimesSync(join(at.folder, "data/a"), 5, 5);
      assert.deepEqual((await both(at)).known, [true, true]);
      const copy = { ...at, folder: join(at.store, "../elsewhere") };
      cpSync(at.folder, copy.folder, { recursive: true });
      const again = await both(copy);
      assert.deepEqual([again.known, again.digest], [[true, true], first.digest]);
    }),
  );

  it(
    "is made anew when a file has other content, though its size and times are the same",
    tidily(async (t) => {
      const at = place(t);
      const file = join(at.folder, "data/b");
      utimesSync(file, 1000, 1000);
      const before = await build(at);
      writeFileSync(file, "owt\n");
      utimesSync(file, 1000, 1000);
      const after = await build(at);
      assert.deepEqual(after.known, [false, true]);
      assert.notEqual(after.digest, before.digest);
      assert.equal((await both(at)).digest, after.digest);
      // Both are known now.
      writeFileSync(file, "two\n");
      assert.deepEqual(await build(at), { ...before, known: [true, true] });
    }),
  );

  it(
    "is made anew when something other than content changed",
    tidily(async (t) => {
      const at = place(t);
      await build(at);
      renameSync(join(at.folder, "data/a"), join(at.folder, "data/c"));
      assert.deepEqual((await both(at)).known, [false, true]);
      assert.deepEqual((await build(at, "--source-date-epoch", "9")).known, [false, false]);
      assert.deepEqual((await build(at, "--compression", "none")).known, [false, false]);
      assert.deepEqual((await build(at, "--compression", "none")).known, [true, true]);
    }),
  );

  it(
    "is made anew when its blob is damaged or gone, and is whole afterwards",
    tidily(async (t) => {
      const at = place(t);
      const { layers, digest } = await build(at);
      const file = blobFile(at, layers[0]!);
      const whole = readFileSync(file);
      for (const damaged of [Buffer.from(whole).fill(7, 20, 21), whole.subarray(1), undefined]) {
        if (damaged === undefined) renameSync(file, `${at.folder}/gone`);
        else writeFileSync(file, damaged);
        const again = await build(at);
        assert.deepEqual([again.digest, again.known], [digest, [false, true]]);
        assert.ok(readFileSync(file).equals(whole));
      }
      const proven = await ingot(["verify", "app:1", "--store", at.store]);
      assert.equal(proven.code, 0, `${proven.stdout}`);
    }),
  );

  it(
    "is made anew when the note of it is damaged, or names another blob",
    tidily(async (t) => {
      const at = place(t);
      const first = await build(at);
      assert.equal(entries(at).length, 2);
      for (const note of ["", "{", '{"digest":1}', "x".repeat(5000)]) {
        for (const file of entries(at)) writeFileSync(file, note);
        assert.deepEqual(await build(at), { ...first, known: [false, false] });
      }
    }),
  );

  /** What a note says is written into all others; its sum too, where it is to look right. */
  function mixUp(at: Place, ...members: readonly ("digest" | "size" | "diffID" | "sum")[]): void {
    const notes = entries(at).map((file) => ({ file, said: JSON.parse(`${readFileSync(file)}`) }));
    for (const [i, { file, said }] of notes.entries()) {
      const other = notes[(i + 1) % notes.length]!.said;
      for (const member of members) assert.notEqual(said[member], other[member]);
      const mixed = members.map((member) => [member, other[member]]);
      writeFileSync(file, JSON.stringify({ ...said, ...Object.fromEntries(mixed) }));
    }
  }

  it(
    "is made anew when the notes of two are mixed up, also where the content comes from archives",
    tidily(async (t) => {
      const at = place(t);
      await build(at);
      const top = join(at.store, "../top");
      mkdirSync(top);
      const Dockerfile = "FROM scratch\nCOPY --from=app:1 /data /d\nCOPY --from=app:1 /other /o\n";
      writeTree(top, { Dockerfile });
      for (const folder of [at.folder, top])
        for (const compression of ["gzip", "none"])
          for (const members of [["diffID"], ["diffID", "sum"], ["sum"]] as const) {
            const own = { folder, store: `${at.store}-own`, name: "own:1" };
            cpSync(at.store, own.store, { recursive: true });
            const only = readdirSync(join(own.store, ".ingot/layers"));
            for (const shape of only)
              rmSync(join(own.store, ".ingot/layers", shape), { recursive: true });
            const args = ["--compression", compression];
            const first = await build(own, ...args);
            mixUp(own, ...members);
            const again = await build(own, ...args);
            assert.deepEqual(again, { ...first, known: [false, false] });
            assert.deepEqual(await build(own, ...args), { ...first, known: [true, true] });
            const proven = await ingot(["verify", "own:1", "--store", own.store]);
            assert.equal(proven.code, 0, `${proven.stdout}`);
            rmSync(own.store, { recursive: true });
          }
    }),
  );

  it(
    "is made anew when its note has a right sum and a diffID that its own content denies",
    tidily(async (t) => {
      for (const compression of ["gzip", "none"]) {
        const at = place(t);
        const args = ["--compression", compression];
        const first = await build(at, ...args);
        const wrong = `sha256:${"0".repeat(64)}`;
        for (const file of entries(at)) {
          const { digest, size } = JSON.parse(`${readFileSync(file)}`);
          const [content, shape] = file.split("/").reverse();
          const text = [shape, content, digest, size, wrong].map((line) => `${line}\n`).join("");
          const sum = `sha256:${createHash("sha256").update(text).digest("hex")}`;
          writeFileSync(file, JSON.stringify({ digest, size, diffID: wrong, sum }));
        }
        assert.deepEqual(await build(at, ...args), { ...first, known: [false, false] });
      }
    }),
  );

  it(
    "is made anew when a note of it has no sum",
    tidily(async (t) => {
      const at = place(t);
      const first = await build(at);
      for (const file of entries(at)) {
        const { sum, ...said } = JSON.parse(`${readFileSync(file)}`);
        assert.ok(sum);
        writeFileSync(file, JSON.stringify(said));
      }
      assert.deepEqual(await build(at), first);
    }),
  );

  it(
    "is forgotten when nobody needs its blob",
    tidily(async (t) => {
      const at = place(t);
      await build(at);
      assert.equal((await ingot(["prune", "--store", at.store])).code, 0);
      assert.equal(entries(at).length, 2);
      assert.equal((await ingot(["remove", "app:1", "--store", at.store])).code, 0);
      assert.equal((await ingot(["prune", "--store", at.store])).code, 0);
      assert.deepEqual(entries(at), []);
      assert.deepEqual((await build(at)).known, [false, false]);
    }),
  );

  it(
    "is shared by a build on top of an image of the store",
    tidily(async (t) => {
      const at = place(t);
      await build(at);
      const top = join(at.store, "../top");
      mkdirSync(top);
      const Dockerfile = "FROM app:1\nCOPY --from=app:1 /data /copy\nCOPY x /x\n";
      writeTree(top, { Dockerfile, x: "x\n" });
      const onTop = { ...at, folder: top, name: "top:1" };
      const one = await build(onTop);
      assert.deepEqual(one.known, [true, true, false, false]);
      const two = await build(onTop);
      assert.deepEqual(two, { ...one, known: [true, true, true, true] });
    }),
  );
});
